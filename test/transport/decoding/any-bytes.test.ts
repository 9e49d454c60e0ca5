import zlib from 'node:zlib'
import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { ContentDecodingError } from '../../../src/errors.ts'
import { decodeBody, bodyDecoder, parseCodings } from '../../../src/transport/decoding/content-encoding.ts'
import { exchangeRequest, readAll } from '../../helpers/exchanges.ts'

const { zstdCompressSync } = zlib as unknown as { zstdCompressSync?: (body: Uint8Array) => Buffer }

interface Encoder {
  readonly coding: string
  readonly encode: (body: Uint8Array) => Buffer
  /** Several may follow each other. */
  readonly hasParts?: boolean
}

const encoders: readonly Encoder[] = [
  { coding: 'gzip', encode: (body) => zlib.gzipSync(body), hasParts: true },
  { coding: 'deflate', encode: (body) => zlib.deflateSync(body) },
  { coding: 'deflate', encode: (body) => zlib.deflateRawSync(body) },
  { coding: 'br', encode: (body) => zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 2 } }) },
  ...(zstdCompressSync ? [{ coding: 'zstd', encode: zstdCompressSync, hasParts: true }] : []),
] // prettier-ignore

/** The body, a character for each byte: those are compared fast. */
type Outcome = string | typeof refused
const refused = Symbol('ContentDecodingError')

const origin = 'http://h'
const textOf = (body: Uint8Array): string => Buffer.from(body).toString('latin1')

async function outcomeOf(decode: () => Promise<Buffer>): Promise<Outcome> {
  try {
    return textOf(await decode())
  } catch (error) {
    expect(error).toBeInstanceOf(ContentDecodingError)
    return refused
  }
}

const buffered = (body: Buffer, coding: string): Promise<Outcome> =>
  outcomeOf(async () => decodeBody(body, parseCodings(coding, origin), { origin, limit: Infinity }))

const streamed = (chunks: readonly Buffer[], coding: string): Promise<Outcome> =>
  outcomeOf(() => readAll(bodyDecoder(exchangeRequest('http://h/'), { 'content-encoding': coding })!(inTurn(chunks))))

async function* inTurn(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  yield* chunks
}

function cut(body: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (body.length + 1)), body.length].sort((one, other) => one - other)
  return ends.map((end, index) => body.subarray(ends[index - 1] ?? 0, end))
}

/** By both ways, which have to agree. */
async function decoded(body: Buffer, coding: string, places: readonly number[]): Promise<Outcome> {
  const outcome = await buffered(body, coding)
  expect(await streamed(cut(body, places), coding)).toBe(outcome)
  return outcome
}

const interruptAfterTimeLimit = 8_000
const encoder = fc.constantFrom(...encoders)
const places = fc.array(fc.nat(400), { maxLength: 6 })
const content = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.nat(40_000).map((size) => new Uint8Array(size).fill(65)),
  fc.constant(new Uint8Array()),
)
const contents = fc.array(content, { minLength: 1, maxLength: 3 })

/** Of these contents, one after the other where that is possible. */
function encoded({ encode, hasParts }: Encoder, parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat((hasParts ? parts : parts.slice(0, 1)).map((part) => encode(part)))
}

function plain({ hasParts }: Encoder, parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(hasParts ? parts : parts.slice(0, 1))
}

describe('decodeBody() and bodyDecoder()', () => {
  it('undo what zlib has made, in whatever pieces it comes', async () => {
    await fc.assert(
      fc.asyncProperty(encoder, contents, places, async (given, parts, at) => {
        expect(await decoded(encoded(given, parts), given.coding, at)).toBe(textOf(plain(given, parts)))
      }),
      { numRuns: 300, interruptAfterTimeLimit },
    )
  })

  it('undo nested codings', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(encoder, { minLength: 2, maxLength: 4 }), content, places, async (list, body, at) => {
        const wire = list.reduce((bytes: Buffer, { encode }) => encode(bytes), Buffer.from(body))
        expect(await decoded(wire, list.map(({ coding }) => coding).join(', '), at)).toBe(textOf(body))
      }),
      { numRuns: 100, interruptAfterTimeLimit },
    )
  })

  it('refuse what breaks off', async () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    await fc.assert(
      fc.asyncProperty(encoder, content, share, places, async (given, body, part, at) => {
        const whole = given.encode(body)
        const size = Math.max(1, Math.floor(whole.length * part))
        if (size === whole.length) return
        expect(await decoded(whole.subarray(0, size), given.coding, at)).toBe(refused)
      }),
      { numRuns: 300, interruptAfterTimeLimit },
    )
  })

  it('agree about garbage behind it', async () => {
    const garbage = fc.uint8Array({ minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(encoder, contents, garbage, places, async (given, parts, behind, at) => {
        await decoded(Buffer.concat([encoded(given, parts), behind]), given.coding, at)
      }),
      { numRuns: 300, interruptAfterTimeLimit },
    )
  })

  // Not zstd: Node's decoder of streams takes an empty frame whose header claims content, and that comes in two pieces, as it is.
  it('agree about bits that have changed on the way', async () => {
    const checked = encoder.filter(({ coding }) => coding !== 'zstd')
    await fc.assert(
      fc.asyncProperty(checked, contents, fc.nat(3_000), places, async (given, parts, bit, at) => {
        const body = encoded(given, parts)
        const at8 = bit % (body.length * 8)
        body[at8 >> 3]! ^= 1 << (at8 & 7)
        await decoded(body, given.coding, at)
      }),
      { numRuns: 600, interruptAfterTimeLimit },
    )
  })

  it('agree about bytes that are nothing at all, or only begin as something', async () => {
    const start = fc.constantFrom([], [0x1f], [0x1f, 0x8b, 8], [0x1f, 0x8b, 8, 0x1f], [0x78, 0x9c], [0x28, 0xb5, 0x2f, 0xfd], [0x50, 0x2a, 0x4d, 0x18]) // prettier-ignore
    await fc.assert(
      fc.asyncProperty(
        encoder,
        start,
        fc.uint8Array({ maxLength: 60 }),
        places,
        async ({ coding }, front, rest, at) => {
          await decoded(Buffer.from([...front, ...rest]), coding, at)
        },
      ),
      { numRuns: 600, interruptAfterTimeLimit },
    )
  })
})

describe('gzip', () => {
  const one = zlib.gzipSync('one')
  const two = zlib.gzipSync('two')

  it('with garbage behind its members is read to their end while it comes, too', async () => {
    const body = Buffer.concat([one, two, Buffer.from('garbage')])
    expect(await decoded(body, 'gzip', [])).toBe('onetwo')
    expect(await decoded(body, 'gzip', [one.length, one.length + two.length + 2])).toBe('onetwo')
  })

  it.each([
    ['a length that is wrong', (body: Buffer) => void body.writeUInt8(99, body.length - 4)],
    ['a checksum that is wrong', (body: Buffer) => void body.writeUInt8(99, body.length - 8)],
    ['flags that nobody knows', (body: Buffer) => void body.writeUInt8(0x80, 3)],
    ['a header with a wrong checksum', (body: Buffer) => void body.writeUInt8(2, 3)],
  ])('with %s is refused, garbage behind it or not', async (_name, spoil) => {
    const body = Buffer.from(one)
    spoil(body)
    expect(await decoded(body, 'gzip', [])).toBe(refused)
    expect(await decoded(Buffer.concat([body, Buffer.from('garbage')]), 'gzip', [])).toBe(refused)
    expect(await decoded(Buffer.concat([two, body]), 'gzip', [])).toBe(refused)
  })

  it.each([1, 2, 5, 10, 15, two.length - 1])(
    'whose second member breaks off after %i bytes is refused',
    async (size) => {
      expect(await decoded(Buffer.concat([one, two.subarray(0, size)]), 'gzip', [])).toBe(refused)
    },
  )

  it('with every field of a header is read, byte by byte', async () => {
    const header = Buffer.concat([one.subarray(0, 10), Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0comment\0')])
    header[3] = 2 | 4 | 8 | 16
    const checksum = Buffer.alloc(2)
    checksum.writeUInt16LE(zlib.crc32(header) & 0xffff)
    const body = Buffer.concat([header, checksum, one.subarray(10), Buffer.from('!')])
    expect(await decoded(body, 'gzip', Array.from(body.keys()))).toBe('one')
  })
})
