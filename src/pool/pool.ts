import { setImmediate } from 'node:timers'
import { ExecutorClosedError } from '../errors.ts'
import type { Future } from '../future/future.ts'
import { subscribe } from '../future/listeners.ts'
import { FullQueue } from '../futures-session/full-queue.ts'
import type { SessionLike } from '../futures-session/request-run.ts'
import type { RequestOptions } from '../session/options/options.ts'
import type { Session } from '../session/session.ts'
import { type Attempted, checkIterable, type Job, JobSource, type QueuedJob, urlJobs } from './job-source.ts'
import { checkPoolNames, resolvePoolOptions } from './pool-options.ts'
import type { PoolOptions, ResolvedPoolOptions, ResponseOf } from './pool-options.ts'
import { openWorkers, type PoolWorker } from './pool-worker.ts'
import { type Failure, type PoolStats, type ResultIterator, Results } from './results.ts'
import type { ThreadException, ThreadResponse } from './thread-response.ts'

/**
 * Jobs for a number of workers, each with a session of its own; what comes of them is taken from `responses()` and
 * `exceptions()`, each job from exactly one of them. The `Pool` of `requests_toolbelt.threaded`.
 *
 * It begins by itself, and ends when its jobs are done: with a `jobQueue` when that is exhausted and somebody waits for
 * more, in any case after `close()` or `joinAll()`. An initializer that fails fails the pool before any job has started; an
 * input that throws, or gives what is no job, when the jobs before it are done.
 *
 * Leaving it by `using` is `cancel()`: jobs that *wait* never start, those that *run* are stopped, results that are there
 * can still be taken.
 *
 * @example
 * const pool = Pool.fromUrls(urls, { timeout: 5_000 }, { numProcesses: 8 })
 * for await (const response of pool.responses()) console.log(response.status, response.requestKwargs.url)
 * for await (const exception of pool.exceptions()) console.log(exception.message, exception.requestKwargs.url)
 */
export class Pool<S extends SessionLike<unknown> = Session> implements Disposable, AsyncDisposable {
  readonly #source: JobSource
  readonly #results = new Results<ResponseOf<S>>(() => this.#advance())
  readonly #maxBuffered: number
  readonly #hasQueue: boolean
  /** Empty until all of them are ready. */
  #workers: readonly PoolWorker<ResponseOf<S>>[] = []
  readonly #idleWorkers: PoolWorker<ResponseOf<S>>[] = []
  /** The queue of the executor that was passed; one of a worker's own is never full. */
  readonly #fullQueue = new FullQueue(() => this.#advance())
  #openJobs = 0
  #isClosed = false
  #isCancelled = false
  #hasEnded = false
  #failure: Failure | undefined
  #endJobs!: () => void
  readonly #jobsEnded = new Promise<void>((resolve) => (this.#endJobs = resolve))
  readonly #released: Promise<void>

  /**
   * @throws {TypeError | RangeError} bad options, or a list of jobs with an element that is none
   * @throws {TaskNotCloneableError} an initializer or auth generator that is a function, on an isolated executor
   */
  constructor(options: PoolOptions<S> = {}) {
    const resolved = resolvePoolOptions(options)
    this.#source = new JobSource(options.jobQueue, () => this.#advance())
    this.#hasQueue = options.jobQueue !== undefined
    this.#maxBuffered = resolved.maxBuffered
    this.#released = this.#run(resolved)
    // Not an unhandledRejection: `joinAll` and the readers tell it.
    this.#released.catch(() => undefined)
  }

  /**
   * One job for each URL, all with the same options.
   *
   * @param urls an iterable or async iterable, read as workers become free
   * @param requestKwargs `method` and any option of a request; each job has a copy, and its URL is always the list's
   * @throws {TypeError} no iterable, or a list with an element that is no URL; an unknown option, or one in the wrong argument
   */
  static fromUrls<S extends SessionLike<unknown> = Session>(
    urls: Iterable<string | URL> | AsyncIterable<string | URL>,
    requestKwargs: RequestOptions & { method?: string | undefined } = {},
    options: Omit<PoolOptions<S>, 'jobQueue'> = {},
  ): Pool<S> {
    const own = checkPoolNames(options, 'the second argument')
    return new this<S>({ ...own, jobQueue: urlJobs(urls, requestKwargs, own.session !== undefined) })
  }

  /**
   * The jobs of exceptions once more, with the options they had. `attempts` goes on counting, so that a loop can stop.
   * Responses of a pool will do, too: those that one doesn't like.
   *
   * @throws {TypeError} no iterable, or a list with an element that knows no job
   */
  static fromExceptions<S extends SessionLike<unknown> = Session>(
    exceptions: Iterable<Attempted> | AsyncIterable<Attempted>,
    options: Omit<PoolOptions<S>, 'jobQueue'> = {},
  ): Pool<S> {
    checkIterable(exceptions, 'exceptions')
    return new this<S>({ ...checkPoolNames(options), jobQueue: exceptions })
  }

  /**
   * Adds a job; it comes before what is left of a `jobQueue` that is no list.
   *
   * @param job or what came of one, to try it again
   * @throws {ExecutorClosedError} the pool is closed, or has ended
   * @throws {TypeError} no job
   */
  put(job: Job | Attempted): void {
    if (this.#isClosed) {
      const options = this.#failure === undefined ? {} : { cause: this.#failure.error }
      throw new ExecutorClosedError("Can't put a job: the pool is closed", options)
    }
    this.#source.put(job)
    this.#advance()
  }

  /**
   * Responses as they complete, whatever their status. Readers share them: leaving one loses nothing, another goes on.
   *
   * @throws what the pool failed with, as a rejection, after everything that is there
   */
  responses(): ResultIterator<ThreadResponse<ResponseOf<S>>> {
    return this.#results.responses.read()
  }

  /** What failed, likewise. */
  exceptions(): ResultIterator<ThreadException> {
    return this.#results.exceptions.read()
  }

  /** A response that nobody has taken, if there is one now. */
  getResponse(): ThreadResponse<ResponseOf<S>> | undefined {
    return this.#results.responses.take()
  }

  /** An exception, likewise. */
  getException(): ThreadException | undefined {
    return this.#results.exceptions.take()
  }

  /** No more jobs will be put. Those that are there, and what is left of the `jobQueue`, are done. */
  close(): void {
    this.#isClosed = true
    this.#advance()
  }

  /**
   * Closes the pool, and resolves when every job has ended and its sessions are closed. Results can be taken before and
   * after. A streamed body that is still coming in is not waited for: it keeps its session until it ends.
   *
   * @throws what the pool failed with, as a rejection
   */
  joinAll(): Promise<void> {
    this.close()
    return this.#released
  }

  /**
   * Stops everything: jobs that *wait* never start, those that *run* are cancelled, streamed bodies end, results that are
   * there can still be taken. The `jobQueue` is told. Afterwards the pool has ended.
   */
  cancel(reason?: unknown): void {
    this.#isClosed = true
    if (!this.#hasEnded) {
      this.#isCancelled = true
      this.#dropWaiting()
    }
    for (const worker of this.#workers) worker.cancel(reason)
    this.#advance()
  }

  /** How many jobs have ended, and how. */
  stats(): PoolStats {
    return { submitted: this.#source.submitted, ...this.#results.counts }
  }

  /** `using`: cancels everything and returns at once. */
  [Symbol.dispose](): void {
    this.cancel(new ExecutorClosedError('The pool was disposed'))
  }

  /** `await using`: the same, then waits until the work has really stopped and the sessions are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]()
    await this.#released.catch(() => undefined)
    await Promise.all(this.#workers.map((worker) => worker.close()))
  }

  async #run(options: ResolvedPoolOptions): Promise<void> {
    // Code of the caller's never runs within the constructor.
    await Promise.resolve()
    try {
      if (!this.#hasEnded) this.#workers = await openWorkers(options)
      this.#idleWorkers.push(...this.#workers)
    } catch (error) {
      this.#failure = { error }
      this.#dropWaiting()
      this.#end()
    }
    this.#advance()
    await this.#jobsEnded
    await Promise.all(this.#workers.map((worker) => worker.release()))
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Whatever may have changed: starts what can be started, and ends the pool when nothing is left. */
  #advance(): void {
    while (this.#openJobs + this.#results.readyCount < this.#maxBuffered && this.#idleWorkers.length > 0) {
      const queued = this.#source.take()
      if (queued === undefined || !this.#start(this.#idleWorkers.shift() as PoolWorker<ResponseOf<S>>, queued)) break
    }
    if (this.#isOver) this.#end()
  }

  get #isOver(): boolean {
    if (this.#openJobs > 0 || !this.#source.isOver) return false
    if (this.#workers.length === 0) return this.#isCancelled
    // Until a reader has been told the end, more may be put.
    return this.#isClosed || this.#source.failure !== undefined || (this.#hasQueue && this.#results.isAwaited)
  }

  /** @returns false if the executor's queue is full: the job waits, and is tried again */
  #start(worker: PoolWorker<ResponseOf<S>>, queued: QueuedJob): boolean {
    // Counted first: a listener that is told of the request may lead back here.
    this.#openJobs++
    const future = worker.submit(queued)
    if (future === undefined) {
      this.#openJobs--
      this.#idleWorkers.unshift(worker)
      this.#source.giveBack(queued)
      if (this.#isCancelled) this.#dropWaiting()
      this.#fullQueue.handleFull()
      return false
    }
    this.#fullQueue.handleRoom()
    future[subscribe]({ handleDone: () => this.#finish(worker, queued, future) })
    return true
  }

  #finish(worker: PoolWorker<ResponseOf<S>>, queued: QueuedJob, future: Future<ResponseOf<S>>): void {
    this.#openJobs--
    this.#results.add(queued, future, this.#isCancelled)
    // A turn later: the reader of the last result may put more, and an endless input of failing jobs must not block the loop.
    setImmediate(() => this.#free(worker))
  }

  #free(worker: PoolWorker<ResponseOf<S>>): void {
    if (worker.bodyEnd === undefined) this.#idleWorkers.push(worker)
    else void worker.bodyEnd.then(() => this.#free(worker))
    this.#advance()
  }

  #dropWaiting(): void {
    this.#results.counts.cancelled += this.#source.cancel()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = this.#isClosed = true
    this.#fullQueue.stop()
    this.#failure ??= this.#source.failure
    this.#results.end(this.#failure)
    this.#endJobs()
  }
}
