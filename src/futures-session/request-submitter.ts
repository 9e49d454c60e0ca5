import { AsyncContext } from '../async-context.ts'
import { describe } from '../checks.ts'
import { attachRequest, InvalidOptionError, QueueFullError, TaskNotCloneableError } from '../errors.ts'
import type { Executor, SubmitOptions, Task } from '../executor/executor.ts'
import type { Call } from '../session/call/call.ts'
import { describeRequest, hushInputs } from '../session/call/call-subject.ts'
import type { RequestOptions, SendOptions, TimeoutOption } from '../session/options/options.ts'
import { PreparedRequest, requestNotes } from '../session/prepared-request.ts'
import { openCall, Session } from '../session/session.ts'
import type { OpenRequests } from './open-requests.ts'
import { RemoteController } from './remote/remote-controller.ts'
import { RemoteSubmitter } from './remote/remote-submitter.ts'
import { CallRun, ForeignRun, type RequestRun, type SessionLike } from './request-run.ts'
import { ResponseController } from './response-controller.ts'
import { ResponseFuture } from './response-future.ts'
import { holdInputs } from '../session/body/body-sources.ts'

export interface SubmitterOptions<R> {
  readonly session: SessionLike<R>
  readonly executor: Executor
  readonly openRequests: OpenRequests<R>
  readonly maxWorkersPerOrigin: number | undefined
  /** Whether the executor is told the origin as a group: where something counts by it. */
  readonly isGrouped: boolean
}

/** Why a request was not taken in. */
export interface Refusal {
  readonly error: unknown
}

interface Sending {
  readonly prepared: PreparedRequest
  readonly options: SendOptions | undefined
}

/** Where requests are taken in, handed to the executor, and opened on the session when their turn has come. */
export class RequestSubmitter<R> {
  readonly openRequests: OpenRequests<R>
  readonly #session: SessionLike<R>
  readonly #executor: Executor
  readonly #maxPerOrigin: number | undefined
  readonly #isGrouped: boolean
  /** Of those that came through `send`. */
  readonly #sendings = new WeakMap<ResponseFuture<R>, Sending>()
  /** Where requests can't be done here. */
  readonly #remote: RemoteSubmitter | undefined

  constructor({ session, executor, openRequests, maxWorkersPerOrigin, isGrouped }: SubmitterOptions<R>) {
    this.openRequests = openRequests
    this.#session = session
    this.#executor = executor
    this.#maxPerOrigin = maxWorkersPerOrigin
    this.#isGrouped = isGrouped
    this.#remote = executor.isolated ? new RemoteSubmitter(session, executor) : undefined
  }

  /**
   * Takes a request in. What is wrong with it is the future's error.
   *
   * @param refusal what is wrong with it as a whole
   * @throws {TaskNotCloneableError} it can't leave this isolate, and the executor is isolated
   * @throws {QueueFullError} only with `throwsIfFull`: nothing has happened then
   */
  submit(future: ResponseFuture<R>, throwsIfFull: boolean, refusal?: Refusal): ResponseFuture<R> {
    const controller =
      this.#remote === undefined ? new ResponseController(future, this) : new RemoteController(future, this)
    if (future.detail !== undefined) holdInputs(future.detail)
    const signal: unknown = future.detail?.signal
    const isAborted = signal instanceof AbortSignal && signal.aborted
    let failure: Refusal | undefined
    try {
      if (refusal !== undefined) throw refusal.error
      if (!isAborted) this.#admit(controller)
    } catch (error) {
      const isThrown = error instanceof TaskNotCloneableError || (throwsIfFull && error instanceof QueueFullError)
      // An executor of somebody else's may have led to a `cancelAll()` meanwhile: then it has its outcome.
      if (isThrown && !future.done()) {
        this.openRequests.retract(controller)
        throw error
      }
      failure = { error }
      hushInputs(future.request)
    }
    if (this.openRequests.hears('submit')) this.openRequests.tell('submit', { future, request: future.request })
    if (isAborted) future.cancel(signal.reason)
    else if (failure !== undefined) controller.reject(this.#refusal(failure.error, future))
    return future
  }

  /** Takes in a request that was prepared before, as it is now: the caller may change his own. */
  submitPrepared(prepared: unknown, options: SendOptions | undefined): ResponseFuture<R> {
    const request = prepared instanceof PreparedRequest ? prepared.copy() : prepared
    const { method = 'GET', url = '', headers, body } = (request ?? {}) as Partial<PreparedRequest>
    const spec = {
      ...carriedOptions(request),
      ...options,
      headers: headers && [...headers.entries()],
      ...(body === undefined ? {} : { data: body }),
    }
    const future = new ResponseFuture<R>(method, url, spec as RequestOptions)
    this.#sendings.set(future, { prepared: request as PreparedRequest, options })
    return this.submit(future, false)
  }

  /** Hands an attempt to the executor. @throws what the executor throws */
  enqueue(controller: ResponseController<R>): void {
    const { future } = controller
    const { detail } = future
    // All of them, for what is not there is looked for on `Object.prototype`.
    const options: SubmitOptions<R> = {
      controller,
      signal: detail?.signal,
      priority: detail?.priority,
      group: this.#isGrouped ? (controller.origin ?? this.#originOf(future)) : undefined,
      maxPerGroup: this.#isGrouped ? this.#maxPerOrigin : undefined,
    }
    if (controller instanceof RemoteController) this.#enqueueRemote(controller as RemoteController<R>, options)
    // Bound, not an arrow: half the memory, and there is one for each request that waits.
    else this.#executor.submit(controller.perform.bind(controller) as Task<R>, options)
    // Executors of ours have one anyway.
    if (controller.context === undefined && !future.done()) controller.context = new AsyncContext()
  }

  /** Nobody needs what requests have left behind in threads any more. */
  close(): void {
    this.#remote?.close()
  }

  #enqueueRemote(controller: RemoteController<R>, options: SubmitOptions<R>): void {
    const { future } = controller
    const sending = this.#sendings.get(future)
    const subject = { request: sending?.prepared ?? future.request, options: sending?.options }
    controller.run ??= this.#remote?.open(subject, controller)
    if (controller.run !== undefined) this.#remote?.submit(controller.run, options)
  }

  /** Whether a request that is about to go to this origin has to wait its turn there. */
  countsAt(controller: ResponseController<R>, origin: string): boolean {
    if (this.#maxPerOrigin === undefined) return false
    return (controller.origin ?? this.#originOf(controller.future)) !== origin
  }

  /** Opens a request whose turn has come, on the session. */
  open(controller: ResponseController<R>): RequestRun<R> {
    if (controller instanceof RemoteController) return controller.run as unknown as RequestRun<R>
    const { future } = controller
    const sending = this.#sendings.get(future)
    const call = this.#openOwn(controller, sending)
    if (call !== undefined) return new CallRun(call, this.#mayStream(future)) as unknown as RequestRun<R>
    const { method, url, ...options } = future.request
    const limits = {
      request: describeRequest(future),
      findTotal: () => this.#clock('total', future),
      onTimeout: (error: unknown) => controller.reject(error),
    }
    if (sending === undefined) {
      return new ForeignRun((signal) => this.#session.request(method, url, { ...options, signal }), limits)
    }
    return new ForeignRun((signal) => this.#sendPrepared(sending, signal), limits)
  }

  /** A `request` or `send` of the caller's own is called, not bypassed. */
  #openOwn(controller: ResponseController<R>, sending: Sending | undefined): Call | undefined {
    const session: unknown = this.#session
    const name = sending === undefined ? 'request' : 'send'
    if (!(session instanceof Session) || session[name] !== Session.prototype[name]) return undefined
    // What is none is left to `send` to refuse.
    if (sending !== undefined && !(sending.prepared instanceof PreparedRequest)) return undefined
    return openCall(session, sending?.prepared ?? controller.future.request, controller, sending?.options)
  }

  #mayStream({ detail }: ResponseFuture<R>): boolean {
    return detail?.stream ?? (this.#session as { stream?: unknown }).stream === true
  }

  #admit(controller: ResponseController<R>): void {
    const { future } = controller
    const timeout = this.#clock('queue', future)
    this.enqueue(controller)
    if (timeout !== Infinity) controller.limitQueueing(timeout)
  }

  async #sendPrepared({ prepared, options }: Sending, signal: AbortSignal): Promise<R> {
    const session = this.#session as { send?: (request: PreparedRequest, options: SendOptions) => PromiseLike<R> }
    if (typeof session.send === 'function') return session.send(prepared, { ...options, signal })
    throw new TypeError("Can't send a prepared request: the wrapped session has no `send`")
  }

  /** Milliseconds of a clock that the FuturesSession itself runs: the request's, else the session's, else none. */
  #clock(name: 'queue' | 'total', future: ResponseFuture<R>): number {
    const { detail } = future
    const own = clockOf(detail?.timeout, name)
    const value = own === undefined ? clockOf((this.#session as { timeout?: TimeoutOption }).timeout, name) : own
    if (value === undefined || value === null || value === Infinity) return Infinity
    if (typeof (value as unknown) === 'number' && value > 0) return value
    const message = `Expected \`timeout.${name}\` to be a positive number of milliseconds, got ${describe(value)}`
    throw new InvalidOptionError(message, { option: 'timeout', request: describeRequest(future) })
  }

  #originOf({ request: { url } }: ResponseFuture<R>): string {
    const base = (this.#session as { baseUrl?: string | URL | null }).baseUrl ?? undefined
    try {
      return new URL(url, base).origin
    } catch {
      return 'none'
    }
  }

  /** What an executor that did not take a request makes of the future. */
  #refusal(error: unknown, future: ResponseFuture<R>): unknown {
    const request = describeRequest(future)
    attachRequest(error, request)
    if (!(error instanceof TypeError || error instanceof RangeError)) return error
    return new InvalidOptionError(error.message, { cause: error, request })
  }
}

/** Of the options that it was prepared with, those that count before it is opened. */
function carriedOptions(request: unknown): SendOptions {
  if (!(request instanceof PreparedRequest)) return {}
  const options: SendOptions = requestNotes.get(request).options ?? {}
  const names = ['context', 'signal', 'priority', 'timeout', 'stream'] as const
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/** What a timeout option says of one clock: `undefined` inherits, `null` is none. A number is about connecting and reading. */
function clockOf(timeout: TimeoutOption | undefined, name: 'queue' | 'total'): number | null | undefined {
  if (timeout === null) return null
  return typeof timeout === 'object' ? timeout[name] : undefined
}
