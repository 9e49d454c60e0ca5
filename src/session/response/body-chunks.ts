import { Readable } from 'node:stream'

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
    const bytes = joined(kept)
    const whole = length - (length % size)
    yield* sliced(bytes.subarray(0, whole), size)
    kept = whole === length ? [] : [bytes.subarray(whole)]
    length -= whole
  }
  if (length > 0) yield joined(kept)
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

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)
}
