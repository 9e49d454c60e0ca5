import type { Coding } from './codings.ts'

/** Reads the field that the bytes begin with: its size, and what follows; nothing if the bytes are too few to tell. */
type FrameField = (bytes: Buffer) => { size: number; next: FrameField } | undefined

/** Magic numbers of frames, little-endian (RFC 8878); a skippable frame has any of sixteen. */
const zstdMagic = { frame: 0xfd2fb528, skippable: 0x184d2a50 }
const zstdFlag = { checksum: 4, singleSegment: 32 }
const runLengthBlock = 1

const startOfFrame: FrameField = (bytes) => {
  if (bytes.length < 4) return undefined
  const number = bytes.readUInt32LE()
  if (number === zstdMagic.frame) return { size: 4, next: frameHeader }
  return number - (number % 16) === zstdMagic.skippable
    ? { size: 4, next: skippableFrame }
    : { size: Infinity, next: startOfFrame }
}

const skippableFrame: FrameField = (bytes) =>
  bytes.length < 4 ? undefined : { size: 4 + bytes.readUInt32LE(), next: startOfFrame }

const frameHeader: FrameField = (bytes) => {
  const [descriptor] = bytes
  if (descriptor === undefined) return undefined
  const isSingle = (descriptor & zstdFlag.singleSegment) !== 0
  const windowSize = isSingle ? 0 : 1
  const dictionarySize = descriptor & 3 ? 1 << ((descriptor & 3) - 1) : 0
  const contentSize = descriptor >> 6 ? 1 << (descriptor >> 6) : 1 - windowSize
  const size = 1 + windowSize + dictionarySize + contentSize
  return { size, next: descriptor & zstdFlag.checksum ? checkedBlock : block }
}

const block = blockBefore(0)
const checkedBlock = blockBefore(4)

/** @param trailerSize bytes after the last block, which hold the checksum */
function blockBefore(trailerSize: number): FrameField {
  const field: FrameField = (bytes) => {
    if (bytes.length < 3) return undefined
    const header = bytes.readUIntLE(0, 3)
    const size = 3 + (((header >> 1) & 3) === runLengthBlock ? 1 : header >> 3)
    return header & 1 ? { size: size + trailerSize, next: startOfFrame } : { size, next: field }
  }
  return field
}

/** Frames that a body may have, and one more for each KiB: each costs a run of zlib, and may have only nine bytes. */
const manyFrames = 1000

/** Splits a zstd body at the ends of its frames. Bytes behind the last frame that begin no other are dropped, as with gzip. */
class ZstdFrames {
  #field = startOfFrame
  /** Bytes to skip before the field; Infinity if what follows is no frame. */
  #ahead = 0
  /** The incomplete field at the end of the last chunk. */
  #held: Buffer = Buffer.alloc(0)
  #hasEnded = false
  #frames = 0
  #bytes = 0

  /** Called at the end of the body. @throws it ends within a frame */
  end(): void {
    const isBetweenFrames = this.#field === startOfFrame && this.#ahead === 0 && this.#hasEnded
    if (!isBetweenFrames && this.#ahead !== Infinity) throw new Error('unexpected end of file')
  }

  /** Splits a chunk so that no piece holds bytes of two frames. @throws the body has too many frames */
  *cut(chunk: Buffer): Iterable<Buffer> {
    this.#bytes += chunk.length
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    let start = 0
    let end = 0
    for (;;) {
      const passed = Math.min(this.#ahead, bytes.length - end)
      this.#ahead -= passed
      end += passed
      if (this.#ahead > 0) break
      if (this.#field === startOfFrame && end > start) {
        this.#hasEnded = true
        if (++this.#frames > manyFrames + this.#bytes / 1024) throw new Error('too many frames')
        yield bytes.subarray(start, end)
        start = end
      }
      const found = this.#field(bytes.subarray(end))
      if (found === undefined) break
      this.#ahead = found.size
      this.#field = found.next
    }
    this.#held = bytes.subarray(end)
    // A body that begins with no frame is passed to zlib, which reports the error.
    if (end > start && !(this.#ahead === Infinity && this.#hasEnded)) yield bytes.subarray(start, end)
  }
}

/**
 * Decodes zstd by node:zlib, a frame at a time: Node 22 takes a frame that breaks off for a whole one
 * (nodejs/node#64592), and up to Node 24 all but the first frame of a buffer is lost without a word.
 */
export function frameByFrame(zstd: Coding): Coding {
  return {
    ...zstd,
    decodeSync(body, limit) {
      const frames = new ZstdFrames()
      const parts: Buffer[] = []
      let size = 0
      for (const piece of frames.cut(body)) {
        const part = zstd.decodeSync(piece, limit - size)
        size += part.length
        parts.push(part)
      }
      frames.end()
      return concatenated(parts, size)
    },
    async decode(body, limit) {
      const frames = new ZstdFrames()
      const parts: Buffer[] = []
      let size = 0
      for (const piece of frames.cut(body)) {
        const part = await zstd.decode(piece, limit - size)
        size += part.length
        parts.push(part)
      }
      frames.end()
      return concatenated(parts, size)
    },
    async *pieces(body) {
      const frames = new ZstdFrames()
      for await (const { buffer, byteOffset, byteLength } of body) {
        yield* frames.cut(Buffer.from(buffer, byteOffset, byteLength))
      }
      frames.end()
    },
  }
}

function concatenated(parts: readonly Buffer[], size: number): Buffer {
  const [part] = parts
  return part?.length === size ? part : Buffer.concat(parts, size)
}
