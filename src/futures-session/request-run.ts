import { Deadline } from '../deadline.ts'
import { CancelledError, type FailedRequest } from '../errors.ts'
import type { CallObserver } from '../session/call/call-input.ts'
import type { RequestOptions } from '../session/options/options.ts'
import { incomingBody, Response } from '../session/response/response.ts'
import type { UserScope } from '../user-scope.ts'
import type { RequestSpan } from './tracing.ts'
import { totalTimeout } from '../session/call/call-input.ts'

/** The execution of one request, here or in threads, from its start on a worker. */
export abstract class RequestRun {
  span: RequestSpan | undefined = undefined
  /** The origin that redirects have led to, where requests are counted by origin. */
  origin: string | undefined = undefined
  /** The scope of the last hook, auth function or foreign session that was called; it may be over. */
  scope: UserScope | undefined = undefined
  /** The wait before the next attempt. */
  pause: Deadline | undefined = undefined
  #response: Response | undefined = undefined

  /** The number of the attempt that has begun last, from 1; 0: none has. */
  abstract get attempts(): number

  /** Stops what is still done for it: the future is settled. */
  abstract abort(error: unknown): void

  /** The response is there, and its body is still coming in. */
  get isStreaming(): boolean {
    return this.#incoming !== undefined
  }

  /** @returns a promise of the end of a body that is still coming in, `undefined` if all is there */
  bodyEnd(value: unknown): Promise<void> | undefined {
    if (!(value instanceof Response)) return undefined
    this.#response = value
    return this.#incoming?.ended
  }

  /** Ends the body that is still coming in, if nobody reads it. */
  dropUnreadBody(): void {
    const body = this.#incoming
    if (body === undefined || body.isBeingRead) return
    body.destroy(new CancelledError('The session was closed before anybody read the body'))
  }

  get #incoming(): Response[typeof incomingBody] {
    return this.#response === undefined ? undefined : this.#response[incomingBody]
  }
}

/** Makes the attempts of a request that is done here; a Call is one. */
export interface AttemptMaker {
  readonly attempts: number
  /** @returns a promise of the response, or of the NextAttempt */
  attempt(): PromiseLike<unknown>
  /** Makes the running attempt reject, or ends the body that is still coming in. */
  abort(error: unknown): void
}

/** The execution of a request on a session here. */
export class LocalRun extends RequestRun {
  /** The response may come before its body. */
  readonly mayStream: boolean
  readonly #call: AttemptMaker

  constructor(call: AttemptMaker, mayStream: boolean) {
    super()
    this.#call = call
    this.mayStream = mayStream
  }

  override get attempts(): number {
    return this.#call.attempts
  }

  attempt(): PromiseLike<unknown> {
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
  /** Called by the code that made the session. */
  close?(): unknown
}

/** What a ForeignCall knows of its request. */
export interface ForeignRequest {
  readonly described: FailedRequest
  send(signal: AbortSignal): PromiseLike<unknown>
  /** @returns milliseconds from the start of an attempt to its outcome; Infinity: none. @throws {InvalidOptionError} */
  findTotal(): number
}

/**
 * The one attempt on somebody else's session, or on ours with a `request` of the caller's. The session gets the options
 * untouched, but for a signal of ours; it knows neither our futures nor our timeouts.
 */
export class ForeignCall implements AttemptMaker {
  attempts = 0
  readonly #request: ForeignRequest
  readonly #observer: Required<Pick<CallObserver, 'enterUserCode' | 'abandoned'>>
  readonly #abortController = new AbortController()
  #response: unknown

  constructor(request: ForeignRequest, observer: Required<Pick<CallObserver, 'enterUserCode' | 'abandoned'>>) {
    this.#request = request
    this.#observer = observer
  }

  async attempt(): Promise<unknown> {
    this.attempts = 1
    const total = this.#request.findTotal()
    const deadline = total === Infinity ? undefined : new Deadline(total, () => this.#timeOut(total))
    try {
      const { signal } = this.#abortController
      this.#response = await this.#observer.enterUserCode().contain(() => this.#request.send(signal))
      return this.#response
    } finally {
      deadline?.clear()
    }
  }

  abort(error: unknown): void {
    this.#abortController.abort(error)
    if (this.#response instanceof Response) this.#response[incomingBody]?.destroy(error)
  }

  #timeOut(total: number): void {
    const error = totalTimeout(this.#request.described, total)
    this.#observer.abandoned(error)
    this.#abortController.abort(error)
  }
}
