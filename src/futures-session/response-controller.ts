import { adoptContext, type AsyncContext, type ContextAdopter } from '../async-context.ts'
import { cancelledRequest } from '../cancelled-request.ts'
import { Deadline } from '../deadline.ts'
import { QueueFullError, QueueTimeoutError } from '../errors.ts'
import { cancelledError } from '../future/future.ts'
import { FutureController } from '../future/future-controller.ts'
import type { CancelHandler } from '../future/listeners.ts'
import { dropStreams } from '../session/body/body-sources.ts'
import { type CallObserver, describeRequest } from '../session/call/call-input.ts'
import { isNextAttempt, type NextAttempt } from '../session/call/retry.ts'
import type { PreparedRequest } from '../session/prepared-request.ts'
import type { Response } from '../session/response/response.ts'
import { UserScope, userScope, type ScopeHolder } from '../user-scope.ts'
import type { AttemptEvent, RequestEvent, SessionEvents } from './events.ts'
import { retryInterval } from './full-queue.ts'
import type { OpenRequests } from './open-requests.ts'
import { RequestRun } from './request-run.ts'
import type { RequestSubmitter } from './request-submitter.ts'
import type { ResponseFuture } from './response-future.ts'
import { RequestSpan } from './tracing.ts'

/**
 * The write side of one request. The executor starts and settles it; it counts, tells the events, and submits the work again
 * when there is a next attempt. All attempts have one future.
 *
 * Very many may wait, so each field counts, and private methods are those of TypeScript: an instance of a class with
 * `#methods` is 8 bytes larger.
 */
export abstract class ResponseController<R>
  extends FutureController<R>
  implements CancelHandler, CallObserver, ContextAdopter, ScopeHolder
{
  declare readonly future: ResponseFuture<R>
  readonly #submitter: RequestSubmitter<R>
  /** The neighbours among the open requests. */
  previous: ResponseController<R> | undefined = undefined
  next: ResponseController<R> | undefined = undefined
  /** The context of the submission, in which events are told. Not set during the submission itself: that runs in it. */
  context: AsyncContext | undefined = undefined
  /** Before the start the timer of `timeout.queue`, if there is one; then the run. One field, for 8 bytes a request. */
  #phase: Deadline | RequestRun | undefined = undefined

  constructor(future: ResponseFuture<R>, submitter: RequestSubmitter<R>) {
    super(future)
    this.#submitter = submitter
    this.openRequests.add(this)
    this.onCancel(this)
  }

  /** Only the first counts: that of the first submission. */
  [adoptContext](context: AsyncContext): void {
    this.context ??= context
  }

  /** Rejects the future if it has not started within so many ms. */
  limitQueueing(timeout: number): void {
    this.#phase = new Deadline(timeout, () => {
      const request = describeRequest(this.future)
      const message = `${request.method} ${request.url}: no worker was free within ${timeout} ms`
      this.reject(new QueueTimeoutError(message, { request }))
    })
  }

  override start(): boolean {
    if (!super.start()) return false
    this.stopClock()
    const run = this.#submitter.open(this)
    run.span = RequestSpan.open(this.future)
    this.#phase = run
    this.openRequests.countStart()
    if (this.openRequests.hears('start')) this.tell('start', this.event)
    return !this.future.done()
  }

  override resolve(value: R): boolean {
    if (this.future.done()) return false
    if (isNextAttempt(value)) {
      value.run(() => this.continueWith(value))
      return true
    }
    return this.settle('fulfilled', value, () => super.resolve(value))
  }

  override reject(error: unknown): boolean {
    if (this.future.done()) return false
    return this.settle('rejected', error, () => super.reject(error))
  }

  /** Cancels the future, or ends the body that is still coming in. */
  stop(reason: unknown): void {
    if (this.future.done()) this.run?.abort(cancelledRequest(describeRequest(this.future), reason))
    else this.future.cancel(reason)
  }

  /** Drops a streamed body that nobody reads. */
  dropUnreadBody(): void {
    this.run?.dropUnreadBody()
  }

  handleCancel(reason: unknown): void {
    const { run, openRequests } = this
    this.stopClock()
    openRequests.countEnd(run !== undefined, 'cancelled')
    openRequests.remove(this)
    if (run === undefined) {
      dropStreams(this.future.detail)
    } else {
      const error = this.future[cancelledError]()
      run.span?.close({ error })
      run.abort(error)
    }
    if (openRequests.hears('cancel')) this.tell('cancel', { ...this.event, reason })
    openRequests.announceEnd(this)
    this.context = undefined
  }

  enterUserCode(): UserScope {
    const scope = new UserScope()
    const { run } = this
    // The future may be settled, and its hooks still at work.
    if (run !== undefined) run.scope = scope
    return scope
  }

  get [userScope](): UserScope | undefined {
    const scope = this.run?.scope
    return scope?.isOver === false ? scope : undefined
  }

  stopsBefore(origin: string): boolean {
    return this.#submitter.countsAt(this, origin)
  }

  /** The origin that redirects have led to, where requests are counted by origin. */
  get origin(): string | undefined {
    return this.run?.origin
  }

  redirected(response: Response, next: PreparedRequest): void {
    if (this.openRequests.hears('redirect')) this.tell('redirect', { ...this.attemptEvent, response, next })
  }

  received(bytes: number): void {
    this.openRequests.countBytes(bytes)
  }

  abandoned(error: unknown): void {
    this.reject(error)
  }

  protected get openRequests(): OpenRequests<R> {
    return this.#submitter.openRequests
  }

  /** Set from the start to the end. */
  protected get run(): RequestRun | undefined {
    return this.#phase instanceof RequestRun ? this.#phase : undefined
  }

  /** Counts, then settles the future, which calls its callbacks, then tells the events. */
  private settle(state: 'fulfilled' | 'rejected', outcome: unknown, settle: () => boolean): boolean {
    const { run, openRequests } = this
    this.stopClock()
    openRequests.countEnd(run !== undefined, state)
    const isStreaming = run?.isStreaming === true
    if (!isStreaming) openRequests.remove(this)
    const isSettled = settle()
    run?.span?.close(state === 'fulfilled' ? { result: outcome } : { error: outcome })
    if (state === 'fulfilled') {
      if (openRequests.hears('response')) this.tell('response', { ...this.attemptEvent, response: outcome as R })
    } else if (openRequests.hears('failure')) {
      this.tell('failure', { ...this.attemptEvent, error: outcome })
    }
    openRequests.announceEnd(this)
    // A long-waiting controller has been promoted; drop the references, or the run survives until the next major GC.
    this.context = undefined
    if (!isStreaming) this.#phase = undefined
    return isSettled
  }

  private tell<E extends keyof SessionEvents<R>>(event: E, ...payload: Parameters<SessionEvents<R>[E]>): void {
    const context = this.run?.span?.scope ?? this.context
    if (context === undefined) this.openRequests.tell(event, ...payload)
    else context.run(() => this.openRequests.tell(event, ...payload))
  }

  private get event(): RequestEvent<R> {
    const { future } = this
    return { future, request: future.request }
  }

  private get attemptEvent(): AttemptEvent<R> {
    return { ...this.event, attempt: this.run?.attempts ?? 0 }
  }

  /** The state stays *running*, but no worker is held: the next attempt is submitted when its time has come. */
  private continueWith(next: NextAttempt): void {
    const { run, openRequests } = this
    if (run === undefined) return
    if (next.kind === 'redirect') {
      run.origin = next.origin
      this.resubmit(run)
      return
    }
    const { delay, response, error } = next
    if (openRequests.hears('retry')) this.tell('retry', { ...this.attemptEvent, delay, response, error })
    if (!this.future.done()) this.resubmitAfter(delay, run)
  }

  private resubmitAfter(delay: number, run: RequestRun): void {
    run.pause = new Deadline(delay, () => {
      run.pause = undefined
      this.resubmit(run)
    })
  }

  private resubmit(run: RequestRun): void {
    try {
      this.#submitter.enqueue(this)
    } catch (error) {
      // Executors of ours always accept a next attempt; those of somebody else may not.
      if (error instanceof QueueFullError) return this.resubmitAfter(retryInterval, run)
      this.reject(error)
      run.abort(error)
    }
  }

  private stopClock(): void {
    const phase = this.#phase
    if (phase instanceof RequestRun) phase.pause?.clear()
    else phase?.clear()
  }
}
