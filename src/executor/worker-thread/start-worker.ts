import { Worker, type ResourceLimits, type WorkerOptions } from 'node:worker_threads'
import { entryUrl } from '../../entry-url.ts'
import { ownOptions } from '../../own-options.ts'
import type { Initializer, ThreadData } from './messages.ts'

/** @throws what Node has against it: a permission is missing, a limit is no number */
export function startWorker(initializer: Initializer | undefined, resourceLimits: ResourceLimits | undefined): Worker {
  const workerData: ThreadData = { initializer }
  const options: WorkerOptions = {
    name: 'undici-futures',
    workerData,
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
    // Threads inherit the process's options, and Node refuses this one for files.
    ...(process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {}),
  }
  return new Worker(entryUrl(new URL('./worker-entry.js', import.meta.url)), ownOptions(options))
}
