import type { AsyncContext } from '../async-context.ts'
import { describe } from '../checks.ts'
import type { RequestOptions, RequestSpec } from '../session/options/options.ts'
import { checkRequestKwargs } from './pool-options.ts'

/** One request: `url`, `method` (default GET), and any option of a request. */
export type Job = RequestSpec

/** What came of a job, and knows it: a ThreadException, or a ThreadResponse. Put in a job's place, it is tried again. */
export interface Attempted {
  /** The job: the very object that was queued. */
  readonly requestKwargs: Job
  /** How often it was tried, this time included. */
  readonly attempts: number
}

/** A job on its way through a pool. */
export interface QueuedJob {
  /** The very object that was queued. */
  readonly job: Job
  /** Which attempt at it this is, from 1. */
  readonly attempts: number
  /** Of whoever queued it. */
  readonly context: AsyncContext
}

/** @throws {TypeError} what is no job, called by `name` */
export function readJob(element: unknown, name: string, context: AsyncContext): QueuedJob {
  const { requestKwargs, attempts = 1 } = (element ?? {}) as Partial<Attempted>
  if (isPlainObject(requestKwargs)) return { job: requestKwargs, attempts: attempts + 1, context }
  if (isPlainObject(element)) return { job: element as Job, attempts: 1, context }
  throw new TypeError(`Expected ${name} to be a job, such as { method, url, params }, got ${describe(element)}`)
}

/**
 * Jobs that differ in their URL only: each has its own copy of the options.
 *
 * @param isForeign they are for sessions of the caller's, which may know other options
 * @throws {TypeError} an unknown option; no iterable, or a list with an element that is no URL; of other iterables: when it is reached
 */
export function urlJobs(
  urls: unknown,
  requestKwargs: RequestOptions,
  isForeign: boolean,
): Iterable<Job> | AsyncIterable<Job> {
  checkRequestKwargs(requestKwargs, isForeign)
  const shared = copyOptions(requestKwargs)
  const toJob = (url: unknown, index: number): Job => {
    if (typeof url === 'string' || url instanceof URL) return { ...copyOptions(shared), url }
    throw new TypeError(`Expected element ${index} of the URLs to be a string or a URL, got ${describe(url)}`)
  }
  if (Array.isArray(urls)) return Array.from(urls, toJob)
  return mapLater(checkIterable(urls, 'URLs'), toJob)
}

/** @throws {TypeError} what can't be iterated, and a string, of which nobody wants the letters */
export function checkIterable(value: unknown, what: string): Iterable<unknown> | AsyncIterable<unknown> {
  const { [Symbol.iterator]: iterate, [Symbol.asyncIterator]: iterateLater } = Object(value) as Record<symbol, unknown>
  const isIterable = typeof iterate === 'function' || typeof iterateLater === 'function'
  if (isIterable && typeof value !== 'string') return value as Iterable<unknown>
  throw new TypeError(`Expected an iterable or async iterable of ${what}, got ${describe(value)}`)
}

async function* mapLater<T>(
  input: Iterable<unknown> | AsyncIterable<unknown>,
  fn: (element: unknown, index: number) => T,
): AsyncGenerator<T> {
  let index = 0
  for await (const element of input) yield fn(element, index++)
}

/** Two levels: whoever changes the `headers` of one job changes no other's. `context` is the caller's, whatever it is. */
function copyOptions(options: RequestOptions): RequestOptions {
  const copyOf = ([name, value]: [string, unknown]): [string, unknown] => {
    if (name === 'context') return [name, value]
    if (Array.isArray(value)) return [name, [...(value as unknown[])]]
    return [name, isPlainObject(value) ? { ...value } : value]
  }
  return Object.fromEntries(Object.entries(options).map(copyOf))
}

/** Neither an array nor an instance of a class, of whatever realm. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
