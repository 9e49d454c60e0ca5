import { decodeText } from './charset.ts'

/**
 * Text of bytes that are JSON. Without a label, UTF-16 and UTF-32 are told by their byte order mark, or by where the
 * zeros stand, for JSON begins with two ASCII characters (RFC 4627, 3; `guess_json_utf` of requests); else it is UTF-8.
 */
export function decodeJsonText(bytes: Uint8Array, label: string | undefined): string {
  return decodeText(bytes, label ?? guess(bytes))
}

function guess(bytes: Uint8Array): string | undefined {
  const [first, second] = [bytes[0], bytes[1]]
  // Nearly always: neither a mark nor a zero.
  if (first !== 0 && second !== 0 && first !== 0xff) return undefined
  const [third, fourth] = [bytes[2], bytes[3]]
  // Other marks are seen by decodeText; this one begins like that of UTF-16LE.
  if (first === 0xff && second === 0xfe) return third === 0 && fourth === 0 ? 'utf-32le' : undefined
  if (first !== 0 && second !== 0) return undefined
  const zeros = [first, second, third, fourth]
    .map((byte) => (byte === 0 ? '0' : byte === undefined ? '' : 'x'))
    .join('')
  return guesses.get(zeros)
}

/** What two characters, or one, look like. */
const guesses = new Map([
  ['0x0x', 'utf-16be'],
  ['0x', 'utf-16be'],
  ['x0x0', 'utf-16le'],
  ['x0', 'utf-16le'],
  ['000x', 'utf-32be'],
  ['00xx', 'utf-32be'],
  ['x000', 'utf-32le'],
])
