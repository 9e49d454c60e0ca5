import type { ClientHttp2Stream } from 'node:http2'
import type { ExchangeHandler } from '../exchange-handler.ts'
import type { Upload } from '../upload.ts'
import { readHead } from './http2-headers.ts'
import { undiciFailure } from './stream-failures.ts'

type Controller = Parameters<ExchangeHandler['onRequestStart']>[0]

/** Told how a stream ends without its response being whole. */
export interface StreamObserver extends Controller {
  /** What has come can't be used. */
  fail(error: Error): void
  /** Nothing more will come. */
  handleClose(): void
}

/** Of `poolOptions`, in bytes. */
interface IntakeLimits {
  readonly maxHeaderSize: number
  readonly maxResponseSize: number
}

/**
 * What comes in on a stream, for its exchange. It is passed on at once, whoever reads it: Node would drop what nobody has read
 * when the connection dies, and can't be asked whether a stream has come to its end.
 */
export class StreamIntake {
  /** What the stream has failed with, if Node says so. */
  failure: Error | undefined = undefined
  /** The peer has sent all. */
  isEnded = false
  readonly #stream: ClientHttp2Stream
  readonly #observer: StreamObserver
  readonly #exchange: ExchangeHandler
  readonly #limits: IntakeLimits
  #hasHead = false
  /** As the header says it; NaN for nothing. */
  #length = NaN
  #received = 0
  /** What came before the header was told, which takes a turn. */
  #early: Buffer[] | undefined = undefined
  #isPaused = false
  #isOver = false

  constructor(stream: ClientHttp2Stream, observer: StreamObserver, exchange: ExchangeHandler, limits: IntakeLimits) {
    this.#stream = stream
    this.#observer = observer
    this.#exchange = exchange
    this.#limits = limits
    const onHead = (_headers: unknown, _flags: number, raw: unknown): void => this.#handleHead(raw as string[])
    // The informational ones are `headers`.
    stream.on('response', onHead).on('headers', onHead)
    stream.on('error', (error: Error) => (this.failure ??= error)).on('close', () => observer.handleClose())
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
    const { status, headers, size } = readHead(raw)
    if (size > this.#limits.maxHeaderSize) return this.#observer.fail(undiciFailure('HEADERS_OVERFLOW'))
    const exchange = this.#exchange
    exchange.handleBytes()
    this.#hasHead = status >= 200
    exchange.onResponseStart(this.#observer, status, headers)
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
    if (this.#received > this.#limits.maxResponseSize) this.#observer.fail(undiciFailure('RES_EXCEEDED_MAX_SIZE'))
    this.#exchange.onResponseData(this.#observer, chunk)
    return !this.#isPaused
  }

  #handleEnd(): void {
    if (this.isEnded) return
    this.isEnded = true
    if (this.#hasHead) this.#complete()
    // The header would have been told by then.
    else process.nextTick(() => !this.#hasHead && this.#observer.handleClose())
  }

  #complete(): void {
    if (this.#isOver) return
    const isWrong = this.#received < this.#length || this.#received > this.#length
    if (isWrong) this.#observer.fail(undiciFailure('RES_CONTENT_LENGTH_MISMATCH'))
    else this.#exchange.onResponseEnd()
  }
}

/** The state of a stream whose header was not written yet. */
export const idle = 1
/** A code of RST_STREAM. */
const noError = 0

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
