import { StreamConsumedError } from '../errors.ts'
import type { BodyStream } from './exchange.ts'

/** Bytes that are held for a reader before the socket is paused. */
const highWaterMark = 64 * 1024

/** What a body asks of its exchange. */
export interface BodyListener {
  /** A reader waits: silence of the server counts. */
  handleBodyWanted(): void
  /** No reader waits: silence of the server does not count. */
  handleBodyServed(): void
  /** Enough is held: pause the socket. */
  handleBodyFull(): void
  /** There is room again: resume the socket. */
  handleBodyDrained(): void
  /** The reader leaves before the end: close the socket. */
  handleBodyDestroyed(error: unknown): void
}

/** Turns wire bytes into decoded ones. */
export type BodyDecoder = (wire: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

interface Reader {
  resolve(result: IteratorResult<Uint8Array, undefined>): void
  reject(error: unknown): void
}

/** The body of a response that is read while it comes. `push`, `end` and `fail` are for the exchange. */
export class HttpBodyStream implements BodyStream {
  bytes = 0
  readonly #listener: BodyListener
  readonly #decoder: BodyDecoder | undefined
  #chunks: Uint8Array[] = []
  #held = 0
  #reader: Reader | undefined = undefined
  /** Whether no more bytes will arrive. */
  #isComplete = false
  #failure: { readonly error: unknown } | undefined = undefined
  #isRead = false
  #isResting = false
  #mayRest = true
  #isDestroyed = false
  #isDecoding = false
  /** Decodes a body that has arrived before anybody reads it; and its first result. */
  #decoded: AsyncIterator<Uint8Array> | undefined = undefined
  #firstDecoded: Promise<IteratorResult<Uint8Array>> | undefined = undefined
  #isEnded = false
  #ended: Promise<void> | undefined = undefined
  #resolveEnded: (() => void) | undefined = undefined

  constructor(flow: BodyListener, decoder: BodyDecoder | undefined) {
    this.#listener = flow
    this.#decoder = decoder
  }

  get ended(): Promise<void> {
    this.#ended ??= new Promise((resolve) => {
      if (this.#isEnded) resolve()
      else this.#resolveEnded = resolve
    })
    return this.#ended
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    if (this.#isRead) throw new StreamConsumedError('Could not read the body: it was read before')
    this.#isRead = true
    return this.#read()
  }

  destroy(error?: unknown): void {
    if (this.#isEnded) return
    const wasComplete = this.#isComplete
    this.#isDestroyed = true
    this.#isComplete = true
    this.#isDecoding = false
    this.#chunks = []
    this.#held = 0
    if (error !== undefined) this.#failure ??= { error }
    if (!wasComplete) this.#listener.handleBodyDestroyed(error)
    this.#settleReader()
    void this.#decoded?.return?.().catch(() => {})
    this.#decoded = undefined
    this.#endIfOver()
  }

  push(chunk: Uint8Array): void {
    if (this.#isComplete) return
    this.bytes += chunk.byteLength
    const reader = this.#reader
    if (reader !== undefined) {
      this.#reader = undefined
      this.#listener.handleBodyServed()
      reader.resolve({ done: false, value: chunk })
      return
    }
    this.#chunks.push(chunk)
    this.#held += chunk.byteLength
    if (this.#held < highWaterMark || this.#isResting || !this.#mayRest) return
    this.#isResting = true
    this.#listener.handleBodyFull()
  }

  /** The socket is ending: takes what Node still holds of it, which is little, and lost otherwise. */
  takeRest(): void {
    this.#mayRest = false
    this.#resume()
  }

  end(): void {
    this.#isComplete = true
    this.#settleReader()
    this.#endIfOver()
    if (!this.#isEnded && !this.#isRead && this.#decoder !== undefined) void this.#decodeFirst(this.#decoder)
  }

  /** A reader gets what has arrived before, then the error. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.end()
  }

  /** A complete body that nobody reads may be empty once it is decoded: then it has ended. */
  async #decodeFirst(decoder: BodyDecoder): Promise<void> {
    this.#isDecoding = true
    this.#decoded = decoder(this.#wire)[Symbol.asyncIterator]()
    this.#firstDecoded = firstOf(this.#decoded)
    try {
      if ((await this.#firstDecoded).done !== true) return
      this.#isDecoding = false
      this.#chunks = []
      this.#endIfOver()
    } catch (error) {
      if (!this.#isDestroyed) this.fail(error)
    }
  }

  get #wire(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#pull() }) }
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#isDecoding = true
    try {
      if (this.#decoded !== undefined) yield* this.#readDecoded(this.#decoded)
      else yield* this.#decoder === undefined ? this.#wire : this.#decoder(this.#wire)
      this.#isDecoding = false
      this.#endIfOver()
    } catch (error) {
      // A decoder reports a truncated body as a failure of its own; the reason is `#failure`.
      if (this.#failure === undefined && this.#isDestroyed) return
      const cause = this.#failure === undefined ? error : this.#failure.error
      this.destroy(cause)
      throw cause
    } finally {
      this.destroy()
    }
  }

  async *#readDecoded(decoded: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const first = await this.#firstDecoded
    if (first === undefined || first.done === true) return
    yield first.value
    yield* { [Symbol.asyncIterator]: () => decoded }
  }

  async #pull(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#held -= chunk.byteLength
      this.#endIfOver()
      return { done: false, value: chunk }
    }
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#isComplete) return { done: true, value: undefined }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#listener.handleBodyWanted()
      // Later: undici's parser can't be re-entered, and may be calling the reader now.
      if (this.#isResting) queueMicrotask(() => this.#resume())
    })
  }

  #resume(): void {
    if (!this.#isResting) return
    this.#isResting = false
    try {
      this.#listener.handleBodyDrained()
    } catch {
      // undici's parser is busy with another response; the exchange of that one destroys this connection.
    }
  }

  #settleReader(): void {
    const reader = this.#reader
    if (reader === undefined) return
    this.#reader = undefined
    if (this.#failure === undefined) reader.resolve({ done: true, value: undefined })
    else reader.reject(this.#failure.error)
  }

  #endIfOver(): void {
    if (this.#isEnded || !this.#isComplete) return
    const isUnread = this.#chunks.length > 0 || (this.#isDecoding && this.#decoder !== undefined)
    if (isUnread && this.#failure === undefined) return
    this.#isEnded = true
    this.#resolveEnded?.()
  }
}

async function firstOf(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  let result = await chunks.next()
  while (result.done !== true && result.value.byteLength === 0) result = await chunks.next()
  return result
}

/** A promise, and the functions that settle it. */
interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (error: unknown) => void
}

let resolveNewest: (value: never) => void
let rejectNewest: (error: unknown) => void

/** One executor for all promises, instead of a closure for each. */
const takeSettlers = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  resolveNewest = resolve
  rejectNewest = reject
}

export function deferred<T>(): Deferred<T> {
  const promise = new Promise<T>(takeSettlers)
  return { promise, resolve: resolveNewest as Deferred<T>['resolve'], reject: rejectNewest }
}
