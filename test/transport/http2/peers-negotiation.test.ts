/** Which protocol is spoken with whom: semantics 1 and 2 of HTTP/2. */
import tls from 'node:tls'
import net from 'node:net'
import { Agent } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import {
  ConnectionError,
  ConnectTimeoutError,
  FuturesSession,
  WorkerThreadExecutor,
  type FuturesSessionOptions,
} from '../../../src/index.ts'
import { gate, until, type Gate } from '../../helpers/gate.ts'
import { answering, Http2Site } from '../../helpers/h2/site.ts'
import { CloningExecutor } from '../../helpers/cloning-executor.ts'
import { startHttpProxy, startSocksProxy } from '../../helpers/proxy.ts'
import { startServer } from '../../helpers/server.ts'
import { startTlsServer, tlsFixture } from '../../helpers/tls.ts'

const site = new Http2Site()
afterEach(() => site.close())

/** What clients offer, in the order of their handshakes, and what is chosen. */
function listening(chosen: string | undefined): { offers: string[][]; options: tls.TlsOptions } {
  const offers: string[][] = []
  const ALPNCallback = ({ protocols }: { protocols: string[] }): string | undefined => {
    offers.push(protocols)
    return chosen !== undefined && protocols.includes(chosen) ? chosen : undefined
  }
  return { offers, options: { ALPNCallback } }
}

async function versionOf(url: string, options: FuturesSessionOptions = {}): Promise<string | undefined> {
  const response = await site.session(options).get(url).result()
  expect(response.status).toBe(200)
  return response.httpVersion
}

/** A server of node:http2 whose handshakes wait. */
async function heldServer(options: { allowHTTP1?: boolean; ALPNProtocols?: string[] } = {}) {
  const held: Gate[] = []
  const SNICallback = (_name: string, done: (error: Error | null) => void): void => {
    const hold = gate()
    held.push(hold)
    void hold.promise.then(
      () => done(null),
      (error: unknown) => done(error as Error),
    )
  }
  return { server: await site.server(undefined, { ...options, SNICallback: SNICallback }), held }
}

describe('What is offered, and what is spoken', () => {
  test('is HTTP/2 with a server that has it, HTTP/1.1 with others', async () => {
    expect(await versionOf((await site.server()).url)).toBe('2')
    expect(await versionOf((await site.server(undefined, { allowHTTP1: false })).url)).toBe('2')
    const old = await startTlsServer(undefined, { ALPNProtocols: ['http/1.1'] })
    site.later(() => old.close())
    expect(await versionOf(old.url)).toBe('1.1')
    const silent = await startTlsServer(undefined, { ALPNProtocols: [] })
    site.later(() => silent.close())
    expect(await versionOf(silent.url)).toBe('1.1')
  })

  test('names h2 before http/1.1', async () => {
    const { offers, options } = listening('http/1.1')
    const server = await startTlsServer(undefined, options)
    site.later(() => server.close())
    expect(await versionOf(server.url)).toBe('1.1')
    expect(offers).toEqual([['h2', 'http/1.1']])
  })

  test('is HTTP/1.1 for http: URLs', async () => {
    const server = await startServer()
    site.later(() => server.close())
    expect(await versionOf(server.url)).toBe('1.1')
  })

  test('is HTTP/1.1 without the option', async () => {
    const server = await site.server()
    expect(await versionOf(server.url, { http2: false })).toBe('1.1')
    expect(await versionOf(server.url, { http2: undefined })).toBe('1.1')
    expect(server.protocols).not.toContain('h2')
  })

  test('is what http2 says, and allowH2 where it says nothing', async () => {
    const { url } = await site.server()
    expect(await versionOf(url, { http2: undefined, poolOptions: { allowH2: true } })).toBe('2')
    expect(await versionOf(url, { http2: undefined, poolOptions: { allowH2: false } })).toBe('1.1')
    expect(await versionOf(url, { http2: false, poolOptions: { allowH2: true } })).toBe('1.1')
    expect(await versionOf(url, { http2: true, poolOptions: { allowH2: false } })).toBe('2')
  })

  test.each([1, 'yes', null, {}, 'false'])('is a TypeError for %j', (value) => {
    expect(() => new FuturesSession({ http2: value as never })).toThrow(TypeError)
  })

  test('is the matter of a dispatcher where there is one', async () => {
    const { url, protocols } = await site.server()
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
    site.later(() => dispatcher.close())
    const response = await site.session({ verify: undefined, dispatcher }).get(url).result()
    expect([response.status, response.httpVersion]).toEqual([200, undefined])
    expect(protocols).not.toContain('h2')
  })

  test('travels into worker threads, and to every isolated executor', async () => {
    const { url } = await site.server()
    const threads = new WorkerThreadExecutor({ maxWorkers: 4, threads: 1 })
    site.later(() => threads.shutdown())
    expect(await versionOf(url, { executor: threads })).toBe('2')
    expect(await versionOf(url, { executor: threads, http2: false })).toBe('1.1')
    expect(await versionOf(url, { executor: threads, http2: undefined, poolOptions: { allowH2: true } })).toBe('2')
    const cloning = new CloningExecutor()
    site.later(() => cloning.shutdown())
    expect(await versionOf(url, { executor: cloning })).toBe('2')
  })

  test('is offered to the target behind proxies, and never to a proxy', async () => {
    const { url } = await site.server()
    const plain = await startHttpProxy()
    const socks = await startSocksProxy()
    for (const proxy of [plain, socks]) site.later(() => proxy.close())
    expect(await versionOf(url, { proxies: { all: `http://127.0.0.1:${plain.port}` } })).toBe('2')
    expect(await versionOf(url, { proxies: { all: `socks5h://127.0.0.1:${socks.port}` } })).toBe('2')
    expect(await versionOf(url, { proxies: { all: `socks5://127.0.0.1:${socks.port}` } })).toBe('2')
    const { offers, options } = listening('http/1.1')
    // In front of a proxy without TLS, so that the ALPN of whoever comes is seen.
    const front = tls.createServer(
      { cert: tlsFixture('server.pem'), key: tlsFixture('server.key'), ...options },
      (socket) => {
        const through = net.connect(plain.port, '127.0.0.1').on('error', () => socket.destroy())
        socket
          .on('error', () => through.destroy())
          .pipe(through)
          .pipe(socket)
      },
    )
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    site.later(() => front.close())
    const { port } = front.address() as net.AddressInfo
    expect(await versionOf(url, { proxies: { all: `https://localhost:${port}` } })).toBe('2')
    expect(offers.flat()).not.toContain('h2')
  })

  test('carries a hundred at once through one tunnel', async () => {
    const { url } = await site.server()
    const proxy = await startHttpProxy({ credentials: 'user:open-sesame' })
    site.later(() => proxy.close())
    const session = site.session({ proxies: { all: `http://user:open-sesame@127.0.0.1:${proxy.port}` } })
    const futures = Array.from({ length: 100 }, (_, index) => session.get(`${url}/${index}`))
    for (const future of futures) expect((await future.result()).httpVersion).toBe('2')
    expect(proxy.seen).toHaveLength(1)
  })

  test.each([
    ['h2', '2'],
    ['http/1.1', '1.1'],
    [undefined, '1.1'],
  ])("is what the socket of the caller's connector says: %s", async (protocol, version) => {
    const { url, port } = await site.server()
    const connect = (_options: object, callback: (error: Error | null, socket: net.Socket | null) => void): void => {
      const socket = tls.connect({
        ...{ host: '127.0.0.1', port, servername: 'localhost', ca: tlsFixture('ca.pem') },
        ...(protocol !== undefined && { ALPNProtocols: [protocol] }),
      })
      socket.once('secureConnect', () => callback(null, socket)).once('error', (error) => callback(error, null))
    }
    expect(await versionOf(url, { poolOptions: { connect } })).toBe(version)
  })
})

describe('A destination whose protocol is not known', () => {
  test('dials once for all, and all get streams', async () => {
    const { server, held } = await heldServer()
    const session = site.session()
    const futures = Array.from({ length: 100 }, (_, index) => session.get(`${server.url}/${index}`))
    await until(() => held.length === 1)
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect([held.length, server.openSockets.size]).toEqual([1, 1])
    held[0]!.open()
    for (const future of futures) expect((await future.result()).httpVersion).toBe('2')
    expect(server.protocols).toEqual(['h2'])
    expect(new Set(server.seen).size).toBe(100)
  })

  test('dials for each once it is known to speak HTTP/1.1, and offers nothing else then', async () => {
    const { offers, options } = listening('http/1.1')
    const arrived = gate()
    let count = 0
    const server = await startTlsServer((_request, response) => {
      if (++count === 10) arrived.open()
      void arrived.promise.then(() => response.end('all at once'))
    }, options)
    site.later(() => server.close())
    const session = site.session()
    const futures = Array.from({ length: 10 }, () => session.get(server.url))
    for (const future of futures) expect((await future.result()).httpVersion).toBe('1.1')
    expect(server.connections).toBe(10)
    expect(offers[0]).toEqual(['h2', 'http/1.1'])
    expect(offers.slice(1).flat()).not.toContain('h2')
  })

  test('lets each wait as long as its own connect timeout', async () => {
    const { server, held } = await heldServer()
    const session = site.session()
    const patient = session.get(server.url, { timeout: { connect: 20_000 } })
    await until(() => held.length === 1)
    const hurried = session.get(server.url, { timeout: { connect: 100 } })
    expect(await hurried.exception()).toBeInstanceOf(ConnectTimeoutError)
    held[0]!.open()
    expect((await patient.result()).httpVersion).toBe('2')
    expect(server.protocols).toEqual(['h2'])
  })

  test('goes on for the others when whoever began the dial loses patience', async () => {
    const { server, held } = await heldServer()
    const session = site.session()
    const hurried = session.get(server.url, { timeout: { connect: 200 } })
    await until(() => held.length === 1)
    const patient = session.get(server.url, { timeout: { connect: 20_000 } })
    const cancelled = session.get(server.url)
    expect(await hurried.exception()).toBeInstanceOf(ConnectTimeoutError)
    cancelled.cancel()
    expect(held.length).toBe(1)
    held[0]!.open()
    expect((await patient.result()).httpVersion).toBe('2')
  })

  test('is not dialled any more when nobody waits, and is when somebody comes', async () => {
    const { server, held } = await heldServer()
    const session = site.session()
    const futures = Array.from({ length: 3 }, () => session.get(server.url))
    await until(() => held.length === 1)
    for (const future of futures) future.cancel()
    await until(() => server.openSockets.size === 0)
    const next = session.get(server.url)
    await until(() => held.length === 2)
    held[1]!.open()
    expect((await next.result()).httpVersion).toBe('2')
  })

  test('rejects each with an error of its own when the dial fails', async () => {
    const { server, held } = await heldServer()
    const session = site.session()
    const futures = Array.from({ length: 5 }, (_, index) => session.get(`${server.url}/${index}`))
    await until(() => held.length === 1)
    held[0]!.fail(new Error('no'))
    const errors = await Promise.all(futures.map((future) => future.exception()))
    for (const [index, error] of errors.entries()) {
      expect(error).toBeInstanceOf(ConnectionError)
      expect((error as ConnectionError).request).toMatchObject({ url: `${server.url}/${index}` })
    }
    expect(new Set(errors).size).toBe(5)
    // What failed is not known; the next one asks again.
    const next = session.get(server.url)
    await until(() => held.length === 2)
    held[1]!.open()
    expect((await next.result()).httpVersion).toBe('2')
  })

  test('is its own for every origin, proxy and TLS identity', async () => {
    const [one, other] = [await site.server(), await site.frames(answering())]
    const session = site.session()
    await session.get(one.url).result()
    expect((await session.get(other.url).result()).httpVersion).toBe('2')
    expect((await session.get(one.url, { verify: false }).result()).httpVersion).toBe('2')
    expect(one.protocols).toEqual(['h2', 'h2'])
  })
})
