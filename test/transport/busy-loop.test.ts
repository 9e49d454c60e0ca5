/** A connection that could be there, and is only not looked at because the loop is busy, is no ConnectTimeoutError. */
import net from 'node:net'
import type { LookupFunction } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Agent } from 'undici'
import { ConnectTimeoutError } from '../../src/errors.ts'
import type { ProxyTarget } from '../../src/transport/exchange.ts'
import { TestConnections, text, type RequestPart } from '../helpers/exchanges.ts'
import { silence, startFaultServer } from '../helpers/fault-server.ts'
import { turn } from '../helpers/gate.ts'
import { startHttpProxy, startSocksProxy, type TestProxy } from '../helpers/proxy.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { startTlsServer, tlsFixture, type TlsServer } from '../helpers/tls.ts'

/** Does nothing else for so many milliseconds. */
function block(time: number): void {
  const end = performance.now() + time
  while (performance.now() < end);
}

/** So often, with one look at what has come in between. */
async function blockAgain(times: number, time: number): Promise<void> {
  for (; times > 0; times--) {
    block(time)
    await turn()
  }
}

const connectTimeout = 300
const tls = { id: 'ca', rejectUnauthorized: true, ca: [tlsFixture('ca.pem')] }
let transport: TestConnections
let server: TestServer
let secure: TlsServer
let proxies: Record<string, TestProxy>

// What is loaded when it is needed for the first time takes its time.
beforeAll(() => import('socks'))
beforeEach(async () => {
  transport = new TestConnections()
  server = await startServer((_request, response) => response.end('there'))
  secure = await startTlsServer((_request, response) => response.end('there'))
  proxies = {
    'http:': await startHttpProxy(),
    'https:': await startHttpProxy({ secure: true }),
    'socks5h:': await startSocksProxy(),
    'socks5:': await startSocksProxy({ credentials: 'user:password' }),
  }
})
afterEach(async () => {
  await transport.close()
  await Promise.all([server, secure, ...Object.values(proxies)].map((each) => each.close()))
})

function through(protocol: ProxyTarget['protocol']): RequestPart {
  const { hostname, port } = proxies[protocol]!
  const proxy = {
    protocol,
    hostname,
    port,
    url: `${protocol}//${hostname}:${port}`,
    username: 'user',
    password: 'password',
  }
  return { proxy, tls }
}

const ways: readonly [name: string, isSecure: boolean, part: () => RequestPart][] = [
  ['TCP', false, () => ({})],
  ['TLS', true, () => ({ tls })],
  ['an HTTP proxy', false, () => through('http:')],
  ['CONNECT', true, () => through('http:')],
  ['CONNECT in TLS', true, () => through('https:')],
  ['SOCKS', false, () => through('socks5h:')],
  ['SOCKS with a password, and TLS', true, () => through('socks5:')],
  ['a dispatcher', false, () => ({ dispatcher: new Agent({ pipelining: 0 }) })],
]

describe('connectTimeout with a busy loop', () => {
  it.each(ways)('lets a connection be made by %s, once there is time', async (_name, isSecure, part) => {
    const exchange = transport.start((isSecure ? secure : server).url, { ...part(), connectTimeout })
    block(700)
    expect(text(await exchange.response)).toBe('there')
  })

  it.each(ways.filter(([name]) => /TLS/.test(name)))(
    'lets a connection be made by %s, with a pause after each step',
    async (_name, isSecure, part) => {
      const exchange = transport.start((isSecure ? secure : server).url, { ...part(), connectTimeout })
      await blockAgain(4, 350)
      expect(text(await exchange.response)).toBe('there')
    },
  )

  it('takes the second address only where the first does not answer', async () => {
    const lookup: LookupFunction = (_hostname, _options, callback) => {
      callback(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.9', family: 4 },
      ])
      setImmediate(block, 700)
    }
    const dual = new TestConnections({ lookup })
    const url = server.url.replace('127.0.0.1', 'dual.test')
    expect(text(await dual.fetch(url, { connectTimeout: 5000 }))).toBe('there')
    await dual.close()
    await server.close()
    const refused = new TestConnections({ lookup })
    const error = await refused.failure(url, { connectTimeout: 5000 })
    expect(error.message).toContain('the connection was refused (ECONNREFUSED)')
    await refused.close()
  })

  it.each(['a server that says nothing', 'a look-up that never answers'])('ends %s all the same', async (place) => {
    const silent = await startFaultServer(silence)
    const waiting = new TestConnections(place.includes('look-up') ? { lookup: () => undefined } : {})
    const url = `https://${place.includes('look-up') ? 'nowhere.test' : 'localhost'}:${silent.port}`
    const progress = { isOver: false }
    const failure = waiting.failure(url, { connectTimeout, tls }).finally(() => (progress.isOver = true))
    let turns = 0
    for (; !progress.isOver; turns++) await blockAgain(1, 100)
    expect(await failure).toBeInstanceOf(ConnectTimeoutError)
    expect(turns).toBeLessThan(40)
    await waiting.close()
    await silent.close()
  })

  it('gives up without a pause where the loop was not busy', async () => {
    const sockets = new Set<net.Socket>()
    const mute = net.createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1')
    await new Promise((resolve) => mute.once('listening', resolve))
    const { port } = mute.address() as net.AddressInfo
    const start = performance.now()
    const error = await transport.failure(`https://127.0.0.1:${port}`, { connectTimeout: 50 })
    expect(error).toBeInstanceOf(ConnectTimeoutError)
    expect(performance.now() - start).toBeGreaterThanOrEqual(49)
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
})
