/** Bytes that come in chunks, read as they are needed. Only `next` waits for more than was asked for. */
export class ByteInput {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]()
  }

  /** What is here, or the next chunk; `undefined` at the end. Never empty. */
  async next(): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next()
      if (next.done === true) return undefined
      const { buffer, byteOffset, byteLength } = next.value
      this.#held = Buffer.from(buffer, byteOffset, byteLength)
    }
    const bytes = this.#held
    this.#held = bytes.subarray(bytes.length)
    return bytes
  }

  /** So many bytes; fewer only at the end. They have still to be taken. */
  async peek(count: number): Promise<Buffer> {
    let bytes = this.#held
    while (bytes.length < count) {
      this.#held = this.#held.subarray(this.#held.length)
      const more = await this.next()
      if (more === undefined) break
      bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more])
    }
    this.#held = bytes
    return bytes.subarray(0, count)
  }

  /** @throws there are not so many */
  async take(count: number): Promise<Buffer> {
    const bytes = await this.peek(count)
    if (bytes.length < count) throw new Error('unexpected end of file')
    this.#held = this.#held.subarray(count)
    return bytes
  }

  /** Puts back what was taken and not used. */
  unread(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held])
  }
}
