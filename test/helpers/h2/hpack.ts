/** As much of HPACK (RFC 7541) as a server of tests needs: it reads whatever a client sends, and writes nothing but literals. */

export type HeaderList = readonly (readonly [name: string, value: string])[]

/** Every header as a literal that enters no table. */
export function encodeHeaders(headers: HeaderList): Buffer {
  const parts = headers.flatMap(([name, value]) => [Buffer.of(0), encodeText(name), encodeText(value)])
  return Buffer.concat(parts)
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([encodeInteger(bytes.length, 7), bytes])
}

function encodeInteger(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1
  if (value < most) return Buffer.of(value)
  const bytes = [most]
  let rest = value - most
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.of(...bytes, rest)
}

const staticNames =
  ':authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status :status ' +
  'accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow ' +
  'authorization cache-control content-disposition content-encoding content-language content-length content-location ' +
  'content-range content-type cookie date etag expect expires from host if-match if-modified-since if-none-match ' +
  'if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range ' +
  'referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via ' +
  'www-authenticate'
/** By index. */
const staticValues: Readonly<Record<number, string>> = {
  ...{ 2: 'GET', 3: 'POST', 4: '/', 5: '/index.html', 6: 'http', 7: 'https', 8: '200', 9: '204', 10: '206' },
  ...{ 11: '304', 12: '400', 13: '404', 14: '500', 16: 'gzip, deflate' },
}
const staticTable: HeaderList = staticNames.split(' ').map((name, at) => [name, staticValues[at + 1] ?? ''])

/** One for each connection: what was said before is referred to later. */
export class HeaderDecoder {
  readonly #dynamic: (readonly [string, string])[] = []
  #size = 0
  #limit = 4096

  decode(block: Buffer): [name: string, value: string][] {
    const input = new BlockReader(block)
    const headers: [string, string][] = []
    while (!input.isOver) {
      const first = input.peek()
      if (first >= 0x80) headers.push([...this.#entry(input.integer(7))])
      else if (first >= 0x40) headers.push(this.#remember(this.#literal(input, 6)))
      else if (first >= 0x20) this.#resize(input.integer(5))
      else headers.push(this.#literal(input, 4))
    }
    return headers
  }

  #literal(input: BlockReader, prefixBits: number): [string, string] {
    const index = input.integer(prefixBits)
    return [index === 0 ? input.text() : this.#entry(index)[0], input.text()]
  }

  #entry(index: number): readonly [string, string] {
    const entry = staticTable[index - 1] ?? this.#dynamic[index - 1 - staticTable.length]
    if (entry === undefined) throw new Error(`There is no header ${index}`)
    return entry
  }

  #remember(entry: [string, string]): [string, string] {
    this.#dynamic.unshift(entry)
    this.#size += sizeOf(entry)
    this.#evict()
    return entry
  }

  #resize(limit: number): void {
    this.#limit = limit
    this.#evict()
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= sizeOf(this.#dynamic.pop()!)
  }
}

const sizeOf = ([name, value]: readonly [string, string]): number => name.length + value.length + 32

class BlockReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length
  }

  peek(): number {
    return this.#bytes[this.#at]!
  }

  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1
    let value = this.#bytes[this.#at++]! & most
    if (value < most) return value
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }

  text(): string {
    const isHuffman = this.peek() >= 0x80
    const length = this.integer(7)
    const bytes = this.#bytes.subarray(this.#at, (this.#at += length))
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1')
  }
}

/** Of each length in bits, the characters in the order of their codes, which count up; what is not ASCII has longer ones. */
const charactersByLength: Readonly<Record<number, string>> = {
  5: '012aceiost',
  6: ' %-./3456789=A_bdfghlmnpru',
  7: ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
  8: '&*,;XZ',
  10: '!"()?',
  11: "'+|",
  12: '#>',
  13: '\0$@[]~',
  14: '^}',
  15: '<`{',
}

/** By the length and the code. */
const characters = new Map<string, string>()
let nextCode = 0
for (let length = 5; length <= 15; length++) {
  for (const character of charactersByLength[length] ?? '') characters.set(`${length} ${nextCode++}`, character)
  nextCode *= 2
}

function decodeHuffman(bytes: Buffer): string {
  let text = ''
  let code = 0
  let length = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1)
      const character = characters.get(`${++length} ${code}`)
      if (character === undefined) continue
      text += character
      code = 0
      length = 0
    }
  }
  // What fills the last byte is all ones.
  if (length > 7 || code !== 2 ** length - 1) throw new Error('A text with characters that this decoder does not know')
  return text
}
