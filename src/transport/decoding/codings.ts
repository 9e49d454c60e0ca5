import type { Transform } from 'node:stream'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { ContentDecodingError, FuturesError, ResponseTooLargeError } from '../../errors.ts'
import { gunzipMembers } from './gzip-members.ts'
import { frameByFrame } from './zstd-frames.ts'

/** A content coding, and three ways to decode it. They fail as zlib does; too much output is ERR_BUFFER_TOO_LARGE. */
export interface Coding {
  readonly name: string
  /** Decodes on this thread and returns when it is done. */
  decodeSync(body: Buffer, limit: number): Buffer
  /** Decodes on a thread of libuv's pool. */
  decode(body: Buffer, limit: number): Promise<Buffer>
  /** As a stream; `first` are its first bytes, which may tell the format. */
  createStream(first: Uint8Array): Transform
  /** Cuts the body into the pieces that the stream needs, if that matters. */
  pieces?(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Used instead of the stream, if it is there. */
  decodeStream?(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Whether `decode` may accept what `decodeSync` refuses. */
  readonly isPatient?: boolean
}

interface Options {
  maxOutputLength?: number
}
type SyncMethod = (body: Buffer, options: Options) => Buffer
type AsyncMethod = (body: Buffer, options: Options, callback: (error: Error | null, decoded: Buffer) => void) => void

/** zstd is in node:zlib from Node 22.15 on. */
const { zstdDecompressSync, zstdDecompress, createZstdDecompress } = zlib as unknown as {
  zstdDecompressSync?: SyncMethod
  zstdDecompress: AsyncMethod
  createZstdDecompress: () => Transform
}

const gunzip = coding('gzip', zlib.gunzipSync, zlib.gunzip, zlib.createGunzip)
const inflate = coding('deflate', zlib.inflateSync, zlib.inflate, zlib.createInflate)
const inflateRaw = coding('deflate', zlib.inflateRawSync, zlib.inflateRaw, zlib.createInflateRaw)
const brotli = coding('br', zlib.brotliDecompressSync, zlib.brotliDecompress, zlib.createBrotliDecompress)

/** Members of a body that zlib has refused; nobody makes more, and each costs a run of zlib. */
const mostMembers = 1000

const gzip: Coding = {
  ...gunzip,
  isPatient: true,
  decode: async (body, limit) =>
    gunzip.decode(body, limit).catch(async (refusal: unknown) => {
      if (isTooLarge(refusal)) throw refusal
      return collect(gunzipMembers(bytesIn(body), mostMembers), limit)
    }),
  decodeStream: (body) => gunzipMembers(body, Infinity),
}

/** In HTTP, "deflate" means the zlib format (RFC 9110, 8.4.1.2), but some servers still send raw deflate data. */
const deflate: Coding = {
  name: 'deflate',
  decodeSync: (body, limit) => (hasZlibHeader(body) ? inflate : inflateRaw).decodeSync(body, limit),
  decode: async (body, limit) => (hasZlibHeader(body) ? inflate : inflateRaw).decode(body, limit),
  createStream: (first) => (hasZlibHeader(first) ? inflate : inflateRaw).createStream(first),
}

const zstd =
  zstdDecompressSync && frameByFrame(coding('zstd', zstdDecompressSync, zstdDecompress, createZstdDecompress))

/** All codings that we decode, by their names in HTTP. */
export const codings: ReadonlyMap<string, Coding> = new Map(
  [gzip, deflate, brotli, ...(zstd ? [zstd] : [])].map((each) => [each.name, each]),
)

function coding(name: string, decodeSync: SyncMethod, decode: AsyncMethod, createStream: () => Transform): Coding {
  const decodeAsync = promisify(decode)
  return {
    name,
    decodeSync: (body, limit) => decodeSync(body, optionsFor(limit)),
    decode: async (body, limit) => decodeAsync(body, optionsFor(limit)),
    createStream: () => createStream(),
  }
}

async function* bytesIn(body: Buffer): AsyncGenerator<Buffer, void, void> {
  yield body
}

/** Concatenates the chunks; fails with zlib's code if they are more than `limit` bytes. */
async function collect(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const collected: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > limit) throw Object.assign(new RangeError('too much output'), { code: 'ERR_BUFFER_TOO_LARGE' })
    collected.push(chunk)
  }
  return Buffer.concat(collected, size)
}

function optionsFor(limit: number): Options {
  return limit === Infinity ? {} : { maxOutputLength: Math.max(1, limit) }
}

/** Whether the bytes begin as RFC 1950 has it: with method 8, and two bytes that make a multiple of 31. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0
}

/** What decoders need to know about the exchange. */
export interface Decoding {
  /** For messages. */
  readonly origin: string
  /** Bytes of the decoded body; Infinity = none. */
  readonly limit: number
}

export function isTooLarge(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE'
}

/** Translates an error of zlib; one of ours is returned as it is. */
export function decodingFailure(error: unknown, coding: { readonly name: string }, { origin, limit }: Decoding): Error {
  if (error instanceof FuturesError) return error
  if (isTooLarge(error)) return decodedTooLarge({ origin, limit }, error)
  const reason = error instanceof Error ? error.message : String(error)
  return new ContentDecodingError(`Could not decode the response of ${origin} as ${coding.name}: ${reason}`, {
    cause: error,
  })
}

export function decodedTooLarge({ origin, limit }: Decoding, cause?: unknown): ResponseTooLargeError {
  const message = `Could not read the response of ${origin}: it is larger than ${limit} bytes once decoded`
  return new ResponseTooLargeError(message, { cause, limit })
}
