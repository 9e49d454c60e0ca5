/** SECURITY.md, HTTP/2: what a hostile server may say costs it its connection, and us neither memory nor time without end. */
import { afterEach, describe, expect, test } from 'vitest'
import { RequestError } from '../../src/index.ts'
import { turn, until } from '../helpers/gate.ts'
import type { FramePeer, FrameStream } from '../helpers/h2/frame-server.ts'
import {
  answer,
  codes,
  data,
  frame,
  frameTypes,
  goaway,
  headers,
  ping,
  pushPromise,
  response,
  rstStream,
  settings,
  windowUpdate,
} from '../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../helpers/h2/site.ts'
import { straysOf } from '../helpers/strays.ts'

const site = new Http2Site()
afterEach(() => site.close())

const isDeaf = process.versions.node.startsWith('20.')
const last = { isLast: true } as const
const many = (count: number, bytes: () => Uint8Array): Buffer => Buffer.concat(Array.from({ length: count }, bytes))

/** Says it again and again until the client has enough of the stream or of the connection. */
function flooding(first: (id: number) => Uint8Array, again: (id: number) => Uint8Array) {
  return async (peer: FramePeer): Promise<void> => {
    const stream = (await peer.request())!
    if (stream.path === '/fine') return peer.send(answer(stream.id))
    await peer.send(first(stream.id))
    while (!isOver(peer, stream)) {
      await peer.send(again(stream.id))
      await turn()
    }
    // The stream is over; others may follow on the connection.
    return answering()(peer) as Promise<void>
  }
}

const isOver = ({ socket }: FramePeer, { resetCode }: FrameStream): boolean =>
  socket.destroyed || socket.readableEnded || resetCode !== undefined

const nothing = (): Buffer => Buffer.alloc(0)

describe('A server of HTTP/2 that never stops', () => {
  const floods: [name: string, first: (id: number) => Uint8Array, again: (id: number) => Uint8Array][] = [
    ['sending PINGs', nothing, () => many(1000, ping)],
    ['sending SETTINGS', nothing, () => many(1000, settings)],
    ['sending 1xx', nothing, (id) => many(100, () => response(id, 103, [['link', '</a>']]))],
    ['sending 1xx of many headers', nothing, (id) => response(id, 103, [['link', 'x'.repeat(10_000)]])],
    ['sending empty DATA', (id) => response(id, 200), (id) => many(1000, () => data(id, ''))],
    [
      'continuing its headers',
      (id) => response(id, 200, [['a', 'b']], { isWhole: false }),
      (id) => frame(frameTypes.continuation, 0, id, Buffer.alloc(1000)),
    ],
    [
      'continuing them with nothing',
      (id) => response(id, 200, [['a', 'b']], { isWhole: false }),
      (id) => many(100, () => frame(frameTypes.continuation, 0, id)),
    ],
    [
      'promising',
      nothing,
      (id) =>
        pushPromise(id, 2, [
          [':method', 'GET'],
          [':path', '/'],
          [':scheme', 'https'],
        ]),
    ],
  ]
  test.each(floods)('%s is an error, and the next one is answered', async (_name, first, again) => {
    const server = await site.frames(flooding(first, again))
    const session = site.session({ timeout: { read: 1000 } })
    const strays = await straysOf(async () => {
      const error = await session.get(server.url).exception()
      // What is no sign of life for a stream, and can be kept up with, ends with its read timeout.
      expect(error).toBeInstanceOf(RequestError)
      expect((error as Error).message).toContain(server.url)
      expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    })
    expect(strays).toEqual([])
  })

  test('sending a body is bounded by maxResponseSize, and by the window of a stream that nobody reads', async () => {
    const server = await site.frames(
      flooding(
        (id) => response(id, 200),
        (id) => data(id, Buffer.alloc(16_384)),
      ),
    )
    const session = site.session()
    const error = (await session.get(server.url, { maxResponseSize: 1_000_000 }).exception()) as Error
    expect(error.name).toBe('ResponseTooLargeError')
    const stream = server.peers[0]!.streams.get(1)!
    await until(() => stream.resetCode !== undefined)
  })

  test('sending more than a window allows ends the connection, and not the process', async () => {
    const server = await site.frames(
      flooding(
        (id) => response(id, 200),
        (id) => many(64, () => data(id, Buffer.alloc(16_384))),
      ),
    )
    const session = site.session()
    const before = process.memoryUsage.rss()
    const unread = await session.get(server.url, { stream: true }).result()
    await server.peers[0]!.closed
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 2 ** 20)
    await expect(unread.read()).rejects.toThrow(RequestError)
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
  })
})

describe('A server of HTTP/2 cannot', () => {
  test('smuggle a header, or take a name that is not its own', async () => {
    const server = await site.frames(
      answering((id, path) => {
        if (path === '/break')
          return answer(id, 'fine', [
            ['x-a', 'a\r\nset-cookie: b=1'],
            ['x-b', 'b\0'],
          ])
        if (path === '/colon') return answer(id, 'fine', [[':path', '/']])
        return answer(id, 'fine', [
          ['__proto__', 'a'],
          ['constructor', 'b'],
        ])
      }),
    )
    const session = site.session()
    const received = await session.get(server.url).result()
    expect([received.headers.get('__proto__'), received.headers.get('constructor')]).toEqual(['a', 'b'])
    expect(({} as Record<string, unknown>)['a']).toBeUndefined()
    const broken = await session.get(`${server.url}/break`).result()
    expect(broken.headers.getSetCookie()).toEqual([])
    expect(session.cookies && (await session.cookies.getCookies(server.url))).toEqual([])
    expect(await outcomeOf(session.get(`${server.url}/colon`))).toBe('ConnectionError')
  })

  test('make one session take the answer of another stream', async () => {
    const server = await site.frames(async (peer) => {
      const streams = [(await peer.request())!, (await peer.request())!]
      // Interleaved, and in the other order.
      for (const { id } of streams.toReversed()) await peer.send(response(id, 200))
      for (const part of [0, 1, 2]) {
        for (const { id, path } of streams) await peer.send(data(id, `${path}${part}`, part === 2))
      }
    })
    const session = site.session()
    const futures = ['/a', '/b'].map((path) => session.get(`${server.url}${path}`))
    expect(await Promise.all(futures.map(outcomeOf))).toEqual(['200 /a0/a1/a2', '200 /b0/b1/b2'])
  })

  test.each([
    ['a stream that was never opened', () => data(99, 'x')],
    ['a stream of its own', () => response(2, 200)],
    ['a window of too much', () => windowUpdate(0, 0x7fff_ffff)],
    ['a frame that is too long', () => frame(0, 0, 1, Buffer.alloc(16_385))],
    ['a last stream beyond the last one', () => Buffer.concat([goaway(1), goaway(99)])],
  ])('use %s: the request ends, and the next one is answered', async (_name, bytes) => {
    const server = await site.frames(async (peer) => {
      const stream = (await peer.request())!
      if (peer.index > 0) return peer.send(answer(stream.id))
      await peer.send(bytes())
      for (let turns = 0; turns < 20; turns++) await turn()
      peer.end()
      return undefined
    })
    // Node 20 tells nobody that nghttp2 has ended a session: there, the read timeout does.
    const session = site.session({ timeout: { read: 500 } })
    expect(await outcomeOf(session.get(server.url))).toMatch(
      isDeaf ? /^(?:Connection|ReadTimeout)Error$/ : /^ConnectionError$/,
    )
    expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
  })

  test('have a request sent without end: refusals, GOAWAYs, connections that die', async () => {
    const acts: Record<string, (peer: FramePeer, id: number) => Promise<void> | void> = {
      '/refused': (peer, id) => peer.send(rstStream(id, codes.refusedStream)),
      '/goaway': async (peer) => {
        await peer.send(goaway(0))
        peer.end()
      },
      '/dead': (peer) => peer.reset(),
    }
    const server = await site.frames(async (peer) => {
      for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
        await acts[stream.path]!(peer, stream.id)
      }
    })
    const session = site.session()
    for (const path of Object.keys(acts)) {
      expect(await outcomeOf(session.get(`${server.url}${path}`))).toBe('ConnectionError')
    }
    expect(server.seen.length).toBeLessThanOrEqual(14)
  })

  test('be told credentials of a proxy, or of another origin', async () => {
    const server = await site.frames(answering())
    const other = await site.frames(answering((id) => answer(id, '', [['location', `${server.url}/there`]], 302)))
    const session = site.session()
    await session.get(other.url, { auth: ['user', 'open-sesame'], headers: { Cookie: 'a=secret' } }).result()
    const { headers: seen } = server.peers[0]!.streams.get(1)!
    expect(seen.map(([name]) => name)).not.toContain('authorization')
    expect(JSON.stringify(seen)).not.toContain('secret')
  })
})

describe('Two thousand streams', () => {
  test('that are opened and cancelled leave nothing, and no connection without end', async () => {
    const server = await site.frames(answering((_id, path) => (path === '/fine' ? answer(_id) : undefined)))
    const session = site.session({ maxWorkers: 100 })
    for (let round = 0; round < 20; round++) {
      const futures = Array.from({ length: 100 }, () => session.get(server.url))
      await until(() => server.seen.length === 100 * (round + 1))
      for (const future of futures) future.cancel()
      await session.onIdle()
    }
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    expect(server.connections).toBeLessThanOrEqual(2)
    const resets = server.peers
      .flatMap(({ streams }) => [...streams.values()])
      .filter(({ resetCode }) => resetCode === 8)
    expect(resets).toHaveLength(2000)
  })

  test('trailers and heads after the end of a stream are nobody’s', async () => {
    const server = await site.frames(
      answering((id, path) => {
        if (path === '/fine') return answer(id)
        return Buffer.concat([answer(id), headers(id, [['x', 'y']], last)])
      }),
    )
    const session = site.session()
    expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toMatch(/^(?:200 fine|ConnectionError)$/)
  })
})
