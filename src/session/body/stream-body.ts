import { types } from 'node:util'
import { className, hush } from '../../checks.ts'
import { InvalidOptionError, UnrewindableBodyError } from '../../errors.ts'

/** What a `StreamBody` reads from. */
export interface BodySource {
  /** Bytes, if that is known before they are read. */
  readonly length: number | undefined
  /** Whether `read` may be called again. */
  readonly isReplayable: boolean
  /** Whether it may be read now. @throws {InvalidOptionError} somebody else has read from it */
  check?(): void
  /** Strings and bytes. Throws as `check` does. */
  read(): Iterable<unknown> | AsyncIterable<unknown>
  /** Lets go of what was never read: a file or a connection may hang on it. */
  release?(): void
}

/** A body that is produced while it is sent. */
export class StreamBody {
  readonly #source: BodySource
  readonly #length: number | undefined
  #isOpened = false

  constructor(source: BodySource, length?: number) {
    this.#source = source
    this.#length = length
  }

  /** Bytes, if that is known: sent as Content-Length. Otherwise the body is sent chunked. */
  get length(): number | undefined {
    return this.#length ?? this.#source.length
  }

  /** Whether it can be sent again: for a redirect, a retry or an answer to a 401. */
  get isReplayable(): boolean {
    return this.#source.isReplayable
  }

  /** Whether it was sent and can't be sent again. */
  get isSpent(): boolean {
    return this.#isOpened && !this.isReplayable
  }

  /** The same body with a length that its owner vouches for. Instead of this one, not beside it. */
  withLength(length: number): StreamBody {
    return new StreamBody(this.#source, length)
  }

  /**
   * Called at each sending. Leaving the iteration early, even before its first step, closes what it reads from.
   *
   * @throws {UnrewindableBodyError} it was opened before and can't be produced again
   * @throws {InvalidOptionError} somebody else has read from it
   */
  open(): AsyncIterable<Uint8Array> {
    if (this.#isOpened && !this.isReplayable) {
      throw unrewindable('Could not send the body again')
    }
    this.#isOpened = true
    this.#source.check?.()
    return { [Symbol.asyncIterator]: () => iterate(this.#source) }
  }

  /** Closes what it would have read from, if it was never opened and never will be. */
  release(): void {
    if (this.#isOpened) return
    this.#isOpened = true
    this.#source.release?.()
  }
}

/** @returns a view on the same memory (a copy of shared memory); `undefined` for what is no bytes */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    const bytes = value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return types.isSharedArrayBuffer(value.buffer) ? new Uint8Array(bytes) : bytes
  }
  return types.isAnyArrayBuffer(value) ? bytesOf(new Uint8Array(value)) : undefined
}

/** A generator that is left before its first step runs nothing: then it is up to us to close what it would have read. */
function iterate(source: BodySource): AsyncIterator<Uint8Array, void, void> {
  const chunks = chunksOf(source)
  let isStarted = false
  return {
    next() {
      isStarted = true
      return chunks.next()
    },
    return() {
      if (!isStarted) source.release?.()
      return chunks.return()
    },
  }
}

async function* chunksOf(source: BodySource): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source.read()) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : bytesOf(chunk)
    if (bytes === undefined) throw invalidBody('data', 'a stream of strings and bytes', chunk)
    if (bytes.byteLength > 0) yield bytes
  }
}

/**
 * The error for a body that can't be sent. It tells the kind of the offending value, never the value: bodies hold secrets.
 * A promise among them (an `async` function as `data`) may still reject: this error is enough.
 */
export function invalidBody(option: string, expected: string, value: unknown): InvalidOptionError {
  hush(value)
  return new InvalidOptionError(`Expected \`${option}\` to be ${expected}, got ${kindOfBody(value)}`, { option })
}

/** The error where a body is needed again. @param tried what would have needed it */
export function unrewindable(
  tried: string,
  options?: ConstructorParameters<typeof UnrewindableBodyError>[1],
): UnrewindableBodyError {
  const problem = 'the body is a stream or an iterable, read once. Pass a function that makes one for each send'
  return new UnrewindableBodyError(`${tried}: ${problem}`, options)
}

function kindOfBody(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? `an object (${className(value)})` : `a ${typeof value}`
}
