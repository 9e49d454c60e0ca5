import zlib from 'node:zlib'
import type { InflateRaw } from 'node:zlib'

const gzipMagic = Buffer.from([0x1f, 0x8b, 8])
const gzipHeaderSize = 10
const trailerSize = 8
const gzipFlag = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 }

/**
 * Decodes a gzip file (RFC 1952) as it arrives, member by member. Bytes behind the last member that do not begin another
 * one are ignored, as `requests` and browsers do; zlib's own decoder fails there and loses output. A member that is
 * truncated, or has a wrong checksum, is an error.
 */
export async function* gunzipMembers(
  body: AsyncIterable<Uint8Array>,
  mostMembers: number,
): AsyncGenerator<Uint8Array, void, void> {
  const input = new ByteInput(body)
  if (!(await startsMember(input))) throw new Error('incorrect header check')
  let members = 0
  do {
    if (++members > mostMembers) throw new Error(`more than ${mostMembers} members`)
    await skipHeader(input)
    yield* readMember(input)
  } while (await startsMember(input))
}

/** Also true for the beginning of a truncated one. */
async function startsMember(input: ByteInput): Promise<boolean> {
  const bytes = await input.peek(gzipMagic.length)
  return bytes.length > 0 && bytes.equals(gzipMagic.subarray(0, bytes.length))
}

async function skipHeader(input: ByteInput): Promise<void> {
  const header = await input.take(gzipHeaderSize)
  const flags = header[3] ?? 0
  if (flags & gzipFlag.reserved) throw new Error('unknown header flags set')
  let crc = zlib.crc32(header)
  if (flags & gzipFlag.extra) {
    const size = await input.take(2)
    crc = zlib.crc32(await input.take(size.readUInt16LE()), zlib.crc32(size, crc))
  }
  if (flags & gzipFlag.name) crc = await skipText(input, crc)
  if (flags & gzipFlag.comment) crc = await skipText(input, crc)
  if (flags & gzipFlag.headerCrc && (await input.take(2)).readUInt16LE() !== (crc & 0xffff)) {
    throw new Error('header crc mismatch')
  }
}

/** Skips a text, with the zero byte that ends it. @returns the checksum with it */
async function skipText(input: ByteInput, crc: number): Promise<number> {
  let sum = crc
  for (let bytes = await input.next(); bytes !== undefined; bytes = await input.next()) {
    const end = bytes.indexOf(0) + 1
    const text = end === 0 ? bytes : bytes.subarray(0, end)
    sum = zlib.crc32(text, sum)
    if (end > 0) {
      input.unread(bytes.subarray(end))
      return sum
    }
  }
  throw new Error('unexpected end of file')
}

async function* readMember(input: ByteInput): AsyncGenerator<Uint8Array, void, void> {
  const inflate = zlib.createInflateRaw()
  const fed = feed(inflate, input).catch((error: unknown) => void inflate.destroy(error as Error))
  let crc = 0
  let size = 0
  for await (const chunk of inflate as AsyncIterable<Buffer>) {
    crc = zlib.crc32(chunk, crc)
    size += chunk.length
    yield chunk
  }
  await fed
  const trailer = await input.take(trailerSize)
  if (trailer.readUInt32LE(0) !== crc) throw new Error('incorrect data check')
  if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw new Error('incorrect length check')
}

/** Writes one chunk at a time, and puts back what is left of the last one. */
async function feed(inflate: InflateRaw, input: ByteInput): Promise<void> {
  let given = 0
  while (!inflate.destroyed) {
    const chunk = await input.next()
    if (chunk === undefined) return void inflate.end()
    given += chunk.length
    // An error is emitted to the reader of `inflate`.
    await new Promise<void>((resolve) => inflate.write(chunk, () => resolve()))
    const left = given - inflate.bytesWritten
    if (left <= 0) continue
    input.unread(chunk.subarray(chunk.length - left))
    return
  }
}

/** Reads bytes that come in chunks, as many as are needed. */
export class ByteInput {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]()
  }

  /** The bytes that are held, or the next chunk; `undefined` at the end. Never empty. */
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

  /** `count` bytes, without taking them; fewer only at the end. */
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

  /** @throws fewer are left */
  async take(count: number): Promise<Buffer> {
    const bytes = await this.peek(count)
    if (bytes.length < count) throw new Error('unexpected end of file')
    this.#held = this.#held.subarray(count)
    return bytes
  }

  /** Puts bytes back in front of the rest. */
  unread(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held])
  }
}
