import type { RequestError } from '../../errors.ts'
import type {
  BodyStream,
  Exchange,
  ExchangeRequest,
  ExchangeResponse,
  HeadersListener,
  WireBody,
} from '../../transport/exchange.ts'
import { prepareBody } from '../body/body.ts'
import { StreamBody } from '../body/stream-body.ts'
import { storeCookies } from '../cookies/cookies.ts'
import { resolveProxy } from '../network/proxies.ts'
import { resolveTls } from '../network/tls.ts'
import type { ResolvedOptions } from '../options/option-table.ts'
import { flatHeaders, type PreparedRequest } from '../prepared-request.ts'
import { incomingBody, Response } from '../response/response.ts'
import type { UnreadBody, SessionCore } from '../session-core.ts'
import type { Location } from '../url.ts'
import { idempotentMethods } from './retry-policy.ts'

/** How many bytes of an unwanted body are read, so that its connection can be used again. */
const drainLimit = 64 * 1024

interface ExchangeObserver {
  /** Told of the wire bytes of each body, once it is in. */
  received?(bytes: number, response: Response): void
  /** Cookies of a response were stored, before its body is in. */
  cookiesStored?(): void
}

/** The sendings of one call, one after the other, and the way to stop them. */
export class Exchanges implements UnreadBody, HeadersListener {
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

  /** The running exchange fails with this error, and nothing more is sent; but an error hook may still answer. */
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

  start(options: ResolvedOptions, request: PreparedRequest, location: Location | undefined): Promise<ExchangeResponse> {
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
    await response[incomingBody]?.drain(drainLimit)
  }

  /** The body that came last, where it is small: an error shows it, and nobody else will read it. */
  async finish(): Promise<void> {
    if (this.#streamed !== undefined) await this.release(this.#streamed)
  }

  /** The attempt is over, and its response with it: what waits for the next one, which may take long, does not keep it. */
  forget(): void {
    this.#current = undefined
    this.#streamed = undefined
    this.#failure = undefined
  }

  dropUnread(error: unknown): void {
    const body = this.#streamed && this.#streamed[incomingBody]
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

/**
 * One sending of a request, as the transport wants it.
 *
 * @param headersListener told of the headers of the response
 * @param location its URL, parsed, if that is at hand
 * @throws {RequestError} a proxy, a certificate or a body that can't be used
 */
function toExchange(
  core: SessionCore,
  options: ResolvedOptions,
  request: PreparedRequest,
  headersListener: HeadersListener,
  location: Location = new URL(request.url),
): ExchangeRequest {
  const { method, url } = request
  const body = wireBody(request)
  const headers = wireHeaders(request[flatHeaders])
  const dispatcher = core.hasDispatchers ? core.dispatcherFor(url) : undefined
  const proxy = dispatcher === undefined ? proxyFor(core, options, location) : undefined
  const needsTls = dispatcher === undefined && (url.startsWith('https:') || proxy?.protocol === 'https:')
  const pathStart = url.indexOf('/', 8)
  const pathEnd = url.indexOf('#', pathStart)
  return {
    method,
    origin: url.slice(0, pathStart),
    path: pathEnd < 0 ? url.slice(pathStart) : url.slice(pathStart, pathEnd),
    // Somebody else's code may write to the array, and it may be the session's.
    headers: dispatcher === undefined ? headers : [...headers],
    body,
    proxy,
    tls: needsTls
      ? resolveTls(options.verify, options.cert, core.trustEnv ? core.environment.variables : undefined)
      : undefined,
    dispatcher,
    connectTimeout: options.timeout.connect,
    readTimeout: options.timeout.read,
    maxResponseSize: options.maxResponseSize,
    stream: options.stream,
    resend: idempotentMethods.includes(method) && !(body instanceof StreamBody && !body.isReplayable),
    onUploadProgress: options.onUploadProgress,
    onDownloadProgress: options.onDownloadProgress,
    headersListener,
  }
}

function proxyFor(core: SessionCore, options: ResolvedOptions, location: Location): ExchangeRequest['proxy'] {
  const { proxies, trustEnv, environment } = core
  const isGiven = proxies !== undefined || options.proxies !== undefined
  if (!isGiven && !(trustEnv && environment.namesProxy)) return undefined
  const sources = { request: options.proxies, session: proxies, trustEnv, environment: environment.variables }
  return resolveProxy(location, sources)
}

/** Drops what is not the caller's to say: the body tells how it is framed, and the connection how it is kept. */
function wireHeaders(flat: readonly string[]): string[] {
  for (let index = 0; index < flat.length; index += 2) {
    if (isFraming(flat[index] as string)) return flat.filter((_, each) => !isFraming(flat[each - (each % 2)] as string))
  }
  return flat as string[]
}

function isFraming(name: string): boolean {
  const { length } = name
  if (length !== 10 && length !== 14 && length !== 17) return false
  return /^(?:keep-alive|content-length|transfer-encoding)$/i.test(name)
}

/** What a hook has put there may be anything that `data` may be. */
function wireBody(request: PreparedRequest): WireBody | undefined {
  const { body } = request
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array || body instanceof StreamBody)
    return body
  request.body = prepareBody({ data: body })?.body
  return request.body
}
