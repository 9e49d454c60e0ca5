import { Worker, type ResourceLimits } from 'node:worker_threads'
import { entryUrl } from '../../entry-url.ts'
import type { TaskReference } from '../../task-reference.ts'
import type { ThreadData } from './messages.ts'

/** @throws what Node has against it: a permission is missing, a limit is no number */
export function startWorker(
  initializer: TaskReference | undefined,
  resourceLimits: ResourceLimits | undefined,
): Worker {
  const workerData: ThreadData = { initializer }
  return new Worker(entryUrl(new URL('./worker-entry.js', import.meta.url)), {
    name: 'undici-futures',
    workerData,
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
    // Threads inherit the process's options, and Node refuses this one for files.
    ...(process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {}),
  })
}
