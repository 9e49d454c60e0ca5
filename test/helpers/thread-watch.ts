import { subscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'

const workers: Worker[] = []
subscribe('worker_threads', (message) => workers.push((message as { worker: Worker }).worker))

/** How many worker threads this process has made so far. */
export function madeThreads(): number {
  return workers.length
}

/** How many of them are there still. */
export function liveThreads(): number {
  return workers.filter((worker) => worker.threadId !== -1).length
}
