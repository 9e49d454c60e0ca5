import { inspect } from 'node:util'
import zlib from 'node:zlib'
import { Agent, Client, MockAgent, Pool } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ChunkedEncodingError,
  ConnectionError,
  ConnectTimeoutError,
  InvalidHeaderError,
  InvalidOptionError,
  ReadTimeoutError,
  ResponseTooLargeError,
} from '../../src/errors.ts'
import type { Dispatcher } from '../../src/transport/exchange.ts'
import { openBlackHole } from '../helpers/black-hole.ts'
import { TestConnections, readAll, text } from '../helpers/exchanges.ts'
import { always, answer, silence, startFaultServer } from '../helpers/fault-server.ts'
import { gate, until } from '../helpers/gate.ts'
import { readBody, startServer } from '../helpers/server.ts'
import { hasUndici8, undici8 } from '../helpers/undici-8.ts'

interface Closable extends Dispatcher {
  close(): Promise<void>
  destroy(): Promise<void>
}

type Maker = [name: string, make: (origin: string) => Closable]

const of7: Maker[] = [
  ['Agent of undici 7', () => new Agent()],
  ['Pool of undici 7', (origin) => new Pool(origin, { connections: 2 })],
  ['Client of undici 7', (origin) => new Client(origin)],
]
const of8: Maker[] = [
  ['Agent of undici 8', () => new undici8.Agent()],
  ['Pool of undici 8', (origin) => new undici8.Pool(origin, { connections: 2 })],
  ['Client of undici 8', (origin) => new undici8.Client(origin)],
]

let transport: TestConnections
beforeEach(() => void (transport = new TestConnections()))
afterEach(async () => transport.close())

describe.each(of7)('exchange() on the %s', testDispatcher)
describe.skipIf(!hasUndici8).each(of8)('exchange() on the %s', testDispatcher)

function testDispatcher(...[, make]: Maker): void {
  let dispatcher: Closable | undefined
  const on = (url: string): { dispatcher: Dispatcher } => ({ dispatcher: (dispatcher = make(url)) })
  afterEach(async () => dispatcher?.destroy())

  it('sends and receives', async () => {
    const server = await startServer((request, response) => {
      void readBody(request).then((body) => {
        response.writeHead(201, { 'content-encoding': 'gzip', 'x-a': 'b' })
        response.end(
          zlib.gzipSync(`${request.method ?? ''} ${request.url ?? ''} ${body} ${String(request.headers['x-b'])}`),
        )
      })
    })
    const part = { ...on(server.url), method: 'PUT', body: 'body', headers: ['X-B', 'c'] }
    for (let index = 0; index < 3; index++) {
      const response = await transport.fetch(`${server.url}/path?q`, part)
      expect(response).toMatchObject({ status: 201, statusText: 'Created' })
      expect(response.headers).toMatchObject({ 'x-a': 'b' })
      expect(text(response)).toBe('PUT /path?q body c')
    }
    await server.close()
  })

  it('streams both ways', async () => {
    const server = await startServer((request, response) => void request.pipe(response))
    const body = {
      length: undefined,
      async *open() {
        for (let index = 0; index < 20; index++) yield Buffer.alloc(50_000, 'x')
      },
    }
    const { stream } = await transport.fetch(server.url, { ...on(server.url), method: 'POST', body, stream: true })
    expect(await readAll(stream!)).toHaveLength(1_000_000)
    await stream!.ended
    await server.close()
  })

  it('passes over informational responses', async () => {
    const hints = Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
    const server = await startFaultServer(always(Buffer.concat([hints, answer('final')])))
    expect(text(await transport.fetch(server.url, on(server.url)))).toBe('final')
    await server.close()
  })

  it('ends informational responses without end, and their connection', async () => {
    const closed = gate()
    const server = await startFaultServer(async (peer) => {
      void peer.closed.then(() => closed.open())
      await peer.request()
      await peer.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(150))
    })
    const error = await transport.failure(server.url, on(server.url))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain('more than 100 informational responses')
    await closed.promise
    await server.close()
  })

  it.each([
    ['a status of 000', answer('x', {}, '000 None'), /: there is no status 0$/],
    ['a status of 099', answer('x', {}, '099 None'), /: there is no status 99$/],
    ['a switch of protocols', 'HTTP/1.1 101 Other\r\n\r\n', /: a switch of protocols that nobody asked for$/],
    ['Content-Length twice', answer('x', { 'content-length': '1' }), /: the headers are malformed: a Content-Length /],
  ])('says in one line what is wrong with %s', async (_name, response, message) => {
    const server = await startFaultServer(always(response))
    const error = await transport.failure(server.url, on(server.url))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toMatch(message)
    await server.close()
  })

  it('can be aborted before and while it is answered', async () => {
    const server = await startFaultServer(silence)
    const part = on(server.url)
    const reason = new Error('enough')
    const early = transport.start(server.url, part)
    early.abort(reason)
    await expect(early.response).rejects.toBe(reason)
    const late = transport.start(server.url, part)
    await until(() => server.requests.length === 1)
    late.abort(reason)
    await expect(late.response).rejects.toBe(reason)
    await until(() => server.openSockets.size < server.connections)
    await server.close()
  })

  it('has our timeouts', async () => {
    const server = await startFaultServer(silence)
    const part = on(server.url)
    expect(await transport.failure(server.url, { ...part, readTimeout: 80 })).toBeInstanceOf(ReadTimeoutError)
    await dispatcher?.destroy()
    const hole = await openBlackHole()
    const connecting = { ...on(hole.url), connectTimeout: 80 }
    expect(await transport.failure(hole.url, connecting)).toBeInstanceOf(ConnectTimeoutError)
    await dispatcher?.destroy()
    await Promise.all([server.close(), hole.close()])
  })

  it('has our errors', async () => {
    const server = await startFaultServer(async (peer) => {
      const request = await peer.request()
      if (request?.includes('/garbage')) peer.socket.end('garbage\r\n\r\n')
      else if (request?.includes('/half')) peer.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
      else if (request?.includes('/large')) await peer.write(answer('x'.repeat(1000)))
      else peer.reset()
    })
    const part = on(server.url)
    expect(await transport.failure(`${server.url}/garbage`, part)).toBeInstanceOf(ConnectionError)
    expect(await transport.failure(`${server.url}/reset`, part)).toBeInstanceOf(ConnectionError)
    expect(await transport.failure(`${server.url}/half`, part)).toBeInstanceOf(ChunkedEncodingError)
    const large = await transport.failure(`${server.url}/large`, { ...part, maxResponseSize: 10 })
    expect(large).toBeInstanceOf(ResponseTooLargeError)
    expect(await transport.failure(server.url, { ...part, headers: ['x', 'a\nb'] })).toBeInstanceOf(InvalidHeaderError)
    await dispatcher?.destroy()
    expect(await transport.failure(server.url, part)).toBeInstanceOf(ConnectionError)
    await server.close()
  })

  it('lets go of the dispatcher at destroy()', async () => {
    const server = await startFaultServer(silence)
    const exchange = transport.start(server.url, on(server.url))
    await until(() => server.requests.length === 1)
    const [socket] = server.openSockets
    const reason = new Error('enough')
    transport.connections.destroy(reason)
    await expect(exchange.response).rejects.toBe(reason)
    await until(() => !server.openSockets.has(socket!))
    await server.close()
  })
}

describe('exchange() on a MockAgent of undici 7', () => testMock(() => new MockAgent()))
describe.skipIf(!hasUndici8)('exchange() on a MockAgent of undici 8', () => testMock(() => new undici8.MockAgent()))

function testMock(make: () => MockAgent): void {
  let agent: MockAgent
  beforeEach(() => {
    agent = make()
    agent.disableNetConnect()
  })
  afterEach(async () => agent.close())

  it('gets what was prepared', async () => {
    const origin = agent.get('http://mock.test')
    origin
      .intercept({ path: '/a?b=c', method: 'POST', body: 'question', headers: { 'x-a': '1' } })
      .reply(202, { answer: 42 }, { headers: { 'content-type': 'application/json' } })
    const part = { dispatcher: agent, method: 'POST', body: 'question', headers: ['X-A', '1'] }
    const response = await transport.fetch('http://mock.test/a?b=c', part)
    expect(response).toMatchObject({ status: 202, headers: { 'content-type': 'application/json' } })
    expect(JSON.parse(text(response))).toEqual({ answer: 42 })
    agent.assertNoPendingInterceptors()
  })

  it('streams it, too', async () => {
    agent.get('http://mock.test').intercept({ path: '/' }).reply(200, 'streamed')
    const { stream } = await transport.fetch('http://mock.test/', { dispatcher: agent, stream: true })
    expect((await readAll(stream!)).toString()).toBe('streamed')
    await stream!.ended
  })

  it('waits for a delayed reply, as long as it may', async () => {
    agent.get('http://mock.test').intercept({ path: '/' }).reply(200, 'late').delay(100).times(3)
    expect(text(await transport.fetch('http://mock.test/', { dispatcher: agent }))).toBe('late')
    const error = await transport.failure('http://mock.test/', { dispatcher: agent, readTimeout: 20 })
    expect(error).toBeInstanceOf(ReadTimeoutError)
    const exchange = transport.start('http://mock.test/', { dispatcher: agent })
    exchange.abort(error)
    await expect(exchange.response).rejects.toBe(error)
  })

  it('gets the errors that were prepared, and one for what was not', async () => {
    const prepared = new Error('prepared')
    agent.get('http://mock.test').intercept({ path: '/' }).replyWithError(prepared)
    const error = await transport.failure('http://mock.test/', { dispatcher: agent })
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.cause).toBe(prepared)
    const missing = await transport.failure('http://mock.test/other', { dispatcher: agent })
    expect(missing).toBeInstanceOf(ConnectionError)
    expect(missing.message).toContain('MockAgent')
    expect(inspect(missing.cause)).toContain('/other')
  })
}

it('exchange() rejects what is no dispatcher of undici 7 or 8', async () => {
  const refusing = {
    dispatch: () => {
      throw Object.assign(new Error('invalid onError method'), { code: 'UND_ERR_INVALID_ARG' })
    },
  }
  expect(await transport.failure('http://any.test', { dispatcher: refusing })).toBeInstanceOf(InvalidOptionError)
})
