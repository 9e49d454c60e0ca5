import { Deadline } from '../deadline.ts'
import { CancelledError, TotalTimeoutError, type FailedRequest } from '../errors.ts'
import type { Call } from '../session/call/call.ts'
import type { NextAttempt } from '../session/call/retry.ts'
import type { RequestOptions } from '../session/options/options.ts'
import { openBody, Response } from '../session/response/response.ts'
import { UserScope } from '../user-scope.ts'
import type { RequestSpan } from './tracing.ts'

/** How one request is done, on which session ever. Exists from its start on a worker on. */
export abstract class RequestRun<R> {
  span: RequestSpan | undefined = undefined
  /** Where redirects have led it, if that is counted. */
  origin: string | undefined = undefined
  /** In whose code it is, if it is in that of a user: it may be over. */
  scope: UserScope | undefined = undefined
  /** The wait before the next attempt. */
  pause: Deadline | undefined = undefined
  /** Its response may come before its body. */
  readonly mayStream: boolean
  #response: Response | undefined = undefined

  constructor(mayStream: boolean) {
    this.mayStream = mayStream
  }

  /** The number of the attempt that has begun last, from 1; 0: none has. */
  abstract get attempts(): number

  abstract attempt(): PromiseLike<R | NextAttempt>

  /** Makes the running attempt reject, or ends the body that is still coming in. */
  abstract abort(error: unknown): void

  /** The response is there, and its body is still coming in. */
  get isStreaming(): boolean {
    return this.openBody !== undefined
  }

  /** @returns a promise of the end of a body that is still coming in, `undefined` if all is there */
  bodyEnd(value: unknown): Promise<void> | undefined {
    if (!(value instanceof Response)) return undefined
    this.#response = value
    return this.openBody?.ended
  }

  /** Ends the body that is still coming in, if nobody reads it. */
  dropUnreadBody(): void {
    const body = this.openBody
    if (body === undefined || body.isBeingRead) return
    body.destroy(new CancelledError('The session was closed before anybody read the body'))
  }

  protected get openBody(): ReturnType<typeof openBody> {
    return this.#response === undefined ? undefined : openBody(this.#response)
  }
}

/** On a Session of ours. */
export class CallRun extends RequestRun<Response> {
  readonly #call: Call

  constructor(call: Call, mayStream: boolean) {
    super(mayStream)
    this.#call = call
  }

  override get attempts(): number {
    return this.#call.attempts
  }

  override attempt(): Promise<Response | NextAttempt> {
    return this.#call.attempt()
  }

  override abort(error: unknown): void {
    this.#call.abort(error)
  }
}

/** Anything that can do a request. */
export interface SessionLike<R> {
  /** Sends a request. What it resolves with is what the future is fulfilled with. */
  request(method: string, url: string | URL, options?: RequestOptions): PromiseLike<R>
  /** Called by those who have made the session. */
  close?(): unknown
}

/** What is done for a foreign session, that knows neither our futures nor our clocks. */
export interface ForeignLimits {
  readonly request: FailedRequest
  /** @returns milliseconds from the start of an attempt to its outcome; Infinity: none. @throws {InvalidOptionError} */
  findTotal(): number
  /** Called when `total` has passed. */
  readonly onTimeout: (error: TotalTimeoutError) => void
}

/** On somebody else's session, or on ours with a `request` of the caller's: it gets the options untouched, but for a signal of ours. */
export class ForeignRun<R> extends RequestRun<R> {
  readonly #send: (signal: AbortSignal) => PromiseLike<R>
  readonly #limits: ForeignLimits
  readonly #abortController = new AbortController()
  #attempts = 0

  constructor(send: (signal: AbortSignal) => PromiseLike<R>, limits: ForeignLimits) {
    super(true)
    this.#send = send
    this.#limits = limits
  }

  override get attempts(): number {
    return this.#attempts
  }

  override async attempt(): Promise<R> {
    this.#attempts = 1
    const total = this.#limits.findTotal()
    const deadline = total === Infinity ? undefined : new Deadline(total, () => this.#timeOut(total))
    try {
      const { signal } = this.#abortController
      return await (this.scope = new UserScope()).contain(() => this.#send(signal))
    } finally {
      deadline?.clear()
    }
  }

  override abort(error: unknown): void {
    this.#abortController.abort(error)
    this.openBody?.destroy(error)
  }

  #timeOut(total: number): void {
    const { request, onTimeout } = this.#limits
    const error = new TotalTimeoutError(`${request.method} ${request.url}: not done within ${total} ms`, { request })
    onTimeout(error)
    this.#abortController.abort(error)
  }
}
