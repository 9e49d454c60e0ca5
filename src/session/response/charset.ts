/** A TextDecoder, or what does the same for an encoding that TextDecoder does not have, or has wrong. */
export interface CharsetDecoder {
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string
}

/**
 * The charset that a Content-Type declares, as written and without quotes; `undefined` if it declares none. The last one
 * counts, as in requests.
 */
export function encodingFrom(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !contentType.includes(';')) return undefined
  let charset = ''
  for (const parameter of contentType.split(';').slice(1)) {
    const equals = parameter.indexOf('=')
    if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== 'charset') continue
    charset = parameter
      .slice(equals + 1)
      .replace(/["']/g, '')
      .trim()
  }
  return charset === '' ? undefined : charset
}

/**
 * Text of bytes; never throws. What can't be decoded becomes U+FFFD; a byte order mark is dropped.
 *
 * @param label one of TextDecoder's or Python's. Without one, or with one that nobody knows, a byte order mark decides,
 *   else it is UTF-8
 */
export function decodeText(bytes: Uint8Array, label: string | undefined): string {
  const name = nameOf(label)
  if (name !== 'utf-8' && (name !== undefined || utf16Mark(bytes) !== undefined))
    return charsetDecoder(name, bytes).decode(bytes)
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  return asBuffer(bytes).toString('utf8', start)
}

/**
 * For text that comes in pieces: `decode(piece, { stream: true })`, and `decode()` at the end.
 *
 * @param label as `decodeText` has it
 * @param start the first piece, for its byte order mark
 */
export function charsetDecoder(label: string | undefined, start: Uint8Array): CharsetDecoder {
  const name = nameOf(label)
  if (name === undefined) return new TextDecoder(utf16Mark(start))
  if (name === 'utf-16') return new TextDecoder(utf16Mark(start) ?? 'utf-16le')
  if (name.startsWith('utf-32')) return new Utf32Decoder(name)
  const singleByte = singleByteDecoders[name]
  return singleByte === undefined
    ? new TextDecoder(name)
    : { decode: (bytes) => (bytes === undefined ? '' : singleByte(bytes)) }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function utf16Mark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
}

/** What follows the name in a line are other labels for it. Blanks separate; `_` counts as `-`. */
const labels = new Map(
  [
    'utf-8 utf8 u8 utf-8-sig',
    'utf-16 utf16 u16',
    'utf-16le utf-16-le',
    'utf-16be utf-16-be',
    'utf-32 utf32 u32',
    'utf-32le utf-32-le',
    'utf-32be utf-32-be',
    'iso-8859-1 iso8859-1 iso88591 latin-1 latin1 l1 cp819 ibm819 8859',
    'us-ascii ascii 646 ansi-x3.4-1968 iso646-us',
    'windows-1252 cp1252 x-cp1252 1252',
    'shift_jis cp932 ms932 ms-kanji',
    'euc-kr cp949 ms949 uhc',
    'gbk cp936 ms936',
    'big5 big5hkscs big5-hkscs',
  ].flatMap((line) => {
    const names = line.split(' ')
    return names.map((label) => [label, names[0] ?? label] as const)
  }),
)

/** One name for all labels of an encoding; `undefined` for no label and for an unknown one. */
function nameOf(label: string | undefined): string | undefined {
  if (label === undefined) return undefined
  const given = label.trim().toLowerCase()
  const dashed = given.replaceAll('_', '-')
  return labels.get(dashed) ?? webNameOf(given) ?? webNameOf(dashed)
}

function webNameOf(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding
  } catch {
    return undefined
  }
}

function decodeLatin1(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1')
}

/** TextDecoder takes all three for windows-1252, and Node 20 decodes that as ISO-8859-1. */
const singleByteDecoders: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  'iso-8859-1': decodeLatin1,
  'us-ascii': (bytes) => decodeLatin1(bytes).replace(/[\x80-\xff]/g, '\ufffd'),
  'windows-1252': (bytes) =>
    decodeLatin1(bytes).replace(/[\x80-\x9f]/g, (char) => cp1252.charAt(char.charCodeAt(0) - 0x80)),
}
const cp1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

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

/** Where the zeros stand in two characters, or in one. */
const guesses = new Map([
  ['0x0x', 'utf-16be'],
  ['0x', 'utf-16be'],
  ['x0x0', 'utf-16le'],
  ['x0', 'utf-16le'],
  ['000x', 'utf-32be'],
  ['00xx', 'utf-32be'],
  ['x000', 'utf-32le'],
])

const blank = Buffer.alloc(0)

/** UTF-32, which TextDecoder does not have; servers that send JSON in it exist. */
class Utf32Decoder {
  #isBigEndian: boolean | undefined
  #rest: Uint8Array = blank
  #isStarted = false

  /** `utf-32`: the byte order mark decides, without one it is little-endian; or `utf-32le`, `utf-32be`. */
  constructor(name: string) {
    this.#isBigEndian = name === 'utf-32' ? undefined : name === 'utf-32be'
  }

  decode(bytes: Uint8Array = blank, { stream = false } = {}): string {
    const all = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength)
    const end = all.byteLength - (all.byteLength % 4)
    let text = ''
    for (let at = 0; at < end; at += 4) text += this.#read(view, at)
    this.#rest = stream ? new Uint8Array(all.subarray(end)) : blank
    return !stream && end < all.byteLength ? `${text}\ufffd` : text
  }

  #read(view: DataView, at: number): string {
    const isFirst = !this.#isStarted
    this.#isStarted = true
    if (isFirst) this.#isBigEndian ??= view.getUint32(at) === 0xfeff
    const code = view.getUint32(at, this.#isBigEndian !== true)
    if (isFirst && code === 0xfeff) return ''
    return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code)
  }
}
