/** Bytes of a backing buffer that are not the body's, and yet not worth a copy. */
const tolerableWaste = 1024

/** Collects the chunks of a body. */
export class BufferedBody {
  /** So far. */
  bytes = 0
  #first: Buffer | undefined = undefined
  #rest: Buffer[] | undefined = undefined

  push(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.#first === undefined) this.#first = chunk
    else if (this.#rest === undefined) this.#rest = [chunk]
    else this.#rest.push(chunk)
  }

  /** The whole body: of one chunk as it is, if that is small enough. */
  whole(): Buffer {
    const first = this.#first
    if (first === undefined) return Buffer.alloc(0)
    if (this.#rest === undefined) return compact(first)
    return joined([first, ...this.#rest], this.bytes)
  }
}

/**
 * A chunk is a view on what one read of the socket (or one run of zlib) brought. Whoever keeps a small body must not
 * keep a large buffer alive with it.
 */
export function compact(bytes: Buffer): Buffer {
  const waste = bytes.buffer.byteLength - bytes.length
  return waste <= tolerableWaste || waste <= bytes.length ? bytes : joined([bytes], bytes.length)
}

/** In memory of its own: `Buffer.concat` shares a pool, whose neighbours `.buffer` would show. */
function joined(chunks: readonly Buffer[], size: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(size)
  let end = 0
  for (const chunk of chunks) {
    whole.set(chunk, end)
    end += chunk.length
  }
  return whole
}
