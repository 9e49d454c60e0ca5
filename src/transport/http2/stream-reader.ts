import type { ClientHttp2Stream } from 'node:http2'
import type { Controller, ExchangeHandler } from '../exchange-handler.ts'
import type { Upload } from '../upload.ts'
import { parseHead } from './http2-headers.ts'

/** Told how a stream ends without its response being whole. */
export interface StreamListener extends Controller {
  /** What has come can't be used. */
  fail(error: Error): void
  /** Nothing more will come. */
  handleClose(): void
}

/** Of `poolOptions`, in bytes. */
interface ResponseLimits {
  readonly maxHeaderSize: number
  readonly maxResponseSize: number
}

/**
 * What comes in on a stream, for its exchange. It is passed on at once, whoever reads it: Node would drop what nobody has read
 * when the connection dies, and can't be asked whether a stream has come to its end.
 */
export class StreamReader {
  /** What the stream has failed with, if Node says so. */
  failure: Error | undefined = undefined
  /** The peer has sent all. */
  isEnded = false
  readonly #stream: ClientHttp2Stream
  readonly #listener: StreamListener
  readonly #exchange: ExchangeHandler
  readonly #limits: ResponseLimits
  #hasHead = false
  /** As the header says it; NaN for nothing. */
  #length = NaN
  #received = 0
  /** What came before the header was told, which takes a turn. */
  #early: Buffer[] | undefined = undefined
  #isPaused = false
  #isOver = false

  constructor(stream: ClientHttp2Stream, listener: StreamListener, exchange: ExchangeHandler, limits: ResponseLimits) {
    this.#stream = stream
    this.#listener = listener
    this.#exchange = exchange
    this.#limits = limits
    const onHead = (_headers: unknown, _flags: number, raw: unknown): void => this.#handleHead(raw as string[])
    // The informational ones are `headers`.
    stream.on('response', onHead).on('headers', onHead)
    stream.on('error', (error: Error) => (this.failure ??= error)).on('close', () => listener.handleClose())
    const push = stream.push.bind(stream)
    stream.push = (chunk: Buffer | null) => {
      if (chunk !== null) return this.#handleData(chunk)
      if (!stream.destroyed) this.#handleEnd()
      return push(null)
    }
    stream._read(0)
  }

  pause(): void {
    this.#isPaused = true
  }

  /** Lets the peer send on. */
  resume(): void {
    this.#isPaused = false
    this.#stream._read(0)
  }

  /** The exchange is over: what comes now is dropped. */
  stop(): void {
    this.#isOver = true
    this.#early = undefined
  }

  #handleHead(raw: readonly string[]): void {
    if (this.#isOver || this.#hasHead) return
    const { status, headers, size } = parseHead(raw)
    if (size > this.#limits.maxHeaderSize) return this.#listener.fail(undiciFailure('HEADERS_OVERFLOW'))
    const exchange = this.#exchange
    exchange.handleBytes()
    this.#hasHead = status >= 200
    exchange.onResponseStart(this.#listener, status, headers)
    if (!this.#hasHead) return
    if (exchange.request.method === 'HEAD' || status === 204 || status === 304) return this.#complete()
    this.#length = Number(headers['content-length'] ?? NaN)
    const early = this.#early
    this.#early = undefined
    for (const chunk of early ?? []) this.#handleData(chunk)
    if (this.isEnded) this.#complete()
  }

  /** @returns whether the peer may send on */
  #handleData(chunk: Buffer): boolean {
    if (this.#isOver) return true
    if (!this.#hasHead) {
      this.#early ??= []
      this.#early.push(chunk)
      return true
    }
    this.#received += chunk.length
    if (this.#received > this.#limits.maxResponseSize) this.#listener.fail(undiciFailure('RES_EXCEEDED_MAX_SIZE'))
    this.#exchange.onResponseData(this.#listener, chunk)
    return !this.#isPaused
  }

  #handleEnd(): void {
    if (this.isEnded) return
    this.isEnded = true
    if (this.#hasHead) this.#complete()
    // The header would have been told by then.
    else process.nextTick(() => !this.#hasHead && this.#listener.handleClose())
  }

  #complete(): void {
    if (this.#isOver) return
    const isWrong = this.#received < this.#length || this.#received > this.#length
    if (isWrong) this.#listener.fail(undiciFailure('RES_CONTENT_LENGTH_MISMATCH'))
    else this.#exchange.onResponseEnd()
  }
}

/** The state of a stream whose header was not written yet. */
export const idle = 1
/** Codes of RST_STREAM. */
export const [noError, refusedStream, cancel] = [0, 7, 8]

/**
 * Writes a body that is produced while it is sent: the next chunk is asked for when the stream has taken the one before. Where
 * the exchange is over before, the stream is left as it is.
 *
 * @param length bytes that were announced
 * @throws what a source gives that is more or less than was announced
 */
export async function writeUpload(
  upload: Upload,
  stream: ClientHttp2Stream,
  length: number | undefined,
  isOver: () => boolean,
): Promise<void> {
  let written = 0
  for (;;) {
    const { done, value } = await upload.next()
    if (isOver() || stream.closed) return
    if (done === true) break
    written += value.byteLength
    if (length !== undefined && written > length) throw undiciFailure('REQ_CONTENT_LENGTH_MISMATCH')
    if (!stream.write(value)) await drained(stream)
  }
  if (length !== undefined && written < length) throw undiciFailure('REQ_CONTENT_LENGTH_MISMATCH')
  stream.end()
}

/** The stream takes more, or nothing any more. */
async function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = (): void => {
      stream.removeListener('drain', onEvent).removeListener('close', onEvent)
      resolve()
    }
    stream.on('drain', onEvent).on('close', onEvent)
  })
}

/** Node would send END_STREAM before, and the peer take the body for whole. */
export function resetStream(stream: ClientHttp2Stream, code: number): void {
  const isUnsent = stream.state.state === idle
  stream._final = (callback) => callback()
  // To close it would wait for what was written to go out.
  if (code !== noError || !stream.writableEnded) stream.close(code)
  if (code === noError || isUnsent) stream.destroy()
}

/** Names of the codes of RST_STREAM (RFC 9113, 7). */
const resetCodes = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
  ...['INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
]
const enhanceYourCalm = 11

/** Of a stream that was reset. */
export function resetFailure(code: number): Error {
  // Node's own answer to too many fields, too.
  const more = code === enhanceYourCalm ? ', by the server or for the size of its headers' : ''
  return withCode('ERR_HTTP2_STREAM_ERROR', `the stream was reset with ${resetCodes[code] ?? code}${more}`)
}

/** What undici finds wrong itself, by its name for it. */
export function undiciFailure(
  name: `${'REQ' | 'RES'}_CONTENT_LENGTH_MISMATCH` | 'HEADERS_OVERFLOW' | 'RES_EXCEEDED_MAX_SIZE',
): Error {
  return withCode(`UND_ERR_${name}`, `As undici's ${name}`)
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
