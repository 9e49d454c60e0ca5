import { leastBytes } from '../../cloneable.ts'
import type { FailedRequest } from '../../errors.ts'
import type { PreparedBody } from '../../session/body/body.ts'
import { flatHeaders, PreparedRequest, requestNotes, type RequestNotes } from '../../session/prepared-request.ts'
import { receivedParts, type Response } from '../../session/response/response.ts'
import { hasJarCookie } from '../../session/cookies/request-cookies.ts'
import { StreamBody } from '../../session/body/stream-body.ts'
import type { PackedRequest, PackedResponse, Envelope, ResponseRef } from './protocol.ts'

/** Bodies below so many bytes are sent as text: copying them costs less than one more ArrayBuffer. */
const mostText = 4096

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] }

/** What both sides know, so that it is not sent. */
export interface PackingContext {
  /** The headers of the session when the request was submitted. */
  readonly headers: readonly string[]
  /** The body that was given, in the thread. */
  readonly given: unknown
}

/**
 * Makes responses and requests cloneable, and sends each response once. Bodies in an envelope may be moved: they are copies,
 * except that of the spent response.
 */
export class ResponsePacker {
  readonly #context: PackingContext
  readonly #numbers = new Map<Response, number>()
  #count: number
  #spent: Response | undefined
  #bodies: (Uint8Array | string)[] = []
  #data: unknown[] = []

  /** @param known responses that the other side has, by their numbers */
  constructor(context: PackingContext, known: Iterable<readonly [Response, number]> = [], count = 0) {
    this.#context = context
    this.#count = count
    for (const [response, number] of known) this.#numbers.set(response, number)
  }

  /** How many responses the other side has. */
  get count(): number {
    return this.#count
  }

  numberOf(response: Response): number | undefined {
    return this.#numbers.get(response)
  }

  /** Names the response whose body nobody needs here any more. All others may belong to a module that returns them again. */
  spend(response: Response | undefined): void {
    this.#spent = response
  }

  /** @returns the content, with the bodies and the data that were packed since the last call */
  seal(content: object): Envelope {
    const bodies = this.#bodies
    const data = this.#data
    const envelope: Writable<Envelope> = { text: JSON.stringify(content) }
    for (let number = 0; number < bodies.length; number++) envelope[number] = bodies[number] as Uint8Array | string
    if (data.length > 0) envelope.data = data
    this.#bodies = []
    this.#data = []
    return envelope
  }

  /** Packs a response, without a body that was not read. */
  pack(response: Response): ResponseRef {
    const known = this.#numbers.get(response)
    if (known !== undefined) return known
    const { status, statusText, url, elapsed, history, next, data, httpVersion } = response
    const content = bodyBytesOf(response)
    const { fields, encoding } = response[receivedParts]
    const request = this.packRequest(response.request)
    const packed: Writable<PackedResponse> = {
      status,
      statusText,
      // `fields` may be an iterator, which can be read only once.
      headers: Symbol.iterator in fields ? [...response.headers] : fields,
      elapsed,
      request,
    }
    if (url !== request.url) packed.url = url
    if (content.byteLength > 0) packed.body = this.#addBody(content, response === this.#spent)
    if (history.length > 0) packed.history = history.map((each) => this.pack(each))
    if (next !== undefined) packed.next = this.packRequest(next)
    if (data !== undefined) packed.data = this.#data.push(data) - 1
    if (encoding !== undefined) packed.encoding = encoding
    if (httpVersion !== undefined) packed.httpVersion = httpVersion
    this.#numbers.set(response, this.#count++)
    return packed
  }

  packRequest(request: FailedRequest): PackedRequest {
    const { method, url } = request
    if (!(request instanceof PreparedRequest)) return { method, url, isOutline: true }
    const headers = request[flatHeaders]
    return {
      method,
      url,
      ...(headers === this.#context.headers ? undefined : { headers }),
      ...marksOf(request[requestNotes]),
      ...(hasJarCookie(request) ? { hasJarCookie: true } : undefined),
      ...(request.body === undefined ? undefined : this.#packBody(request.body)),
    }
  }

  #packBody(body: PreparedBody): Pick<PackedRequest, 'body' | 'hasGivenBody'> {
    if (this.#isGiven(body)) return { hasGivenBody: true }
    return { body: typeof body === 'string' ? body : this.#addBody(body as Uint8Array, false) }
  }

  /** A streamed body can only be the given one, unless a hook has set it. */
  #isGiven(body: PreparedBody): boolean {
    return body === this.#context.given || body instanceof StreamBody
  }

  /** @returns its number */
  #addBody(bytes: Uint8Array, isSpent: boolean): number {
    if (bytes.byteLength < mostText) return this.#bodies.push(latin1Of(bytes)) - 1
    // Copied out of a larger ArrayBuffer, which would be sent as a whole.
    const isAlone = bytes.byteLength === bytes.buffer.byteLength
    const mayGo = isSpent || bytes.byteLength < leastBytes
    return this.#bodies.push(isAlone && mayGo ? bytes : Uint8Array.prototype.slice.call(bytes)) - 1
  }
}

function marksOf({ options }: RequestNotes): Pick<PackedRequest, 'hasNoAuth' | 'hasOptions'> | undefined {
  if (options === undefined) return undefined
  return options.auth === null && options.cookies === undefined ? { hasNoAuth: true } : { hasOptions: true }
}

function latin1Of({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}

function bodyBytesOf(response: Response): Uint8Array {
  try {
    return response.content
  } catch {
    return new Uint8Array(0)
  }
}
