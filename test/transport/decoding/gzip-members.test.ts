import zlib from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ContentDecodingError, ResponseTooLargeError } from '../../../src/errors.ts'
import { decodeBody, parseCodings } from '../../../src/transport/decoding/content-encoding.ts'
import { ByteInput, gunzipMembers } from '../../../src/transport/decoding/gzip-members.ts'
import { readAll } from '../../helpers/exchanges.ts'

const one = zlib.gzipSync('one')
const two = zlib.gzipSync('two')
const flag = { headerCrc: 2, extra: 4, name: 8, comment: 16 }
const origin = 'http://h'

async function* inTurn(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks
}

const read = async (...chunks: readonly Uint8Array[]): Promise<string> =>
  (await readAll(gunzipMembers(inTurn(...chunks), Infinity))).toString()

/** The member "one" with these flags and what they announce. */
function withFields(flags: number, fields: string): Buffer {
  const header = Buffer.from(one.subarray(0, 10))
  header[3] = flags
  return Buffer.concat([header, Buffer.from(fields, 'latin1'), one.subarray(10)])
}

describe('gunzipMembers()', () => {
  it.each([
    ['a name', flag.name, 'file.txt\0'],
    ['an empty name', flag.name, '\0'],
    ['a comment', flag.comment, 'no comment\0'],
    ['an extra field', flag.extra, '\x03\0\0\0\0'],
    ['an empty extra field', flag.extra, '\0\0'],
  ])('skips %s in the header', async (_name, flags, fields) => {
    expect(await read(withFields(flags, fields), two)).toBe('onetwo')
  })

  it('holds the header against its checksum', async () => {
    const bare = withFields(flag.headerCrc, '').subarray(0, 10)
    const sum = zlib.crc32(bare) & 0xffff
    const member = (crc: number) => withFields(flag.headerCrc, String.fromCharCode(crc & 0xff, crc >> 8))
    expect(await read(member(sum))).toBe('one')
    await expect(read(member(sum ^ 1))).rejects.toThrow('header crc mismatch')
  })

  it.each([
    ['a name without an end', Buffer.concat([withFields(flag.name, '').subarray(0, 10), Buffer.from('name')])],
    ['a comment without an end', Buffer.concat([withFields(flag.comment, '').subarray(0, 10), Buffer.from('c')])],
    ['an extra field that is longer than the file', withFields(flag.extra, '\xff\xff')],
    ['a header that breaks off', one.subarray(0, 9)],
    ['a trailer that breaks off', one.subarray(0, -1)],
    ['data that break off', one.subarray(0, 12)],
  ])('refuses %s, after a good member, too', async (_name, bad) => {
    await expect(read(bad)).rejects.toThrow('unexpected end of file')
    await expect(read(two, bad)).rejects.toThrow('unexpected end of file')
  })

  it('fails as the body does, and hands out what came before', async () => {
    const broken = new Error('the connection broke')
    async function* body(): AsyncGenerator<Uint8Array, void, void> {
      yield one
      yield two.subarray(0, 10)
      throw broken
    }
    const members = gunzipMembers(body(), Infinity)
    expect(String((await members.next()).value)).toBe('one')
    await expect(members.next()).rejects.toBe(broken)
  })

  it('takes as many members as it may, and not one more', async () => {
    expect(String(await readAll(gunzipMembers(inTurn(one, two), 2)))).toBe('onetwo')
    await expect(readAll(gunzipMembers(inTurn(one, two, one), 2))).rejects.toThrow('more than 2 members')
  })

  it('asks for no more of the body once its reader has left', async () => {
    let isAskedFor = false
    async function* body(): AsyncGenerator<Uint8Array, void, void> {
      yield one
      isAskedFor = true
      yield two
    }
    for await (const chunk of gunzipMembers(body(), Infinity)) {
      expect(String(chunk)).toBe('one')
      break
    }
    expect(isAskedFor).toBe(false)
  })
})

describe('decodeBody() of gzip that zlib refuses', () => {
  const garbage = Buffer.from('garbage')
  const decode = async (body: Buffer, limit: number): Promise<string> =>
    String(await decodeBody(body, parseCodings('gzip', origin), { origin, limit }))

  it('keeps to the limit of the response', async () => {
    const body = Buffer.concat([one, two, garbage])
    expect(await decode(body, 6)).toBe('onetwo')
    await expect(decode(body, 5)).rejects.toMatchObject({ constructor: ResponseTooLargeError, limit: 5 })
  })

  it('has an end to its patience: a thousand members', async () => {
    const members = (count: number) => Buffer.concat([...Array.from({ length: count }, () => one), garbage])
    expect(await decode(members(1000), Infinity)).toBe('one'.repeat(1000))
    await expect(decode(members(1001), Infinity)).rejects.toThrow(ContentDecodingError)
  })
})

describe('ByteInput', () => {
  it('next() hands out chunk after chunk, but no empty one', async () => {
    const input = inputOf('ab', '', 'c', '')
    expect(String(await input.next())).toBe('ab')
    expect(String(await input.next())).toBe('c')
    expect(await input.next()).toBeUndefined()
    expect(await input.next()).toBeUndefined()
  })

  it('peek() looks across chunks and takes nothing; at the end it sees less', async () => {
    const input = inputOf('a', 'b', 'cd')
    expect(String(await input.peek(3))).toBe('abc')
    expect(String(await input.peek(1))).toBe('a')
    expect(String(await input.peek(9))).toBe('abcd')
    expect(String(await input.next())).toBe('abcd')
    expect(String(await input.peek(1))).toBe('')
  })

  it('take() takes just so many, and throws where there are fewer', async () => {
    const input = inputOf('abc', 'de')
    expect(String(await input.take(2))).toBe('ab')
    expect(String(await input.take(0))).toBe('')
    expect(String(await input.take(2))).toBe('cd')
    await expect(input.take(2)).rejects.toThrow('unexpected end of file')
    expect(String(await input.next())).toBe('e')
  })

  it('unread() puts back in front of what is there', async () => {
    const input = inputOf('abc')
    const bytes = await input.take(2)
    input.unread(bytes.subarray(1))
    expect(String(await input.next())).toBe('bc')
    input.unread(Buffer.from('z'))
    expect(String(await input.take(1))).toBe('z')
  })
})

function inputOf(...chunks: readonly string[]): ByteInput {
  return new ByteInput(
    (async function* () {
      yield* chunks.map((chunk) => Buffer.from(chunk))
    })(),
  )
}
