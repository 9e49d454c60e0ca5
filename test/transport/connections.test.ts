import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SessionClosedError } from '../../src/errors.ts'
import { TestConnections, text } from '../helpers/exchanges.ts'
import { always, answer, startFaultServer } from '../helpers/fault-server.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { readBody, startServer } from '../helpers/server.ts'
import type { TestServer } from '../helpers/server.ts'

describe('Connections', () => {
  let server: TestServer
  let transport: TestConnections

  beforeEach(async () => {
    server = await startServer()
    transport = new TestConnections()
  })

  afterEach(async () => {
    await transport.close()
    await server.close()
  })

  it('exchange() reuses one connection for requests that follow each other', async () => {
    for (let index = 0; index < 50; index++) await transport.fetch(`${server.url}/${index}`)
    expect(server.seen).toHaveLength(50)
    expect(server.connections).toBe(1)
  })

  it('exchange() reuses it also where setImmediate is wrapped, and not where a test would have to fire it', async () => {
    const own = setImmediate
    try {
      await transport.fetch(server.url)
      globalThis.setImmediate = ((fn: () => void) => own(fn)) as unknown as typeof own
      for (let index = 0; index < 5; index++) await transport.fetch(server.url)
      expect(server.connections).toBe(1)
      vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] })
      for (let index = 0; index < 5; index++) await transport.fetch(server.url)
      expect(server.connections).toBe(6)
      vi.useRealTimers()
      await until(() => server.openSockets.size === 1)
      for (let index = 0; index < 5; index++) await transport.fetch(server.url)
      expect(server.connections).toBe(6)
    } finally {
      vi.useRealTimers()
      globalThis.setImmediate = own
    }
  })

  it.each([
    ['HEAD', { method: 'HEAD' }],
    ['GET with a body', { method: 'GET', body: 'question' }],
    ['DELETE with a body', { method: 'DELETE', body: Buffer.from('what') }],
    ['POST without a body', { method: 'POST' }],
  ])('exchange() keeps the connection after %s', async (_name, part) => {
    for (let index = 0; index < 10; index++) await transport.fetch(server.url, part)
    expect(server.connections).toBe(1)
  })

  it('exchange() keeps the connection after a streamed body that was read', async () => {
    for (let index = 0; index < 10; index++) {
      const { stream } = await transport.fetch(server.url, { stream: true })
      for await (const chunk of stream!) expect(chunk.byteLength).toBeGreaterThan(0)
    }
    expect(server.connections).toBe(1)
  })

  it('exchange() finds its way back to one connection after `Connection: close`', async () => {
    const closing = await startServer((request, response) => {
      if (request.url === '/close') response.setHeader('connection', 'close')
      response.end('ok')
    })
    await transport.fetch(`${closing.url}/close`)
    for (let index = 0; index < 20; index++) await transport.fetch(`${closing.url}/open`)
    expect(closing.connections).toBe(2)
    await closing.close()
  })

  it('exchange() opens as many connections as there are exchanges at once', async () => {
    const answers = gate()
    const slow = await startServer((_request, response) => void answers.promise.then(() => response.end('ok')))
    const responses = Array.from({ length: 12 }, async () => transport.fetch(slow.url))
    await until(() => slow.active === 12)
    answers.open()
    await Promise.all(responses)
    expect(slow.connections).toBe(12)
    await slow.close()
  })

  it('exchange() takes the connection that was used last', async () => {
    const peers: number[] = []
    const faults = await startFaultServer(async (peer) => {
      while ((await peer.request()) !== undefined) {
        peers.push(peer.index)
        await until(() => faults.connections === 2)
        await peer.write(answer('ok'))
      }
    })
    const [first, second] = [transport.start(faults.url), transport.start(faults.url)]
    await Promise.all([first.response, second.response])
    peers.length = 0
    for (let index = 0; index < 4; index++) await transport.fetch(faults.url)
    expect(new Set(peers).size).toBe(1)
    await faults.close()
  })

  it('exchange() does not use an idle connection that the server has closed', async () => {
    const faults = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write(answer(`connection ${peer.index}`))
      peer.socket.end()
    })
    expect(text(await transport.fetch(faults.url))).toBe('connection 0')
    await until(() => faults.openSockets.size === 0)
    await turn()
    expect(text(await transport.fetch(faults.url, { method: 'POST' }))).toBe('connection 1')
    await faults.close()
  })

  it('exchange() sends method, path, headers in their order and case, and body', async () => {
    const faults = await startFaultServer(always(answer('ok')))
    const headers = ['X-B', '1', 'x-a', '2', 'X-B', '3']
    await transport.fetch(`${faults.url}/p/a?q=1&r=%C3%A9`, { method: 'PUT', headers, body: 'ä' })
    const [request = ''] = faults.requests
    expect(request.split('\r\n')).toEqual([
      'PUT /p/a?q=1&r=%C3%A9 HTTP/1.1',
      `host: 127.0.0.1:${faults.port}`,
      'connection: keep-alive',
      'X-B: 1',
      'x-a: 2',
      'X-B: 3',
      'content-length: 2',
      '',
      Buffer.from('ä').toString('latin1'),
    ])
    await faults.close()
  })

  it('exchange() gives status, text, headers, body, wire bytes and the time to the headers', async () => {
    const faults = await startFaultServer(
      always(answer('hello', { 'X-One': 'a', 'Set-Cookie': 'a=1\r\nSet-Cookie: b=2', 'X-Latin': 'é' }, '201 Made Up')),
    )
    const response = await transport.fetch(faults.url)
    expect(response).toMatchObject({
      status: 201,
      statusText: 'Made Up',
      bytes: 5,
      failure: undefined,
      stream: undefined,
    })
    expect(response.headers).toMatchObject({ 'x-one': 'a', 'set-cookie': ['a=1', 'b=2'] })
    expect(text(response)).toBe('hello')
    expect(response.elapsed).toBeGreaterThan(0)
    await faults.close()
  })

  it('exchange() leaves the reason empty where the server sends none, as requests and fetch do', async () => {
    const faults = await startFaultServer(always(answer('', {}, '404 ')))
    expect((await transport.fetch(faults.url)).statusText).toBe('')
    await faults.close()
  })

  it('exchange() joins the chunks of a large body', async () => {
    const body = Buffer.alloc(1_000_000, 'abcdefghij')
    const large = await startServer((_request, response) => response.end(body))
    const response = await transport.fetch(large.url)
    expect(response.bytes).toBe(body.length)
    expect(Buffer.compare(response.content, body)).toBe(0)
    await large.close()
  })

  it('exchange() does not keep a large buffer alive for a small body', async () => {
    const faults = await startFaultServer(always(answer('tiny', { 'X-Padding': 'p'.repeat(8000) })))
    const { content } = await transport.fetch(faults.url)
    expect(Buffer.from(content).toString()).toBe('tiny')
    expect(content.buffer.byteLength).toBeLessThan(8000)
    await faults.close()
  })

  it('exchange() sends a body that is produced meanwhile, chunked or with its length', async () => {
    const echo = await startServer((request, response) => {
      const { 'content-length': length, 'transfer-encoding': coding } = request.headers
      void readBody(request).then((body) => response.end(JSON.stringify({ length, coding, body })))
    })
    const source = (length?: number) => ({
      length,
      async *open() {
        yield Buffer.from('one ')
        await turn()
        yield Buffer.from('two')
      },
    })
    const chunked = await transport.fetch(echo.url, { method: 'POST', body: source() })
    expect(JSON.parse(text(chunked))).toEqual({ coding: 'chunked', body: 'one two' })
    const measured = await transport.fetch(echo.url, { method: 'DELETE', body: source(7) })
    expect(JSON.parse(text(measured))).toEqual({ length: '7', body: 'one two' })
    expect(echo.connections).toBe(1)
    await echo.close()
  })

  it('exchange() sends many megabytes', async () => {
    const body = Buffer.alloc(8 * 1024 * 1024, 'x')
    const echo = await startServer((request, response) => {
      let size = 0
      request.on('data', (chunk: Buffer) => (size += chunk.length))
      request.on('end', () => response.end(`${request.headers['content-length'] ?? ''} ${size}`))
    })
    expect(text(await transport.fetch(echo.url, { method: 'POST', body }))).toBe(`${body.length} ${body.length}`)
    await echo.close()
  })

  it('exchange() rejects after close() with SessionClosedError', async () => {
    await transport.connections.close()
    const error = await transport.failure(server.url)
    expect(error).toBeInstanceOf(SessionClosedError)
    expect(server.connections).toBe(0)
  })

  it('close() ends idle connections at once', async () => {
    await transport.fetch(server.url)
    expect(server.openSockets.size).toBe(1)
    await transport.connections.close()
    await until(() => server.openSockets.size === 0)
  })

  it('close() lets a busy exchange finish, then ends its connection', async () => {
    const answers = gate()
    const slow = await startServer((_request, response) => void answers.promise.then(() => response.end('late')))
    const exchange = transport.start(slow.url)
    await until(() => slow.active === 1)
    const closing = transport.connections.close()
    answers.open()
    expect(text(await exchange.response)).toBe('late')
    await closing
    await until(() => slow.openSockets.size === 0)
    await slow.close()
  })

  it('destroy() rejects what is under way, with the error that is given', async () => {
    const slow = await startServer(() => {})
    const exchange = transport.start(slow.url)
    await until(() => slow.active === 1)
    const reason = new Error('enough')
    transport.connections.destroy(reason)
    await expect(exchange.response).rejects.toBe(reason)
    await until(() => slow.openSockets.size === 0)
    await slow.close()
  })
})
