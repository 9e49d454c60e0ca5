/** SECURITY.md, "Credentials across origins" and "Proxies": a proxy's password is for the proxy, and a proxy is no origin. */
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FuturesSession, InvalidProxyURLError, ProxyError, SSLError, WorkerThreadExecutor } from '../../src/index.ts'
import { Session } from '../../src/session/session.ts'
import { Origins, pathTo } from '../helpers/origins.ts'
import { startHttpProxy, startSocksProxy, type HttpProxyOptions, type TestProxy } from '../helpers/proxy.ts'
import type { TestServer } from '../helpers/server.ts'
import { straysOf } from '../helpers/strays.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'

const secret = 's3cret'
const encoded = Buffer.from(`user:${secret}`).toString('base64')
let origins: Origins
let server: TestServer
let session: Session
const proxies: TestProxy[] = []

beforeEach(async () => {
  origins = new Origins()
  server = await origins.open('server')
  session = new Session({ trustEnv: false, verify: tlsFixture('ca.pem') })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await session.close()
  await Promise.all(proxies.splice(0).map((each) => each.close()))
  await origins.close()
})

async function openProxy(options?: HttpProxyOptions): Promise<TestProxy> {
  const proxy = await startHttpProxy(options)
  proxies.push(proxy)
  return proxy
}

const urlOf = ({ port }: TestProxy, user = `user:${secret}`): string => `http://${user}@127.0.0.1:${port}`
const onLocalhost = (url: string): string => url.replace('127.0.0.1', 'localhost')
const withoutSecret = (value: unknown): boolean =>
  ![secret, encoded].some((each) => JSON.stringify(value).includes(each))

describe('The password of a proxy', () => {
  it('goes to that proxy, and neither to an origin behind it nor to another proxy', async () => {
    const proxy = await openProxy({ credentials: `user:${secret}` })
    const other = await openProxy()
    session.proxies = { 'http://127.0.0.1': urlOf(proxy), 'http://localhost': `http://127.0.0.1:${other.port}` }
    await session.get(`${server.url}${pathTo(`${onLocalhost(server.url)}${pathTo(server.url)}`)}`)

    expect(proxy.headers.map((headers) => headers['proxy-authorization'])).toEqual(Array(2).fill(`Basic ${encoded}`))
    expect(other.headers).toHaveLength(1)
    expect(withoutSecret(other.headers)).toBe(true)
    expect(origins.visits).toHaveLength(3)
    expect(withoutSecret(origins.visits)).toBe(true)
  })

  it('does not go to an origin that is reached directly after a redirect', async () => {
    const proxy = await openProxy({ credentials: `user:${secret}` })
    session.proxies = { all: urlOf(proxy), no_proxy: 'localhost' }
    await session.get(`${server.url}${pathTo(onLocalhost(server.url))}`)

    expect(proxy.seen).toHaveLength(1)
    expect(origins.visits).toHaveLength(2)
    expect(withoutSecret(origins.visits)).toBe(true)
  })

  it('does not go through a tunnel, written by hand or not', async () => {
    const proxy = await openProxy()
    const secure = await startTlsServer(origins.handlerOf('secure'))
    session.proxies = { all: urlOf(proxy) }
    await session.get(secure.url, { headers: { 'Proxy-Authorization': `Basic ${encoded}` } })
    await session.close()
    await secure.close()

    expect(proxy.headers[0]?.['proxy-authorization']).toBe(`Basic ${encoded}`)
    expect(origins.visits).toHaveLength(1)
    expect(withoutSecret(origins.visits)).toBe(true)
  })
})

describe('A password that SOCKS can not carry', () => {
  const tooLong = `${secret}${'ü'.repeat(126)}`
  const modes: [string, () => FuturesSession, { stream?: boolean }?][] = [
    ['in process', () => new FuturesSession()],
    ['streamed', () => new FuturesSession(), { stream: true }],
    ['in a thread', () => new FuturesSession({ executor: new WorkerThreadExecutor({ threads: 1 }) })],
  ]

  it.each(modes)('is the error of that one request, which shows nothing of it, %s', async (_, open, options) => {
    const proxy = await startSocksProxy({ credentials: `user:${secret}` })
    proxies.push(proxy)
    const urlFor = (password: string, scheme: string): string => `${scheme}://user:${password}@127.0.0.1:${proxy.port}`
    const futures = open()
    const strays = await straysOf(async () => {
      const bad = ['socks5', 'socks5h'].flatMap((scheme) => [tooLong, ''].map((password) => urlFor(password, scheme)))
      const failures = bad.map((all) => futures.get(server.url, { ...options, proxies: { all }, retry: 2 }))
      const good = futures.get(server.url, { ...options, proxies: { all: urlFor(secret, 'socks5') } })
      for (const failure of failures) {
        const error = await failure.exception()
        expect(error).toBeInstanceOf(InvalidProxyURLError)
        expect((error as InvalidProxyURLError).request.url).toBe(`${server.url}/`)
        expect(inspect(error)).not.toMatch(/s3cret|ü/)
      }
      expect((await (await good.result()).read()).status).toBe(200)
    })
    await futures.close()
    await futures.executor.shutdown()
    expect(strays).toEqual([])
    expect(proxy.connections).toBe(1)
  })
})

describe('A proxy that is asked for a tunnel', () => {
  const answers: [string, string][] = [
    ['redirects', 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'],
    ['refuses with a page', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n<html/>'],
    ['only says 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['is no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ]

  it.each(answers)(
    'and %s is a ProxyError: nothing of it is followed, kept or given to the caller',
    async (_, text) => {
      const withCookie = text.replace('\r\n', '\r\nSet-Cookie: proxy=1\r\n')
      const proxy = await openProxy({ onConnect: (socket: Duplex) => void socket.end(withCookie) })
      session.proxies = { all: urlOf(proxy) }
      const error: unknown = await session.get('https://127.0.0.1:1/').catch((error: unknown) => error)

      expect(error).toBeInstanceOf(ProxyError)
      expect((error as ProxyError).response).toBeUndefined()
      expect(session.cookies && session.cookies.serializeSync()?.cookies).toEqual([])
      expect(proxy.seen).toEqual(['CONNECT 127.0.0.1:1'])
    },
  )

  it('and answers in the place of the origin is not believed, and sees no request', async () => {
    let received = ''
    const proxy = await openProxy({
      onConnect: (socket: Duplex) => {
        socket.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')))
        socket.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
      },
    })
    session.proxies = { all: urlOf(proxy) }
    await expect(session.get('https://127.0.0.1:1/path', { auth: ['user', secret] })).rejects.toThrow(SSLError)
    expect(received).not.toMatch(/GET|path|Authorization/)
  })

  it('is told host and port, and nothing that a URL could add to that', async () => {
    const proxy = await openProxy({ onConnect: (socket: Duplex) => void socket.end('HTTP/1.1 403 No\r\n\r\n') })
    session.proxies = { all: urlOf(proxy) }
    for (const url of [
      'https://h.test/a%0d%0ab',
      'https://h.test:81/\r\nX: y',
      'https://u:p@h.test/',
      'https://[::1]/',
    ]) {
      await expect(session.get(url)).rejects.toThrow(ProxyError)
    }
    expect(proxy.seen).toEqual(['h.test:443', 'h.test:81', 'h.test:443', '[::1]:443'].map((each) => `CONNECT ${each}`))
  })
})

describe('The environment', () => {
  it('names no proxy for whoever does not trust it, nor one by a header of a CGI request', async () => {
    const proxy = await openProxy()
    vi.stubEnv('http_proxy', undefined)
    vi.stubEnv('HTTP_PROXY', urlOf(proxy))
    await session.get(server.url)
    vi.stubEnv('REQUEST_METHOD', 'GET')
    await using trusting = new Session()
    await trusting.get(server.url)

    expect(proxy.seen).toEqual([])
  })

  it.each(['*evil', '.', '127.0.0.1.evil.test', 'evil.test:80', '1/0', '%00', '[', '0.0.0.0/33', ' , ,'])(
    'with no_proxy %j takes nobody past the proxy',
    async (list) => {
      const proxy = await openProxy()
      session.proxies = { all: urlOf(proxy), no_proxy: list }
      await session.get(server.url)

      expect(proxy.seen).toHaveLength(1)
    },
  )
})
