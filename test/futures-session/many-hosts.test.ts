import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  FuturesSession,
  InProcessExecutor,
  Session,
  type Executor,
  type WorkerThreadExecutorOptions,
} from '../../src/index.ts'
import { Pool } from '../../src/pool/pool.ts'
import { coreOf } from '../../src/session/session-attributes.ts'
import { until } from '../helpers/gate.ts'
import { closeExecutorsAfterEach, open } from '../helpers/thread-executors.ts'

/** One server that is many hosts: it has every address of this machine. */
class Hosts {
  readonly open = new Set<Socket>()
  connections = 0
  readonly #server: http.Server

  constructor() {
    this.#server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      const { searchParams: search } = new URL(request.url!, 'http://h')
      const next = Number(search.get('hops'))
      if (next > 0) response.writeHead(302, { location: this.url(next - 1, `?hops=${next - 1}`) })
      response.end('ok')
    })
    this.#server.on('connection', (socket: Socket) => {
      this.connections++
      this.open.add(socket)
      socket.on('error', () => {}).once('close', () => this.open.delete(socket))
    })
  }

  static async start(): Promise<Hosts> {
    const hosts = new Hosts()
    await new Promise<void>((resolve) => hosts.#server.listen(0, '0.0.0.0', resolve))
    return hosts
  }

  url(host: number, rest = ''): string {
    return `http://127.0.${Math.floor(host / 250)}.${1 + (host % 250)}:${(this.#server.address() as AddressInfo).port}/${rest}`
  }

  /** So often each of so many. */
  *urls(count: number, rounds = 1): Generator<string, void, void> {
    for (let round = 0; round < rounds; round++) for (let host = 0; host < count; host++) yield this.url(host)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.open) socket.destroy()
    await closed
  }
}

let hosts: Hosts
closeExecutorsAfterEach()
beforeEach(async () => void (hosts = await Hosts.start()))
afterEach(() => hosts.close())

/** Resolves when no more than so many connections are left, and the requests are done. */
async function leaves(count: number, session: FuturesSession, urls: Iterable<string>): Promise<void> {
  const futures = Array.from(urls, (url) => session.get(url))
  for (const future of futures) expect((await future.result()).status).toBe(200)
  await until(() => hosts.open.size <= count)
}

type Modes = [string, (options?: { maxWorkers?: number }) => Executor]
const threads = (options: WorkerThreadExecutorOptions) => (more?: { maxWorkers?: number }) =>
  open({ ...options, ...more })
const modes: Modes[] = [
  ['in process', (options) => new InProcessExecutor(options)],
  ['in a thread', threads({ threads: 1 })],
]

describe('FuturesSession, many hosts', () => {
  it.each(modes)('leave ten connections, %s', async (_, openExecutor) => {
    const session = new FuturesSession({ executor: openExecutor({ maxWorkers: 4 }) })
    await leaves(10, session, hosts.urls(60, 3))
    await session.close()
    await until(() => hosts.open.size === 0)
    await session.executor.shutdown()
  })

  it('leave as many as there are workers, if that is more', async () => {
    await using session = new FuturesSession({ maxWorkers: 16 })
    for (const url of hosts.urls(16, 3)) await session.get(url).result()
    expect(hosts.connections).toBe(16)
    await leaves(16, session, hosts.urls(60))
  })

  it('leave any number with maxWorkers: Infinity', async () => {
    await using session = new FuturesSession({ maxWorkers: Infinity })
    for (const url of hosts.urls(60, 2)) await session.get(url).result()
    expect(hosts.connections).toBe(60)
  })

  it('leave ten in each of several threads, or its share of the workers', async () => {
    const session = new FuturesSession({ executor: open({ threads: 2, maxWorkers: 24 }) })
    await leaves(24, session, hosts.urls(60, 3))
    await session[Symbol.asyncDispose]()
    await until(() => hosts.open.size === 0)
  })

  it('leave a connection each to 12 workers in one thread', async () => {
    const session = new FuturesSession({ executor: open({ threads: 1, maxWorkers: 12 }) })
    for (const url of hosts.urls(12, 3)) await session.get(url).result()
    expect(hosts.connections).toBe(12)
    await session.close()
  })

  it('count on a session that is wrapped, with its clones, for whoever has the most workers', async () => {
    const base = new Session()
    const sessions = [base, base.clone(), base.clone()].map((session) => new FuturesSession({ session, maxWorkers: 2 }))
    for (const [index, session] of sessions.entries()) {
      await leaves(10, session, [...hosts.urls(60)].slice(index * 20, index * 20 + 20))
    }
    const wide = new FuturesSession({ session: base.clone(), maxWorkers: 14 })
    for (const url of hosts.urls(14, 3)) await wide.get(url).result()
    await until(() => hosts.open.size === 14)
    await Promise.all([...sessions, wide].map((session) => session.close()))
    await Promise.all([...sessions, wide].map(async ({ session }) => session.close()))
    await until(() => hosts.open.size === 0)
  })

  it('are passed through by redirects', async () => {
    await using session = new FuturesSession({ maxRedirects: 60, maxWorkersPerOrigin: 1 })
    const response = await session.get(hosts.url(50, '?hops=50')).result()
    expect(response.history).toHaveLength(50)
    await until(() => hosts.open.size <= 10)
  })

  it('may all be left at once', async () => {
    {
      using session = new FuturesSession({ maxWorkers: 30 })
      await leaves(30, session, hosts.urls(60))
      for (const url of hosts.urls(90)) session.get(url)
    }
    await until(() => hosts.open.size === 0)
  })

  it('give streamed bodies that are not read the room that they take', async () => {
    await using session = new FuturesSession({ maxWorkers: 15 })
    const held = await Promise.all([...hosts.urls(12)].map((url) => session.get(url, { stream: true }).result()))
    for (const url of [...hosts.urls(40)].slice(12)) await session.get(url).result()
    await until(() => hosts.open.size <= 15)
    for (const response of held) expect((await response.read()).text()).toBe('ok')
  })
})

describe('Session, many hosts', () => {
  it('leave ten connections, one after the other or all at once', async () => {
    await using session = new Session()
    for (const url of hosts.urls(40)) await session.get(url)
    await until(() => hosts.open.size === 10)
    await Promise.all(Array.from(hosts.urls(40), (url) => session.get(url)))
    await session.get(hosts.url(50))
    await until(() => hosts.open.size === 10)
  })
})

describe('Pool, many hosts', () => {
  it('leave as many connections as it has workers', async () => {
    const base = new Session()
    const pool = Pool.fromUrls(hosts.urls(60, 2), {}, { numProcesses: 14, session: () => base.clone() })
    await pool.joinAll()
    expect(pool.stats()).toMatchObject({ responses: 120, exceptions: 0 })
    expect(base[coreOf].connections.limit).toBe(14)
    await until(() => hosts.open.size <= 14)
    await base.close()
    await until(() => hosts.open.size === 0)
  })
})
