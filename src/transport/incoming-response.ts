import { STATUS_CODES } from 'node:http'
import { setImmediate } from 'node:timers'
import { type RequestError, ResponseTooLargeError } from '../errors.ts'
import type { HttpBodyStream } from './body-stream.ts'
import { decodeBody, parseCodings } from './decoding/content-encoding.ts'
import type { Exchange, ExchangeRequest, ExchangeResponse, HttpVersion } from './exchange.ts'
import { ProgressMeter } from './upload.ts'

export type ResponseHeaders = Record<string, string | string[]>

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] }

const noBytes = Buffer.alloc(0)

/** A response from its headers to its end: counts and collects the body, or passes it on to a stream. */
export class IncomingResponse {
  /** Whether it has no body, whatever its headers say. */
  readonly isBodiless: boolean
  readonly #response: Mutable<ExchangeResponse>
  readonly #stream: HttpBodyStream | undefined
  readonly #origin: string
  readonly #limit: number
  #body: BufferedBody | undefined = undefined
  #meter: ProgressMeter | undefined = undefined

  constructor(
    request: ExchangeRequest,
    httpVersion: HttpVersion | undefined,
    status: number,
    statusText: string | undefined,
    headers: ResponseHeaders,
    elapsed: number,
    stream: HttpBodyStream | undefined,
  ) {
    this.isBodiless = request.method === 'HEAD' || status === 204 || status === 304
    this.#origin = request.origin
    this.#limit = request.maxResponseSize
    this.#stream = stream
    this.#response = {
      httpVersion,
      status,
      statusText: statusText ?? STATUS_CODES[status] ?? '',
      headers,
      elapsed,
      content: noBytes,
      failure: undefined,
      isWhole: true,
      stream,
      bytes: 0,
    }
  }

  /** The response with what the headers tell. */
  get response(): ExchangeResponse {
    return this.#response
  }

  /**
   * Checks the announced length, and tells the progress listener of the start.
   *
   * @param exchange fails with what a listener rejects with
   * @throws {ResponseTooLargeError} the announced length exceeds the limit
   * @throws what the listener throws
   */
  begin({ onDownloadProgress }: ExchangeRequest, exchange: Pick<Exchange, 'abort'>): void {
    if (this.#limit === Infinity && onDownloadProgress === undefined) return
    const announced = this.#response.headers['content-length']
    const length = announced === undefined || this.isBodiless ? undefined : Number(announced)
    if (length !== undefined && length > this.#limit) throw this.#tooLarge()
    if (onDownloadProgress === undefined) return
    this.#meter = new ProgressMeter(onDownloadProgress, length, (error) => exchange.abort(error))
  }

  /** @throws {ResponseTooLargeError} the body exceeds the limit; also throws what the listener throws */
  push(chunk: Buffer): void {
    const sink = this.#stream ?? (this.#body ??= new BufferedBody())
    sink.push(chunk)
    if (sink.bytes > this.#limit) throw this.#tooLarge()
    this.#meter?.add(chunk.length)
  }

  /** @throws what the listener throws */
  end(): ExchangeResponse | Promise<ExchangeResponse> {
    this.#meter?.end()
    this.#stream?.end()
    if (this.#meter?.isAsync !== true) return this.#conclude()
    // Wait a turn for an `async` listener, which may reject for the last chunk.
    return new Promise((resolve) => setImmediate(resolve)).then(() => this.#conclude())
  }

  #conclude(): ExchangeResponse | Promise<ExchangeResponse> {
    const response = this.#response
    const body = this.#body
    if (body === undefined) return response
    response.bytes = body.bytes
    response.content = body.whole()
    if (response.headers['content-encoding'] === undefined) return response
    return this.#decode(response.headers['content-encoding'])
  }

  /** Text for a message: how much of the Content-Length is missing; empty if nothing is. */
  get shortfall(): string {
    const length = Number(this.#response.headers['content-length'])
    const missing = length - ((this.#stream ?? this.#body)?.bytes ?? 0)
    return !this.isBodiless && missing > 0 ? `, ${missing} of ${length} bytes are missing` : ''
  }

  /** Ends a buffered response whose body stays incomplete. */
  breakOff(failure: RequestError): ExchangeResponse {
    const response = this.#response
    response.failure = failure
    response.isWhole = false
    response.bytes = this.#body?.bytes ?? 0
    return response
  }

  #decode(encoding: string | string[]): ExchangeResponse | Promise<ExchangeResponse> {
    const response = this.#response
    const fail = (error: unknown): ExchangeResponse => {
      response.content = noBytes
      response.failure = error as RequestError
      return response
    }
    try {
      const of = { origin: this.#origin, limit: this.#limit }
      const content = decodeBody(response.content as Buffer, parseCodings(encoding, of.origin), of)
      if (!(content instanceof Promise)) {
        response.content = compact(content)
        return response
      }
      return content.then((decoded) => {
        response.content = compact(decoded)
        return response
      }, fail)
    } catch (error) {
      return fail(error)
    }
  }

  #tooLarge(): ResponseTooLargeError {
    const limit = this.#limit
    const message = `Could not read the response of ${this.#origin}: it is larger than ${limit} bytes`
    return new ResponseTooLargeError(message, { limit })
  }
}

/** Unused bytes of a backing buffer that are not worth a copy. */
const tolerableWaste = 1024

/** Collects the chunks of a body. */
class BufferedBody {
  /** How many bytes have arrived so far. */
  bytes = 0
  #first: Buffer | undefined = undefined
  #rest: Buffer[] | undefined = undefined

  push(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.#first === undefined) this.#first = chunk
    else if (this.#rest === undefined) this.#rest = [chunk]
    else this.#rest.push(chunk)
  }

  /** The whole body; a single chunk is not copied unless it wastes memory. */
  whole(): Buffer {
    const first = this.#first
    if (first === undefined) return Buffer.alloc(0)
    if (this.#rest === undefined) return compact(first)
    return unpooled([first, ...this.#rest], this.bytes)
  }
}

/**
 * Copies a small chunk out of a large buffer: it is a view on what one read of the socket (or run of zlib) gave, and would
 * keep all of that alive.
 */
function compact(bytes: Buffer): Buffer {
  const waste = bytes.buffer.byteLength - bytes.length
  return waste <= tolerableWaste || waste <= bytes.length ? bytes : unpooled([bytes], bytes.length)
}

/** Concatenates into memory of its own: `Buffer.concat` uses a pool, and `.buffer` would show the other data in it. */
function unpooled(chunks: readonly Buffer[], size: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(size)
  let end = 0
  for (const chunk of chunks) {
    whole.set(chunk, end)
    end += chunk.length
  }
  return whole
}
