import { Readable } from 'node:stream'
import { attachRequest, BodyNotReadError, type FailedRequest, StreamConsumedError } from '../../errors.ts'
import type { BodyStream } from '../../transport/exchange.ts'
import { type CharsetDecoder, charsetDecoder } from './charset.ts'

/** The body of a streamed response: read once, in whatever way, by whoever comes first. */
export class ResponseBody {
  readonly #stream: BodyStream
  readonly #request: FailedRequest
  #isTaken = false
  #isOver = false
  #reading: Promise<Uint8Array> | undefined
  #content: Uint8Array | undefined

  constructor(stream: BodyStream, request: FailedRequest) {
    this.#stream = stream
    this.#request = request
    void stream.ended.then(() => (this.#isOver = true))
  }

  /** Resolves, and never rejects, when the body is over in any way and its connection is free again or gone. */
  get ended(): Promise<void> {
    return this.#stream.ended
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Somebody has begun to read it, and it is not over. */
  get isBeingRead(): boolean {
    return this.#isTaken && !this.#isOver
  }

  /** All of it, once it was read. */
  get content(): Uint8Array | undefined {
    return this.#content
  }

  /** @throws {BodyNotReadError} it was not read yet */
  demandContent(): Uint8Array {
    if (this.#content !== undefined) return this.#content
    const message = 'Could not give the content of a streamed response: `await response.read()` first'
    throw new BodyNotReadError(message, { request: this.#request })
  }

  /** @throws {StreamConsumedError} somebody else reads it, or has read it */
  demandUntaken(): void {
    if (!this.#isTaken) return
    throw new StreamConsumedError('Could not read the body: it was read or closed already', { request: this.#request })
  }

  /** Collects the body; a second call gets the same. Rejects as `chunks` throws. */
  read(): Promise<Uint8Array> {
    return (this.#reading ??= this.#collect())
  }

  /** @throws {StreamConsumedError} when the iteration begins; what reading fails with */
  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    this.demandUntaken()
    this.#isTaken = true
    try {
      yield* this.#stream
    } catch (error) {
      attachRequest(error, this.#request)
      throw error
    }
  }

  /** Ends it, read or not. A reader gets the error; without one, the end. */
  destroy(error?: unknown): void {
    this.#isTaken = true
    this.#stream.destroy(error)
  }

  /** Reads what is left if that is little, else ends it. Resolves, and never rejects, when it is over. */
  async drain(limit: number): Promise<void> {
    try {
      if (!this.#isTaken) await this.#collect(limit)
    } catch {
      // Nobody wants it.
    }
    this.destroy()
    await this.ended
  }

  async #collect(limit = Infinity): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of this.chunks()) {
      chunks.push(chunk)
      length += chunk.byteLength
      // Leaving the iteration ends the body.
      if (length > limit) return chunk
    }
    this.#content = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    return this.#content ?? new Uint8Array(0)
  }
}

/** Lines without their ends (`\n`, `\r\n` or `\r`); what follows the last end is a line if it is not empty. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  label: string | undefined,
): AsyncGenerator<string, void, void> {
  let line = ''
  let isAfterReturn = false
  for await (const text of decoded(chunks, label)) {
    if (text === '') continue
    const pieces = (isAfterReturn && text.startsWith('\n') ? text.slice(1) : text).split(/\r\n|\n|\r/)
    isAfterReturn = text.endsWith('\r')
    // Only the new text is searched: a long line in many chunks takes linear time.
    const last = pieces.pop() ?? ''
    for (const piece of pieces) {
      yield line + piece
      line = ''
    }
    line += last
  }
  if (line !== '') yield line
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  label: string | undefined,
): AsyncGenerator<string, void, void> {
  let decoder: CharsetDecoder | undefined
  for await (const chunk of chunks) {
    decoder ??= charsetDecoder(label, chunk)
    yield decoder.decode(chunk, { stream: true })
  }
  if (decoder !== undefined) yield decoder.decode()
}

/** Views of `size` bytes, one after the other. */
export async function* sliced(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let start = 0; start < bytes.byteLength; start += size) yield bytes.subarray(start, start + size)
}

/** Pieces of exactly `size` bytes, the last one of what is left. */
export async function* resized(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, void> {
  let kept: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    kept.push(chunk)
    length += chunk.byteLength
    if (length < size) continue
    const bytes = joinedChunks(kept)
    const whole = length - (length % size)
    yield* sliced(bytes.subarray(0, whole), size)
    kept = whole === length ? [] : [bytes.subarray(whole)]
    length -= whole
  }
  if (length > 0) yield joinedChunks(kept)
}

/**
 * A Node stream that pulls a chunk when it is read. Unlike that of `Readable.from`, its end in any way closes what it
 * reads from, even if nothing was read yet.
 */
export function toReadable(chunks: AsyncIterator<Uint8Array>, close: () => Promise<void>): Readable {
  return new Readable({
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error: unknown) => this.destroy(error as Error),
      )
    },
    destroy(error, callback) {
      close().then(() => callback(error), callback)
    },
  })
}

function joinedChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)
}
