import { ProgressMeter } from './progress.ts'
import type { ProgressListener, StreamSource } from './exchange.ts'

/** Told how sending goes. */
export interface UploadObserver {
  /** The source is asked for the next chunk: until it is there, the server can't be blamed for silence. */
  handleUploadPause(): void
  /** A chunk goes to the socket, or the body is complete. */
  handleUploadResume(): void
  /** The source, or the listener, threw this. */
  handleUploadFailure(error: unknown): void
}

const done: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined }

/**
 * A body on its way to undici. undici's writer waits for the source however long that takes, even when the exchange is
 * over; this iterator lets it go at once, and tells the source.
 */
export class Upload implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #observer: UploadObserver
  readonly #listener: ProgressListener | undefined
  readonly #total: number | undefined
  #meter: ProgressMeter | undefined = undefined
  #isOver = false
  /** Bytes of the chunk that was handed out last; they are sent when the next one is asked for. */
  #inHand = 0
  #waiting: ((result: IteratorResult<Uint8Array, undefined>) => void) | undefined = undefined

  constructor(source: StreamSource, observer: UploadObserver, listener: ProgressListener | undefined) {
    this.#source = source.open()[Symbol.asyncIterator]()
    this.#observer = observer
    this.#listener = listener
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
        this.#observer.handleUploadPause()
        this.#source.next().then(
          (result) => this.#handleResult(result),
          (error: unknown) => this.#handleError(error),
        )
      } catch (error) {
        this.#handleError(error)
      }
    })
  }

  /** undici leaves early when the source gives more than it has announced. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.stop()
    return done
  }

  /** The exchange is over: the source is left, and whoever waits for it gets the end. */
  stop(): void {
    if (this.#isOver) return
    this.#end()
    // Not awaited: a generator that is at work gets to it later. Nobody is left who could be told of an error.
    Promise.resolve()
      .then(async () => this.#source.return?.())
      .catch(() => {})
  }

  #measure(): void {
    if (this.#listener === undefined) return
    if (this.#meter === undefined) {
      const fail = (error: unknown): void => this.#observer.handleUploadFailure(error)
      this.#meter = new ProgressMeter(this.#listener, this.#total, fail)
    } else if (this.#inHand > 0) this.#meter.add(this.#inHand)
    this.#inHand = 0
  }

  #handleResult({ done: isDone, value }: IteratorResult<Uint8Array>): void {
    if (this.#isOver) return
    this.#observer.handleUploadResume()
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
    // First the exchange, so that it does not take the missing rest for the reason.
    this.#observer.handleUploadFailure(error)
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
