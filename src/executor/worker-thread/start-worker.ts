import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker, type ResourceLimits, type WorkerOptions } from 'node:worker_threads'
import { ownOptions } from '../../own-options.ts'
import type { Initializer, ThreadData } from './messages.ts'

/**
 * @param entry of the bundle that this file is part of, if it has one
 * @throws what Node has against it: a permission is missing, a limit is no number
 */
export function startWorker(
  initializer: Initializer | undefined,
  resourceLimits: ResourceLimits | undefined,
  entry = entryOfBundle(import.meta.url),
): Worker {
  const workerData: ThreadData = { initializer }
  const options: WorkerOptions = ownOptions({
    name: 'undici-futures',
    workerData,
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
    // Threads inherit the process's options, and Node refuses this one for files.
    ...(process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {}),
  })
  if (entry !== undefined) return new Worker(entry, options)
  // Written just so: bundlers that know workers find the entry by this form, and put it where it is found.
  return new Worker(new URL('./worker-entry.js', import.meta.url), options)
}

/**
 * Bundlers that know nothing of workers build the entry as they build the rest: with the same extension, and CommonJS where that is
 * asked for, which has no `import.meta.url`.
 *
 * @returns `undefined` where it has the usual name
 */
export function entryOfBundle(moduleUrl: string | undefined): URL | undefined {
  const file = moduleUrl ?? pathToFileURL(__filename).href
  const extension = extname(new URL(file).pathname)
  return moduleUrl !== undefined && extension !== '.mjs' ? undefined : new URL(`./worker-entry${extension}`, file)
}
