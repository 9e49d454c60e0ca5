import { AsyncContext } from '../async-context.ts'
import { Fifo } from '../async-queue.ts'
import { describe } from '../checks.ts'
import { Input } from '../input.ts'
import type { RequestOptions, RequestSpec } from '../session/options/options.ts'
import { checkRequestKwargs } from './pool-options.ts'

/** One request: `url`, `method` (default GET), and any option of a request. */
export type Job = RequestSpec

/** The outcome of a job, a ThreadException or a ThreadResponse. Passed in the place of a job, it tries that again. */
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
  /** The context of the code that queued it. */
  readonly context: AsyncContext
}

/**
 * The jobs of a pool: those of a list and those that were put, in that order. While there is none, an input of any length is
 * asked for one job at a time, when a worker is free.
 */
export class JobSource {
  /** Jobs that were handed over: a list's at once, an input's as they come. */
  submitted = 0
  /** What the input threw, or what was wrong with what it gave. */
  failure: { readonly error: unknown } | undefined
  readonly #onArrival: () => void
  readonly #waiting = new Fifo<QueuedJob>()
  /** Jobs that were given back; the last one is the next. */
  #returned: QueuedJob[] = []
  /** The context of the pool's constructor, in which the input and its jobs run. */
  readonly #context = new AsyncContext()
  #input: Input<unknown> | undefined
  #isAsking = false
  #inputIndex = 0

  /**
   * @param onArrival called when the input has answered
   * @throws {TypeError} no iterable, or a list with an element that is no job
   */
  constructor(jobQueue: unknown, onArrival: () => void) {
    this.#onArrival = onArrival
    if (jobQueue === undefined) return
    const jobs = checkIterable(jobQueue, 'jobs')
    if (Array.isArray(jobs)) {
      for (const [index, job] of jobs.entries()) this.#add(job, `element ${index} of the jobs`, this.#context)
    } else {
      const isAsync = Symbol.asyncIterator in jobs
      const iterator = isAsync ? jobs[Symbol.asyncIterator]() : jobs[Symbol.iterator]()
      this.#input = new Input(iterator, { isAsync, context: this.#context })
    }
  }

  /** Nothing is left; `put` may still bring more. */
  get isOver(): boolean {
    return this.#waitingCount === 0 && this.#input === undefined
  }

  /** @throws {TypeError} no job */
  put(job: unknown): void {
    this.#add(job, 'what is put', new AsyncContext())
  }

  /** The next job, if there is one; else the input is asked. */
  take(): QueuedJob | undefined {
    const queued = this.#returned.pop() ?? this.#waiting.shift()
    if (queued === undefined) void this.#ask()
    return queued
  }

  /** Takes back the job that was taken last: it could not be started yet. */
  giveBack(queued: QueuedJob): void {
    this.#returned.push(queued)
  }

  /** Drops what waits, and tells the input. @returns how many jobs were dropped */
  cancel(): number {
    const dropped = this.#waitingCount
    this.#waiting.clear()
    this.#returned = []
    this.#leave()
    return dropped
  }

  get #waitingCount(): number {
    return this.#waiting.size + this.#returned.length
  }

  #add(element: unknown, name: string, context: AsyncContext): void {
    this.#waiting.push(readJob(element, name, context))
    this.submitted++
  }

  /** Never rejects. What comes after a cancel is dropped. */
  async #ask(): Promise<void> {
    const input = this.#input
    if (input === undefined || this.#isAsking) return
    this.#isAsking = true
    try {
      const { done, value } = (await this.#context.run(() => input.next())) as IteratorResult<unknown, unknown>
      if (this.#input !== undefined && done === true) this.#input = undefined
      else if (this.#input !== undefined) this.#add(value, `element ${this.#inputIndex++} of the jobs`, this.#context)
    } catch (error) {
      if (this.#input !== undefined) this.failure = { error }
      this.#leave()
    }
    this.#isAsking = false
    this.#onArrival()
  }

  /** The input's cleaning up is not awaited: it may be waiting for something that never comes. */
  #leave(): void {
    const input = this.#input
    this.#input = undefined
    // Its failure has no place to go: the pool has its outcome.
    input?.leave().catch(() => undefined)
  }
}

/** @throws {TypeError} what is no job, called by `name` */
function readJob(element: unknown, name: string, context: AsyncContext): QueuedJob {
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

/** @throws {TypeError} what can't be iterated, and a string: its letters are no jobs */
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

/** Copies two levels, so that changing the `headers` of one job changes no other's. `context` is never copied. */
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
