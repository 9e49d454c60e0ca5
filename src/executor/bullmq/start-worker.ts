import { OpenWorker, type FleetWorker } from './fleet-worker.ts'
import { resolveWorkerOptions, type FleetWorkerOptions } from './worker-options.ts'

/**
 * Makes this process a worker of a fleet: it does what BullMQExecutors submit to the same queue.
 *
 * It takes a task only when it can begin it soon, imports only what is on its `modules` list, and stays alive until it is
 * closed. If Redis is not there, it waits.
 *
 * @returns a promise that resolves when it takes tasks
 * @throws {TypeError | RangeError} bad options: as a rejection
 * @example
 * const worker = await startWorker({ connection, modules: { 'our-tasks': new URL('./tasks.js', import.meta.url) } })
 * process.once('SIGTERM', () => worker.close())
 */
export async function startWorker(options: FleetWorkerOptions): Promise<FleetWorker> {
  return new OpenWorker(resolveWorkerOptions(options)).open()
}
