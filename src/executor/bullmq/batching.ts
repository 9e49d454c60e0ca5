/** How tasks are put together into jobs. */

/** How many jobs a number of tasks is sent in: one for each worker, if there are so many, and none too large. */
export function countJobs(tasks: number, workers: number, batchSize: number): number {
  return Math.max(Math.ceil(tasks / batchSize), Math.min(tasks, Math.max(1, workers)))
}

/** Workers have enough to take: what is sent now would lie there, and what is sent later in larger batches costs less. */
export function shouldHoldBack(tasks: number, untakenJobs: number, workers: number, batchSize: number): boolean {
  return tasks < batchSize && untakenJobs >= 2 * Math.max(1, workers)
}
