/** Idle connections make room for new ones: as many sockets as are worth keeping, whatever the number of hosts. */
import net from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ExchangeResponse, TlsIdentity } from '../../src/transport/exchange.ts'
import type { ConnectFunction } from '../../src/transport/connection-options.ts'
import { readAll, TestConnections, text, type RequestPart } from '../helpers/exchanges.ts'
import fc from '../helpers/fast-check.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { startHttpProxy } from '../helpers/proxy.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { startTlsServer } from '../helpers/tls.ts'

const kept = 10
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Every host is the one server; each leads to a connection of its own. */
class Hosts {
  readonly transport: TestConnections
  /** Sockets that were made, and the most that were open whenever one more was. */
  opened = 0
  peak = 0
  /** How many sockets there are descriptors for. */
  descriptors = Infinity
  /** Called instead of connecting, if it takes the host. */
  takes: ((hostname: string) => boolean) | undefined
  readonly #sockets = new Set<Socket>()

  constructor(readonly server: TestServer) {
    const connect: ConnectFunction = ({ hostname, port }, callback) => {
      if (this.takes?.(hostname) === true) return
      if (this.open >= this.descriptors) {
        const error = Object.assign(new Error('connect EMFILE - Local (undefined:undefined)'), { code: 'EMFILE' })
        return void setImmediate(callback, error, null)
      }
      const socket = net.connect(Number(port), '127.0.0.1')
      socket.once('connect', () => callback(null, socket)).once('error', (error) => callback(error, null))
      this.#sockets.add(socket)
      this.opened++
      this.peak = Math.max(this.peak, this.open)
    }
    this.transport = new TestConnections({ connect })
  }

  get open(): number {
    return [...this.#sockets].filter((socket) => !socket.destroyed).length
  }

  url(host: number | string, path = '/'): string {
    return `http://host-${host}.test${this.server.url.slice(this.server.url.lastIndexOf(':'))}${path}`
  }

  fetch(host: number | string, part?: RequestPart, path?: string): Promise<ExchangeResponse> {
    return this.transport.fetch(this.url(host, path), part)
  }

  /** One after the other. */
  async visit(hosts: readonly number[]): Promise<void> {
    for (const host of hosts) await this.fetch(host)
  }

  /** The count has not drifted: exactly so many are kept. */
  async expectKept(count = kept): Promise<void> {
    const hosts = range(count).map((host) => host + 1000)
    await this.visit(hosts)
    const { opened } = this
    await this.visit(hosts)
    expect(this.opened).toBe(opened)
    await this.fetch('one-more')
    expect(this.open).toBe(count)
  }
}

let server: TestServer
let hosts: Hosts
beforeEach(async () => {
  server = await startServer()
  hosts = new Hosts(server)
})
afterEach(async () => {
  await hosts.transport.close()
  expect(hosts.open).toBe(0)
  await server.close()
})

describe('Connections to many hosts', () => {
  it('are ten: opening one closes the one that has been idle for longest', async () => {
    await hosts.visit(range(100))
    expect(hosts.peak).toBe(kept)
    await until(() => server.openSockets.size === kept)
    await hosts.visit(range(100).slice(-kept))
    expect(hosts.opened).toBe(100)
    // The longest idle one is that of host 90 now, and then of host 92.
    await hosts.visit([91, 200, 91])
    expect(hosts.opened).toBe(101)
    await hosts.visit([90, 91, 200])
    expect(hosts.opened).toBe(102)
    await hosts.visit([92])
    expect(hosts.opened).toBe(103)
    await hosts.expectKept()
  })

  it('are as many as there may be exchanges at once, if that is more', async () => {
    hosts.transport.connections.keepFor(25)
    hosts.transport.connections.keepFor(3)
    hosts.transport.connections.keepFor(NaN)
    for (let round = 0; round < 3; round++) await hosts.visit(range(25))
    expect(hosts.opened).toBe(25)
    await hosts.expectKept(25)
  })

  it('are any number, if that is Infinity', async () => {
    hosts.transport.connections.keepFor(Infinity)
    for (let round = 0; round < 2; round++) await hosts.visit(range(100))
    expect(hosts.opened).toBe(100)
    expect(hosts.open).toBe(100)
  })

  it('are fewer where there are not enough file descriptors', async () => {
    hosts.transport.connections.keepFor(Infinity)
    hosts.descriptors = 15
    await hosts.visit(range(60))
    for (let round = 0; round < 3; round++) {
      await Promise.all(range(15).map((host) => hosts.fetch(round * 15 + host)))
    }
    expect(hosts.peak).toBe(15)
    const answer = gate()
    const slow = await startServer((_request, response) => void answer.promise.then(() => response.end('ok')))
    const busy = new Hosts(slow)
    busy.descriptors = 15
    const under = range(15).map((host) => busy.fetch(host))
    await until(() => slow.active === 15)
    expect((await busy.transport.failure(busy.url(20))).message).toMatch(/: too many open files \(EMFILE\)$/)
    answer.open()
    await Promise.all(under)
    await busy.transport.close()
    await slow.close()
  })

  it('do not bound those that are busy, and are back at ten with the next one', async () => {
    for (let round = 0; round < 2; round++) await Promise.all(range(30).map((host) => hosts.fetch(host)))
    expect(hosts.opened).toBe(30)
    await hosts.fetch(31)
    expect(hosts.open).toBe(kept)
    await hosts.expectKept()
  })

  it('are not bound where there is one host', async () => {
    for (let round = 0; round < 3; round++) await Promise.all(range(30).map(() => hosts.fetch(0)))
    expect(hosts.opened).toBe(30)
    expect(hosts.open).toBe(30)
  })

  it('leave streamed bodies alone', async () => {
    const answer = gate()
    const slow = await startServer((_request, response) => {
      response.write('first,')
      void answer.promise.then(() => response.end('last'))
    })
    const held = new Hosts(slow)
    const streams = await Promise.all(range(12).map(async (host) => (await held.fetch(host, { stream: true })).stream!))
    for (let round = 0; round < 3; round++) {
      const { stream } = await held.fetch(100 + round, { stream: true })
      stream!.destroy()
      await stream!.ended
    }
    answer.open()
    for (const stream of streams) expect((await readAll(stream)).toString()).toBe('first,last')
    await held.fetch(13)
    expect(held.open).toBe(kept)
    await held.transport.close()
    await slow.close()
  })

  it('count through a proxy by their targets', async () => {
    const secure = await startTlsServer(undefined, { keepAliveTimeout: 60_000 })
    const proxy = await startHttpProxy()
    const { port, hostname } = proxy
    const transport = new TestConnections()
    const tls: TlsIdentity = { id: 'any', rejectUnauthorized: false }
    const part = { proxy: { protocol: 'http:', hostname, port, url: `http://${hostname}:${port}` }, tls } as const
    const visit = async (host: number): Promise<void> => {
      expect(text(await transport.fetch(`https://host-${host}.test:${secure.port}`, part))).toBe('secure')
    }
    for (const host of range(30)) await visit(host)
    await until(() => secure.openSockets.size === kept)
    for (const host of range(30).slice(-kept)) await visit(host)
    expect(proxy.connections).toBe(30)
    // In the clear it is one destination for each origin, too.
    for (const host of range(15)) await transport.fetch(hosts.url(host), part)
    await until(() => server.openSockets.size <= kept && secure.openSockets.size === 0)
    await transport.close()
    await secure.close()
    await proxy.close()
  })

  it('count by TLS identities, too', async () => {
    const secure = await startTlsServer(undefined, { keepAliveTimeout: 60_000 })
    const transport = new TestConnections()
    const visit = (id: number): Promise<ExchangeResponse> =>
      transport.fetch(secure.url, { tls: { id: `id-${id}`, rejectUnauthorized: false } })
    for (const id of range(30)) await visit(id)
    await until(() => secure.openSockets.size === kept)
    for (const id of range(30).slice(-kept)) await visit(id)
    expect(secure.connections).toBe(30)
    await transport.close()
    await secure.close()
  })
})

describe('The count of connections stays right', () => {
  it('with servers that close', async () => {
    const closing = await startServer((request, response) => {
      if (request.url === '/close') response.setHeader('connection', 'close')
      if (request.url === '/leave') response.once('finish', () => response.socket?.destroySoon())
      response.end('ok')
    })
    const mixed = new Hosts(closing)
    for (const host of range(60)) await mixed.fetch(host, { resend: true }, ['/close', '/', '/leave'][host % 3])
    expect(mixed.peak).toBeLessThanOrEqual(kept)
    await mixed.expectKept()
    await mixed.transport.close()
    await closing.close()
  })

  it('with idle connections that die, before it is noticed or while they are being closed', async () => {
    for (let round = 0; round < 5; round++) {
      await hosts.visit(range(kept))
      for (const socket of server.openSockets) socket[round % 2 === 0 ? 'destroy' : 'resetAndDestroy']()
      // In one turn: those that are about to be closed, and then are, and those that are asked once more.
      const again = round % 2 === 0 ? range(5) : []
      await Promise.all(
        [...again, ...range(8).map((host) => host + 20)].map((host) => hosts.fetch(host, { resend: true })),
      )
    }
    await turn()
    await hosts.expectKept()
  })

  it('with one that has died, and is replaced without another one closing for it', async () => {
    await hosts.visit(range(kept))
    const [oldest] = server.openSockets
    oldest!.destroy()
    await hosts.fetch(0, { resend: true })
    await hosts.visit(range(kept))
    expect(hosts.opened).toBe(kept + 1)
    await hosts.expectKept()
  })

  it('with exchanges that are given up while their connection is being opened', async () => {
    hosts.takes = (hostname) => hostname.startsWith('host-black-hole')
    for (const host of range(30)) {
      const exchange = hosts.transport.start(hosts.url(`black-hole-${host}`), { connectTimeout: host % 2 ? 10_000 : 5 })
      if (host % 2 === 1) await turn()
      if (host % 2 === 1) exchange.abort(new Error('given up'))
      await expect(exchange.response).rejects.toThrow(/given up|no connection within 5 ms/)
    }
    await hosts.expectKept()
  })

  it('with exchanges that are given up when they are about to be written, or under way', async () => {
    const answers = gate()
    const slow = await startServer((_request, response) => void answers.promise.then(() => response.end('ok')))
    const given = new Hosts(slow)
    for (const host of range(15)) {
      const exchange = given.transport.start(given.url(host))
      await until(() => slow.active === 1)
      exchange.abort(new Error('given up'))
      await expect(exchange.response).rejects.toThrow('given up')
      await until(() => slow.active === 0)
    }
    answers.open()
    for (const host of range(15)) {
      await given.fetch(host)
      const exchange = given.transport.start(given.url(host))
      exchange.abort(new Error('given up'))
      await expect(exchange.response).rejects.toThrow('given up')
    }
    await given.expectKept()
    await given.transport.close()
    await slow.close()
  })

  it('with hosts that refuse, and requests that can not be written', async () => {
    const gone = await startServer()
    await gone.close()
    const nobody = new Hosts(gone)
    for (const host of range(15)) await nobody.transport.failure(nobody.url(host))
    for (const host of range(15)) await hosts.transport.failure(hosts.url(host), { headers: ['a\nb', 'c'] })
    for (const host of range(15)) await hosts.transport.failure(nobody.url(host))
    await hosts.expectKept()
    await nobody.transport.close()
  })

  it('in whatever order things happen', async () => {
    const answering = await startServer((request, response) => {
      if (request.url === '/close') response.setHeader('connection', 'close')
      response.write('o')
      if (request.url === '/reset') response.socket?.resetAndDestroy()
      else response.end('k')
    })
    const step = fc.tuple(
      fc.constantFrom('/', '/close', '/reset'),
      fc.nat(14),
      fc.constantFrom('buffered', 'streamed', 'aborted', 'aborted-later', 'kill'),
      fc.boolean(),
    )
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const random = new Hosts(answering)
      let busy = 0
      let mostBusy = 0
      const run = async ([path, host, kind]: readonly [string, number, string, boolean]): Promise<void> => {
        mostBusy = Math.max(mostBusy, ++busy)
        const exchange = random.transport.start(random.url(host, path), { stream: kind === 'streamed', resend: true })
        if (kind === 'aborted') exchange.abort(new Error('stop'))
        if (kind === 'aborted-later') void turn().then(() => exchange.abort(new Error('stop')))
        if (kind === 'kill') for (const socket of answering.openSockets) socket.destroy()
        const { stream } = await exchange.response.catch(() => ({ stream: undefined }))
        if (stream !== undefined) await readAll(stream).catch(() => undefined)
        busy--
      }
      const running: Promise<void>[] = []
      for (const each of steps) {
        const over = run(each)
        if (each[3]) await over
        else running.push(over)
      }
      await Promise.all(running)
      expect(random.peak).toBeLessThanOrEqual(Math.max(kept, mostBusy))
      await turn()
      await random.expectKept()
      await random.transport.close()
    })
    await fc.assert(property, { numRuns: 20 })
    await answering.close()
  })
})
