import { STATUS_CODES } from 'node:http'
import type { Readable } from 'node:stream'
import { inspect } from 'node:util'
import type { InspectOptions } from 'node:util'
import type { CookieJar } from 'tough-cookie'
import { checkCount, printable } from '../../checks.ts'
import { HTTPError, JSONDecodeError } from '../../errors.ts'
import type { BodyStream } from '../../transport/exchange.ts'
import { linesOf, resized, ResponseBody, sliced, toReadable } from './response-body.ts'
import { decodeJsonText, decodeText, encodingFrom } from './charset.ts'
import { responseCookies } from '../cookies/cookies.ts'
import { HeaderMap } from '../headers.ts'
import type { ResponseFields } from '../headers.ts'
import { parseLinks } from './links.ts'
import type { Link } from './links.ts'
import { PreparedRequest } from '../prepared-request.ts'
import { withoutCredentials } from '../url.ts'

/** What a response is made of. */
export interface ResponseInit<D = unknown> {
  /** The code. @default 200 */
  status?: number | undefined
  /** The reason. @default the usual one of the status */
  statusText?: string | undefined
  /** A header that is repeated has a list. @default none */
  headers?: ResponseFields | undefined
  /** The body, decoded. @default empty */
  content?: string | Uint8Array | ArrayBuffer | undefined
  /** A body that is yet to be read, in place of `content`. */
  stream?: BodyStream | undefined
  /** What it answers. @default a GET of `url` */
  request?: PreparedRequest | undefined
  /** Where it comes from. @default that of the request */
  url?: string | undefined
  /** Responses that led here, the oldest first. @default none */
  history?: readonly Response[] | undefined
  /** Where it is a redirect that is not followed. */
  next?: PreparedRequest | undefined
  /** Milliseconds from the request to the headers. @default 0 */
  elapsed?: number | undefined
  /** Of whoever makes it. */
  data?: D | undefined
  /** What was spoken. @default unknown */
  httpVersion?: '1.1' | '2' | undefined
}

const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308]
const noHistory: readonly never[] = Object.freeze([])
const noContent = new Uint8Array(0)

// What only our own code asks a response.
export const incomingBody = Symbol('incomingBody')
export const receivedParts = Symbol('receivedParts')

/**
 * A response, its body read: every reader is synchronous (and may be awaited). With `stream: true` they throw
 * `BodyNotReadError` until `read()` has resolved. Made by sessions, and by hooks that want to answer themselves:
 * `new Response({ status: 200, content: 'from the cache', request: context.request })`.
 */
export class Response<D = unknown> {
  /** Such as 200. */
  readonly status: number
  /** As it came, such as `OK`; it may be empty. */
  readonly statusText: string
  /** Of the last hop, fragment included; never holds credentials. */
  readonly url: string
  /** What was sent on the last hop. */
  readonly request: PreparedRequest
  /** The responses that led here, oldest first: redirects, and a 401 that was answered. Each has its own. */
  readonly history: readonly Response[]
  /** The request that the redirect asks for, where `allowRedirects: false` left it unsent. */
  readonly next: PreparedRequest | undefined
  /** Milliseconds from sending the last hop to its headers. */
  readonly elapsed: number
  /** What the last hop spoke; `undefined`: a dispatcher of yours knows, or nothing was sent. */
  readonly httpVersion: '1.1' | '2' | undefined
  /** Yours: hooks leave results here. */
  data: D
  readonly #fields: ResponseFields
  readonly #body: ResponseBody | undefined
  readonly #content: Uint8Array
  #headers: HeaderMap | undefined
  #cookies: CookieJar | undefined
  #encoding: string | undefined
  #readable: Readable | undefined

  constructor(init: ResponseInit<D> = {}) {
    const { status = 200, content = noContent, stream, request } = init
    this.status = status
    this.statusText = init.statusText ?? STATUS_CODES[status] ?? ''
    this.request = request ?? new PreparedRequest({ url: init.url ?? 'http://localhost/' })
    this.url = init.url === undefined ? this.request.url : withoutCredentials(init.url)
    this.history = init.history ?? noHistory
    this.next = init.next
    this.elapsed = init.elapsed ?? 0
    this.httpVersion = init.httpVersion
    this.data = init.data as D
    this.#fields = init.headers ?? {}
    this.#body = stream && new ResponseBody(stream, this.request)
    this.#content = content instanceof Uint8Array ? content : Buffer.from(content as string)
  }

  /** 200 to 299, as on the web; `requests` counts everything below 400. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  /** Whether a redirect was followed. */
  get redirected(): boolean {
    return this.history.some((response) => response.isRedirect)
  }

  /** Read-only. */
  get headers(): HeaderMap {
    return (this.#headers ??= HeaderMap.readOnly(this.#fields))
  }

  /** A jar with the cookies that this response has set. */
  get cookies(): CookieJar {
    return (this.#cookies ??= responseCookies(this.url, this.headers.getSetCookie()))
  }

  /** The `Link` header by relation. */
  get links(): Record<string, Link> {
    return parseLinks(this.headers.get('link'))
  }

  /** One of the statuses that are followed, with a Location. */
  get isRedirect(): boolean {
    return redirectStatuses.includes(this.status) && this.headers.has('location')
  }

  /** 301 or 308, with a Location. */
  get isPermanentRedirect(): boolean {
    return (this.status === 301 || this.status === 308) && this.isRedirect
  }

  /** How `text()` decodes: what was set here, the declared charset, else utf-8. Set to `undefined`, it is found out again. */
  get encoding(): string | undefined {
    return this.#encoding ?? this.#charset ?? 'utf-8'
  }

  set encoding(label: string | undefined) {
    this.#encoding = label
  }

  /** @throws {BodyNotReadError} a streamed body that was not read; so do all synchronous readers */
  get content(): Uint8Array {
    return this.#body === undefined ? this.#content : this.#body.demandContent()
  }

  /** The same as `content`. */
  bytes(): Uint8Array {
    return this.content
  }

  /** Without a byte order mark, which decides if no charset is known. What can't be decoded becomes U+FFFD. */
  text(): string {
    return decodeText(this.content, this.#encoding ?? this.#charset)
  }

  /** @throws {JSONDecodeError} the body is no JSON */
  json<T = unknown>(): T {
    const { content } = this
    try {
      return JSON.parse(decodeJsonText(content, this.#encoding ?? this.#charset)) as T
    } catch (cause) {
      const { request, status, url } = this
      const message = `Could not read the body of ${request.method} ${url} (status ${status}) as JSON`
      throw new JSONDecodeError(message, { cause, request, response: this })
    }
  }

  /** A copy. */
  arrayBuffer(): ArrayBuffer {
    return new Uint8Array(this.content).buffer
  }

  /** The body, with its content type. */
  blob(): Blob {
    return new Blob([this.content], { type: this.headers.get('content-type') ?? '' })
  }

  /** @throws {HTTPError} a status of 4xx or 5xx, named as in requests */
  raiseForStatus(): this {
    const { status, statusText, url, request } = this
    if (status < 400 || status > 599) return this
    const side = status < 500 ? 'Client' : 'Server'
    const message = `${status} ${side} Error: ${printable(statusText)} for url: ${url}`
    throw new HTTPError(message, { request, response: this })
  }

  /** The body as a Node stream, the same each time it is asked for. Destroying it closes the body. */
  get body(): Readable {
    return (this.#readable ??= toReadable(this.iterContent(), () => this.close()))
  }

  /**
   * The body in pieces of `size` bytes; without it, of a stream as they come, and of a buffered response at once.
   *
   * @throws {StreamConsumedError} a streamed body that is being read, or was read by iterating
   * @throws {TypeError | RangeError} a size that is no positive integer
   */
  iterContent(size?: number): AsyncIterableIterator<Uint8Array> {
    if (size !== undefined) checkCount('size', size)
    const chunks = this.#chunks(size)
    return size === undefined ? chunks : resized(chunks, size)
  }

  /** The lines of the text, without their ends. Throws as `iterContent` does. */
  iterLines(): AsyncIterableIterator<string> {
    return linesOf(this.#chunks(), this.#encoding ?? this.#charset)
  }

  /**
   * Reads a streamed body to its end, so that the synchronous readers work. Rejects with what reading fails with.
   *
   * @throws {StreamConsumedError} it was read by iterating, or closed
   */
  async read(): Promise<this> {
    await this.#body?.read()
    return this
  }

  /** Ends a streamed body, read or not; resolves when its connection is free again or gone. */
  async close(): Promise<void> {
    this.#body?.destroy()
    await this.#body?.ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { status, statusText, httpVersion, url, headers, history, data } = this
    const body = this.#body && this.#body.content === undefined ? 'not read' : `${this.content.byteLength} bytes`
    const shown = { status, statusText, httpVersion, url, headers, body, history: history.length, data }
    return `Response ${inspect(shown, options)}`
  }

  /** Read without making a HeaderMap where the names are in lower case already. */
  get #charset(): string | undefined {
    const { 'content-type': type } = this.#fields as Readonly<Record<string, unknown>>
    return encodingFrom(typeof type === 'string' ? type : this.headers.get('content-type'))
  }

  #chunks(size?: number): AsyncIterableIterator<Uint8Array> {
    const body = this.#body
    if (body === undefined || body.content !== undefined) return sliced(this.content, size ?? this.content.byteLength)
    body.demandUntaken()
    return body.chunks()
  }

  /** @internal A body that is still coming in; `undefined` if it is over, or was never streamed. */
  get [incomingBody](): ResponseBody | undefined {
    return this.#body?.isOver === false ? this.#body : undefined
  }

  /**
   * @internal What can't be read elsewhere: the headers as they came, the encoding only if it was set, and whether the content
   * is here: a streamed body that is over may have been read by nobody.
   */
  get [receivedParts](): { fields: ResponseFields; encoding: string | undefined; isHere: boolean } {
    const isHere = this.#body === undefined || this.#body.content !== undefined
    return { fields: this.#fields, encoding: this.#encoding, isHere }
  }
}
