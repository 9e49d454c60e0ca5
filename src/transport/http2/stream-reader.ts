import type { ClientHttp2Stream } from 'node:http2'
import type { Controller, ExchangeHandler } from '../exchange-handler.ts'
import type { Upload } from '../upload.ts'
import { parseHead } from './http2-headers.ts'

/** Told when a stream ends before its response is complete. */
export interface StreamListener extends Controller {
  /** What was received is invalid. */
  fail(error: Error): void
  /** The stream was closed. */
  handleClose(): void
}

/** Limits of `poolOptions`, in bytes. */
interface ResponseLimits {
  readonly maxHeaderSize: number
  readonly maxResponseSize: number
}

/**
 * Reads the response on a stream and passes it to the exchange. It replaces `stream.push` to get each chunk at once: Node
 * drops unread chunks when the connection is lost, and does not tell whether a stream has ended.
 */
export class StreamReader {
  /** The stream's `error` event, if there was one. */
  failure: Error | undefined = undefined
  /** Whether the peer has ended the stream. */
  isEnded = false
  readonly #stream: ClientHttp2Stream
  readonly #listener: StreamListener
  readonly #exchange: ExchangeHandler
  readonly #limits: ResponseLimits
  #hasHead = false
  /** The Content-Length; NaN if there is none. */
  #length = NaN
  #received = 0
  /** Data that was received before the event with the header, which Node emits a turn late. */
  #early: Buffer[] | undefined = undefined
  #isPaused = false
  #isOver = false

  constructor(stream: ClientHttp2Stream, listener: StreamListener, exchange: ExchangeHandler, limits: ResponseLimits) {
    this.#stream = stream
    this.#listener = listener
    this.#exchange = exchange
    this.#limits = limits
    const onHead = (_headers: unknown, _flags: number, raw: unknown): void => this.#handleHead(raw as string[])
    // Node emits `headers` for informational responses.
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

  /** Lets the peer send more. */
  resume(): void {
    this.#isPaused = false
    this.#stream._read(0)
  }

  /** The exchange is over: what is received from now on is dropped. */
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

  /** @returns whether the peer may send more */
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
    // A header would have been emitted by then.
    else process.nextTick(() => !this.#hasHead && this.#listener.handleClose())
  }

  #complete(): void {
    if (this.#isOver) return
    const isWrong = this.#received < this.#length || this.#received > this.#length
    if (isWrong) this.#listener.fail(undiciFailure('RES_CONTENT_LENGTH_MISMATCH'))
    else this.#exchange.onResponseEnd()
  }
}

/** `stream.state.state` while the header is not written yet. */
export const idle = 1
/** Error codes of RST_STREAM. */
export const [noError, refusedStream, cancel] = [0, 7, 8]

/**
 * Writes a body that is produced while it is sent, pulling a chunk when the stream has taken the one before. If the
 * exchange ends first, the stream is left as it is.
 *
 * @param length the announced number of bytes, if any
 * @throws the source gave more or fewer bytes than that
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

/** Waits until the stream takes more or is closed. */
async function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = (): void => {
      stream.removeListener('drain', onEvent).removeListener('close', onEvent)
      resolve()
    }
    stream.on('drain', onEvent).on('close', onEvent)
  })
}

/** Resets a stream without the END_STREAM that Node would send first: the peer would take the body for complete. */
export function resetStream(stream: ClientHttp2Stream, code: number): void {
  const isUnsent = stream.state.state === idle
  stream._final = (callback) => callback()
  // `close` alone would wait until everything written has been sent.
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

/** The failure of a stream that was reset. */
export function resetFailure(code: number): Error {
  // Node itself resets with this code when there are too many fields.
  const more = code === enhanceYourCalm ? ', by the server or for the size of its headers' : ''
  return withCode('ERR_HTTP2_STREAM_ERROR', `the stream was reset with ${resetCodes[code] ?? code}${more}`)
}

/** A failure that undici detects by itself over HTTP/1.1, with undici's code. */
function undiciFailure(
  name: `${'REQ' | 'RES'}_CONTENT_LENGTH_MISMATCH` | 'HEADERS_OVERFLOW' | 'RES_EXCEEDED_MAX_SIZE',
): Error {
  return withCode(`UND_ERR_${name}`, `As undici's ${name}`)
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
