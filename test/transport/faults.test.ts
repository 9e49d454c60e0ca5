import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ChunkedEncodingError,
  ConnectionError,
  InvalidHeaderError,
  InvalidOptionError,
  InvalidURLError,
  ReadTimeoutError,
  RequestError,
} from '../../src/errors.ts'
import { TestConnections, text } from '../helpers/exchanges.ts'
import { always, answer, silence, startFaultServer } from '../helpers/fault-server.ts'
import type { FaultServer, Peer } from '../helpers/fault-server.ts'
import { turn, until } from '../helpers/gate.ts'

const ok = 'HTTP/1.1 200 OK\r\n'

/** A fault for the first connection; the ones after it are served well. */
async function faulty(fault: (peer: Peer) => unknown): Promise<FaultServer> {
  return startFaultServer(async (peer) => {
    if (peer.index > 0) return always(answer('fine'))(peer)
    if ((await peer.request()) !== undefined) await fault(peer)
    return undefined
  })
}

describe('exchange() with a server that breaks the rules', () => {
  let transport: TestConnections
  beforeEach(() => void (transport = new TestConnections()))
  afterEach(async () => transport.close())

  it.each<[string, (peer: Peer) => unknown, new () => Error, RegExp]>([
    [
      'a reset before the headers',
      (peer) => peer.reset(),
      ConnectionError,
      /No response from .*: the connection was closed/,
    ],
    [
      'a close before the headers',
      (peer) => peer.socket.end(),
      ConnectionError,
      /No response from .*: the connection was closed/,
    ],
    [
      'a reset inside the headers',
      async (peer) => {
        await peer.write('HTTP/1.1 200 OK\r\nContent-Le')
        peer.reset()
      },
      ConnectionError,
      /the connection was closed/,
    ],
    [
      'a close inside the headers',
      (peer) => peer.socket.end('HTTP/1.1 200 OK\r\nContent-Le'),
      ConnectionError,
      /closed/,
    ],
    [
      'garbage',
      (peer) => peer.socket.end('hello world\r\n\r\n'),
      ConnectionError,
      /does not match the HTTP\/1.1 protocol/,
    ],
    ['a bare 100', (peer) => peer.write('HTTP/1.1 100 Continue\r\n\r\n'), ConnectionError, /nobody asked for/],
    [
      'a switch of protocols',
      (peer) => peer.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n'),
      ConnectionError,
      /switch/,
    ],
    [
      'headers without an end',
      (peer) => flood(peer, ok, 'X: ' + 'x'.repeat(1000) + '\r\n'),
      ConnectionError,
      /too large/,
    ],
    [
      'a body that breaks off',
      (peer) => peer.socket.end(ok + 'Content-Length: 10\r\n\r\nhalf'),
      ChunkedEncodingError,
      /closed/,
    ],
    [
      'a reset in the body',
      async (peer) => {
        await peer.write(ok + 'Content-Length: 10\r\n\r\nhalf')
        // The headers are to be there first.
        setTimeout(() => peer.reset(), 20)
      },
      ChunkedEncodingError,
      /Could not read the response of/,
    ],
    [
      'a chunked body without its end',
      (peer) => peer.socket.end(ok + 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'),
      ChunkedEncodingError,
      /closed/,
    ],
    [
      'a chunk that is none',
      (peer) => peer.socket.end(ok + 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'),
      ChunkedEncodingError,
      /does not match the HTTP\/1.1 protocol/,
    ],
  ])('turns %s into its error and works on', async (_name, fault, errorClass, message) => {
    const server = await faulty(fault)
    const error = await transport.failure(server.url)
    expect(error).toBeInstanceOf(errorClass)
    expect(error.constructor).toBe(errorClass)
    expect(error.message).toMatch(message)
    expect(error.message).toContain(server.url)
    expect(error.cause).toBeInstanceOf(Error)
    expect(text(await transport.fetch(server.url))).toBe('fine')
    await server.close()
  })

  it('reads a body that ends with the connection', async () => {
    const server = await faulty((peer) => peer.socket.end(ok + '\r\nuntil the end'))
    expect(text(await transport.fetch(server.url))).toBe('until the end')
    await server.close()
  })

  it.each([
    ['102 and 103', 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
    ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('passes over %s', async (_name, hints) => {
    const server = await startFaultServer(
      always(Buffer.concat([Buffer.from(hints), answer('final', { 'X-Final': 'yes' })])),
    )
    for (let index = 0; index < 3; index++) {
      const response = await transport.fetch(server.url)
      expect(response).toMatchObject({ status: 200, statusText: 'OK' })
      expect(response.headers).toEqual({ 'content-length': '5', 'x-final': 'yes' })
      expect(text(response)).toBe('final')
    }
    expect(server.connections).toBe(1)
    await server.close()
  })

  it('waits for the answer to a body for as long as it may, although it was told to go on', async () => {
    const server = await faulty((peer) => peer.write('HTTP/1.1 100 Continue\r\n\r\n'))
    const error = await transport.failure(server.url, { method: 'POST', body: 'body', readTimeout: 2_500 })
    expect(error).toBeInstanceOf(ReadTimeoutError)
    await server.close()
  })

  it('does not lose its patience with a server because its own event loop was busy', async () => {
    const server = await faulty(async (peer) => {
      await peer.write('HTTP/1.1 100 Continue\r\n\r\n')
      for (let turns = 0; turns < 10; turns++) await turn()
      // The kernel has it at once, and nobody reads.
      const written = peer.write(answer('fine'))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500)
      await written
    })
    expect(text(await transport.fetch(server.url))).toBe('fine')
    await server.close()
  })

  it.each([
    ['headers', ok],
    ['another hint', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['a part of a line', 'HTTP/1.1 2'],
  ])('waits as long as it may for what comes after 100 and %s', async (_name, next) => {
    const server = await faulty((peer) => peer.write(`HTTP/1.1 100 Continue\r\n\r\n${next}`))
    expect(await transport.failure(server.url, { readTimeout: 2_500 })).toBeInstanceOf(ReadTimeoutError)
    await server.close()
  })

  it('gives a reader of a stream what has arrived, then the error', async () => {
    const server = await faulty((peer) => peer.socket.end(ok + 'Content-Length: 10\r\n\r\nhalf'))
    const { stream } = await transport.fetch(server.url, { stream: true })
    const chunks = stream![Symbol.asyncIterator]()
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe('half')
    await expect(chunks.next()).rejects.toBeInstanceOf(ChunkedEncodingError)
    await stream!.ended
    await server.close()
  })

  it('survives what a server sends too much', async () => {
    const server = await faulty((peer) => peer.write(Buffer.concat([answer('right'), Buffer.from('and then some')])))
    expect(text(await transport.fetch(server.url))).toBe('right')
    expect(text(await transport.fetch(server.url))).toBe('fine')
    await server.close()
  })

  it('survives a body after a HEAD', async () => {
    const server = await faulty((peer) => peer.write(answer('not for HEAD')))
    expect((await transport.fetch(server.url, { method: 'HEAD' })).status).toBe(200)
    expect(text(await transport.fetch(server.url))).toBe('fine')
    await server.close()
  })

  it('takes a response that comes before the request is complete', async () => {
    const server = await startFaultServer(async (peer) => {
      peer.socket.once('data', () => peer.socket.end(answer('too large', { Connection: 'close' }, '413 No')))
    })
    let isLeft = false
    const source = {
      length: undefined,
      async *open() {
        try {
          for (;;) {
            yield Buffer.alloc(1000)
            await turn()
          }
        } finally {
          isLeft = true
        }
      },
    }
    const response = await transport.fetch(server.url, { method: 'POST', body: source })
    expect(response.status).toBe(413)
    expect(text(response)).toBe('too large')
    await until(() => isLeft)
    await server.close()
  })
})

describe('exchange() that can not connect', () => {
  let transport: TestConnections
  beforeEach(() => void (transport = new TestConnections()))
  afterEach(async () => transport.close())

  it('names origin and reason where the connection is refused', async () => {
    const server = await startFaultServer(silence)
    await server.close()
    const error = await transport.failure(server.url)
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toBe(`Could not connect to ${server.url}: the connection was refused (ECONNREFUSED)`)
    const several = await transport.failure(server.url.replace('127.0.0.1', 'localhost'))
    expect(several.message).toContain('the connection was refused (ECONNREFUSED)')
  })

  it('names the host that does not exist', async () => {
    const error = await transport.failure('http://no-such-host.invalid')
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toMatch(
      /^Could not connect to http:\/\/no-such-host.invalid: (?:no such host|the name look-up failed) \(E/,
    )
  })
})

describe('exchange() with a request that can not be sent', () => {
  let server: FaultServer
  let transport: TestConnections
  beforeEach(async () => {
    server = await startFaultServer(always(answer('fine')))
    transport = new TestConnections()
  })
  afterEach(async () => {
    await transport.close()
    await server.close()
  })

  it.each([
    ['a header name', { headers: ['bad name', 'x'] }, InvalidHeaderError],
    ['a header value', { headers: ['x', 'a\r\nb'] }, InvalidHeaderError],
    ['a forbidden header', { headers: ['Transfer-Encoding', 'chunked'] }, InvalidHeaderError],
    ['Expect', { headers: ['Expect', '100-continue'] }, InvalidHeaderError],
    ['Upgrade', { headers: ['Upgrade', 'websocket'] }, InvalidHeaderError],
    ['Keep-Alive', { headers: ['Keep-Alive', 'timeout=5'] }, InvalidHeaderError],
    ['a path', { path: '/a b' }, InvalidURLError],
    ['a method', { method: 'GE T' }, InvalidOptionError],
  ])('rejects %s, and keeps the connection', async (_name, part, errorClass) => {
    await transport.fetch(server.url)
    const error = await transport.failure(server.url, part)
    expect(error).toBeInstanceOf(errorClass)
    expect(error).toBeInstanceOf(RequestError)
    expect(error.message).toMatch(/^Could not send the request to http:\S+: /)
    expect(text(await transport.fetch(server.url))).toBe('fine')
    expect(server.connections).toBe(1)
  })

  it('rejects with what the source of the body throws, as it is', async () => {
    const broken = new Error('no such file')
    const opening = {
      length: undefined,
      open: () => {
        throw broken
      },
    }
    expect(await transport.failure(server.url, { method: 'POST', body: opening })).toBe(broken)
    const reading = {
      length: undefined,
      async *open() {
        yield Buffer.from('a')
        await turn()
        throw broken
      },
    }
    expect(await transport.failure(server.url, { method: 'POST', body: reading })).toBe(broken)
    expect(text(await transport.fetch(server.url))).toBe('fine')
  })

  it.each([3, 30])('rejects a source that gives another length than %i bytes', async (length) => {
    const source = {
      length,
      async *open() {
        yield Buffer.from('ten bytes.')
      },
    }
    const error = await transport.failure(server.url, { method: 'POST', body: source })
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error.message).toContain('not as long as its Content-Length')
    expect(text(await transport.fetch(server.url))).toBe('fine')
  })
})

describe('ExchangeRequest.resend', () => {
  let transport: TestConnections
  beforeEach(() => void (transport = new TestConnections()))
  afterEach(async () => transport.close())

  /** Serves one request on each connection, and closes it when the next one arrives. */
  const startStale = async (end: (peer: Peer) => unknown = (peer) => peer.reset()): Promise<FaultServer> =>
    startFaultServer(async (peer) => {
      await peer.request()
      await peer.write(answer(`connection ${peer.index}`))
      if ((await peer.request()) !== undefined) await end(peer)
    })

  it('sends once more on a fresh connection if a reused one turns out to be dead', async () => {
    const server = await startStale()
    await transport.fetch(server.url)
    const response = await transport.fetch(`${server.url}/again`, { resend: true })
    expect(text(response)).toBe('connection 1')
    expect(server.requests.map((head) => head.split(' ')[1])).toEqual(['/', '/again', '/again'])
    await server.close()
  })

  it('sends the body once more, too', async () => {
    const server = await startStale((peer) => peer.socket.end())
    await transport.fetch(server.url)
    let opened = 0
    const body = {
      length: 4,
      async *open() {
        opened++
        yield Buffer.from('body')
      },
    }
    expect(text(await transport.fetch(server.url, { method: 'PUT', body, resend: true }))).toBe('connection 1')
    expect(opened).toBe(2)
    await server.close()
  })

  it('is for those who say so', async () => {
    const server = await startStale()
    await transport.fetch(server.url)
    expect(await transport.failure(server.url, { method: 'POST' })).toBeInstanceOf(ConnectionError)
    expect(server.requests).toHaveLength(2)
    await server.close()
  })

  it.each(['POST', 'GET'])('is not asked where nothing was written yet: %s', async (method) => {
    const server = await startFaultServer(always(answer('fine')))
    await transport.fetch(server.url)
    let opened = 0
    const open = (): AsyncIterable<Uint8Array> => {
      opened++
      return Readable.from([Buffer.from('body')])
    }
    const body = method === 'POST' ? { length: 4, open } : undefined
    // undici writes in the next turn, after the reset has been read.
    await turn()
    const exchange = transport.start(server.url, { method, body })
    for (const socket of server.openSockets) socket.resetAndDestroy()
    expect(text(await exchange.response)).toBe('fine')
    expect(server.requests).toHaveLength(2)
    expect(server.connections).toBe(2)
    expect(opened).toBe(method === 'POST' ? 1 : 0)
    await server.close()
  })

  it('happens once, and not on a fresh connection', async () => {
    const server = await startFaultServer(async (peer) => {
      await peer.request()
      if (peer.index === 0) await peer.write(answer('first'))
      else {
        peer.reset()
        return
      }
      await peer.request()
      peer.reset()
      return undefined
    })
    await transport.fetch(server.url)
    expect(await transport.failure(server.url, { resend: true })).toBeInstanceOf(ConnectionError)
    expect(server.requests).toHaveLength(3)
    expect(await transport.failure(server.url, { resend: true })).toBeInstanceOf(ConnectionError)
    expect(server.requests).toHaveLength(4)
    await server.close()
  })

  it('does not happen once the server has begun to answer', async () => {
    const server = await startStale((peer) => peer.socket.end('HTTP/1.1 20'))
    await transport.fetch(server.url)
    expect(await transport.failure(server.url, { resend: true })).toBeInstanceOf(ConnectionError)
    expect(server.requests).toHaveLength(2)
    await server.close()
  })

  it('can be aborted between both sendings', async () => {
    const server = await startFaultServer(async (peer) => {
      await peer.request()
      if (peer.index > 0) return silence(peer)
      await peer.write(answer('first'))
      await peer.request()
      peer.reset()
      return undefined
    })
    await transport.fetch(server.url)
    const exchange = transport.start(server.url, { resend: true })
    await until(() => server.requests.length === 3)
    const reason = new Error('enough')
    exchange.abort(reason)
    await expect(exchange.response).rejects.toBe(reason)
    await until(() => server.openSockets.size === 0)
    await server.close()
  })
})

/** Writes for ever, or until the other side has enough. */
async function flood(peer: Peer, head: string, line: string): Promise<void> {
  await peer.write(head)
  while (!peer.socket.destroyed) await peer.write(line)
}
