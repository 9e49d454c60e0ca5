import { pipeline } from 'node:stream'
import { ContentDecodingError, FuturesError } from '../../errors.ts'
import type { BodyDecoder } from '../body-stream.ts'
import type { ExchangeRequest } from '../exchange.ts'
import type { ResponseHeaders } from '../incoming-response.ts'
import { type Coding, codings, decodedTooLarge, type Decoding, decodingFailure, isTooLarge } from './codings.ts'

/** The supported codings as the value of an Accept-Encoding header. */
export const acceptEncoding: string = [...codings.keys()].join(', ')

/** The most nested codings: no server needs more, and a long list is an attack. */
const maxCodings = 5

/** The most compressed bytes that are decoded on this thread; larger bodies would block the event loop. */
const syncInput = 256 * 1024
/** The most decoded bytes on this thread: a small input can grow a thousandfold. */
const syncOutput = 4 * 1024 * 1024

/**
 * @param header Content-Encoding
 * @param origin for messages
 * @returns the codings in the order of decoding; none if one of them is unknown: as in `requests`, the body is left as it is
 * then
 * @throws {ContentDecodingError} more codings than anybody uses
 */
export function parseCodings(header: string | string[], origin: string): readonly Coding[] {
  const names = String(header)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  if (names.length > maxCodings) {
    throw new ContentDecodingError(
      `Could not decode the response of ${origin}: ${names.length} nested content codings, at most ${maxCodings} are supported`,
    )
  }
  const found = names.map((name) => codings.get(name === 'x-gzip' ? 'gzip' : name))
  return found.includes(undefined) ? [] : (found.reverse() as Coding[])
}

/**
 * @returns the decoded body; a promise if decoding would block the event loop
 * @throws {ContentDecodingError} the body is corrupt or truncated (the promise may reject with it, too)
 * @throws {ResponseTooLargeError} the decoded body exceeds the limit (likewise)
 */
export function decodeBody(body: Buffer, todo: readonly Coding[], of: Decoding): Buffer | Promise<Buffer> {
  const { limit } = of
  const [coding, ...rest] = todo
  // An empty body needs no decoding, whatever the coding is.
  if (coding === undefined || body.length === 0) return body
  if (body.length > syncInput) return decodeLater(body, todo, of)
  try {
    return decodeBody(coding.decodeSync(body, Math.min(limit, syncOutput)), rest, of)
  } catch (error) {
    // A FuturesError comes from a nested coding, and can't be mended here.
    const mayBeDecoded = isTooLarge(error)
      ? limit > syncOutput
      : coding.isPatient === true && !(error instanceof FuturesError)
    if (mayBeDecoded) return decodeLater(body, todo, of)
    throw decodingFailure(error, coding, of)
  }
}

async function decodeLater(body: Buffer, todo: readonly Coding[], of: Decoding): Promise<Buffer> {
  let decoded = body
  for (const coding of todo) {
    if (decoded.length === 0) break
    try {
      decoded = await coding.decode(decoded, of.limit)
    } catch (error) {
      throw decodingFailure(error, coding, of)
    }
  }
  return decoded
}

/** How many bytes tell zlib's format from raw deflate data. */
const zlibHeaderSize = 2

/**
 * Decodes a streamed body as fast as it is read: zlib pauses when nobody takes its output. Errors of the body reach its reader.
 */
export function bodyDecoder(
  { origin, maxResponseSize: limit }: ExchangeRequest,
  headers: ResponseHeaders,
): BodyDecoder | undefined {
  const encoding = headers['content-encoding']
  if (encoding === undefined) return undefined
  const of = { origin, limit }
  return async function* (wire) {
    let size = 0
    const codings = parseCodings(encoding, origin)
    for await (const chunk of codings.reduce((source, coding) => undoCoding(source, coding, of), wire)) {
      size += chunk.byteLength
      if (size > limit) throw decodedTooLarge(of)
      yield chunk
    }
  }
}

async function* undoCoding(source: AsyncIterable<Uint8Array>, coding: Coding, of: Decoding): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]()
  const first = await readStart(chunks)
  // An empty body needs no decoding, whatever the coding is.
  if (first.byteLength === 0) return
  const body = withFirst(first, chunks)
  try {
    yield* coding.decodeStream?.(body) ?? throughStream(body, coding, first)
  } catch (error) {
    throw decodingFailure(error, coding, of)
  }
}

function throughStream(body: AsyncIterable<Uint8Array>, coding: Coding, first: Uint8Array): AsyncIterable<Uint8Array> {
  const stream = coding.createStream(first)
  pipeline(coding.pieces?.(body) ?? body, stream, () => {})
  return stream as AsyncIterable<Buffer>
}

async function readStart(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let bytes: Uint8Array = Buffer.alloc(0)
  while (bytes.byteLength < zlibHeaderSize) {
    const next = await chunks.next()
    if (next.done === true) break
    bytes = bytes.byteLength === 0 ? next.value : Buffer.concat([bytes, next.value])
  }
  return bytes
}

async function* withFirst(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
}
