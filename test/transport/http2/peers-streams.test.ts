/** How many streams there are, what ends them, and what is sent again: semantics 3 to 6 of HTTP/2. */
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { ConnectionError, ReadTimeoutError, ResponseTooLargeError, TotalTimeoutError } from '../../../src/index.ts'
import { gate, turn, until } from '../../helpers/gate.ts'
import type { FrameScript } from '../../helpers/h2/frame-server.ts'
import { answer, codes, data, goaway, response, rstStream, settings } from '../../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../../helpers/h2/site.ts'

const site = new Http2Site()
afterEach(() => site.close())

const turns = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index++) await turn()
}

describe('Streams at once', () => {
  test('are as many as the server allows, on as many connections as it takes', async () => {
    const held = gate()
    const server = await site.server((_request, response) => void held.promise.then(() => response.end('fine')), {
      settings: { maxConcurrentStreams: 5 },
    })
    const session = site.session()
    const first = session.get(server.url)
    await until(() => server.active === 1)
    const futures = [first, ...Array.from({ length: 11 }, () => session.get(server.url))]
    await until(() => server.active === 12)
    expect(server.sessions.size).toBe(3)
    held.open()
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
    expect(server.seen).toHaveLength(12)
  })

  test('are at most 100 for one connection', async () => {
    const held = gate()
    const server = await site.frames(
      async (peer) => {
        for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
          const { id } = stream
          void held.promise.then(() => peer.send(answer(id)))
        }
      },
      { settings: { maxConcurrentStreams: 1000 } },
    )
    const session = site.session({ maxWorkers: 150 })
    const futures = Array.from({ length: 150 }, () => session.get(server.url))
    await until(() => server.seen.length === 150)
    expect(server.peers.map(({ streams }) => streams.size).sort((one, other) => other - one)).toEqual([100, 50])
    held.open()
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
  })

  test('are never refused by a server that says its bound with its first words', async () => {
    const server = await site.server(undefined, { settings: { maxConcurrentStreams: 10 } })
    const session = site.session()
    const futures = Array.from({ length: 100 }, (_, index) => session.post(`${server.url}/${index}`, { data: 'body' }))
    for (const future of futures) expect((await future.result()).status).toBe(200)
    // What was refused was not seen; nothing was done twice.
    expect(new Set(server.seen).size).toBe(100)
    expect(server.seen).toHaveLength(100)
  })

  test('are as few as a server says later', async () => {
    const held = gate()
    let most = 0
    const server = await site.frames(
      async (peer) => {
        let open = 0
        for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
          const { id, path } = stream
          if (path === '/first') await peer.send(settings({ maxConcurrentStreams: 2 }), answer(id))
          else {
            open++
            // A later connection may take more, once its own SETTINGS (50) are there.
            if (peer.index === 0) most = Math.max(most, open)
            void held.promise.then(async () => {
              open--
              return peer.send(answer(id))
            })
          }
        }
      },
      { settings: { maxConcurrentStreams: 50 } },
    )
    const session = site.session()
    await session.get(`${server.url}/first`).result()
    const futures = Array.from({ length: 6 }, () => session.get(server.url))
    await until(() => server.seen.length === 7)
    expect(most).toBe(2)
    expect(server.connections).toBeGreaterThan(1)
    held.open()
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
  })

  test('are more when a server says so later', async () => {
    const held = gate()
    const server = await site.frames(
      async (peer) => {
        for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
          const { id, path } = stream
          if (path === '/first') await peer.send(settings({ maxConcurrentStreams: 20 }), answer(id))
          else void held.promise.then(() => peer.send(answer(id)))
        }
      },
      { settings: { maxConcurrentStreams: 1 } },
    )
    const session = site.session()
    await session.get(`${server.url}/first`).result()
    const futures = Array.from({ length: 20 }, () => session.get(server.url))
    await until(() => server.seen.length === 21)
    expect(server.connections).toBe(1)
    held.open()
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
  })

  test('of a server that allows one are one, on a connection each', async () => {
    const server = await site.server(undefined, { settings: { maxConcurrentStreams: 1 } })
    const session = site.session({ maxWorkers: 8 })
    const futures = Array.from({ length: 40 }, (_, index) => session.get(`${server.url}/${index}`))
    for (const future of futures) expect((await future.result()).status).toBe(200)
    expect(server.seen).toHaveLength(40)
    // Some of the first burst are sent before the bound is known, and once more.
    expect(server.protocols.length).toBeLessThanOrEqual(16)
  })

  test('of a server that allows none end with an error, and not with connections without end', async () => {
    const server = await site.frames(
      async (peer) => {
        for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
          await peer.send(rstStream(stream.id, codes.refusedStream))
        }
      },
      { settings: { maxConcurrentStreams: 0 } },
    )
    const session = site.session({ timeout: { connect: 1000, read: 1000 } })
    const futures = [session.get(server.url), session.post(server.url, { data: 'body' })]
    for (const future of futures) expect(await future.exception()).toBeInstanceOf(ConnectionError)
    expect(server.connections).toBeLessThan(20)
  })

  test('are enough for a hundred workers where ten connections are allowed', async () => {
    const server = await site.server((_request, response) => void setTimeout(() => response.end('fine'), 5))
    server.limit(10)
    const session = site.session({ maxWorkers: 100 })
    const futures = Array.from({ length: 300 }, () => session.get(server.url))
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
    // What others have is not taken from them.
    expect(server.openSockets.size).toBeLessThanOrEqual(10)
  })

  test('are bounded by the workers, too', async () => {
    const server = await site.server()
    const session = site.session({ maxWorkers: 50, maxWorkersPerOrigin: 7 })
    const futures = Array.from({ length: 100 }, (_, index) => session.get(`${server.url}/${index}`))
    for (const future of futures) await future.result()
    expect(server.peak).toBeLessThanOrEqual(7)
    expect(server.protocols).toHaveLength(1)
  })
})

describe('What ends one stream', () => {
  /** Answers "/fine", holds the rest. */
  const holding: FrameScript = answering((id, path) => {
    if (path === '/fine') return answer(id)
    if (path === '/body') return Buffer.concat([response(id, 200), data(id, 'half')])
    return path === '/large' ? Buffer.concat([response(id, 200), data(id, 'x'.repeat(1000))]) : undefined
  })

  test('is a cancel: it resets the stream, and the neighbours and the connection go on', async () => {
    const server = await site.frames(holding)
    const session = site.session()
    const [neighbour, cancelled] = [session.get(`${server.url}/body`), session.get(`${server.url}/held`)]
    await until(() => server.seen.length === 2)
    expect(cancelled.cancel('enough')).toBe(true)
    const peer = server.peers[0]!
    const streamOf = (path: string) => [...peer.streams.values()].find((stream) => stream.path === path)!
    await until(() => streamOf('/held').resetCode !== undefined)
    expect(streamOf('/held').resetCode).toBe(codes.cancel)
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    await peer.send(data(streamOf('/body').id, ' and half', true))
    expect(await outcomeOf(neighbour)).toBe('200 half and half')
    expect(server.connections).toBe(1)
  })

  test('is a cancel in the body, and a reader that leaves', async () => {
    const server = await site.frames(holding)
    const session = site.session()
    const stop = new AbortController()
    await session.get(`${server.url}/body`, { stream: true, signal: stop.signal }).result()
    stop.abort()
    const left = await session.get(`${server.url}/body`, { stream: true }).result()
    for await (const chunk of left.iterContent()) if (chunk.length > 0) break
    await (await session.get(`${server.url}/body`, { stream: true }).result()).close()
    const streams = [...server.peers[0]!.streams.values()]
    await until(() => streams.every(({ resetCode }) => resetCode === codes.cancel))
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    expect(server.connections).toBe(1)
  })

  test('is a body that is too large', async () => {
    const server = await site.frames(holding)
    const session = site.session()
    const error = await session.get(`${server.url}/large`, { maxResponseSize: 100 }).exception()
    expect(error).toBeInstanceOf(ResponseTooLargeError)
    await until(() => server.peers[0]!.streams.get(1)!.resetCode === codes.cancel)
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    expect(server.connections).toBe(1)
  })

  test.each([
    ['read', { read: 200 }, ReadTimeoutError],
    ['total', { total: 200 }, TotalTimeoutError],
  ])('is a %s timeout: its connection takes nothing new, and ends with its last stream', async (_, timeout, type) => {
    const server = await site.frames(holding)
    const session = site.session()
    await session.get(`${server.url}/fine`).result()
    const neighbour = session.get(`${server.url}/body`)
    await until(() => server.seen.length === 2)
    expect(await session.get(`${server.url}/held`, { timeout }).exception()).toBeInstanceOf(type)
    const peer = server.peers[0]!
    const streams = [...peer.streams.values()]
    await until(() => streams[2]!.resetCode === codes.cancel)
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    expect(server.connections).toBe(2)
    expect(peer.socket.destroyed).toBe(false)
    await peer.send(data(streams[1]!.id, ' and half', true))
    expect(await outcomeOf(neighbour)).toBe('200 half and half')
    await peer.closed
    expect(server.openSockets.size).toBeGreaterThan(0)
  })
})

describe('What the server has not looked at', () => {
  const refusing: FrameScript = answering((id) => rstStream(id, codes.refusedStream))

  test.each(['GET', 'POST', 'PATCH'])('is sent again, unseen: a refused %s', async (method) => {
    let refused = 0
    const server = await site.frames(
      answering((id) => (refused++ < 3 ? rstStream(id, codes.refusedStream) : answer(id))),
    )
    const session = site.session()
    const attempts: number[] = []
    session.on('retry', () => attempts.push(1))
    const options = method === 'GET' ? {} : { data: 'body' }
    expect(await outcomeOf(session.request(method, server.url, options))).toBe('200 fine')
    expect([server.seen.length, attempts]).toEqual([4, []])
  })

  test('is sent at most five times more', async () => {
    const server = await site.frames(refusing)
    expect(await outcomeOf(site.session().get(server.url))).toBe('ConnectionError')
    expect(server.seen).toHaveLength(6)
  })

  test('is an error where the body can be read only once', async () => {
    const server = await site.frames(refusing)
    const data = Readable.from([Buffer.from('once')])
    expect(await outcomeOf(site.session().post(server.url, { data }))).toMatch(/Error$/)
    expect(server.seen).toHaveLength(1)
  })

  test.each([codes.noError, codes.internalError, codes.enhanceYourCalm])(
    'is what lies above the last id of a GOAWAY with code %i: that goes elsewhere, and the rest to its end',
    async (code) => {
      const over = gate()
      const server = await site.frames(async (peer) => {
        if (peer.index > 0) return answering()(peer)
        const first = (await peer.request())!
        const others = [(await peer.request())!, (await peer.request())!]
        await peer.send(goaway(first.id, code), response(first.id, 200), data(first.id, 'ha'))
        expect(others).toHaveLength(2)
        await over.promise
        await peer.send(data(first.id, 'lf', true))
        return undefined
      })
      const session = site.session()
      const first = session.get(`${server.url}/first`)
      await until(() => server.seen.length === 1)
      const others = [session.post(`${server.url}/a`, { data: 'body' }), session.get(`${server.url}/b`)]
      for (const future of others) expect(await outcomeOf(future)).toBe('200 fine')
      // New ones go to the new one, too.
      expect(await outcomeOf(session.get(`${server.url}/c`))).toBe('200 fine')
      expect(server.connections).toBe(2)
      over.open()
      expect(await outcomeOf(first)).toBe('200 half')
      await server.peers[0]!.closed
    },
  )

  test('is what a GOAWAY of nobody has named', async () => {
    const server = await site.frames(async (peer) => {
      if (peer.index > 0) return answering()(peer)
      await until(() => peer.streams.size === 20)
      await peer.send(goaway(0, codes.noError))
      peer.end()
      return undefined
    })
    const session = site.session()
    const futures = Array.from({ length: 20 }, (_, index) => session.post(`${server.url}/${index}`, { data: 'body' }))
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
    expect(server.connections).toBe(2)
    expect(server.seen).toHaveLength(40)
  })

  test('is what comes behind a graceful GOAWAY, in two steps', async () => {
    const server = await site.frames(async (peer) => {
      if (peer.index > 0) return answering()(peer)
      const first = (await peer.request())!
      await peer.send(goaway(2 ** 31 - 1))
      await turns(20)
      await peer.send(goaway(first.id), answer(first.id))
      return undefined
    })
    const session = site.session()
    expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
    const futures = Array.from({ length: 5 }, () => session.get(server.url))
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 fine')
    await server.peers[0]!.closed
  })
})

describe('A connection that dies', () => {
  /** Answers one request on each, and dies at the next one. */
  const dying = (how: 'end' | 'reset', first = 0): FrameScript => {
    return async (peer) => {
      for (let turn = 0; ; turn++) {
        const stream = await peer.request()
        if (stream === undefined) return
        if (turn === 1 && peer.index === first) {
          peer[how]()
          return
        }
        await peer.send(answer(stream.id, `connection ${peer.index}`))
      }
    }
  }

  test.each(['end', 'reset'] as const)('by %s has idempotent requests sent once more', async (how) => {
    const server = await site.frames(dying(how))
    const session = site.session()
    await session.get(server.url).result()
    expect(await outcomeOf(session.put(`${server.url}/again`, { data: 'body' }))).toBe('200 connection 1')
    expect(server.seen).toEqual(['GET /', 'PUT /again', 'PUT /again'])
  })

  test('has no POST sent once more', async () => {
    const server = await site.frames(dying('reset'))
    const session = site.session()
    await session.get(server.url).result()
    expect(await outcomeOf(session.post(server.url, { data: 'body' }))).toBe('ConnectionError')
    expect(server.seen).toHaveLength(2)
  })

  test('has nothing sent once more that had served nothing', async () => {
    const server = await site.frames(async (peer) => {
      await peer.request()
      peer.reset()
    })
    expect(await outcomeOf(site.session().get(server.url))).toBe('ConnectionError')
    expect(server.seen).toHaveLength(1)
  })

  test('has nothing sent a second time more', async () => {
    const server = await site.frames(async (peer) => {
      const first = await peer.request()
      if (peer.index === 0) {
        await peer.send(answer(first!.id))
        await peer.request()
      }
      peer.reset()
    })
    const session = site.session()
    await session.get(server.url).result()
    expect(await outcomeOf(session.get(server.url))).toBe('ConnectionError')
    expect(server.seen).toHaveLength(3)
  })

  test('has nothing sent once more whose response has begun', async () => {
    const server = await site.frames(async (peer) => {
      const [first, second] = [(await peer.request())!, await peer.request()]
      await peer.send(answer(first.id))
      await peer.send(response(second!.id, 200), data(second!.id, 'ha'))
      await turns(5)
      peer.reset()
    })
    const session = site.session()
    const futures = [session.get(server.url), session.get(server.url)]
    expect(await outcomeOf(futures[0]!)).toBe('200 fine')
    expect(await outcomeOf(futures[1]!)).toBe('ChunkedEncodingError')
    expect(server.seen).toHaveLength(2)
  })

  test('while it is idle is not used', async () => {
    const server = await site.frames(answering((id) => answer(id)))
    const session = site.session()
    for (const how of ['end', 'reset'] as const) {
      await session.get(server.url).result()
      server.peers.at(-1)![how]()
      await until(() => server.openSockets.size === 0)
      expect(await outcomeOf(session.post(server.url, { data: 'body' }))).toBe('200 fine')
    }
  })
})
