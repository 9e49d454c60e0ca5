import { inspect } from 'node:util'
import type { InspectOptions } from 'node:util'
import { setOwnName } from '../checks.ts'
import type { PreparedBody } from './body/body.ts'
import { HeaderMap } from './headers.ts'
import type { HeadersOption, RequestOptions } from './options/options.ts'
import { parseUrl, PlainLocation, takeCredentials, textOfUrl } from './url.ts'

/** What a request is made of. */
export interface PreparedRequestInit {
  /** As it goes out. @default 'GET' */
  method?: string | undefined
  /** Of http or https. User and password in it are dropped: set an Authorization header. */
  url: string | URL
  /** A HeaderMap is copied. */
  headers?: HeaderMap | HeadersOption | undefined
  /** Text is sent as UTF-8. @default none */
  body?: PreparedBody | undefined
}

/** What belongs to a request and is not on the wire. */
export interface RequestNotes {
  /** The Cookie header that was made from a jar, not written by hand. */
  readonly cookie?: string | undefined
  /** What it was prepared with: `send()` goes by it where it is told nothing else. */
  readonly options?: CarriedOptions | undefined
}

export type CarriedOptions = Omit<RequestOptions, 'params' | 'data' | 'json' | 'files' | 'headers'>

// What only our own code asks a request.
export const flatHeaders = Symbol('flatHeaders')
export const requestNotes = Symbol('requestNotes')
export const addNotes = Symbol('addNotes')

const noNotes: RequestNotes = Object.freeze({})
/** A copy is given its URL later. */
const nowhere = new URL('http://localhost/')

/**
 * A request as it goes out: plain and mutable. Hooks and auth functions may change everything in it, and what they leave
 * is what is sent.
 */
export class PreparedRequest {
  /** In capitals, unless someone wrote it otherwise here. */
  method: string
  #body: PreparedBody | undefined
  #url: string
  #headers: HeaderMap | undefined
  /** Counts until somebody asks for `headers`. */
  #flat: readonly string[] = []
  #notes: RequestNotes = noNotes

  /** @throws {RequestError} a URL or a header that can't be used */
  constructor({ method = 'GET', url, headers, body }: PreparedRequestInit) {
    this.method = method
    this.#body = body
    this.#url = hrefOf(url)
    if (headers instanceof HeaderMap) this.#flat = headers.toFlat()
    else if (headers !== undefined) this.#headers = new HeaderMap(headers)
  }

  /** Never holds credentials: those in a URL that is assigned are dropped. */
  get url(): string {
    return this.#url
  }

  /** @throws {RequestError} a URL that can't be used */
  set url(url: string | URL) {
    this.#url = hrefOf(url)
  }

  /** Text is sent as UTF-8. A stream of yours can be sent once. No own property: a form with a password is no JSON of ours. */
  get body(): PreparedBody | undefined {
    return this.#body
  }

  set body(body: PreparedBody | undefined) {
    this.#body = body
  }

  /** What is sent; it may be changed, and replaced. */
  get headers(): HeaderMap {
    return (this.#headers ??= HeaderMap.fromFlat(this.#flat))
  }

  set headers(headers: HeaderMap | HeadersOption) {
    this.#headers = headers instanceof HeaderMap ? headers : new HeaderMap(headers)
  }

  /** Independent; only a body that is a stream is the same stream. */
  copy(): PreparedRequest {
    const copy = new PreparedRequest({ method: this.method, url: nowhere, body: this.body })
    copy.#url = this.#url
    copy.#flat = this[flatHeaders]
    copy.#notes = this.#notes
    return copy
  }

  /** @internal Name, value, name, value ... in wire order; not to be written to. */
  get [flatHeaders](): readonly string[] {
    return this.#headers?.toFlat() ?? this.#flat
  }

  /** @internal */
  get [requestNotes](): RequestNotes {
    return this.#notes
  }

  /** @internal */
  [addNotes](notes: RequestNotes): void {
    this.#notes = { ...this.#notes, ...notes }
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { method, url, headers, body } = this
    const size = typeof body === 'string' ? Buffer.byteLength(body) : body?.length
    return `PreparedRequest ${inspect({ method, url, headers, body: body && `${size ?? 'unknown'} bytes` }, options)}`
  }

  static {
    setOwnName(this, 'PreparedRequest')
  }
}

function hrefOf(url: unknown): string {
  if (url instanceof PlainLocation) return url.href
  if (url instanceof URL && url.username === '' && url.password === '') {
    if (url.protocol === 'http:' || url.protocol === 'https:') return url.href
  }
  const text = textOfUrl(url)
  const parsed = parseUrl(text)
  takeCredentials(parsed, text)
  return parsed.href
}
