/** SECURITY.md, "Responses": where one ends and another begins is not in dispute, and what is in doubt is no response. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkedEncodingError, ConnectionError, ReadTimeoutError } from '../../src/errors.ts'
import { Session } from '../../src/session/session.ts'
import { always, answer, startFaultServer, type FaultServer } from '../helpers/fault-server.ts'

let server: FaultServer
let session: Session

beforeEach(() => {
  session = new Session({ trustEnv: false, timeout: { read: 2000 } })
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const ok = 'HTTP/1.1 200 OK\r\n'
const chunked = '2\r\nok\r\n0\r\n\r\n'

describe('A response is refused that has', () => {
  it.each([
    ['a folded header', `${ok}X-A: a\r\n Set-Cookie: b=1\r\nContent-Length: 2\r\n\r\nok`],
    ['a folded Set-Cookie', `${ok}Content-Length: 2\r\nSet-Cookie: a=1\r\n\tb=2\r\n\r\nok`],
    ['a header with CR in it', `${ok}X-A: a\rSet-Cookie: b=1\r\nContent-Length: 2\r\n\r\nok`],
    ['a header that ends with LF', `${ok}X-A: a\nSet-Cookie: b=1\r\nContent-Length: 2\r\n\r\nok`],
    ['a header with NUL in it', `${ok}X-A: a\0b\r\nContent-Length: 2\r\n\r\nok`],
    ['a header with ESC in it', `${ok}X-A: a\x1b[2J\r\nContent-Length: 2\r\n\r\nok`],
    ['a blank before the colon', `${ok}Content-Length : 2\r\n\r\nok`],
    ['two lengths', `${ok}Content-Length: 2\r\nContent-Length: 5\r\n\r\nok`],
    ['one length twice', `${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`],
    ['a length and chunks', `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`],
    ['chunks and a length', `${ok}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n${chunked}`],
    ['a length with a sign', `${ok}Content-Length: +2\r\n\r\nok`],
    ['a length in hex', `${ok}Content-Length: 0x2\r\n\r\nok`],
    ['a chunk size with a sign', `${ok}Transfer-Encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n`],
    ['a chunk size that overflows', `${ok}Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n`],
    ['a chunk that is longer than it says', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n`],
    ['another protocol', 'HTTP/1.1\t200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s', async (_what, bytes) => {
    server = await startFaultServer(always(bytes))
    const error: unknown = await session.get(server.url).catch((error: unknown) => error)

    expect([ConnectionError, ChunkedEncodingError].some((each) => error instanceof each)).toBe(true)
    expect(session.cookies && session.cookies.serializeSync()?.cookies).toEqual([])
  })

  it.each(['chunked, identity', 'xchunked', 'chunked\r\nTransfer-Encoding: gzip'])(
    'Transfer-Encoding: %j, at the latest when nothing more comes',
    async (encoding) => {
      server = await startFaultServer(always(`${ok}Transfer-Encoding: ${encoding}\r\n\r\n${chunked}`))
      const error: unknown = await session.get(server.url, { timeout: { read: 300 } }).catch((error: unknown) => error)

      expect([ReadTimeoutError, ConnectionError, ChunkedEncodingError].some((each) => error instanceof each)).toBe(true)
    },
  )
})

describe('What comes behind a response', () => {
  it.each([
    ['GET', answer('one')],
    ['HEAD', answer('one')],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n'],
  ])('to a %s is not the answer to the next request', async (method, first) => {
    const smuggled = answer('evil', { 'Set-Cookie': 'evil=1' })
    server = await startFaultServer(async (peer) => {
      while ((await peer.request()) !== undefined) {
        await peer.write(server.requests.length === 1 ? Buffer.concat([Buffer.from(first), smuggled]) : answer('two'))
      }
    })
    await session.request(method, server.url).catch(() => undefined)
    const response = await session.get(server.url)

    expect(response.text()).toBe('two')
    expect(session.cookies && session.cookies.serializeSync()?.cookies).toEqual([])
  })
})
