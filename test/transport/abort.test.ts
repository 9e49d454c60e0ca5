import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, ConnectTimeoutError, ReadTimeoutError, TimeoutError } from '../../src/errors.ts'
import { openBlackHole } from '../helpers/black-hole.ts'
import { TestConnections, readAll, text } from '../helpers/exchanges.ts'
import { answer, silence, startFaultServer } from '../helpers/fault-server.ts'
import type { FaultServer } from '../helpers/fault-server.ts'
import { turn, until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'

const reason = new Error('not wanted any more')

/** More than any of these may take; the test's machine may be busy. */
const soon = 2_000

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('Exchange.abort()', () => {
  let silent: FaultServer
  let transport: TestConnections

  beforeEach(async () => {
    silent = await startFaultServer(silence)
    transport = new TestConnections()
  })

  afterEach(async () => {
    await transport.close()
    await silent.close()
  })

  function abortAtOnce(url: string): void {
    const exchange = transport.start(url)
    exchange.response.catch(() => {})
    exchange.abort(reason)
  }

  it('rejects with exactly the error that it is given, and only once', async () => {
    const exchange = transport.start(silent.url)
    exchange.abort(reason)
    exchange.abort(new Error('another'))
    expect(await outcome(exchange.response)).toBe(reason)
  })

  it('rejects with a reason that is no error', async () => {
    const early = transport.start(silent.url)
    early.abort(null)
    expect(await outcome(early.response)).toBe(null)
    const late = transport.start(silent.url)
    await until(() => silent.connections > 0)
    await turn()
    late.abort(undefined)
    expect(await outcome(late.response)).toBe(undefined)
  })

  it('ends a look-up that never answers', async () => {
    await transport.close()
    transport = new TestConnections({ lookup: () => {} })
    const exchange = transport.start('http://nowhere.test')
    await turn()
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await transport.connections.close()
  })

  it('ends connecting to a server that does not accept', async () => {
    const hole = await openBlackHole()
    const exchange = transport.start(hole.url)
    await turn()
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await transport.connections.close()
    await hole.close()
  })

  it('ends a TLS handshake with a silent server', async () => {
    const exchange = transport.start(`https://localhost:${silent.port}`)
    await until(() => silent.connections === 1)
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await until(() => silent.openSockets.size === 0)
  })

  it('closes the socket of an exchange that is waiting for its response', async () => {
    const exchange = transport.start(silent.url)
    await until(() => silent.connections === 1)
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await until(() => silent.openSockets.size === 0)
  })

  it('closes the socket in the middle of a body', async () => {
    const half = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      await silence(peer)
    })
    const exchange = transport.start(half.url)
    await until(() => half.requests.length === 1)
    await turn()
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await until(() => half.openSockets.size === 0)
    await half.close()
  })

  it('errors a streamed body, and closes its socket', async () => {
    const half = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      await silence(peer)
    })
    const exchange = transport.start(half.url, { stream: true })
    const { stream } = await exchange.response
    const reading = outcome(readAll(stream!))
    await turn()
    exchange.abort(reason)
    expect(await reading).toBe(reason)
    await stream!.ended
    await until(() => half.openSockets.size === 0)
    await half.close()
  })

  it('touches no other connection', async () => {
    const server = await startServer((request, response) => {
      if (request.url !== '/hang') response.end('ok')
    })
    await transport.fetch(server.url)
    const aborted = transport.start(`${server.url}/hang`)
    const other = transport.start(`${server.url}/hang`)
    await until(() => server.active === 2)
    aborted.abort(reason)
    await outcome(aborted.response)
    await until(() => server.openSockets.size === 1)
    expect(text(await transport.fetch(server.url))).toBe('ok')
    other.abort(reason)
    await outcome(other.response)
    await server.close()
  })

  it('keeps an idle connection on which nothing was written yet', async () => {
    const server = await startServer()
    await transport.fetch(`${server.url}/first`)
    const exchange = transport.start(`${server.url}/aborted`)
    exchange.abort(reason)
    await outcome(exchange.response)
    await turn()
    await turn()
    await transport.fetch(`${server.url}/second`)
    expect(server.seen).toEqual(['GET /first', 'GET /second'])
    expect(server.connections).toBe(1)
    await server.close()
  })

  it('leaves such a connection to the next exchange at once', async () => {
    const server = await startServer()
    await transport.fetch(`${server.url}/first`)
    for (const path of ['/aborted', '/aborted too']) abortAtOnce(server.url + path)
    expect(text(await transport.fetch(`${server.url}/second`))).toContain('/second')
    expect(server.seen).toEqual(['GET /first', 'GET /second'])
    expect(server.connections).toBe(1)
    await server.close()
  })

  it('leaves nothing behind on such a connection that dies', async () => {
    const server = await startServer()
    await transport.fetch(`${server.url}/first`)
    abortAtOnce(`${server.url}/aborted`)
    const next = transport.start(`${server.url}/second`)
    for (const socket of server.openSockets) socket.resetAndDestroy()
    expect(text(await next.response)).toContain('/second')
    abortAtOnce(`${server.url}/aborted`)
    for (const socket of server.openSockets) socket.resetAndDestroy()
    await transport.connections.close()
    expect(server.seen).toEqual(['GET /first', 'GET /second'])
    expect(server.connections).toBe(2)
    await server.close()
  })

  it('does nothing once the exchange is over', async () => {
    const server = await startServer()
    const exchange = transport.start(server.url)
    await exchange.response
    exchange.abort(reason)
    await transport.fetch(server.url)
    expect(server.connections).toBe(1)
    await server.close()
  })

  it('leaves the source of an upload', async () => {
    let isLeft = false
    const source = {
      length: undefined,
      async *open() {
        try {
          for (;;) {
            yield Buffer.from('more ')
            await turn()
          }
        } finally {
          isLeft = true
        }
      },
    }
    const exchange = transport.start(silent.url, { method: 'POST', body: source })
    await until(() => silent.connections === 1)
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await until(() => isLeft)
  })

  it('does not wait for a source that gives nothing', async () => {
    const source = {
      length: undefined,
      open: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }),
    }
    const exchange = transport.start(silent.url, { method: 'POST', body: source })
    await until(() => silent.connections === 1)
    exchange.abort(reason)
    expect(await outcome(exchange.response)).toBe(reason)
    await until(() => silent.openSockets.size === 0)
  })
})

describe('connectTimeout', () => {
  it.each([
    ['a look-up that never answers', 'http://nowhere.test', { lookup: () => {} }],
    ['a server that does not accept', 'hole', {}],
    ['a silent TLS handshake', 'silent', {}],
  ])('ends %s with ConnectTimeoutError', async (_name, place, options) => {
    const silent = await startFaultServer(silence)
    const hole = await openBlackHole()
    const transport = new TestConnections(options)
    const url = { hole: hole.url, silent: `https://localhost:${silent.port}` }[place] ?? place
    const start = performance.now()
    const error = await transport.failure(url, { connectTimeout: 100 })
    expect(error).toBeInstanceOf(ConnectTimeoutError)
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.message).toBe(`Could not connect to ${new URL(url).origin}: no connection within 100 ms`)
    expect(performance.now() - start).toBeGreaterThanOrEqual(99)
    expect(performance.now() - start).toBeLessThan(soon)
    await transport.connections.close()
    await until(() => silent.openSockets.size === 0)
    await Promise.all([silent.close(), hole.close()])
  })

  it('does not run for a connection that is there', async () => {
    const server = await startServer((_request, response) => void setTimeout(() => response.end('slow'), 150))
    const transport = new TestConnections()
    await transport.fetch(server.url)
    expect(text(await transport.fetch(server.url, { connectTimeout: 50 }))).toBe('slow')
    await transport.close()
    await server.close()
  })
})

describe('readTimeout', () => {
  let transport: TestConnections
  beforeEach(() => void (transport = new TestConnections()))
  afterEach(async () => transport.close())

  it('ends an exchange without a response, exactly', async () => {
    const silent = await startFaultServer(silence)
    const start = performance.now()
    const error = await transport.failure(silent.url, { readTimeout: 100 })
    const elapsed = performance.now() - start
    expect(error).toBeInstanceOf(ReadTimeoutError)
    expect(error.message).toBe(`No response from ${silent.url}: nothing was received for 100 ms`)
    expect(elapsed).toBeGreaterThanOrEqual(99)
    expect(elapsed).toBeLessThan(soon)
    await until(() => silent.openSockets.size === 0)
    await silent.close()
  })

  it('is the gap between bytes, not the time of the whole', async () => {
    const slow = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n')
      for (const letter of 'abcdef') {
        await new Promise((resolve) => setTimeout(resolve, 60))
        await peer.write(letter)
      }
    })
    expect(text(await transport.fetch(slow.url, { readTimeout: 200 }))).toBe('abcdef')
    await slow.close()
  })

  it('ends a body that stops', async () => {
    const half = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      await silence(peer)
    })
    const error = await transport.failure(half.url, { readTimeout: 80 })
    expect(error).toBeInstanceOf(ReadTimeoutError)
    expect(error.message).toContain('Could not read the response of')
    await half.close()
  })

  it('holds for a short one after a long one on the same connection, and the other way round', async () => {
    const faults = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write(answer('first'))
      await peer.request()
      if (peer.index === 0) return
      await new Promise((resolve) => setTimeout(resolve, 600))
      await peer.write(answer('second'))
    })
    await transport.fetch(faults.url, { readTimeout: 60_000 })
    const start = performance.now()
    expect(await transport.failure(faults.url, { readTimeout: 100 })).toBeInstanceOf(ReadTimeoutError)
    expect(performance.now() - start).toBeLessThan(soon)
    await transport.fetch(faults.url, { readTimeout: 400 })
    expect(text(await transport.fetch(faults.url, { readTimeout: 60_000 }))).toBe('second')
    await faults.close()
  })

  it('stands still while the body of the request is being made', async () => {
    const server = await startServer((request, response) => {
      request.resume().on('end', () => response.end('thanks'))
    })
    const source = {
      length: undefined,
      async *open() {
        yield Buffer.from('a')
        await new Promise((resolve) => setTimeout(resolve, 600))
        yield Buffer.from('b')
      },
    }
    expect(text(await transport.fetch(server.url, { method: 'POST', body: source, readTimeout: 400 }))).toBe('thanks')
    await server.close()
  })

  it('stands still while nobody reads a streamed body, and runs for a reader who waits', async () => {
    const half = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      await silence(peer)
    })
    const { stream } = await transport.fetch(half.url, { stream: true, readTimeout: 400 })
    await new Promise((resolve) => setTimeout(resolve, 600))
    const chunks = stream![Symbol.asyncIterator]()
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe('half')
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(await outcome(chunks.next())).toBeInstanceOf(ReadTimeoutError)
    await stream!.ended
    await half.close()
  })

  it('lets bytes in that came while the event loop was busy', async () => {
    const server = await startServer()
    await transport.fetch(server.url)
    const exchange = transport.start(server.url, { readTimeout: 50 })
    await until(() => server.seen.length === 2)
    const end = performance.now() + 150
    while (performance.now() < end);
    expect((await exchange.response).status).toBe(200)
    await server.close()
  })
})
