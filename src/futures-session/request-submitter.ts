import { AsyncContext } from '../async-context.ts'
import { describe } from '../checks.ts'
import { attachRequest, InvalidOptionError, QueueFullError, TaskNotCloneableError } from '../errors.ts'
import type { Executor, SubmitOptions } from '../executor/executor.ts'
import { holdInputs } from '../session/body/body-sources.ts'
import { type CallInput, describeRequest, hushInputs } from '../session/call/call-input.ts'
import type { RequestOptions, SendOptions, TimeoutOption } from '../session/options/options.ts'
import { PreparedRequest, requestNotes } from '../session/prepared-request.ts'
import type { OpenRequests } from './open-requests.ts'
import type { RequestRun, SessionLike } from './request-run.ts'
import type { ResponseController } from './response-controller.ts'
import { ResponseFuture } from './response-future.ts'

export interface SubmitterOptions<R> {
  readonly session: SessionLike<R>
  readonly executor: Executor
  readonly openRequests: OpenRequests<R>
  readonly maxWorkersPerOrigin: number | undefined
  /** The executor is told the origin as a group, because something may count by it. */
  readonly isGrouped: boolean
}

/** A request that is about to be submitted. */
export interface NewRequest<R> {
  readonly future: ResponseFuture<R>
  /** A full queue is back-pressure, not the future's outcome. @default false */
  readonly throwsIfFull?: boolean | undefined
  /** What is wrong with its options as a whole. */
  readonly refusal?: Refusal
}

/** Why a request was not accepted: wrapped, because anything may be thrown, `undefined` too. */
export interface Refusal {
  readonly error: unknown
}

/**
 * Accepts requests, submits them to the executor, and starts each on the session once a worker is free. LocalSubmitter does
 * that for requests that are done here, RemoteSubmitter for an isolated executor.
 */
export abstract class RequestSubmitter<R, Controller extends ResponseController<R> = ResponseController<R>> {
  readonly openRequests: OpenRequests<R>
  protected readonly session: SessionLike<R>
  protected readonly executor: Executor
  readonly #maxPerOrigin: number | undefined
  readonly #isGrouped: boolean
  /** The requests that came through `send`. */
  readonly #prepared = new WeakMap<ResponseFuture<R>, CallInput>()

  constructor({ session, executor, openRequests, maxWorkersPerOrigin, isGrouped }: SubmitterOptions<R>) {
    this.openRequests = openRequests
    this.session = session
    this.executor = executor
    this.#maxPerOrigin = maxWorkersPerOrigin
    this.#isGrouped = isGrouped
  }

  /** Makes the write side of a new request. */
  protected abstract control(future: ResponseFuture<R>): Controller

  /** Hands an attempt to the executor. @throws what the executor throws */
  protected abstract submitAttempt(controller: Controller, options: SubmitOptions<R>): void

  /** Opens a request whose turn has come. */
  abstract open(controller: Controller): RequestRun

  /** Called when no more requests come. */
  close?(): void

  /**
   * Submits a request. What is wrong with it is the future's error.
   *
   * @throws {TaskNotCloneableError} it can't leave this isolate, and the executor is isolated
   * @throws {QueueFullError} only with `throwsIfFull`: nothing has happened then
   */
  submit({ future, throwsIfFull = false, refusal }: NewRequest<R>): ResponseFuture<R> {
    const controller = this.control(future)
    if (future.detail !== undefined) holdInputs(future.detail)
    const signal: unknown = future.detail?.signal
    const isAborted = signal instanceof AbortSignal && signal.aborted
    let failure: Refusal | undefined
    try {
      if (refusal !== undefined) throw refusal.error
      if (!isAborted) this.#admit(controller)
    } catch (error) {
      const isThrown = error instanceof TaskNotCloneableError || (throwsIfFull && error instanceof QueueFullError)
      // Somebody else's executor may have called code that cancels everything: then the future has its outcome.
      if (isThrown && !future.done()) {
        this.openRequests.retract(controller)
        throw error
      }
      failure = { error }
      hushInputs(future.request)
    }
    if (this.openRequests.hears('submit')) this.openRequests.tell('submit', { future, request: future.request })
    if (isAborted) future.cancel(signal.reason)
    else if (failure !== undefined) controller.reject(refusalError(failure.error, future))
    return future
  }

  /** Submits a copy of a prepared request: the caller may change the original. */
  submitPrepared(prepared: unknown, options: SendOptions | undefined): ResponseFuture<R> {
    const request = prepared instanceof PreparedRequest ? prepared.copy() : prepared
    const { method = 'GET', url = '', headers, body } = (request ?? {}) as Partial<PreparedRequest>
    const spec = {
      ...earlyOptions(request),
      ...options,
      headers: headers && [...headers.entries()],
      ...(body === undefined ? {} : { data: body }),
    }
    const future = new ResponseFuture<R>(method, url, spec as RequestOptions)
    this.#prepared.set(future, { request: request as PreparedRequest, options })
    return this.submit({ future })
  }

  /** Submits an attempt, the first or a later one. @throws what the executor throws */
  enqueue(controller: Controller): void {
    const { future } = controller
    const { detail } = future
    // All names are there, or the executor would look them up on `Object.prototype`.
    const options: SubmitOptions<R> = {
      controller,
      signal: detail?.signal,
      priority: detail?.priority,
      group: this.#isGrouped ? (controller.origin ?? this.#originOf(future)) : undefined,
      maxPerGroup: this.#isGrouped ? this.#maxPerOrigin : undefined,
    }
    this.submitAttempt(controller, options)
    // Executors of ours have set it.
    if (controller.context === undefined && !future.done()) controller.context = new AsyncContext()
  }

  /** Whether a request that is about to go to this origin has to wait its turn there. */
  countsAt({ origin: own, future }: ResponseController<R>, origin: string): boolean {
    if (this.#maxPerOrigin === undefined) return false
    return (own ?? this.#originOf(future)) !== origin
  }

  /** The input of a call: the prepared request that came through `send`, else the request of the future. */
  protected subjectOf(future: ResponseFuture<R>): CallInput {
    return this.#prepared.get(future) ?? future
  }

  /** Milliseconds of a timeout that the FuturesSession itself sees to: the request's, else the session's, else Infinity. */
  protected limitOf(name: 'queue' | 'total', future: ResponseFuture<R>): number {
    const { detail } = future
    const own = partOf(detail?.timeout, name)
    const value = own === undefined ? partOf((this.session as { timeout?: TimeoutOption }).timeout, name) : own
    if (value === undefined || value === null || value === Infinity) return Infinity
    if (typeof (value as unknown) === 'number' && value > 0) return value
    const message = `Expected \`timeout.${name}\` to be a positive number of milliseconds, got ${describe(value)}`
    throw new InvalidOptionError(message, { option: 'timeout', request: describeRequest(future) })
  }

  #admit(controller: Controller): void {
    const { future } = controller
    const timeout = this.limitOf('queue', future)
    this.enqueue(controller)
    if (timeout !== Infinity) controller.limitQueueing(timeout)
  }

  #originOf({ request: { url } }: ResponseFuture<R>): string {
    const base = (this.session as { baseUrl?: string | URL | null }).baseUrl ?? undefined
    try {
      return new URL(url, base).origin
    } catch {
      return 'none'
    }
  }
}

/** The future's error, where its executor did not accept the request. */
function refusalError(error: unknown, future: ResponseFuture<unknown>): unknown {
  const request = describeRequest(future)
  attachRequest(error, request)
  if (!(error instanceof TypeError || error instanceof RangeError)) return error
  return new InvalidOptionError(error.message, { cause: error, request })
}

/** The options that a request was prepared with and that count before it starts. */
function earlyOptions(request: unknown): SendOptions {
  if (!(request instanceof PreparedRequest)) return {}
  const options: SendOptions = request[requestNotes].options ?? {}
  const names = ['context', 'signal', 'priority', 'timeout', 'stream'] as const
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/** One part of a timeout option: `undefined` inherits, `null` is no limit. A number is about connecting and reading. */
function partOf(timeout: TimeoutOption | undefined, name: 'queue' | 'total'): number | null | undefined {
  if (timeout === null) return null
  return typeof timeout === 'object' ? timeout[name] : undefined
}
