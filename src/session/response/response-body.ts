import { BodyNotReadError, StreamConsumedError, attachRequest } from '../../errors.ts'
import type { FailedRequest } from '../../errors.ts'
import type { BodyStream } from '../../transport/exchange.ts'

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
