import { pipeline } from 'node:stream'
import type { BodyDecoder } from '../body-stream.ts'
import { decodedTooLarge, decodingFailure } from './decoding-failures.ts'
import type { Coding } from './codings.ts'
import type { Decoding } from './decoding-failures.ts'
import { parseCodings } from './content-encoding.ts'
import type { ExchangeRequest } from '../exchange.ts'
import type { ResponseHeaders } from '../reception.ts'

/** Bytes that tell zlib's format from bare deflate data. */
const headerSize = 2

/**
 * Decodes while the body comes, as far as the reader has asked: zlib rests when nobody takes what it has made. Whatever
 * is wrong with the body, its reader gets to know.
 */
export function decoderFor(
  { origin, maxResponseSize: limit }: ExchangeRequest,
  headers: ResponseHeaders,
): BodyDecoder | undefined {
  const encoding = headers['content-encoding']
  if (encoding === undefined) return undefined
  const of = { origin, limit }
  return async function* (wire) {
    let size = 0
    const codings = parseCodings(encoding, origin)
    for await (const chunk of codings.reduce((source, coding) => decode(source, coding, of), wire)) {
      size += chunk.byteLength
      if (size > limit) throw decodedTooLarge(of)
      yield chunk
    }
  }
}

async function* decode(source: AsyncIterable<Uint8Array>, coding: Coding, of: Decoding): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]()
  const first = await firstBytes(chunks)
  // An empty body is empty in every coding.
  if (first.byteLength === 0) return
  const body = joined(first, chunks)
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

async function firstBytes(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let bytes: Uint8Array = Buffer.alloc(0)
  while (bytes.byteLength < headerSize) {
    const next = await chunks.next()
    if (next.done === true) break
    bytes = bytes.byteLength === 0 ? next.value : Buffer.concat([bytes, next.value])
  }
  return bytes
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
}
