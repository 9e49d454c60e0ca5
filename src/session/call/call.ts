import { Deadline } from '../../deadline.ts'
import { attachRequest, type FailedRequest, HTTPError, TooManyRedirectsError } from '../../errors.ts'
import type { ExchangeResponse } from '../../transport/exchange.ts'
import { sendWithAuth, type AuthTransport } from '../auth/auth-flow.ts'
import { CallHooks } from './call-hooks.ts'
import type { CallInput, CallObserver, Checkpoint } from './call-input.ts'
import { describeRequest, hushInputs, resolvedOptionsOf, totalTimeout } from './call-input.ts'
import { type NextAttempt, RedirectAttempt, Retries, type RetryAttempt } from './retry.ts'
import { Exchanges } from './exchanges.ts'
import { nextHop, openRequest, type Hop } from './open-request.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import { redirectRequest, showNext } from './redirects.ts'
import { addCookies } from '../cookies/request-cookies.ts'
import { packageDefaults } from '../options/option-table.ts'
import { incomingBody, type Response } from '../response/response.ts'
import type { SessionCore } from '../session-core.ts'
import type { Session } from '../session.ts'
import { StreamBody } from '../body/stream-body.ts'
import type { UserScope } from '../../user-scope.ts'

/**
 * One request of a session, from what was asked for to the response that the caller gets: redirects, authentication,
 * cookies and hooks. Whoever holds it makes the attempts and waits between them.
 *
 * The total timeout begins with the first attempt and ends with the body.
 */
export class Call implements AuthTransport {
  readonly #core: SessionCore
  readonly #input: CallInput
  readonly #observer: CallObserver
  readonly #exchanges: Exchanges
  readonly #hooks: CallHooks
  #options = packageDefaults
  #hop: Hop | undefined
  /** Whether no hook and no auth function can change what is sent. */
  #isPlain = true
  #followsRedirects = true
  /** Whether its session counts it among the calls that `close()` waits for. */
  #isCounted = false
  #deadline: Deadline | undefined
  #retries: Retries | undefined
  #redirects = 0
  #history: readonly Response[] = []
  /** The number of the attempt that has begun last, from 1; 0: none has. */
  attempts = 0
  #nextNumber: number
  /** What the last sending failed with, where hooks and auth functions may throw, too: only this may be retried. */
  #sendFailure: { readonly error: unknown } | undefined

  constructor(core: SessionCore, session: Session, subject: CallInput, observer: CallObserver) {
    this.#core = core
    this.#input = subject
    this.#observer = observer
    this.#exchanges = new Exchanges(core, observer)
    this.#hooks = new CallHooks(core, session, observer, this)
    this.#nextNumber = subject.checkpoint?.nextNumber ?? 1
  }

  /**
   * Makes an attempt; after the first, from the hop on at which the last one failed.
   *
   * @returns the response, or why to call again
   * @throws what the request fails with
   */
  async attempt(): Promise<Response | NextAttempt> {
    this.attempts = this.#nextNumber
    try {
      this.#hop = this.#hop === undefined ? this.#open() : this.#openAgain(this.#hop)
      for (;;) {
        const { request } = this.#hop
        // In the usual case no further promise is made.
        const received = this.#isPlain
          ? this.#receive(request, await this.#start(request))
          : await this.#sendCopy(this.#hop)
        const response =
          this.#followsRedirects && received.isRedirect ? await this.#follow(received, this.#hop) : received
        if (response === undefined) {
          const { origin } = this.#hop.location
          if (this.#observer.stopsBefore?.(origin) !== true) continue
          // No failure: it goes on as the same attempt.
          return new RedirectAttempt(origin)
        }
        const outcome = this.#conclude(response)
        return outcome instanceof Promise ? await outcome : outcome
      }
    } catch (error) {
      return await this.#recover(error)
    }
  }

  /** Where it stands between two attempts: a Call with the same subject can go on from there. */
  get checkpoint(): Checkpoint {
    const { request, auth, cookies } = this.#hop as Hop
    const hop = { request, isHome: auth !== undefined || cookies !== undefined, history: this.#history }
    return { ...hop, redirects: this.#redirects, nextNumber: this.#nextNumber, counts: this.#retries?.counts }
  }

  /** The request as far as it is known. */
  get described(): FailedRequest {
    return this.#hop?.request ?? describeRequest(this.#input)
  }

  /** The running attempt rejects with exactly this error, and a body that is still coming in ends with it. */
  abort(error: unknown): void {
    this.#exchanges.abort(error)
    this.#hooks.abort(error)
    this.#end()
  }

  throwIfAborted(): void {
    this.#exchanges.throwIfAborted()
  }

  enterUserCode(): UserScope | undefined {
    return this.#observer.enterUserCode?.()
  }

  /** Sends what an auth function asks for, too: hooks see those requests, but not their responses. */
  async send(request: PreparedRequest): Promise<Response> {
    addCookies(request, this.#core, this.#hop)
    const sent = this.#hooks.has('request') ? await this.#hooks.runRequest(request) : request
    try {
      return this.#receive(sent, await this.#exchanges.start(this.#options, sent, undefined))
    } catch (error) {
      this.#sendFailure = { error }
      this.#exchanges.endSending()
      throw error
    }
  }

  async consume(response: Response): Promise<void> {
    this.#history = [...this.#history, response]
    await this.#exchanges.release(response)
  }

  #open(): Hop {
    const options = (this.#options = resolvedOptionsOf(this.#input, this.#core.defaults))
    this.#hooks.adopt(options)
    const hop = openRequest(this.#core, this.#input, options)
    this.#core.enter()
    this.#isCounted = true
    const { total } = options.timeout
    this.#followsRedirects = options.allowRedirects ?? hop.request.method !== 'HEAD'
    if (options.retry !== undefined) this.#retries = new Retries(options.retry, this.#input.checkpoint?.counts)
    this.#isPlain = hop.auth === undefined && !this.#hooks.has('request')
    const { checkpoint } = this.#input
    if (checkpoint !== undefined) {
      this.#redirects = checkpoint.redirects
      this.#history = checkpoint.history
    }
    const remaining = Math.max(0, total - (checkpoint?.elapsed ?? 0))
    if (total !== Infinity) this.#deadline = new Deadline(remaining, () => this.#expire(total))
    return hop
  }

  /** A copy, because the response and the error of the attempt before show what was sent then. */
  #openAgain(hop: Hop): Hop {
    return this.#isPlain ? { ...hop, request: hop.request.copy() } : hop
  }

  #start(request: PreparedRequest): Promise<ExchangeResponse> {
    addCookies(request, this.#core, this.#hop)
    return this.#exchanges.start(this.#options, request, this.#hop?.location)
  }

  /** The next hop and the next attempt begin without what auth functions and hooks do to this one. */
  #sendCopy(hop: Hop): Promise<Response> {
    const { request, auth } = hop
    const copy = request.copy()
    if (auth === undefined) return this.send(copy)
    addCookies(copy, this.#core, hop)
    return sendWithAuth(auth, copy, this)
  }

  #receive(request: PreparedRequest, incoming: ExchangeResponse): Response {
    const response = this.#exchanges.receive(request, incoming, this.#history)
    if (this.#followsRedirects && response.isRedirect) return response
    this.#exchanges.demandWhole()
    if (response.isRedirect) showNext(response, this.#hop?.request)
    return response
  }

  /** @returns `undefined`: on to the next hop; else a response that leads nowhere */
  async #follow(received: Response, hop: Hop): Promise<Response | undefined> {
    const { request } = received
    let response = received
    let next = redirectRequest(hop.request, request, received)
    if (next !== undefined) this.#checkLimit(received)
    if (next !== undefined && this.#hooks.has('redirect')) {
      response = await this.#hooks.runResponse('redirect', received)
      if (response !== received) next = redirectRequest(hop.request, request, response)
    }
    if (next === undefined) return response
    await this.consume(response)
    this.#redirects++
    this.#observer.redirected?.(response, next)
    this.#hop = nextHop(this.#core, this.#options, hop, next)
    return undefined
  }

  #checkLimit(response: Response): void {
    const { maxRedirects } = this.#options
    if (this.#redirects < maxRedirects) return
    const { request, url } = response
    const message = `Could not follow the redirect of ${request.method} ${url}: there were ${maxRedirects} already`
    throw new TooManyRedirectsError(message, { request, response })
  }

  #conclude(response: Response): Response | Promise<Response | NextAttempt> {
    const next = this.#retryAfter({ response }, response.request)
    if (next !== undefined) return this.#exchanges.release(response).then(() => this.#leave(next))
    this.#exchanges.demandBody()
    return this.#hooks.has('response') ? this.#show(response) : this.#finish(response)
  }

  #retryAfter(end: Parameters<Retries['after']>[0], request: PreparedRequest): RetryAttempt | undefined {
    const next = this.#retries?.after(end, request)
    if (next !== undefined) this.#nextNumber = this.attempts + 1
    return next
  }

  /** Keeps nothing of an attempt while the next one is waited for. */
  #leave(next: RetryAttempt): RetryAttempt {
    this.#sendFailure = undefined
    this.#exchanges.forget()
    return next
  }

  async #show(response: Response): Promise<Response> {
    const final = await this.#hooks.runResponse('response', response)
    this.#exchanges.throwIfAborted()
    if (final !== response) await response.close()
    return this.#finish(final)
  }

  #finish(response: Response): Response {
    if (this.#options.raiseForStatus) response.raiseForStatus()
    this.#end(response)
    return response
  }

  async #recover(error: unknown): Promise<Response | NextAttempt> {
    const request = this.described
    const isOfSending = this.#isOfSending(error)
    this.#exchanges.endSending()
    if (this.#hop === undefined) hushInputs(this.#input.request)
    try {
      this.#exchanges.throwIfAborted()
      attachRequest(error, request)
      const next = isOfSending && this.#hop ? this.#retryAfter({ error }, this.#hop.request) : undefined
      if (next !== undefined) return this.#leave(next)
      const response = this.#hooks.has('error') ? await this.#hooks.runError(error, request) : undefined
      this.#exchanges.throwIfAborted()
      if (response === undefined) throw error
      this.#end(response)
      return response
    } catch (final) {
      attachRequest(final, request)
      if (final instanceof HTTPError) await this.#exchanges.finish()
      // Nobody gets a body that is still coming in.
      this.#exchanges.stop(final)
      this.#end()
      throw final
    }
  }

  /** Whether the sending failed. What hooks and auth functions throw is not retried. */
  #isOfSending(error: unknown): boolean {
    if (error === this.#exchanges.failure) return true
    return this.#isPlain ? this.#exchanges.isSending : this.#sendFailure?.error === error
  }

  #expire(total: number): void {
    const error = totalTimeout(this.described, total)
    if (this.#exchanges.isSending) {
      // The attempt fails, and error hooks may recover.
      if (this.#hooks.has('error')) this.#observer.recovering?.()
      this.#exchanges.expire(error)
      this.#hooks.abort(error)
    } else {
      this.abort(error)
      this.#observer.abandoned?.(error)
    }
  }

  /** Nothing more is sent. The total timeout holds until the body has ended. */
  #end(response?: Response): void {
    if (this.#isCounted) this.#core.leave()
    this.#isCounted = false
    const incoming = response && response[incomingBody]
    if (incoming === undefined) this.#deadline?.clear()
    else void incoming.ended.then(() => this.#deadline?.clear())
    const outgoing = this.#hop?.request.body
    if (outgoing instanceof StreamBody) outgoing.release()
  }
}
