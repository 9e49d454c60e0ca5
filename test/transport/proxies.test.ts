import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectTimeoutError, ProxyError, SSLError } from '../../src/errors.ts'
import type { ProxyTarget, TlsIdentity } from '../../src/transport/exchange.ts'
import { TestConnections, text } from '../helpers/exchanges.ts'
import { always, answer, silence, startFaultServer } from '../helpers/fault-server.ts'
import { until } from '../helpers/gate.ts'
import { startHttpProxy, startSocksProxy } from '../helpers/proxy.ts'
import type { TestProxy } from '../helpers/proxy.ts'
import { startServer } from '../helpers/server.ts'
import type { TestServer } from '../helpers/server.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'
import type { TlsServer } from '../helpers/tls.ts'

const tls: TlsIdentity = { id: 'trusting', rejectUnauthorized: true, ca: [tlsFixture('ca.pem')] }
const secret = 'pass:wörd@x'

let transport: TestConnections
let server: TestServer
let secure: TlsServer

beforeEach(async () => {
  transport = new TestConnections()
  server = await startServer((request, response) => response.end(JSON.stringify(request.headers)))
  secure = await startTlsServer((request, response) => response.end(JSON.stringify(request.headers)))
})

afterEach(async () => {
  await transport.close()
  await Promise.all([server.close(), secure.close()])
})

type Protocol = ProxyTarget['protocol']

function targetOf(
  proxy: { hostname?: string; port: number },
  protocol: Protocol = 'http:',
  credentials = {},
): ProxyTarget {
  const { hostname = '127.0.0.1', port } = proxy
  return { protocol, hostname, port, url: `${protocol}//${hostname}:${port}`, ...credentials }
}

const withPassword = { username: 'user', password: secret }

describe('exchange() through an HTTP proxy', () => {
  let proxy: TestProxy
  beforeEach(async () => void (proxy = await startHttpProxy({ credentials: `user:${secret}` })))
  afterEach(async () => proxy.close())

  it('sends http in absolute form, with the credentials for the proxy alone', async () => {
    const target = targetOf(proxy, 'http:', withPassword)
    for (let index = 0; index < 5; index++) {
      const headers = JSON.parse(text(await transport.fetch(`${server.url}/p?q=${index}`, { proxy: target }))) as object
      expect(headers).not.toHaveProperty('proxy-authorization')
      expect(headers).toHaveProperty('host', new URL(server.url).host)
    }
    expect(proxy.seen[0]).toBe(`GET ${server.url}/p?q=0`)
    expect(proxy.connections).toBe(1)
  })

  it('keeps a Host header of the caller', async () => {
    const faults = await startFaultServer(always(answer('from proxy')))
    const proxied = { proxy: targetOf(faults), headers: ['HOST', 'other.test'] }
    expect(text(await transport.fetch('http://origin.test/p', proxied))).toBe('from proxy')
    expect(faults.requests[0]).toMatch(/^GET http:\/\/origin\.test\/p HTTP\/1\.1\r\nhost: other\.test\r\n/)
    expect(faults.requests[0]!.match(/host:/gi)).toHaveLength(1)
    await faults.close()
  })

  it('gives a 407 in the clear as the response that it is', async () => {
    const response = await transport.fetch(server.url, { proxy: targetOf(proxy) })
    expect(response.status).toBe(407)
    expect(response.headers['proxy-authenticate']).toBe('Basic')
    expect(text(response)).toBe('who are you?')
  })

  it('sends https through a tunnel, whose connection it keeps', async () => {
    const target = targetOf(proxy, 'http:', withPassword)
    for (let index = 0; index < 5; index++) {
      const headers = JSON.parse(text(await transport.fetch(secure.url, { proxy: target, tls }))) as object
      expect(headers).not.toHaveProperty('proxy-authorization')
    }
    expect(proxy.seen).toEqual([`CONNECT localhost:${secure.port}`])
    expect(secure.handshakes).toMatchObject([{ servername: 'localhost' }])
  })

  it('passes no Proxy-Authorization through a tunnel that was written by hand', async () => {
    const target = targetOf(proxy, 'http:', withPassword)
    const headers = ['X-A', '1', 'Proxy-Authorization', 'Basic eDp5', 'X-B', '2']
    const seen = JSON.parse(text(await transport.fetch(secure.url, { proxy: target, tls, headers }))) as object
    expect(seen).toMatchObject({ 'x-a': '1', 'x-b': '2' })
    expect(seen).not.toHaveProperty('proxy-authorization')
  })

  it('resolves no name itself', async () => {
    const open = await startHttpProxy()
    const url = `https://origin.test:${secure.port}`
    expect((await transport.fetch(url, { proxy: targetOf(open), tls })).status).toBe(200)
    expect(secure.handshakes).toMatchObject([{ servername: 'origin.test' }])
    await open.close()
  })

  it('tells proxies, and their users, apart', async () => {
    const target = targetOf(proxy, 'http:', withPassword)
    expect((await transport.fetch(server.url, { proxy: target })).status).toBe(200)
    expect((await transport.fetch(server.url, { proxy: targetOf(proxy) })).status).toBe(407)
    expect((await transport.fetch(server.url)).status).toBe(200)
    expect(proxy.connections).toBe(2)
  })

  it('reports a 407 to CONNECT as ProxyError, at once and without the password', async () => {
    const wrong = targetOf(proxy, 'http:', { username: 'user', password: 'letmein' })
    const error = await transport.failure(secure.url, { proxy: wrong, tls })
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.message).toBe(
      `Could not connect to ${secure.url} through the proxy ${wrong.url}: it answered 407 Proxy Authentication Required`,
    )
    expect(inspect(error)).not.toContain('letmein')
    expect(proxy.connections).toBe(1)
  })

  it.each<
    [
      string,
      (socket: { end(text?: string): unknown; destroy(): unknown; write(text: string): unknown }) => unknown,
      RegExp,
    ]
  >([
    ['drops it', (socket) => socket.destroy(), /closed the connection instead of answering CONNECT/],
    ['hangs up', (socket) => socket.end(), /closed the connection instead of answering CONNECT/],
    ['refuses', (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'), /it answered 403 Forbidden/],
    ['answers garbage', (socket) => socket.write('hello\r\n\r\n'), /was not HTTP/],
    [
      'never stops answering',
      (socket) => socket.write('HTTP/1.1 200 OK\r\n' + 'X: y\r\n'.repeat(5000)),
      /exceed 16 KiB/,
    ],
  ])('reports a proxy that meets CONNECT and %s', async (_name, onConnect, message) => {
    const rude = await startHttpProxy({ onConnect })
    const error = await transport.failure(secure.url, { proxy: targetOf(rude), tls })
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.message).toMatch(message)
    expect(rude.connections).toBe(1)
    await rude.close()
  })

  it('takes the answer to CONNECT in pieces, and what comes behind it', async () => {
    const eager = await startFaultServer(async (peer) => {
      await peer.request()
      for (const piece of ['HTTP/1.0 200', ' Fine\r\nX: y\r', '\n\r', '\n']) await peer.write(piece)
      peer.socket.destroy()
    })
    const error = await transport.failure(secure.url, { proxy: targetOf(eager), tls })
    // The tunnel stands; it is the handshake in it that ends.
    expect(error).toBeInstanceOf(SSLError)
    await eager.close()
  })

  it('ends a silent proxy with ConnectTimeoutError, or when it is told to', async () => {
    const silent = await startFaultServer(silence)
    const error = await transport.failure(secure.url, { proxy: targetOf(silent), tls, connectTimeout: 80 })
    expect(error).toBeInstanceOf(ConnectTimeoutError)
    expect(error.message).toContain(`through the proxy http://127.0.0.1:${silent.port}`)
    const exchange = transport.start(secure.url, { proxy: targetOf(silent), tls })
    await until(() => silent.requests.length === 2)
    const reason = new Error('enough')
    exchange.abort(reason)
    await expect(exchange.response).rejects.toBe(reason)
    await until(() => silent.openSockets.size === 0)
    await silent.close()
  })

  it('reports a proxy that is not there', async () => {
    const gone = await startFaultServer(silence)
    await gone.close()
    for (const url of [server.url, secure.url]) {
      const error = await transport.failure(url, { proxy: targetOf(gone), tls })
      expect(error).toBeInstanceOf(ProxyError)
      expect(error.message).toMatch(/: the connection was refused \(ECONNREFUSED\)$/)
    }
  })

  it('reports a certificate that the origin behind the tunnel should not have', async () => {
    const error = await transport.failure(secure.url, { proxy: targetOf(proxy, 'http:', withPassword) })
    expect(error).toBeInstanceOf(SSLError)
    expect(error).not.toBeInstanceOf(ProxyError)
  })
})

describe('exchange() through a proxy over TLS', () => {
  let proxy: TestProxy
  beforeEach(async () => void (proxy = await startHttpProxy({ credentials: `user:${secret}`, secure: true })))
  afterEach(async () => proxy.close())

  it('reaches http and https', async () => {
    const target = targetOf(proxy, 'https:', withPassword)
    for (let index = 0; index < 3; index++) {
      expect((await transport.fetch(server.url, { proxy: target, tls })).status).toBe(200)
      expect((await transport.fetch(secure.url, { proxy: target, tls })).status).toBe(200)
    }
    expect(proxy.seen.filter((each) => each.startsWith('CONNECT'))).toHaveLength(1)
    expect(proxy.connections).toBe(2)
  })

  it('checks the certificate of the proxy', async () => {
    for (const url of [server.url, secure.url]) {
      const error = await transport.failure(url, { proxy: targetOf(proxy, 'https:', withPassword) })
      expect(error).toBeInstanceOf(ProxyError)
      expect(error.message).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    }
  })
})

describe('exchange() through a SOCKS proxy', () => {
  it.each<[Protocol, RegExp]>([
    ['socks5:', /^127\.0\.0\.1:|^0\.0.*:/],
    ['socks5h:', /^localhost:/],
  ])('%s resolves names where it says', async (protocol, seen) => {
    const proxy = await startSocksProxy()
    const target = targetOf(proxy, protocol)
    const plain = server.url.replace('127.0.0.1', 'localhost')
    for (let index = 0; index < 3; index++) {
      expect((await transport.fetch(plain, { proxy: target })).status).toBe(200)
      expect((await transport.fetch(secure.url, { proxy: target, tls })).status).toBe(200)
    }
    expect(proxy.connections).toBe(2)
    for (const each of proxy.seen) expect(each).toMatch(seen)
    expect(secure.handshakes).toMatchObject([{ servername: 'localhost' }])
    await proxy.close()
  })

  it('gives the origin its own path and Host', async () => {
    const proxy = await startSocksProxy()
    const headers = JSON.parse(
      text(await transport.fetch(`${server.url}/path`, { proxy: targetOf(proxy, 'socks5h:') })),
    ) as object
    expect(headers).toHaveProperty('host', new URL(server.url).host)
    expect(server.seen).toEqual(['GET /path'])
    await proxy.close()
  })

  it('gives its credentials', async () => {
    const proxy = await startSocksProxy({ credentials: `user:${secret}` })
    const good = targetOf(proxy, 'socks5h:', withPassword)
    expect((await transport.fetch(server.url, { proxy: good })).status).toBe(200)
    for (const credentials of [{}, { username: 'user', password: 'letmein' }]) {
      const error = await transport.failure(server.url, { proxy: targetOf(proxy, 'socks5h:', credentials) })
      expect(error).toBeInstanceOf(ProxyError)
      expect(error.message).toContain(`through the proxy ${good.url}: `)
      expect(inspect(error, { depth: 9 })).not.toContain('letmein')
    }
    await proxy.close()
  })

  it('reports an origin that the proxy can not reach', async () => {
    const proxy = await startSocksProxy()
    const gone = await startServer()
    await gone.close()
    const error = await transport.failure(gone.url, { proxy: targetOf(proxy, 'socks5:') })
    expect(error).toBeInstanceOf(ProxyError)
    expect(proxy.connections).toBe(1)
    await proxy.close()
  })

  it('ends a silent proxy with ConnectTimeoutError, or when it is told to', async () => {
    const silent = await startFaultServer(silence)
    const target = targetOf(silent, 'socks5:')
    expect(await transport.failure(server.url, { proxy: target, connectTimeout: 80 })).toBeInstanceOf(
      ConnectTimeoutError,
    )
    const exchange = transport.start(server.url, { proxy: target })
    await until(() => silent.connections === 2)
    const reason = new Error('enough')
    exchange.abort(reason)
    await expect(exchange.response).rejects.toBe(reason)
    await until(() => silent.openSockets.size === 0)
    await silent.close()
  })

  it('reports a name that can not be resolved here', async () => {
    const proxy = await startSocksProxy()
    const error = await transport.failure('http://no-such-host.invalid', { proxy: targetOf(proxy, 'socks5:') })
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.message).toMatch(/no such host|look-up failed/)
    await proxy.close()
  })
})
