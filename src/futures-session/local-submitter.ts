import type { SubmitOptions, Task } from '../executor/executor.ts'
import { callsOnController } from '../executor/in-process-executor.ts'
import { type AttemptMaker, ForeignCall, LocalRun } from './request-run.ts'
import { RequestSubmitter } from './request-submitter.ts'
import { ResponseController } from './response-controller.ts'
import type { ResponseFuture } from './response-future.ts'
import { describeRequest } from '../session/call/call-input.ts'
import type { SendOptions } from '../session/options/options.ts'
import { PreparedRequest } from '../session/prepared-request.ts'
import { openCall, Session } from '../session/session.ts'
import { listen, unlisten } from '../shared-signal.ts'

/** Submits requests that are done here: on a Session of ours, or on somebody else's. */
export class LocalSubmitter<R> extends RequestSubmitter<R, LocalController<R>> {
  protected override control(future: ResponseFuture<R>): LocalController<R> {
    return new LocalController(future, this)
  }

  protected override submitAttempt(controller: LocalController<R>, options: SubmitOptions<R>): void {
    // A function of its own would take 48 bytes of each waiting request.
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is not called
    const task = callsOnController in this.executor.submit ? performThis : controller.perform.bind(controller)
    this.executor.submit(task as Task<R>, options)
  }

  override open(controller: LocalController<R>): LocalRun {
    const call = this.#openCall(controller)
    if (call === undefined) return new LocalRun(this.#openForeign(controller), true)
    const mayStream = controller.future.detail?.stream ?? (this.session as { stream?: unknown }).stream === true
    return new LocalRun(call, mayStream)
  }

  /** @returns `undefined` if the session's own `request` or `send` has to be called: it is not that of our class */
  #openCall(controller: LocalController<R>): AttemptMaker | undefined {
    const session: unknown = this.session
    const { future } = controller
    const subject = this.subjectOf(future)
    const name = subject === future ? 'request' : 'send'
    if (!(session instanceof Session) || session[name] !== Session.prototype[name]) return undefined
    const { request, options } = subject
    // Not a PreparedRequest: pass it on, `send` rejects it.
    if (name === 'send' && !(request instanceof PreparedRequest)) return undefined
    return openCall(session, request, controller, options)
  }

  #openForeign(controller: LocalController<R>): ForeignCall {
    const { future } = controller
    const { method, url, ...options } = future.request
    const subject = this.subjectOf(future)
    const send = (signal: AbortSignal): PromiseLike<R> =>
      subject === future
        ? this.session.request(method, url, { ...options, signal })
        : this.#sendPrepared(subject.request as PreparedRequest, { ...subject.options, signal })
    const findTotal = (): number => this.limitOf('total', future)
    return new ForeignCall({ described: describeRequest(future), send, findTotal }, controller)
  }

  async #sendPrepared(prepared: PreparedRequest, options: SendOptions): Promise<R> {
    const session = this.session as { send?: (request: PreparedRequest, options: SendOptions) => PromiseLike<R> }
    if (typeof session.send === 'function') return session.send(prepared, options)
    throw new TypeError("Can't send a prepared request: the wrapped session has no `send`")
  }
}

/**
 * The write side of a request that is done here. It makes the attempts, and resolves a streamed response while its worker is
 * still taken.
 */
class LocalController<R> extends ResponseController<R> {
  /** The task: one attempt, to the end of its body. */
  perform(): PromiseLike<unknown> {
    const { openRequests } = this
    const run = this.run as LocalRun
    openRequests.attemptBegan()
    const attempt = run.span === undefined ? run.attempt() : run.span.run(() => run.attempt())
    if (run.mayStream) return this.streamed(run, attempt)
    attempt.then(openRequests.attemptEnded, openRequests.attemptEnded)
    return attempt
  }

  /** Resolves the future when there is a response; the worker stays taken until the body has ended. */
  private async streamed(run: LocalRun, attempt: PromiseLike<unknown>): Promise<unknown> {
    const { openRequests } = this
    try {
      const value = await attempt
      const bodyEnd = run.bodyEnd(value)
      if (bodyEnd !== undefined) {
        this.resolve(value as R)
        await this.abortable(bodyEnd)
      }
      return value
    } finally {
      openRequests.attemptEnded()
      if (this.future.done()) openRequests.remove(this)
    }
  }

  /** The executor has stopped listening to the caller's signal, for the future is settled: until the body ends, we listen. */
  private async abortable(bodyEnd: Promise<void>): Promise<void> {
    const signal = this.future.detail?.signal
    if (signal === undefined) return bodyEnd
    const listener = { handleAbort: (reason: unknown) => this.stop(reason) }
    if (signal.aborted) this.stop(signal.reason)
    else listen(signal, listener)
    await bodyEnd
    unlisten(signal, listener)
  }
}

function performThis(this: LocalController<unknown>): PromiseLike<unknown> {
  return this.perform()
}
