/** When a body is whole, and what comes before and beside it: semantics 7 and 8 of HTTP/2. */
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { ReadTimeoutError } from '../../../src/index.ts'
import { turn } from '../../helpers/gate.ts'
import { answer, body, codes, data, headers, response, rstStream } from '../../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../../helpers/h2/site.ts'

const site = new Http2Site()
afterEach(() => site.close())

type Parts = (id: number) => Uint8Array[]

const sized = (id: number, length: number | string): Buffer => response(id, 200, [['content-length', String(length)]])

/** What comes of it, buffered and streamed; one after the other, for some of it ends the connection of both. */
async function comesTo(parts: Parts, method = 'GET'): Promise<string[]> {
  const server = await site.frames(answering((id) => Buffer.concat(parts(id))))
  const session = site.session()
  const outcomes: string[] = []
  for (const stream of [false, true]) outcomes.push(await outcomeOf(session.request(method, server.url, { stream })))
  return outcomes
}

describe('A body is whole', () => {
  const whole: [name: string, parts: Parts, outcome: string, method?: string][] = [
    ['with its length', (id) => [sized(id, 4), data(id, 'fine', true)], '200 fine'],
    ['without a length', (id) => [response(id, 200), data(id, 'fine', true)], '200 fine'],
    ['with an empty last frame', (id) => [sized(id, 4), data(id, 'fine'), data(id, '', true)], '200 fine'],
    ['of nothing', (id) => [response(id, 200, [], { isLast: true })], '200 '],
    ['of nothing, in a frame', (id) => [sized(id, 0), data(id, '', true)], '200 '],
    ['behind trailers', (id) => [sized(id, 4), data(id, 'fine'), trailers(id)], '200 fine'],
    ['behind trailers only', (id) => [response(id, 200), trailers(id)], '200 '],
    ['and reset afterwards', (id) => [answer(id), rstStream(id, codes.noError)], '200 fine'],
    ['and cancelled afterwards', (id) => [answer(id), rstStream(id, codes.cancel)], '200 fine'],
    [
      'of a HEAD, with the length of another',
      (id) => [response(id, 200, [['content-length', '9']], last)],
      '200 ',
      'HEAD',
    ],
    ['of a 204', (id) => [response(id, 204, [], last)], '204 '],
    ['of a 304 with a length', (id) => [response(id, 304, [['content-length', '9']], last)], '304 '],
    ['in gzip', (id) => [response(id, 200, [['content-encoding', 'gzip']]), body(id, gzipSync('fine'))], '200 fine'],
    ['with a status nobody knows', (id) => [response(id, 999), data(id, 'fine', true)], '999 fine'],
  ]
  test.each(whole)('%s', async (_name, parts, outcome, method) => {
    expect(await comesTo(parts, method)).toEqual([outcome, outcome])
  })
})

describe('A body is broken', () => {
  const broken: [name: string, parts: Parts][] = [
    ['that is reset', (id) => [response(id, 200), data(id, 'half'), rstStream(id, codes.internalError)]],
    ['that is cancelled', (id) => [response(id, 200), data(id, 'half'), rstStream(id, codes.cancel)]],
    ['that is refused', (id) => [response(id, 200), data(id, 'half'), rstStream(id, codes.refusedStream)]],
    ['that is reset before its first byte', (id) => [response(id, 200), rstStream(id, codes.internalError)]],
    ['that is over before its length', (id) => [sized(id, 10), data(id, 'half', true)]],
    ['that is over before its first byte', (id) => [sized(id, 10), data(id, '', true)]],
    ['that trailers end before its length', (id) => [sized(id, 10), data(id, 'half'), trailers(id)]],
    ['that is longer than its length', (id) => [sized(id, 2), data(id, 'too long', true)]],
    ['that is reset without an error before its length', (id) => [sized(id, 10), data(id, 'half'), rstStream(id, 0)]],
    ['that is whole, but for its end', (id) => [sized(id, 4), data(id, 'fine'), rstStream(id, codes.internalError)]],
    ['that another head follows', (id) => [response(id, 200), response(id, 200), data(id, 'fine', true)]],
    [
      'that is cut off in its gzip',
      (id) => [
        response(id, 200, [['content-encoding', 'gzip']]),
        body(id, gzipSync('fine').subarray(0, 9), false),
        rstStream(id, codes.internalError),
      ],
    ],
  ]
  test.each(broken)('%s', async (_name, parts) => {
    expect(await comesTo(parts)).toEqual(['ChunkedEncodingError', 'ChunkedEncodingError'])
  })

  test.each(['end', 'reset'] as const)('that the connection leaves by %s, with a length or without', async (how) => {
    const server = await site.frames(async (peer) => {
      const streams = [(await peer.request())!, (await peer.request())!]
      await peer.send(sized(streams[0]!.id, 10), response(streams[1]!.id, 200))
      for (const { id } of streams) await peer.send(data(id, 'half'))
      for (let turns = 0; turns < 10; turns++) await turn()
      peer[how]()
    })
    const session = site.session()
    const futures = [session.get(server.url), session.get(server.url, { stream: true })]
    expect(await Promise.all(futures.map(outcomeOf))).toEqual(['ChunkedEncodingError', 'ChunkedEncodingError'])
  })

  test('says how much was missing', async () => {
    const server = await site.frames(answering((id) => Buffer.concat([sized(id, 10), data(id, 'half', true)])))
    const error = (await site.session().get(server.url).exception()) as Error
    expect(error.message).toContain(server.url)
  })
})

describe('No response is', () => {
  const none: [name: string, parts: Parts][] = [
    ['a reset', (id) => [rstStream(id, codes.internalError)]],
    ['a reset without an error', (id) => [rstStream(id, codes.noError)]],
    ['a reset behind a 103', (id) => [response(id, 103), rstStream(id, codes.internalError)]],
    ['a head without a status', (id) => [headers(id, [['a', 'b']], last)]],
    [
      'a head with two',
      (id) => [
        headers(
          id,
          [
            [':status', '200'],
            [':status', '200'],
          ],
          last,
        ),
      ],
    ],
    ['a status that is none', (id) => [headers(id, [[':status', 'ok']], last)]],
    ['a status below 100', (id) => [response(id, 99, [], last)]],
    ['a 101', (id) => [response(id, 101), data(id, 'fine', true)]],
    ['a 103 that is the end', (id) => [response(id, 103, [], last)]],
    ['a name in upper case', (id) => [response(id, 200, [['X-Upper', 'a']], last)]],
    ['a header of the connection', (id) => [response(id, 200, [['connection', 'close']], last)]],
    [
      'two lengths',
      (id) => [
        response(id, 200, [
          ['content-length', '1'],
          ['content-length', '2'],
        ]),
        data(id, 'a', true),
      ],
    ],
    ['a length that is none', (id) => [sized(id, 'many'), data(id, 'fine', true)]],
    ['endless 1xx', (id) => Array.from({ length: 200 }, () => response(id, 103, [['link', '</a>']]))],
    ['a list of headers that is too large', (id) => [response(id, 200, [['x', 'x'.repeat(30_000)]], last)]],
  ]
  test.each(none)('%s', async (_name, parts) => {
    expect(await comesTo(parts)).toEqual(['ConnectionError', 'ConnectionError'])
  })

  test('what kills its neighbours: the next request is answered', async () => {
    const server = await site.frames(answering((id, path) => (path === '/fine' ? answer(id) : rstStream(id, 2))))
    const session = site.session()
    expect(await outcomeOf(session.get(server.url))).toBe('ConnectionError')
    expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
    expect(server.connections).toBe(1)
  })
})

describe('Beside the body', () => {
  test('1xx are signs of life for the read timer', async () => {
    const server = await site.frames(async (peer) => {
      const { id } = (await peer.request())!
      for (let hints = 0; hints < 6; hints++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        await peer.send(response(id, 103, [['link', '</a>']]))
      }
      await peer.send(answer(id))
    })
    expect(await outcomeOf(site.session().get(server.url, { timeout: { read: 450 } }))).toBe('200 fine')
  })

  test('a hundred 1xx are none too many', async () => {
    const hints = (id: number): Uint8Array[] => Array.from({ length: 100 }, () => response(id, 103, [['link', '</a>']]))
    expect(await comesTo((id) => [...hints(id), answer(id)])).toEqual(['200 fine', '200 fine'])
  })

  test('headers are as in HTTP/1: repeated ones a list, the usual text of the status', async () => {
    const list = [
      ...[
        ['set-cookie', 'a=1'],
        ['x-many', 'one'],
        ['set-cookie', 'b=2'],
        ['x-many', 'two'],
        ['x-byte', 'caf\xe9'],
      ],
    ] as [string, string][]
    const server = await site.frames(answering((id, path) => answer(id, 'fine', list, Number(path.slice(1)))))
    const session = site.session()
    const received = await session.get(`${server.url}/200`).result()
    expect(received.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(received.headers.get('x-many')).toBe('one, two')
    expect(received.headers.get('X-Byte')).toBe('caf\xe9')
    expect([...received.headers.keys()]).not.toContain(':status')
    expect(received.statusText).toBe('OK')
    expect((await session.get(`${server.url}/404`).result()).statusText).toBe('Not Found')
    expect((await session.get(`${server.url}/299`).result()).statusText).toBe('')
    expect(received.elapsed).toBeGreaterThan(0)
  })

  test('two thousand header fields fit', async () => {
    const many = Array.from({ length: 2000 }, (_, index) => [`x-${index}`, 'y'] as const)
    const server = await site.frames(answering((id) => answer(id, 'fine', many)))
    const { headers } = await site
      .session({ poolOptions: { maxHeaderSize: 500_000 } })
      .get(server.url)
      .result()
    expect(headers.get('x-1999')).toBe('y')
  })

  test('maxHeaderSize bounds them, in bytes', async () => {
    const server = await site.frames(answering((id) => answer(id, 'fine', [['x', 'x'.repeat(5000)]])))
    expect(await outcomeOf(site.session({ poolOptions: { maxHeaderSize: 4000 } }).get(server.url))).toBe(
      'ConnectionError',
    )
    expect(await outcomeOf(site.session({ poolOptions: { maxHeaderSize: 8000 } }).get(server.url))).toBe('200 fine')
  })

  test('silence is a ReadTimeoutError, before the head and in the body', async () => {
    const server = await site.frames(
      answering((id, path) => (path === '/body' ? Buffer.concat([response(id, 200), data(id, 'ha')]) : undefined)),
    )
    const session = site.session({ timeout: { read: 200 } })
    for (const path of ['/', '/body']) {
      expect(await session.get(`${server.url}${path}`).exception()).toBeInstanceOf(ReadTimeoutError)
    }
  })
})

const last = { isLast: true } as const

const trailers = (id: number): Buffer => headers(id, [['x-sum', '1']], last)
