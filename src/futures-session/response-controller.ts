import { adoptContext, type AsyncContext, type ContextAdopter } from '../async-context.ts'
import { cancelledRequest } from '../cancelled-request.ts'
import { Deadline } from '../deadline.ts'
import { QueueFullError, QueueTimeoutError } from '../errors.ts'
import { access } from '../future/future.ts'
import { FutureController } from '../future/future-controller.ts'
import type { CancelHandler } from '../future/listeners.ts'
import { type CallObserver, describeRequest } from '../session/call/call-subject.ts'
import { isNextAttempt, type NextAttempt } from '../session/call/retry.ts'
import type { PreparedRequest } from '../session/prepared-request.ts'
import type { Response } from '../session/response/response.ts'
import { listen, unlisten } from '../shared-signal.ts'
import { UserScope, userScope, type ScopeHolder } from '../user-scope.ts'
import type { AttemptEvent, RequestEvent, SessionEvents } from './events.ts'
import { patience } from './full-queue.ts'
import type { RequestSubmitter } from './request-submitter.ts'
import { RequestRun } from './request-run.ts'
import type { ResponseFuture } from './response-future.ts'
import { RequestSpan } from './tracing.ts'
import { dropStreams } from '../session/body/body-sources.ts'

let runOf: <R>(controller: ResponseController<R>) => RequestRun<R> | undefined

/**
 * Between the executor, that starts and settles it, and the session, that does the work: the write side of one request.
 * It keeps the books, tells the events, lets a streamed response be had while its worker is still taken, and hands the
 * work back to the executor when another attempt is due. One future for all of that.
 */
export class ResponseController<R>
  extends FutureController<R>
  implements CancelHandler, CallObserver, ContextAdopter, ScopeHolder
{
  declare readonly future: ResponseFuture<R>
  readonly #submitter: RequestSubmitter<R>
  /** The neighbours in the openRequests. */
  previous: ResponseController<R> | undefined = undefined
  next: ResponseController<R> | undefined = undefined
  /** Of whoever submitted it: events are told there. While it is being submitted there is none, and we are in it. */
  context: AsyncContext | undefined = undefined
  /** Before the start: the time it may wait for a worker, if that is limited. From then on how it is done. */
  #phase: Deadline | RequestRun<R> | undefined = undefined

  constructor(future: ResponseFuture<R>, submitter: RequestSubmitter<R>) {
    super(future)
    this.#submitter = submitter
    submitter.openRequests.add(this)
    this.onCancel(this)
  }

  /** The first counts: what executors do with it later is their affair. */
  [adoptContext](context: AsyncContext): void {
    this.context ??= context
  }

  /** Rejects it if it has not started in time (ms). */
  limitQueueing(timeout: number): void {
    this.#phase = new Deadline(timeout, () => {
      const request = describeRequest(this.future)
      const message = `${request.method} ${request.url}: no worker was free within ${timeout} ms`
      this.reject(new QueueTimeoutError(message, { request }))
    })
  }

  override start(): boolean {
    if (!super.start()) return false
    const { openRequests } = this.#submitter
    ResponseController.#stopClock(this)
    const run = this.#submitter.open(this)
    run.span = RequestSpan.open(this.future)
    this.#phase = run
    openRequests.countStart()
    if (openRequests.hears('start')) ResponseController.#tell(this, 'start', eventOf(this))
    return !this.future.done()
  }

  override resolve(value: R): boolean {
    if (this.future.done()) return false
    if (isNextAttempt(value)) {
      value.run(() => ResponseController.#continueWith(this, value))
      return true
    }
    return ResponseController.#settle(this, 'fulfilled', value, () => super.resolve(value))
  }

  override reject(error: unknown): boolean {
    if (this.future.done()) return false
    return ResponseController.#settle(this, 'rejected', error, () => super.reject(error))
  }

  /** The task: one attempt, to the end of its body. */
  perform(): PromiseLike<R | NextAttempt> {
    const { openRequests } = this.#submitter
    const run = runOf(this) as RequestRun<R>
    openRequests.attemptBegan()
    const attempt = run.span === undefined ? run.attempt() : run.span.run(() => run.attempt())
    if (run.mayStream) return ResponseController.#streamed(this, run, attempt)
    attempt.then(openRequests.attemptEnded, openRequests.attemptEnded)
    return attempt
  }

  /** Stops what it still does: `cancel()` while it is not done, the body while it streams. */
  stop(reason: unknown): void {
    if (this.future.done()) runOf(this)?.abort(cancelledRequest(describeRequest(this.future), reason))
    else this.future.cancel(reason)
  }

  /** Drops a streamed body that nobody reads. */
  dropUnreadBody(): void {
    runOf(this)?.dropUnreadBody()
  }

  handleCancel(reason: unknown): void {
    const { openRequests } = this.#submitter
    const run = runOf(this)
    ResponseController.#stopClock(this)
    openRequests.countEnd(run !== undefined, 'cancelled')
    openRequests.remove(this)
    if (run === undefined) {
      dropStreams(this.future.detail)
    } else {
      const error = access.cancelledError(this.future)
      run.span?.close({ error })
      run.abort(error)
    }
    if (openRequests.hears('cancel')) ResponseController.#tell(this, 'cancel', { ...eventOf(this), reason })
    openRequests.announceEnd(this)
    this.context = undefined
  }

  enterUserCode(): UserScope {
    const scope = new UserScope()
    const run = runOf(this)
    // It may be settled already, and its hooks still at work.
    if (run !== undefined) run.scope = scope
    return scope
  }

  get [userScope](): UserScope | undefined {
    const scope = runOf(this)?.scope
    return scope?.isOver === false ? scope : undefined
  }

  stopsBefore(origin: string): boolean {
    return this.#submitter.countsAt(this, origin)
  }

  /** Where redirects have led it, if that is counted. */
  get origin(): string | undefined {
    return runOf(this)?.origin
  }

  redirected(response: Response, next: PreparedRequest): void {
    const { openRequests } = this.#submitter
    if (openRequests.hears('redirect'))
      ResponseController.#tell(this, 'redirect', { ...attemptOf(this), response, next })
  }

  received(bytes: number): void {
    this.#submitter.openRequests.countBytes(bytes)
  }

  abandoned(error: unknown): void {
    this.reject(error)
  }

  static {
    runOf = <R>(controller: ResponseController<R>) =>
      controller.#phase instanceof RequestRun ? controller.#phase : undefined
  }

  // Static, for an instance of a class with private methods is 8 bytes larger, and there may be very many.

  /** As soon as there is a response the future has it; the worker is free when its body is over. */
  static async #streamed<R>(
    controller: ResponseController<R>,
    run: RequestRun<R>,
    attempt: PromiseLike<R | NextAttempt>,
  ): Promise<R | NextAttempt> {
    const { openRequests } = controller.#submitter
    try {
      const value = await attempt
      const bodyEnd = run.bodyEnd(value)
      if (bodyEnd !== undefined) {
        controller.resolve(value as R)
        await ResponseController.#abortable(controller, bodyEnd)
      }
      return value
    } finally {
      openRequests.attemptEnded()
      if (controller.future.done()) openRequests.remove(controller)
    }
  }

  /** The executor has let go of the caller's signal with the future; it acts until the body ends. */
  static async #abortable<R>(controller: ResponseController<R>, bodyEnd: Promise<void>): Promise<void> {
    const signal = controller.future.detail?.signal
    if (signal === undefined) return bodyEnd
    const listener = { handleAbort: (reason: unknown) => controller.stop(reason) }
    if (signal.aborted) controller.stop(signal.reason)
    else listen(signal, listener)
    await bodyEnd
    unlisten(signal, listener)
  }

  /** Books, then the future with its callbacks, then the events. */
  static #settle<R>(
    controller: ResponseController<R>,
    state: 'fulfilled' | 'rejected',
    outcome: unknown,
    settle: () => boolean,
  ): boolean {
    const { openRequests } = controller.#submitter
    const run = runOf(controller)
    ResponseController.#stopClock(controller)
    openRequests.countEnd(run !== undefined, state)
    const isStreaming = run?.isStreaming === true
    if (!isStreaming) openRequests.remove(controller)
    const isSettled = settle()
    run?.span?.close(state === 'fulfilled' ? { result: outcome } : { error: outcome })
    if (state === 'fulfilled') {
      const response = outcome as R
      if (openRequests.hears('response'))
        ResponseController.#tell(controller, 'response', { ...attemptOf(controller), response })
    } else if (openRequests.hears('failure')) {
      ResponseController.#tell(controller, 'failure', { ...attemptOf(controller), error: outcome })
    }
    openRequests.announceEnd(controller)
    // One that has waited long is in the old generation: what it points to would outlive it there by many collections.
    controller.context = undefined
    if (!isStreaming) controller.#phase = undefined
    return isSettled
  }

  static #tell<R, E extends keyof SessionEvents<R>>(
    controller: ResponseController<R>,
    event: E,
    ...payload: Parameters<SessionEvents<R>[E]>
  ): void {
    const { openRequests } = controller.#submitter
    const context = runOf(controller)?.span?.scope ?? controller.context
    if (context === undefined) openRequests.tell(event, ...payload)
    else context.run(() => openRequests.tell(event, ...payload))
  }

  /** The state stays *running*, but no worker is held: the next attempt is submitted when its time has come. */
  static #continueWith<R>(controller: ResponseController<R>, next: NextAttempt): void {
    const { openRequests } = controller.#submitter
    const run = runOf(controller)
    if (run === undefined) return
    if (next.kind === 'redirect') {
      run.origin = next.origin
      ResponseController.#resubmit(controller, run)
      return
    }
    const { delay, response, error } = next
    if (openRequests.hears('retry')) {
      ResponseController.#tell(controller, 'retry', { ...attemptOf(controller), delay, response, error })
    }
    if (controller.future.done()) return
    ResponseController.#resubmitAfter(delay, controller, run)
  }

  static #resubmitAfter<R>(delay: number, controller: ResponseController<R>, run: RequestRun<R>): void {
    run.pause = new Deadline(delay, () => {
      run.pause = undefined
      ResponseController.#resubmit(controller, run)
    })
  }

  static #resubmit<R>(controller: ResponseController<R>, run: RequestRun<R>): void {
    try {
      controller.#submitter.enqueue(controller)
    } catch (error) {
      // Ours makes room for the next attempt of what it took before; somebody else's may not.
      if (error instanceof QueueFullError) return ResponseController.#resubmitAfter(patience, controller, run)
      controller.reject(error)
      run.abort(error)
    }
  }

  static #stopClock<R>(controller: ResponseController<R>): void {
    const phase = controller.#phase
    if (phase instanceof RequestRun) phase.pause?.clear()
    else phase?.clear()
  }
}

function eventOf<R>({ future }: ResponseController<R>): RequestEvent<R> {
  return { future, request: future.request }
}

function attemptOf<R>(controller: ResponseController<R>): AttemptEvent<R> {
  return { ...eventOf(controller), attempt: runOf(controller)?.attempts ?? 0 }
}
