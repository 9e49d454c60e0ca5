import { AsyncContext } from '../async-context.ts'
import { Fifo } from '../fifo.ts'
import { Input } from '../input.ts'
import { checkIterable, readJob, type QueuedJob } from './job.ts'

/**
 * Where a pool's jobs come from: those of a list and those that were put, in that order; and while there is none, an input
 * of any length, which is asked for one job at a time when somebody is there to do it.
 */
export class JobSource {
  /** Jobs that were handed over: a list's at once, an input's as they come. */
  submitted = 0
  /** What the input threw, or what was wrong with what it gave. */
  failure: { readonly error: unknown } | undefined
  readonly #onArrival: () => void
  readonly #waiting = new Fifo<QueuedJob>()
  /** Taken, and given back: the last of them is the next. */
  #returned: QueuedJob[] = []
  /** The input, and what comes from it, runs in the context of whoever made the pool. */
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

  /** Never rejects. What comes after a cancel is no job any more. */
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

  /** Nobody waits for the input to clean up: it may be waiting itself, for something that never comes. */
  #leave(): void {
    const input = this.#input
    this.#input = undefined
    // The pool has its outcome already.
    input?.leave().catch(() => undefined)
  }
}
