import { checkCount, ownOptions } from '../checks.ts'
import { InvalidOptionError, QueueFullError, SessionClosedError } from '../errors.ts'
import type { AsyncQueue } from '../async-queue.ts'
import type { Executor } from '../executor/executor.ts'
import { InProcessExecutor } from '../executor/in-process-executor.ts'
import type { RequestOptions, RequestSpec, SendOptions } from '../session/options/options.ts'
import { misuseOf } from '../unknown-option.ts'
import type { PreparedRequest } from '../session/prepared-request.ts'
import type { Response } from '../session/response/response.ts'
import { coreOf } from '../session/session-attributes.ts'
import { Session } from '../session/session.ts'
import { listen, unlisten } from '../shared-signal.ts'
import type { Progress } from './events.ts'
import {
  checkCloseOptions,
  checkFuturesOptions,
  type CloseOptions,
  type FuturesSessionOptions,
  type InnerSession,
} from './futures-session-options.ts'
import { OpenRequests } from './open-requests.ts'
import { LocalSubmitter } from './local-submitter.ts'
import { RemoteSubmitter } from './remote/remote-submitter.ts'
import type { NewRequest, RequestSubmitter } from './request-submitter.ts'
import { Pages } from './pages.ts'
import { PageTrail, type PaginateOptions } from './page-trail.ts'
import { RequestMap, specOf } from './request-map.ts'
import type { ContextOf, KnownInput, MapOptions, RequestInput } from './request-map.ts'
import type { SessionLike } from './request-run.ts'
import { ResponseFuture, type Unsaid, type WithData } from './response-future.ts'
import { SessionVerbs } from './session-facade.ts'
import { reportUnobserved, UnobservedFailures } from './unobserved.ts'

/** For callers inside of the package that take a full queue as back-pressure. */
export const trySubmit = Symbol('trySubmit')

/** Names an internal option: a full queue is thrown. A `request` that a subclass overrides passes it on with its options. */
const throwsIfFull = Symbol('throwsIfFull')

interface InternalOptions extends RequestOptions {
  [throwsIfFull]?: true
}

/**
 * A session whose requests are futures: `await session.get(url).result()`. It wraps a `Session`, keeps its API, and runs
 * the requests on an executor, 8 at a time by default.
 *
 * Leaving it by `using` cancels everything it submitted: *waiting* requests never start, *running* ones are stopped, *done*
 * ones are kept. `close()` lets everything finish first.
 *
 * @example
 * const session = new FuturesSession({ maxWorkers: 20 })
 * const futures = urls.map((url) => session.get(url))
 * for await (const future of asCompleted(futures)) console.log(future.state, future.request.url)
 * await session.close()
 */
export class FuturesSession<R = Response> extends SessionVerbs<R> implements Disposable, AsyncDisposable {
  /** The session that does the requests. What is asked of it directly needs no worker. */
  readonly session: InnerSession<R>
  /** Where its requests run: the one that was given, or its own. */
  readonly executor: Executor
  readonly #ownsSession: boolean
  readonly #ownsExecutor: boolean
  readonly #unobserved: UnobservedFailures<R>
  readonly #openRequests: OpenRequests<R>
  readonly #submitter: RequestSubmitter<R>
  #isClosed = false
  #closing: Promise<void> | undefined

  /** @throws {TypeError | RangeError} bad options */
  constructor(given: FuturesSessionOptions<R> = {}) {
    const options = ownOptions(given)
    const { session, executor, maxWorkers, maxWorkersPerOrigin, rateLimit, maxQueue, unobserved, ...rest } = options
    checkFuturesOptions(options, rest)
    const inner = session ?? (new Session(rest) as unknown as SessionLike<R>)
    super(inner)
    if (maxWorkersPerOrigin !== undefined) checkCount('maxWorkersPerOrigin', maxWorkersPerOrigin, { infinite: true })
    if (maxWorkers !== undefined) checkCount('maxWorkers', maxWorkers, { infinite: true })
    this.#ownsSession = session === undefined
    this.#ownsExecutor = executor === undefined
    this.session = inner as InnerSession<R>
    this.executor = executor ?? new InProcessExecutor({ maxWorkers, rateLimit, maxQueue })
    if (inner instanceof Session) inner[coreOf].connections.keepFor(this.executor.maxWorkers)
    this.#unobserved = new UnobservedFailures((future, error) => reportUnobserved(this, future, error, unobserved))
    this.#openRequests = new OpenRequests(this, this.#unobserved)
    const Submitter = this.executor.isolated ? RemoteSubmitter : LocalSubmitter
    this.#submitter = new Submitter({
      session: this.session,
      executor: this.executor,
      openRequests: this.#openRequests,
      maxWorkersPerOrigin,
      isGrouped: maxWorkersPerOrigin !== undefined || rateLimit?.perGroup === true || executor !== undefined,
    })
  }

  /**
   * Asks for a URL. Every verb goes through this method, so a subclass overrides only it.
   *
   * `future.request.context` has the type of the option. Where both types are written, `request<Data, Context>(...)`, the
   * first is that of `response.data`.
   *
   * @returns a pending future: what is wrong with the request is its error
   * @throws {SessionClosedError} the session is closed; {TaskNotCloneableError} an isolated executor can't take it
   */
  override request<D = Unsaid, C = unknown>(
    method: string,
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C>
  /** As above. Where there are two signatures, a subclass may leave the types out. */
  override request(method: string, url: string | URL, options?: RequestOptions): ResponseFuture<R>
  override request(method: string, url: string | URL, options?: RequestOptions): ResponseFuture<R> {
    this.#checkOpen(method)
    return this.#submitter.submit(newRequest<R>(method, url, options))
  }

  /** Sends a request of `prepareRequest`. @throws {SessionClosedError | TaskNotCloneableError} as `request` */
  send<D = Unsaid, C = unknown>(
    request: PreparedRequest,
    options?: SendOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    this.#checkOpen('a prepared request')
    return this.#submitter.submitPrepared(request, options) as ResponseFuture<WithData<R, NoInfer<D>>, C>
  }

  /**
   * Requests from an input of any length, in bounded memory: the input is read as results are fetched. Leaving the loop
   * early cancels what it started and calls the input's `return()`. An input that throws ends it after what was started.
   *
   * @returns futures that are done: as they complete, or in input order with `ordered`
   * @throws {TypeError | RangeError} at the call: bad arguments; {SessionClosedError} as a rejection, or at the call
   */
  map<I extends RequestInput>(
    requests: Iterable<KnownInput<I>> | AsyncIterable<KnownInput<I>>,
    options?: MapOptions,
  ): AsyncIterableIterator<ResponseFuture<R, ContextOf<I>>, undefined> & AsyncDisposable {
    this.#checkOpen('map')
    const { maxWorkers } = this.executor
    const defaultBufferSize = Number.isFinite(maxWorkers) ? 2 * maxWorkers : 1000
    const source = { defaultBufferSize, trySubmit: (input: RequestInput) => this[trySubmit](specOf(input)) }
    const map: AsyncIterableIterator<ResponseFuture<R>, undefined> & AsyncDisposable = new RequestMap(
      source,
      requests,
      options,
    )
    return map as AsyncIterableIterator<ResponseFuture<R, ContextOf<I>>, undefined> & AsyncDisposable
  }

  /**
   * The response of a URL, and then of what each one leads to: by `response.links.next`, or by `options.next(response)`. The
   * next page is on its way while you work on this one, and no other. Leaving the loop cancels it.
   *
   * The options count for all pages. `params` are the first one's: a link has its own query, to which those of the session
   * are added that it does not name. A server that leads elsewhere gets no credentials, as with redirects, nor does whatever
   * comes after. A page of status 400 and more is the last one. What fails ends the iteration, after the pages before it.
   *
   * @returns an iterator of responses; the first page is asked for by the first `next()`
   * @throws {TypeError} at the call: bad options; {SessionClosedError} at the call, or as a rejection
   */
  paginate<D = Unsaid, C = unknown>(
    url: string | URL,
    options: PaginateOptions<WithData<R, NoInfer<D>>, C> = {},
  ): AsyncIterableIterator<WithData<R, NoInfer<D>>, undefined> & AsyncDisposable {
    this.#checkOpen('paginate')
    const trail = new PageTrail(this.session, url, options as PaginateOptions<unknown>)
    const pages = new Pages<unknown>(trail, (request) => this[trySubmit](request))
    return pages as AsyncQueue<unknown> as AsyncQueue<WithData<R, NoInfer<D>>>
  }

  /** How many requests are in which state, and the bytes of the bodies they have received. */
  stats(): Progress {
    return this.#openRequests.progress
  }

  /**
   * Cancels everything that this session submitted and that is not done, streamed bodies that are still coming in included.
   *
   * @returns how many requests that stopped
   */
  cancelAll(reason?: unknown): number {
    const open = this.#openRequests.list()
    for (const controller of open) controller.stop(reason)
    return open.length
  }

  /** @returns a promise that resolves when nothing is pending or running, follow-ups that were submitted meanwhile included */
  onIdle(): Promise<void> {
    return this.#openRequests.onIdle()
  }

  /**
   * Waits until everything is done, then lets go of connections and workers. Until then requests are still taken, so that
   * callbacks may follow up; a session that has nothing to do is closed at once. Streamed bodies that nobody reads are
   * dropped in the end, those that somebody reads are waited for.
   *
   * @throws {TypeError} as a rejection: bad options
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { cancel = false, signal } = checkCloseOptions(options)
    if (cancel) this.cancelAll(new SessionClosedError('The session was closed'))
    this.#closing ??= this.#close()
    if (signal === undefined) return this.#closing
    const stopper = { handleAbort: (reason: unknown) => void this.cancelAll(reason) }
    if (signal.aborted) stopper.handleAbort(signal.reason)
    else listen(signal, stopper)
    await this.#closing.finally(() => unlisten(signal, stopper))
  }

  /** `using`: cancels everything this session submitted and returns at once. */
  [Symbol.dispose](): void {
    this.#dispose()
    void this.#release(false)
  }

  /** `await using`: the same, then waits until the work has really stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#dispose()
    await this.#release(true)
  }

  async #close(): Promise<void> {
    if (this.#openRequests.isIdle) this.#isClosed = true
    else await this.#openRequests.onIdle()
    this.#isClosed = true
    for (const controller of this.#openRequests.list()) controller.dropUnreadBody()
    await this.#release(true)
  }

  #dispose(): void {
    this.#isClosed = true
    this.cancelAll(new SessionClosedError('The session was disposed'))
  }

  /** Closes the session and the executor that were made here; those that were passed stay open. */
  async #release(wait: boolean): Promise<void> {
    this.#unobserved.flush()
    const shutdown = this.#ownsExecutor ? this.executor.shutdown({ wait }) : undefined
    if (wait) await this.#openRequests.onStopped()
    this.#submitter.close?.()
    await shutdown
    if (this.#ownsSession) await this.session.close?.()
  }

  /** @internal As `request`. @returns `undefined` while the executor's queue is full: nothing has happened then */
  [trySubmit]({ method = 'GET', url, ...options }: RequestSpec): ResponseFuture<R> | undefined {
    const internal: InternalOptions = options
    internal[throwsIfFull] = true
    try {
      return this.request(method, url, internal)
    } catch (error) {
      if (error instanceof QueueFullError) return undefined
      throw error
    }
  }

  #checkOpen(what: string): void {
    if (this.#isClosed) throw new SessionClosedError(`Can't submit ${what}: the session is closed`)
  }
}

/** Options that are wrong as a whole, or have a getter that throws, become their future's error. */
function newRequest<R>(method: string, url: string | URL, options: InternalOptions | undefined): NewRequest<R> {
  try {
    const misuse = options === undefined ? undefined : misuseOf(options)
    if (misuse !== undefined) throw new InvalidOptionError(misuse)
    if (options?.[throwsIfFull] === undefined) return { future: new ResponseFuture<R>(method, url, options) }
    const { [throwsIfFull]: isThrown, ...own } = options
    return { future: new ResponseFuture<R>(method, url, own), throwsIfFull: isThrown }
  } catch (error) {
    return { future: new ResponseFuture<R>(method, url, undefined), refusal: { error } }
  }
}
