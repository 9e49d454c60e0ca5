import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { InvalidHeaderError, InvalidOptionError } from '../../../src/errors.ts'
import { Session } from '../../../src/session/session.ts'
import { startServer, type TestServer } from '../../helpers/server.ts'

let server: TestServer
let session: Session

interface Seen {
  length: string | null
  coding: string | null
  text: string
}

beforeEach(async () => {
  server = await startServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { 'content-length': length = null, 'transfer-encoding': coding = null } = request.headers
      response.end(JSON.stringify({ length, coding, text: Buffer.concat(chunks).toString() } satisfies Seen))
    })
  })
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const headers = { 'Content-Length': '6' }
const sources: [string, () => unknown][] = [
  ['a Readable', () => Readable.from(['abc', 'def'])],
  ['a web stream', () => new Blob(['abcdef']).stream()],
  [
    'a generator',
    function* () {
      yield 'abc'
      yield 'def'
    },
  ],
  ['an async iterable', () => Readable.from(['abcdef']).iterator()],
]

describe('Session, a Content-Length of the caller', () => {
  it.each(sources)('is how %s is framed; without one it is chunked', async (_, make) => {
    const known = await session.post(server.url, { data: make() as never, headers })
    expect(known.json<Seen>()).toEqual({ length: '6', coding: null, text: 'abcdef' })
    const unknown = await session.post(server.url, { data: make() as never })
    expect(unknown.json<Seen>()).toEqual({ length: null, coding: 'chunked', text: 'abcdef' })
  })

  it.each([
    ['too small', '5'],
    ['too large', '7'],
  ])('that is %s for its stream fails the request, and the next one is fine', async (_, length) => {
    const data = Readable.from(['abc', 'def'])
    const error = await session
      .post(server.url, { data, headers: { 'Content-Length': length } })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect((error as Error).message).toMatch(/content-length/i)
    expect((await session.post(server.url, { data: 'x' })).json()).toMatchObject({ text: 'x' })
  })

  it.each(['six', '-1', '6.0', '0x6', '', '9'.repeat(16)])('that is no number is refused: %j', async (length) => {
    const data = Readable.from(['abcdef'])
    const error = await session
      .post(server.url, { data, headers: { 'Content-Length': length } })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidHeaderError)
    expect((error as Error).message).toContain('expected a number')
    expect(server.seen).toEqual([])
  })

  it('does not count where the length is known', async () => {
    for (const data of ['text', Buffer.from('text'), new Blob(['text'])]) {
      const response = await session.post(server.url, { data, headers: { 'Content-Length': '99' } })
      expect(response.json()).toEqual({ length: '4', coding: null, text: 'text' })
    }
  })
})
