import type { RequestError } from '../../errors.ts'
import type { BodyStream, Exchange, ExchangeResponse, HeadersListener } from '../../transport/exchange.ts'
import { storeCookies } from '../cookies/cookies.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { Response, openBody } from '../response/response.ts'
import type { OpenBody, SessionCore } from '../session-core.ts'
import { toExchange } from './wire.ts'

/** Bytes of a body nobody wants that are still read, so that its connection can be used again. */
const drainLimit = 64 * 1024

interface ExchangeObserver {
  /** Told of the wire bytes of each body, once it is in. */
  received?(bytes: number, response: Response): void
  /** Cookies of a response were stored, before its body is in. */
  cookiesStored?(): void
}

/** The sendings of one call, one after the other, and the way to stop them. */
export class Exchanges implements OpenBody, HeadersListener {
  readonly #core: SessionCore
  readonly #observer: ExchangeObserver
  #current: Exchange | undefined
  /** Of the request that was sent last. */
  #url = ''
  /** The last response that streams. */
  #streamed: Response | undefined
  #aborted: { readonly error: unknown } | undefined
  #expired: { readonly error: unknown } | undefined
  #isSending = false
  #failure: RequestError | undefined
  #isWhole = true

  constructor(core: SessionCore, observer: ExchangeObserver) {
    this.#core = core
    this.#observer = observer
  }

  /** What is wrong with the body that came last. */
  get failure(): RequestError | undefined {
    return this.#failure
  }

  /** A request is on its way: its response has not begun, and it has not failed. */
  get isSending(): boolean {
    return this.#isSending
  }

  /** @throws what the call was aborted with */
  throwIfAborted(): void {
    if (this.#aborted !== undefined) throw this.#aborted.error
  }

  /** The running exchange fails with exactly this error, so does an open body, and so does everything after it. */
  abort(error: unknown): void {
    this.#aborted ??= { error }
    this.stop(error)
  }

  /** The running exchange fails with this error, and nothing more is sent; but there may still be a response from elsewhere. */
  expire(error: unknown): void {
    this.#expired = { error }
    this.stop(error)
  }

  /** Ends what is going on now. */
  stop(error: unknown): void {
    this.#current?.abort(error)
  }

  /** What was sent last has failed, and that was noticed: a wait, a hook or an auth function comes next. */
  endSending(): void {
    this.#isSending = false
  }

  start(options: ResolvedOptions, request: PreparedRequest, location: URL | undefined): Promise<ExchangeResponse> {
    this.throwIfAborted()
    if (this.#expired !== undefined) throw this.#expired.error
    this.#url = request.url
    this.#current = this.#core.connections.exchange(toExchange(this.#core, options, request, this, location))
    this.#isSending = true
    return this.#current.response
  }

  /** Cookies are stored at once, as in requests: they hold also where the body fails, or nobody waits for it any more. */
  handleHeaders({ 'set-cookie': setCookie }: ExchangeResponse['headers']): void {
    const jar = setCookie === undefined ? undefined : this.#core.demandJar()
    if (jar === undefined) return
    storeCookies(jar, this.#url, setCookie)
    this.#observer.cookiesStored?.()
  }

  /** @param history the responses that led to this one */
  receive(request: PreparedRequest, incoming: ExchangeResponse, history: readonly Response[]): Response {
    this.#isSending = false
    this.throwIfAborted()
    const { url } = request
    const { httpVersion, status, statusText, headers, content, stream, elapsed } = incoming
    this.#failure = incoming.failure
    this.#isWhole = incoming.isWhole
    const response = new Response({
      status,
      statusText,
      headers,
      content,
      stream,
      url,
      request,
      history,
      elapsed,
      httpVersion,
    })
    if (stream !== undefined) this.#watch(stream, response)
    else this.#observer.received?.(incoming.bytes, response)
    return response
  }

  /** @throws {RequestError} the body that came last could not be decoded, which matters only if somebody wants it */
  demandBody(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** @throws {RequestError} the body that came last broke off: there is no response, unless it is one that nobody reads */
  demandWhole(): void {
    if (!this.#isWhole) throw this.#failure as RequestError
  }

  /** A response that the caller does not get: its connection is wanted back. */
  async release(response: Response): Promise<void> {
    await openBody(response)?.drain(drainLimit)
  }

  /** The body that came last, where it is small: an error shows it, and nobody else will read it. */
  async finish(): Promise<void> {
    if (this.#streamed !== undefined) await this.release(this.#streamed)
  }

  dropUnread(error: unknown): void {
    const body = this.#streamed && openBody(this.#streamed)
    if (body?.isBeingRead === false) body.destroy(error)
  }

  #watch(stream: BodyStream, response: Response): void {
    this.#streamed = response
    this.#core.openBodies.add(this)
    void stream.ended.then(() => {
      if (this.#streamed === response) this.#core.openBodies.delete(this)
      this.#observer.received?.(stream.bytes, response)
    })
  }
}
