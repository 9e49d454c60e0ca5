import { ContentDecodingError, FuturesError } from '../../errors.ts'
import { codings } from './codings.ts'
import type { Coding } from './codings.ts'
import { decodingFailure, isTooLarge } from './decoding-failures.ts'
import type { Decoding } from './decoding-failures.ts'

/** What can be decoded, as the value of an Accept-Encoding header. */
export const acceptEncoding: string = [...codings.keys()].join(', ')

/** Nobody nests more; a long list is an attack. */
const maxCodings = 5

/** Compressed bytes that are decoded at once; more go to a thread of libuv's pool, so that the loop stays free. */
const syncInput = 256 * 1024
/** Decoded bytes at which a small input that grows a thousandfold goes there, too. */
const syncOutput = 4 * 1024 * 1024

/**
 * @param header Content-Encoding
 * @param origin for messages
 * @returns what to undo, first things first; nothing if one of them is unknown: as with `requests`, the body is left as
 * it is then
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
      `Could not decode the response of ${origin}: ${names.length} codings on top of each other`,
    )
  }
  const found = names.map((name) => codings.get(name === 'x-gzip' ? 'gzip' : name))
  return found.includes(undefined) ? [] : (found.reverse() as Coding[])
}

/**
 * @returns the decoded body; a promise if that is much work
 * @throws {ContentDecodingError} corrupt or truncated (also what the promise rejects with)
 * @throws {ResponseTooLargeError} more than the limit
 */
export function decodeBody(body: Buffer, todo: readonly Coding[], of: Decoding): Buffer | Promise<Buffer> {
  const { limit } = of
  const [coding, ...rest] = todo
  // An empty body is empty in every coding.
  if (coding === undefined || body.length === 0) return body
  if (body.length > syncInput) return decodeLater(body, todo, of)
  try {
    return decodeBody(coding.decodeSync(body, Math.min(limit, syncOutput)), rest, of)
  } catch (error) {
    const mayBeDecoded = isTooLarge(error) ? limit > syncOutput : coding.isPatient === true && !isOurs(error)
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

/** It is that of a coding further in. */
function isOurs(error: unknown): boolean {
  return error instanceof FuturesError
}
