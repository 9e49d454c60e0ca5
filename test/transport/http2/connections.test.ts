/** How many connections there are, and when they end. */
import net from 'node:net'
import tls from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { ConnectionError, InvalidHeaderError, ResponseTooLargeError } from '../../../src/errors.ts'
import type { ConnectFunction, ConnectionOptions } from '../../../src/transport/connection-options.ts'
import { StreamLimits } from '../../../src/transport/http2/negotiated-pool.ts'
import { TestConnections, readAll, text } from '../../helpers/exchanges.ts'
import { turn, until } from '../../helpers/gate.ts'
import { startFrameServer } from '../../helpers/h2/frame-server.ts'
import { answer, rstStream } from '../../helpers/h2/frames.ts'
import { startHttp2Server } from '../../helpers/h2/server.ts'
import { startTlsServer } from '../../helpers/tls.ts'

const insecure = { id: 'insecure', rejectUnauthorized: false } as const
const some = { tls: insecure }

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function closeAfterwards<T extends { close(): Promise<void> }>(it: T): T {
  ends.push(async () => it.close())
  return it
}

const start = (options: ConnectionOptions = {}): TestConnections =>
  closeAfterwards(new TestConnections({ allowH2: true, ...options }))

/** One after the other. */
async function fetchAll(transport: TestConnections, url: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) expect((await transport.fetch(url, some)).status).toBe(200)
}

describe('Connections of HTTP/2', () => {
  it.each<[string, ConnectionOptions, number]>([
    ['maxRequestsPerClient', { maxRequestsPerClient: 2 }, 3],
    ['pipelining: 0', { pipelining: 0 }, 5],
  ])('end as %s says', async (_, options, connections) => {
    const server = closeAfterwards(await startHttp2Server())
    const transport = start(options)
    await fetchAll(transport, server.url, 5)
    expect(server.protocols).toHaveLength(connections)
    await until(() => server.openSockets.size <= 1)
  })

  it('end when they were idle for keepAliveTimeout', async () => {
    const server = closeAfterwards(await startHttp2Server())
    const transport = start({ keepAliveTimeout: 50 })
    await fetchAll(transport, server.url, 1)
    await until(() => server.openSockets.size === 0)
    await fetchAll(transport, server.url, 1)
    expect(server.protocols).toHaveLength(2)
  })

  it.each(['h2', 'http/1.1'])(
    'are closed for new ones, %s too, where there would be more than the limit',
    async (protocol) => {
      const server = closeAfterwards(protocol === 'h2' ? await startHttp2Server() : await startTlsServer())
      const transport = start()
      for (let index = 0; index < 15; index++) {
        const identity = { ...insecure, id: `identity ${index}` }
        expect((await transport.fetch(server.url, { tls: identity })).httpVersion).toBe(protocol === 'h2' ? '2' : '1.1')
      }
      await until(() => server.openSockets.size <= transport.connections.limit)
      expect(server.openSockets.size).toBeGreaterThan(1)
    },
  )

  it('end at once when they are idle at close()', async () => {
    const server = closeAfterwards(await startHttp2Server())
    const transport = new TestConnections({ allowH2: true })
    await fetchAll(transport, server.url, 1)
    await transport.connections.close()
    await until(() => server.openSockets.size === 0)
  })

  it('end after their last exchange at close()', async () => {
    let answerNow: () => void = () => {}
    const server = closeAfterwards(
      await startHttp2Server((_, response) => void (answerNow = () => response.end('late'))),
    )
    const transport = new TestConnections({ allowH2: true })
    const response = transport.fetch(server.url, some)
    await until(() => server.active === 1)
    const closed = transport.connections.close()
    answerNow()
    expect(text(await response)).toBe('late')
    await closed
  })

  it('bound bodies by maxResponseSize', async () => {
    const server = closeAfterwards(await startHttp2Server((_, response) => response.end('x'.repeat(101))))
    expect(await start({ maxResponseSize: 100 }).failure(server.url, some)).toBeInstanceOf(ResponseTooLargeError)
    expect(text(await start({ maxResponseSize: 101 }).fetch(server.url, some))).toHaveLength(101)
  })

  it('let a body rest that is read slowly', async () => {
    const size = 16 * 2 ** 20
    const server = closeAfterwards(
      await startHttp2Server((_, response) => response.end(Buffer.alloc(size)), { maxSessionMemory: 100 }),
    )
    const transport = start()
    const { stream } = await transport.fetch(server.url, { ...some, stream: true })
    await until(() => stream!.bytes > 4 * 2 ** 20)
    for (let turns = 0; turns < 20; turns++) await turn()
    expect(stream!.bytes).toBeLessThan(size)
    expect(await readAll(stream!)).toHaveLength(size)
  })
})

describe('What an attempt to connect comes to', () => {
  /** Sockets of the test's own making. */
  const connecting = (connect: ConnectFunction): TestConnections => start({ connect })

  it('is decided by the socket of a connector', async () => {
    const server = closeAfterwards(await startHttp2Server())
    const { port } = server
    for (const [ALPNProtocols, version] of [
      [['h2'], '2'],
      [['http/1.1'], '1.1'],
      [[], '1.1'],
    ] as const) {
      const transport = connecting((_options, callback) => {
        const socket = tls.connect({ port, rejectUnauthorized: false, ALPNProtocols: [...ALPNProtocols] }, () =>
          callback(null, socket),
        )
      })
      expect((await transport.fetch(server.url)).httpVersion).toBe(version)
    }
  })

  it('is an error of its own for each, where the connector gives a socket that is closed', async () => {
    const server = closeAfterwards(await startHttp2Server())
    const transport = connecting((_options, callback) => {
      const socket = Object.assign(net.connect(server.port, '127.0.0.1'), { alpnProtocol: 'h2' })
      socket.once('close', () => callback(null, socket)).destroy()
    })
    const errors = await Promise.all([1, 2, 3].map(async () => transport.failure(server.url)))
    for (const error of errors) expect(error).toBeInstanceOf(ConnectionError)
    expect(new Set(errors).size).toBe(3)
  })

  it('is closed where nobody takes a socket of HTTP/1.1', async () => {
    const server = closeAfterwards(await startTlsServer())
    const error = await start().failure(server.url, { ...some, headers: ['expect', '100-continue'] })
    expect(error).toBeInstanceOf(InvalidHeaderError)
    await until(() => server.connections === 1 && server.openSockets.size === 0)
  })

  it('is HTTP/1.1 from then on, where a server that had HTTP/2 has it no more', async () => {
    let isNew = true
    const server = closeAfterwards(
      await startHttp2Server((_, response) => void setTimeout(() => response.end('fine'), 50), {
        settings: { maxConcurrentStreams: 1 },
        ALPNCallback: () => (isNew ? 'h2' : 'http/1.1'),
      }),
    )
    const transport = start()
    expect((await transport.fetch(server.url, some)).httpVersion).toBe('2')
    isNew = false
    const responses = await Promise.all([1, 2, 3].map(async () => transport.fetch(server.url, some)))
    expect(responses.map((each) => each.httpVersion).sort()).toEqual(['1.1', '1.1', '2'])
    expect((await transport.fetch(server.url, some)).httpVersion).toBe('1.1')
  })
})

describe('A stream that is reset', () => {
  it.each([
    [1, 'PROTOCOL_ERROR'],
    [8, 'CANCEL'],
    [11, 'ENHANCE_YOUR_CALM, by the server or for the size of its headers'],
    [0x1234, '4660'],
  ])('with %i fails with %s', async (code, name) => {
    const server = closeAfterwards(
      await startFrameServer(async (peer) => {
        const stream = await peer.request()
        await peer.send(rstStream(stream!.id, code))
        const next = await peer.request()
        if (next !== undefined) await peer.send(answer(next.id))
      }),
    )
    const transport = start()
    const error = await transport.failure(server.url, { ...some, resend: true })
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain(`the stream was reset with ${name}`)
    expect(text(await transport.fetch(server.url, some))).toBe('fine')
    expect(server.connections).toBe(1)
  })
})

describe('Streams at once', () => {
  it('are as many as the destination has said last, on a new connection too', async () => {
    const server = closeAfterwards(
      await startFrameServer(
        async (peer) => {
          for (let next = await peer.request(); next !== undefined; next = await peer.request()) {
            const { id } = next
            if (peer.index === 0) await peer.send(answer(id))
            else void until(() => server.seen.length === 6).then(async () => peer.send(answer(id)))
          }
        },
        { settings: { maxConcurrentStreams: 2 } },
      ),
    )
    const transport = start({ keepAliveTimeout: 20 })
    await fetchAll(transport, server.url, 1)
    await until(() => server.openSockets.size === 0)
    const responses = await Promise.all([1, 2, 3, 4, 5].map(async () => transport.fetch(server.url, some)))
    expect(responses.map(text)).toEqual(Array(5).fill('fine'))
    expect(server.peers.map((peer) => peer.streams.size)).toEqual([1, 2, 2, 1])
  })

  it('are remembered of a thousand destinations', () => {
    const limits = new StreamLimits()
    for (let index = 0; index <= 1000; index++) limits.remember(`${index}`, 7)
    expect([limits.of('0'), limits.of('1'), limits.of('1000')]).toEqual([100, 7, 7])
    expect([limits.remember('1', 1000), limits.of('1')]).toEqual([100, 100])
  })
})

describe('What can not be sent again', () => {
  it.each(['end', 'reset'] as const)(
    'looks once more at a connection that was idle, before it is written: %s',
    async (how) => {
      const server = closeAfterwards(
        await startFrameServer(async (peer) => {
          for (let next = await peer.request(); next !== undefined; next = await peer.request())
            await peer.send(answer(next.id))
        }),
      )
      const transport = start()
      const post = { ...some, method: 'POST', body: 'once' }
      expect(text(await transport.fetch(server.url, post))).toBe('fine')
      expect(text(await transport.fetch(server.url, post))).toBe('fine')
      expect(server.connections).toBe(1)
      server.peers[0]![how]()
      await until(() => server.openSockets.size === 0)
      expect(text(await transport.fetch(server.url, post))).toBe('fine')
      expect(server.seen).toHaveLength(3)
    },
  )

  it('can be aborted meanwhile', async () => {
    const server = closeAfterwards(await startHttp2Server())
    const transport = start()
    await fetchAll(transport, server.url, 1)
    const exchange = transport.start(server.url, { ...some, method: 'POST', body: 'once' })
    exchange.abort(new RangeError('too late'))
    await expect(exchange.response).rejects.toThrow('too late')
    await fetchAll(transport, server.url, 1)
    expect(server.seen).toEqual(['GET /', 'GET /'])
    expect(server.protocols).toHaveLength(1)
  })
})
