import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, ReadTimeoutError } from '../../src/errors.ts'
import { Session } from '../../src/session/session.ts'
import { answer, startFaultServer, type FaultServer } from '../helpers/fault-server.ts'
import { startHttpProxy } from '../helpers/proxy.ts'

const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'
const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

/** A server that says 100 and 103 before everything it says. */
let server: FaultServer
let session: Session

beforeEach(async () => {
  session = new Session({ trustEnv: false })
  server = await startFaultServer(async (peer) => {
    for (let request = await peer.request(); request !== undefined; request = await peer.request()) {
      const [, method = '', path = ''] = /^(\S+) (?:http:\/\/[^/]+)?(\S*)/.exec(request) ?? []
      await peer.write(goOn)
      await peer.write(hint + goOn)
      if (path === '/bare') return
      if (path === '/hint') return void peer.write(hint)
      const isMoved = path === '/moved'
      await peer.write(isMoved ? answer('', { Location: '/', 'Set-Cookie': 'a=b' }, '302 Found') : answer(method))
    }
  })
})

afterEach(async () => {
  await session.close()
  await server.close()
})

describe('Session with a server that says 100 unasked', () => {
  it('gets what comes then, buffered and streamed, on one connection', async () => {
    for (const stream of [false, true, false]) {
      const response = await session.get(server.url, { stream })
      await response.read()
      expect(response).toMatchObject({ status: 200, statusText: 'OK' })
      expect(response.text()).toBe('GET')
    }
    expect(server.connections).toBe(1)
  })

  it('sends bodies, and follows redirects', async () => {
    expect((await session.post(server.url, { data: 'body' })).text()).toBe('POST')
    const response = await session.get(`${server.url}/moved`)
    expect(response.text()).toBe('GET')
    expect(response.history.map(({ status }) => status)).toEqual([302])
    expect(server.requests.at(-1)).toMatch(/cookie: a=b/i)
  })

  it('gets it through a proxy', async () => {
    const proxy = await startHttpProxy()
    expect((await session.get(server.url, { proxies: { http: `http://127.0.0.1:${proxy.port}` } })).text()).toBe('GET')
    await proxy.close()
  })

  it.each([
    ['after a while', undefined],
    ['when its read timeout has passed, if that is sooner', { read: 100 }],
    ['after a while, with no read timeout', { read: null }],
  ])('fails where nothing comes then: %s', async (_, timeout) => {
    for (const stream of [false, true]) {
      const error: unknown = await session
        .get(`${server.url}/bare`, { timeout, stream })
        .catch((error: unknown) => error)
      expect(error).toBeInstanceOf(ConnectionError)
      expect((error as Error).message).toMatch(/: a 100 Continue that nobody asked for, and nothing more$/)
    }
  })

  it('fails with the read timeout where it had a body to go on with, or something else came after the 100', async () => {
    const timeout = { read: 100 }
    await expect(session.post(`${server.url}/bare`, { data: 'body', timeout })).rejects.toThrow(ReadTimeoutError)
    await expect(session.get(`${server.url}/hint`, { timeout })).rejects.toThrow(ReadTimeoutError)
  })
})
