import { gzipSync } from 'node:zlib'
import { turn, until } from '../gate.ts'
import { startFrameServer, type FramePeer, type FrameStream } from '../h2/frame-server.ts'
import {
  answer,
  body,
  codes,
  data,
  frame,
  frameTypes,
  goaway,
  headers,
  ping,
  response,
  rstStream,
  settings,
} from '../h2/frames.ts'
import { readTimeout, stay, type Expected, type Fault } from './fault.ts'
import type { FaultSite, Meeting } from './fault-site.ts'

type Script = (peer: FramePeer, stream: FrameStream) => unknown
type Row = readonly [name: string, script: Script, expected: Expected, more?: Partial<Fault>]

const good: Expected = { status: 200 }
const noResponse: Expected = { error: 'ConnectionError' }
const brokenBody: Expected = { status: 200, error: 'ChunkedEncodingError' }
const silentHead: Expected = { error: 'ReadTimeoutError' }
const silentBody: Expected = { status: 200, error: 'ReadTimeoutError' }

/** Node 20 says nothing of a session that nghttp2 has ended, and does not even see that the peer closes the connection. */
const isDeaf = process.versions.node.startsWith('20.')
const deadSession: [Expected, Partial<Fault>] = [isDeaf ? silentHead : noResponse, { options: readTimeout }]

/** Says something, then does something. */
const say =
  (bytes: (id: number) => string | Uint8Array | Uint8Array[], then: Script = () => {}): Script =>
  async (peer, stream) => {
    const said = bytes(stream.id)
    await peer.send(...(Array.isArray(said) ? said : [said]))
    await then(peer, stream)
  }
const fine = say((id) => answer(id))
const close: Script = (peer) => peer.end()
const reset: Script = (peer) => peer.reset()
/** So that what was said is read before. */
const later =
  (then: Script): Script =>
  async (peer, stream) => {
    for (let turns = 0; turns < 10; turns++) await turn()
    await then(peer, stream)
  }

/** Where the other side has ended the session. */
const closeAfterGoaway: Script = async (peer) => {
  const { socket, frames } = peer
  await until(() => frames.some(({ type }) => type === frameTypes.goaway) || socket.readableEnded || socket.destroyed)
  peer.end()
}

const sized = (id: number, length: number): Buffer => response(id, 200, [['content-length', String(length)]])
const half = (id: number): Uint8Array[] => [sized(id, 10), data(id, 'half')]
const gzipHead = (id: number): Buffer => response(id, 200, [['content-encoding', 'gzip']])
const last = { isLast: true } as const
/** In pieces, each by itself. */
const drip = (bytes: (id: number) => Uint8Array): Script => {
  return async (peer, { id }) => {
    for (const byte of bytes(id)) {
      await peer.send(Buffer.of(byte))
      await turn()
    }
  }
}
/** Says something again and again, until the other side has enough. */
const flood =
  (first: (id: number) => Uint8Array, bytes: (id: number) => Uint8Array): Script =>
  async (peer, stream) => {
    await peer.send(first(stream.id))
    while (!peer.socket.destroyed && !peer.socket.readableEnded && stream.resetCode === undefined) {
      await peer.send(bytes(stream.id))
      await turn()
    }
  }
const nothing = (): Buffer => Buffer.alloc(0)

const rows: readonly Row[] = [
  ['close-before-headers', close, noResponse],
  ['reset-before-headers', reset, noResponse],
  ['close-inside-headers', say((id) => response(id, 200, [['x', 'y']]).subarray(0, 12), close), noResponse],
  ['headers-without-end-and-close', say((id) => response(id, 200, [], { isWhole: false }), close), noResponse],
  ['close-after-headers', say((id) => sized(id, 10), later(close)), brokenBody],
  ['reset-after-headers', say((id) => sized(id, 10), later(reset)), brokenBody],
  ['close-in-sized-body', say(half, later(close)), brokenBody],
  ['reset-in-sized-body', say(half, later(reset)), brokenBody],
  ['close-in-body', say((id) => [response(id, 200), data(id, 'half')], later(close)), brokenBody],
  ['reset-in-body', say((id) => [response(id, 200), data(id, 'half')], later(reset)), brokenBody],
  ['goaway-and-close-in-body', say((id) => [...half(id), goaway(id)], later(close)), brokenBody],
  ['stream-reset', say((id) => rstStream(id, codes.internalError)), noResponse],
  ['stream-cancelled', say((id) => rstStream(id, codes.cancel)), noResponse],
  ['stream-reset-in-body', say((id) => [...half(id), rstStream(id, codes.internalError)]), brokenBody],
  ['stream-reset-without-error-in-sized-body', say((id) => [...half(id), rstStream(id, codes.noError)]), brokenBody],
  ['stream-reset-after-the-end', say((id) => [answer(id), rstStream(id, codes.noError)]), good],
  ['shorter-than-its-length', say((id) => [sized(id, 10), data(id, 'half', true)]), brokenBody],
  ['goaway-first', say((id) => [goaway(id), answer(id)]), good],
  ['goaway-after-the-response', say((id) => [answer(id), goaway(id)]), good],
  ['goaway-after-the-response-and-close', say((id) => [answer(id), goaway(id)], close), good],
  ['goaway-in-body', say((id) => [sized(id, 4), goaway(id), data(id, 'fine', true)]), good],
  ['close-after-the-response', say((id) => answer(id), close), good],
  ['100-first', say((id) => [response(id, 100), answer(id)]), good],
  ['103-first', say((id) => [response(id, 103, [['link', '</a>']]), answer(id)]), good],
  ['103-and-close', say((id) => response(id, 103), later(close)), noResponse],
  ['103-and-silence', say((id) => response(id, 103)), silentHead, { options: readTimeout }],
  ['103-without-end', flood(nothing, (id) => response(id, 103)), noResponse],
  ['101', say((id) => response(id, 101)), noResponse],
  ['in-pieces', drip((id) => answer(id)), good],
  ['trailers', say((id) => [response(id, 200), data(id, 'fine'), headers(id, [['x', 'y']], last)]), good],
  ['trailers-that-are-not-the-end', say((id) => [...half(id), headers(id, [['x', 'y']])]), brokenBody],
  ['no-status', say((id) => headers(id, [['x', 'y']], last)), noResponse],
  ['status-099', say((id) => response(id, 99, [], last)), noResponse],
  ['status-999', say((id) => answer(id, 'fine', [], 999)), { status: 999 }],
  ['upper-case', say((id) => response(id, 200, [['X', 'y']], last)), noResponse],
  [
    'length-that-is-none',
    say((id) => [response(id, 200, [['content-length', 'four']]), data(id, 'fine', true)]),
    noResponse,
  ],
  ['oversized-header', say((id) => response(id, 200, [['x', 'x'.repeat(30_000)]], last)), noResponse],
  ['header-beyond-all-bounds', say((id) => response(id, 200, [['x', 'x'.repeat(100_000)]], last)), ...deadSession],
  ['empty-data', say((id) => [response(id, 200), data(id, ''), data(id, ''), data(id, 'fine', true)]), good],
  ['unknown-frame', say((id) => [frame(99, 0xff, id, Buffer.alloc(9)), answer(id)]), good],
  [
    'settings-in-the-middle',
    say((id) => [sized(id, 4), settings({ initialWindowSize: 9 }), data(id, 'fine', true)]),
    good,
  ],
  ['some-pings', say((id) => [ping(), ping(), answer(id), ping()]), good],
  ['pings-without-end', flood(nothing, () => Buffer.concat(Array.from({ length: 2000 }, () => ping()))), noResponse],
  [
    'settings-without-end',
    flood(nothing, () => Buffer.concat(Array.from({ length: 2000 }, () => settings()))),
    noResponse,
  ],
  ['text-and-close', say(() => 'HTTP/1.1 400 Bad Request\r\n\r\n', closeAfterGoaway), ...deadSession],
  ['noise-and-close', say(() => Buffer.from([0x80, 0xff, 0, 1, 2, 0x16, 3, 1]), close), noResponse],
  ['text', say(() => 'HTTP/1.1 400 Bad Request\r\n\r\n'), ...deadSession],
  ['bad-headers', say((id) => frame(1, 4, id, Buffer.alloc(6, 0xff))), ...deadSession],
  ['data-before-headers', say((id) => data(id, 'fine', true)), ...deadSession],
  ['continuation-of-nothing', say((id) => frame(9, 4, id)), ...deadSession],
  ['bad-settings', say(() => settings({ maxFrameSize: 1 })), noResponse],
  ['bad-window', say(() => settings({ initialWindowSize: 0xffff_ffff })), noResponse],
  ['goaway-and-silence', say((id) => goaway(id)), silentHead, { options: readTimeout }],
  ['silence', () => {}, silentHead, { options: readTimeout }],
  ['slow-body', say(half), silentBody, { options: readTimeout }],
  ['slow-end', say((id) => [response(id, 200), data(id, 'fine')]), silentBody, { options: readTimeout }],
  [
    'truncated-gzip',
    say((id) => [gzipHead(id), body(id, gzipSync('fine').subarray(0, 12))]),
    { status: 200, error: 'ContentDecodingError' },
  ],
  [
    'corrupt-gzip',
    say((id) => [gzipHead(id), body(id, Buffer.from('this was never compressed'))]),
    { status: 200, error: 'ContentDecodingError' },
  ],
  ['service-unavailable', say((id) => answer(id, 'later', [], 503)), { status: 503, text: 'later' }],
  [
    'redirect-and-reset',
    say((id) => [response(id, 302, [['location', 'fine']]), data(id, 'ha'), rstStream(id, 2)]),
    good,
  ],
  ['no-content', say((id) => response(id, 204, [], last)), { status: 204, text: '' }],
  [
    'body-of-a-head',
    say((id) => [response(id, 200, [['content-length', '9']], last)]),
    { status: 200, text: '' },
    { method: 'HEAD' },
  ],
  [
    'larger-than-allowed',
    say((id) => [sized(id, 100), data(id, 'half')]),
    { error: 'ResponseTooLargeError' },
    { options: { maxResponseSize: 99 } },
  ],
  [
    'endless',
    flood(
      (id) => response(id, 200),
      (id) => data(id, 'x'.repeat(1000)),
    ),
    { status: 200, error: 'ResponseTooLargeError' },
    { options: { maxResponseSize: 60_000 } },
  ],
]

/** What a server of HTTP/2 may do to a response. */
export const h2Faults: readonly Fault[] = rows.map(([name, , expected, more]) => ({
  name: `h2-${name}`,
  place: 'path',
  script: stay,
  expected,
  ...more,
}))

/** One server, whose paths are the faults; others are answered well. */
export async function startH2FaultSite(): Promise<FaultSite> {
  const scripts = new Map(rows.map(([name, script]) => [`/h2-${name}`, script]))
  const times = new Map<string, number>()
  const server = await startFrameServer(async (peer) => {
    for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
      times.set(stream.path, (times.get(stream.path) ?? 0) + 1)
      await (scripts.get(stream.path) ?? fine)(peer, stream)
    }
  })
  const meet = (fault: Fault): Meeting => ({
    fault,
    method: fault.method ?? 'GET',
    url: `${server.url}/${fault.name}`,
    options: fault.options ?? {},
    get times() {
      return times.get(`/${fault.name}`) ?? 0
    },
  })
  return {
    meetings: h2Faults.map(meet),
    fineUrl: `${server.url}/fine`,
    get openSockets() {
      return [...server.openSockets]
    },
    close: () => server.close(),
  }
}
