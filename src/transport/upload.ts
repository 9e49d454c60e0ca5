import { isThenable } from '../checks.ts'
import type { OutgoingBody } from './carrier.ts'
import type { ExchangeRequest, ProgressListener, StreamSource, TransferProgress, WireBody } from './exchange.ts'

/** Told when an upload waits, goes on or fails. */
export interface UploadListener {
  /** The upload waits for a chunk of its source: until it arrives, silence of the server does not count. */
  handleUploadPause(): void
  /** A chunk is passed to the socket, or the body is complete. */
  handleUploadResume(): void
  /** The source, or the listener, threw this. */
  handleUploadFailure(error: unknown): void
}

const done: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined }

/**
 * A body on its way to undici. undici's writer waits for the source however long that takes, even when the exchange is
 * over; this iterator ends the wait at once, and the iteration of the source.
 */
export class Upload implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #listener: UploadListener
  readonly #progressListener: ProgressListener | undefined
  readonly #total: number | undefined
  #meter: ProgressMeter | undefined = undefined
  #isOver = false
  /** Bytes of the last chunk; they count as sent when the next one is requested. */
  #inHand = 0
  #waiting: ((result: IteratorResult<Uint8Array, undefined>) => void) | undefined = undefined

  constructor(source: StreamSource, listener: UploadListener, progressListener: ProgressListener | undefined) {
    this.#source = source.open()[Symbol.asyncIterator]()
    this.#listener = listener
    this.#progressListener = progressListener
    this.#total = source.length
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isOver) return done
    return new Promise((resolve) => {
      this.#waiting = resolve
      try {
        this.#measure()
        this.#listener.handleUploadPause()
        this.#source.next().then(
          (result) => this.#handleResult(result),
          (error: unknown) => this.#handleError(error),
        )
      } catch (error) {
        this.#handleError(error)
      }
    })
  }

  /** Called by undici when the source gives more than it has announced. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.stop()
    return done
  }

  /** The exchange is over: ends the iteration of the source, and a `next` that waits for it. */
  stop(): void {
    if (this.#isOver) return
    this.#end()
    // Not awaited: a generator that is at work returns later. Errors are ignored, for nobody is left to hear of them.
    Promise.resolve()
      .then(async () => this.#source.return?.())
      .catch(() => {})
  }

  #measure(): void {
    if (this.#progressListener === undefined) return
    if (this.#meter === undefined) {
      const fail = (error: unknown): void => this.#listener.handleUploadFailure(error)
      this.#meter = new ProgressMeter(this.#progressListener, this.#total, fail)
    } else if (this.#inHand > 0) this.#meter.add(this.#inHand)
    this.#inHand = 0
  }

  #handleResult({ done: isDone, value }: IteratorResult<Uint8Array>): void {
    if (this.#isOver) return
    this.#listener.handleUploadResume()
    if (isDone === true) {
      try {
        this.#meter?.end()
      } catch (error) {
        return this.#handleError(error)
      }
      return this.#end()
    }
    this.#inHand = value.byteLength
    this.#give({ done: false, value })
  }

  #handleError(error: unknown): void {
    if (this.#isOver) return
    // The exchange first: otherwise it would report that the body is too short.
    this.#listener.handleUploadFailure(error)
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    this.#give(done)
  }

  #give(result: IteratorResult<Uint8Array, undefined>): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(result)
  }
}

/**
 * Reports one direction of an exchange to a progress listener. Its methods throw what the listener throws; what an `async` one
 * rejects with fails the exchange as soon as it is known, if that is not over by then.
 */
export class ProgressMeter {
  readonly #listener: (progress: TransferProgress) => unknown
  readonly #total: number | undefined
  readonly #fail: (error: unknown) => void
  #transferred = 0
  /** Whether the listener has returned a promise. */
  isAsync = false

  /** Reports the start to the listener. */
  constructor(listener: ProgressListener, total: number | undefined, fail: (error: unknown) => void) {
    this.#listener = listener
    this.#total = total
    this.#fail = fail
    this.#report(total === 0 ? 1 : 0)
  }

  add(bytes: number): void {
    this.#transferred += bytes
    this.#report(this.#total === undefined ? 0 : Math.min(1, this.#transferred / this.#total))
  }

  /** Without a known total, only the end is 100 percent. */
  end(): void {
    if (this.#total === undefined) this.#report(1)
  }

  #report(percent: number): void {
    const progress = { percent, transferredBytes: this.#transferred, totalBytes: this.#total }
    const returned = this.#listener(progress)
    if (!isThenable(returned)) return
    this.isAsync = true
    // Not awaited: a listener must not slow the transfer down.
    returned.then(undefined, this.#fail)
  }
}

/** The most bytes that are passed to the socket at once; larger bodies go in chunks. */
const wholeSize = 1024 * 1024
const chunkSize = 64 * 1024

/** The body in a form that undici takes: small texts and bytes as they are, everything else as an `Upload`. */
export function outgoingBody(
  body: WireBody | undefined,
  listener: UploadListener,
  progressListener: ProgressListener | undefined,
): OutgoingBody {
  if (body === undefined) return undefined
  if (typeof body === 'string') {
    if (progressListener === undefined && body.length <= wholeSize) return body
    return new Upload(new Chunks(Buffer.from(body)), listener, progressListener)
  }
  if (body instanceof Uint8Array) {
    if (progressListener === undefined && body.byteLength <= wholeSize) return body
    return new Upload(new Chunks(body), listener, progressListener)
  }
  return new Upload(body, listener, progressListener)
}

/** Bytes of a body, if that is known. */
export function bodyLength(body: WireBody | undefined): number | undefined {
  if (body === undefined) return undefined
  return typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : body.length
}

/** A source of bytes that are in memory. */
class Chunks implements StreamSource {
  readonly length: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.length = bytes.byteLength
  }

  async *open(): AsyncIterable<Uint8Array> {
    for (let start = 0; start < this.length; start += chunkSize) yield this.#bytes.subarray(start, start + chunkSize)
  }
}

/** The headers of the request, with a Content-Length for bodies whose length undici can't tell. */
export function requestHeaders({ headers, body }: ExchangeRequest, open: OutgoingBody): string[] {
  if (!(open instanceof Upload)) return headers
  const length = bodyLength(body)
  return length === undefined ? headers : headers.concat('content-length', String(length))
}
