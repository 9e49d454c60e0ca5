import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { buildConnector } from 'undici'
import { describe, expect, it, vi } from 'vitest'
import { ConnectionError } from '../../src/errors.ts'
import { Connections } from '../../src/transport/connections.ts'
import type { ConnectFunction, ConnectionOptions } from '../../src/transport/connection-options.ts'
import { TestConnections, text } from '../helpers/exchanges.ts'
import { until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'
import { straysOf } from '../helpers/strays.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'

/** Runs with connections of these options, and a server. */
async function withServer(
  options: ConnectionOptions,
  use: (transport: TestConnections, server: Awaited<ReturnType<typeof startServer>>) => Promise<void>,
): Promise<void> {
  const server = await startServer()
  const transport = new TestConnections(options)
  try {
    await use(transport, server)
  } finally {
    await transport.close()
    await server.close()
  }
}

describe('new Connections(poolOptions)', () => {
  it.each<[unknown, RegExp]>([
    [null, /Expected `poolOptions` to be an object, got `null`/],
    ['fast', /Expected `poolOptions` to be an object, got `'fast'` \(string\)/],
    [{ keepalive: 1 }, /Unknown option `poolOptions.keepalive`/],
    [{ connections: 5 }, /Unknown option `poolOptions.connections`: .*maxWorkersPerOrigin/],
    [{ allowH2: 'yes' }, /Expected `poolOptions.allowH2` to be a boolean, got `'yes'`/],
    [{ pipelining: 2 }, /Expected `poolOptions.pipelining` to be 0 or 1, got `2`/],
    [{ lookup: 'dns' }, /Expected `poolOptions.lookup` to be a function/],
    [{ family: 5 }, /Expected `poolOptions.family` to be 0, 4 or 6/],
    [{ autoSelectFamily: 'yes' }, /Expected `poolOptions.autoSelectFamily` to be a boolean/],
    [{ keepAliveTimeout: -1 }, /can't be used: invalid keepAliveTimeout/],
    [{ localAddress: 'here' }, /can't be used: localAddress must be valid/],
    [{ socketPath: 5 }, /can't be used: invalid socketPath/],
    [{ maxHeaderSize: 0 }, /can't be used: invalid maxHeaderSize/],
    [{ connect: 'x' }, /can't be used: connect must be/],
    [{ maxCachedSessions: -1 }, /can't be used: maxCachedSessions must be/],
  ])('refuses %j', (options, message) => {
    expect(() => new Connections(options as ConnectionOptions)).toThrow(TypeError)
    expect(() => new Connections(options as ConnectionOptions)).toThrow(message)
  })

  it('takes undefined for "not given"', async () => {
    await withServer(
      { keepAliveTimeout: undefined, lookup: undefined, connect: undefined },
      async (transport, server) => {
        expect((await transport.fetch(server.url)).status).toBe(200)
      },
    )
  })

  it.each([
    ['keepAliveTimeout of 2^31 ms', { keepAliveTimeout: 2 ** 31 }, {}],
    ['keepAliveTimeout of 2^40 ms', { keepAliveTimeout: 2 ** 40 }, {}],
    [
      'keepAliveMaxTimeout of 2^31 ms, against a server that says more',
      { keepAliveMaxTimeout: 2 ** 31 },
      { 'keep-alive': 'timeout=99999999' },
    ],
  ])('%s keeps a connection, and overflows no timer', async (_name, options, headers) => {
    const warning = vi.fn()
    process.on('warning', warning)
    const server = await startServer((_request, response) => {
      response.writeHead(200, { connection: 'keep-alive', ...headers }).end()
    })
    const transport = new TestConnections(options)
    try {
      for (let count = 0; count < 3; count++) {
        await transport.fetch(server.url)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      expect(server.connections).toBe(1)
      expect(warning).not.toHaveBeenCalled()
    } finally {
      process.off('warning', warning)
      await transport.close()
      await server.close()
    }
  })

  it('keepAliveTimeout, and keepAliveMaxTimeout against what the server says, end idle connections', async () => {
    await withServer({ keepAliveTimeout: 30, keepAliveMaxTimeout: 30 }, async (transport, server) => {
      await transport.fetch(server.url)
      await until(() => server.openSockets.size === 0)
      await transport.fetch(server.url)
      expect(server.connections).toBe(2)
    })
  })

  it('maxRequestsPerClient and pipelining: 0 end a connection after its requests', async () => {
    await withServer({ maxRequestsPerClient: 2 }, async (transport, server) => {
      for (let index = 0; index < 6; index++) await transport.fetch(server.url)
      expect(server.connections).toBeGreaterThan(1)
    })
    await withServer({ pipelining: 0 }, async (transport, server) => {
      for (let index = 0; index < 3; index++) await transport.fetch(server.url)
      expect(server.connections).toBe(3)
    })
  })

  it('lookup and family say where a name leads to', async () => {
    const lookup = vi.fn((_hostname: string, options: { all?: boolean }, callback: (...args: any[]) => void) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
      else callback(null, '127.0.0.1', 4)
    })
    await withServer({ lookup: lookup as unknown as net.LookupFunction, family: 4 }, async (transport, server) => {
      const { port } = new URL(server.url)
      expect((await transport.fetch(`http://anywhere.test:${port}/p`)).status).toBe(200)
      expect(lookup).toHaveBeenCalledWith('anywhere.test', expect.objectContaining({ family: 4 }), expect.anything())
    })
  })

  it('socketPath leads everything to a Unix domain socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'undici-futures-'))
    const socketPath = join(folder, 'server.sock')
    const server = http.createServer((request, response) => response.end(request.headers.host))
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    const transport = new TestConnections({ socketPath })
    expect(text(await transport.fetch('http://some.test:81/'))).toBe('some.test:81')
    await transport.close()
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true })
  })

  it('localAddress is where connections come from', async () => {
    await withServer({ localAddress: '127.0.0.5' }, async (transport, server) => {
      const exchange = transport.fetch(server.url)
      await until(() => server.openSockets.size === 1)
      expect([...server.openSockets][0]!.remoteAddress).toBe('127.0.0.5')
      await exchange
    })
  })

  it('maxHeaderSize bounds headers', async () => {
    await withServer({ maxHeaderSize: 50 }, async (transport, server) => {
      expect((await transport.failure(server.url)).message).toContain('the headers are too large')
    })
  })

  it('headersTimeout, connectTimeout and connect.timeout hold beside ours', async () => {
    const silent = await startServer(() => {})
    const slow = new TestConnections({ headersTimeout: 100 })
    expect((await slow.failure(silent.url)).name).toBe('ReadTimeoutError')
    await slow.close()
    for (const options of [{ connectTimeout: 50 }, { connect: { timeout: 50 } }]) {
      const transport = new TestConnections({ ...options, lookup: () => {} })
      expect((await transport.failure('http://nowhere.test')).message).toContain('no connection within 50 ms')
      await transport.close()
    }
    await silent.close()
  })

  it('connect brings options of tls.connect', async () => {
    const server = await startTlsServer()
    const transport = new TestConnections({ connect: { ca: tlsFixture('ca.pem'), servername: 'origin.test' } })
    expect(text(await transport.fetch(server.url))).toBe('secure')
    expect(server.handshakes).toMatchObject([{ servername: 'origin.test' }])
    await transport.close()
    await server.close()
  })

  it('connect may be a function that connects, TLS included', async () => {
    const server = await startTlsServer()
    const seen: unknown[] = []
    const transport = new TestConnections({
      connect: ({ hostname, protocol, port }, callback) => {
        seen.push([hostname, protocol, port])
        const socket = tls.connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
        socket.once('secureConnect', () => callback(null, socket)).once('error', (error) => callback(error, null))
      },
    })
    expect(text(await transport.fetch(server.url))).toBe('secure')
    expect(seen).toEqual([['localhost', 'https:', String(server.port)]])
    await transport.close()
    await server.close()
  })

  it("connect may be undici's own connector, which gives no socket with its error", async () => {
    const server = await startServer()
    const transport = new TestConnections({ connect: buildConnector({}) as ConnectFunction })
    expect((await transport.fetch(server.url)).status).toBe(200)
    await server.close()
    await until(() => server.openSockets.size === 0)
    const strays = await straysOf(async () => {
      const error = await transport.failure(server.url.replace('127.0.0.1', 'localhost'))
      expect(error).toBeInstanceOf(ConnectionError)
      expect(error.message).toContain('ECONNREFUSED')
    })
    expect(strays).toEqual([])
    await transport.close()
  })

  it('a connect function that fails, or comes too late, is met', async () => {
    const failing = new TestConnections({ connect: (_options, callback) => callback(new Error('no way'), null) })
    expect((await failing.failure('http://any.test')).message).toBe('Could not connect to http://any.test: no way')
    await failing.close()
    const server = await startServer()
    let answer!: () => void
    const late = new TestConnections({
      connect: ({ port }, callback) => {
        const socket = net.connect(Number(port), '127.0.0.1')
        answer = () => callback(null, socket)
      },
    })
    await late.failure(server.url, { connectTimeout: 20 })
    await until(() => server.openSockets.size === 1)
    answer()
    await until(() => server.openSockets.size === 0)
    await late.close()
    await server.close()
  })
})
