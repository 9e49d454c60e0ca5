/**
 * What becomes of a body whose connection ends, in every framing, by FIN and by RST, with and without a reader: it is whole if
 * it is there, and a ChunkedEncodingError behind what is there otherwise. Nothing is thrown where nobody can catch it.
 */
import { Agent } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import type { RequestPart } from '../helpers/exchanges.ts'
import { TestConnections } from '../helpers/exchanges.ts'
import { startFaultServer, type FaultServer, type Peer } from '../helpers/fault-server.ts'
import { turn, until } from '../helpers/gate.ts'
import { straysOf } from '../helpers/strays.ts'
import { hasUndici8, undici8 } from '../helpers/undici-8.ts'

type Script = (peer: Peer) => Promise<void>
type End = 'FIN' | 'RST'

interface Framing {
  readonly name: string
  readonly head: string
  /** How it is known where the body ends. */
  readonly by: 'length' | 'chunks' | 'close'
}

const framings: readonly Framing[] = [
  { name: 'a length, keep-alive', head: 'HTTP/1.1 200 OK\r\n', by: 'length' },
  { name: 'a length, Connection: close', head: 'HTTP/1.1 200 OK\r\nConnection: close\r\n', by: 'length' },
  { name: 'a length, HTTP/1.0', head: 'HTTP/1.0 200 OK\r\n', by: 'length' },
  { name: 'chunks, keep-alive', head: 'HTTP/1.1 200 OK\r\n', by: 'chunks' },
  { name: 'chunks, Connection: close', head: 'HTTP/1.1 200 OK\r\nConnection: close\r\n', by: 'chunks' },
  { name: 'no length', head: 'HTTP/1.1 200 OK\r\n', by: 'close' },
  { name: 'no length, keep-alive', head: 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n', by: 'close' },
  { name: 'no length, HTTP/1.0', head: 'HTTP/1.0 200 OK\r\n', by: 'close' },
]

/** The last one is more than the stream holds before the socket rests, and less than the kernel takes by itself. */
const sizes = [0, 1000, 100_000]
const pattern = Buffer.alloc(100_000, '0123456789')

interface Place {
  readonly url: string
  readonly part: RequestPart
  close(): Promise<unknown>
}

const careless = { id: 'careless', rejectUnauthorized: false }
const of = ({ url, close }: FaultServer, part: RequestPart = {}): Place => ({ url, part, close })

const plain = async (script: Script): Promise<Place> => of(await startFaultServer(script))
const secure = async (script: Script): Promise<Place> => of(await startFaultServer(script, {}), { tls: careless })

async function throughSocks(script: Script): Promise<Place> {
  const server = await startFaultServer(async (peer) => {
    await peer.take(3)
    await peer.write(Buffer.from([5, 0]))
    await peer.take(10)
    await peer.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]))
    await script(peer)
  })
  const proxy = { protocol: 'socks5h:', hostname: '127.0.0.1', port: server.port, url: 'socks5h://127.0.0.1' } as const
  return { url: 'http://127.0.0.1:80', part: { proxy }, close: async () => server.close() }
}

/** The connection that ends is the one to the proxy. */
const throughTunnel =
  (protocol: 'http:' | 'https:') =>
  async (script: Script): Promise<Place> => {
    let tunnel: Peer
    const origin = await startFaultServer(async (peer) => {
      // Until it has gone through.
      const write = async (bytes: string | Uint8Array): Promise<void> => peer.write(bytes).then(async () => turns(10))
      await script({ ...peer, write, reset: () => tunnel.reset(), socket: tunnel.socket })
    }, {})
    const server = await startFaultServer(
      async (peer) => {
        tunnel = peer
        await peer.request()
        await peer.write('HTTP/1.1 200 OK\r\n\r\n')
        await peer.relay(origin.port)
      },
      protocol === 'https:' ? {} : undefined,
    )
    const proxy = { protocol, hostname: '127.0.0.1', port: server.port, url: server.url }
    return {
      url: origin.url,
      part: { tls: careless, proxy },
      close: async () => Promise.all([origin.close(), server.close()]),
    }
  }

const on =
  (makeAgent: () => Agent, isSecure = false) =>
  async (script: Script): Promise<Place> => {
    const server = await startFaultServer(script, isSecure ? {} : undefined)
    const agent = makeAgent()
    return {
      url: server.url,
      part: { dispatcher: agent },
      close: async () => Promise.all([agent.destroy(), server.close()]),
    }
  }

const places: readonly [string, (script: Script) => Promise<Place>][] = [
  ['a connection', plain],
  ['TLS', secure],
  ['SOCKS', throughSocks],
  ['a tunnel', throughTunnel('http:')],
  ['TLS in TLS', throughTunnel('https:')],
  ['an Agent of undici 7', on(() => new Agent())],
  ['an Agent of undici 7 over TLS', on(() => new Agent({ connect: { rejectUnauthorized: false } }), true)],
  ['a pipelining Agent of undici 7', on(() => new Agent({ pipelining: 4, connections: 1 }))],
  ...(hasUndici8 ? [['an Agent of undici 8', on(() => new undici8.Agent())] as [string, typeof plain]] : []),
]

interface Case {
  readonly framing: Framing
  readonly end: End
  readonly size: number
  /** Otherwise some of what was promised is missing; of a body without a length nothing ever is. */
  readonly isWhole: boolean
  /** The end comes right behind the last byte: up to Node 22, libuv takes RST for FIN then. */
  readonly isAbrupt: boolean
}

const cases = (framing: Framing, end: End): Case[] =>
  sizes.flatMap((size) =>
    [true, false].flatMap((isWhole) => [
      { framing, end, size, isWhole, isAbrupt: false },
      // Of more the kernel might not take everything before the end.
      ...(size <= 1000 ? [{ framing, end, size, isWhole, isAbrupt: true }] : []),
    ]),
  )

function bytesOf({ framing: { head, by }, size, isWhole }: Case): Buffer {
  const body = pattern.subarray(0, size)
  const parts: Record<Framing['by'], (Buffer | string)[]> = {
    length: [head, `Content-Length: ${isWhole ? size : size + 10}\r\n\r\n`, body],
    chunks: [
      ...[head, 'Transfer-Encoding: chunked\r\n\r\n'],
      ...(size > 0 ? [`${size.toString(16)}\r\n`, body, '\r\n'] : []),
      ...(isWhole ? ['0\r\n\r\n'] : []),
    ],
    close: [head, '\r\n', body],
  }
  return Buffer.concat(parts[by].map((part) => Buffer.from(part)))
}

const turns = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index++) await turn()
}

const scriptOf =
  (current: () => Case, ended: () => void): Script =>
  async (peer) => {
    await peer.request()
    await peer.write(bytesOf(current()))
    if (!current().isAbrupt) await turns(20)
    if (current().end === 'FIN') peer.socket.end()
    else peer.reset()
    ended()
  }

/** Whether a body is collected, or when somebody reads it: before the connection ends, long after, or one chunk before and the rest after. */
const readers = ['buffered', 'eager', 'late', 'pausing'] as const

interface Outcome {
  readonly size: number
  readonly error: string | undefined
}

const expected = ({ framing: { by }, end, size, isWhole }: Case): Outcome => {
  const isComplete = by === 'close' ? end === 'FIN' : isWhole
  return { size, error: isComplete ? undefined : 'ChunkedEncodingError' }
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe.each(places)('a response on %s', (name, start) => {
  // Behind more than a plain connection, one of each is enough.
  const some = name === 'a connection' ? framings : framings.filter((_, index) => index % 2 === 0)
  describe.each(some)('with $name', (framing) => {
    it.each<End>(['FIN', 'RST'])('that ends by %s is whole if its body is', async (end) => {
      let current!: Case
      let hasEnded = false
      const place = await start(
        scriptOf(
          () => current,
          () => (hasEnded = true),
        ),
      )
      cleanups.push(place.close)
      const transport = new TestConnections()
      cleanups.push(async () => transport.close())
      const over = async (): Promise<void> => {
        await until(() => hasEnded)
        await turns(10)
      }
      const outcomes: [Case, string, Outcome][] = []
      const strays = await straysOf(async () => {
        for (current of cases(framing, end)) {
          for (const reader of readers) {
            hasEnded = false
            const outcome =
              reader === 'buffered' ? await buffered(transport, place) : await streamed(transport, place, reader, over)
            outcomes.push([current, reader, outcome])
            // The next one does not get the connection that ends.
            await over()
          }
        }
      })
      expect(outcomes).toEqual(outcomes.map(([each, reader]) => [each, reader, expectedOf(each, reader)]))
      expect(strays).toEqual([])
    })
  })
})

/** What is there of a buffered body that broke off nobody gets. */
function expectedOf(each: Case, reader: string): Outcome {
  const { size, error } = expected(each)
  return { size: reader === 'buffered' && error !== undefined ? 0 : size, error }
}

async function buffered(transport: TestConnections, { url, part }: Place): Promise<Outcome> {
  const { content, failure } = await transport.fetch(url, part)
  return { size: content.length, error: failure?.name }
}

async function streamed(
  transport: TestConnections,
  { url, part }: Place,
  reader: (typeof readers)[number],
  over: () => Promise<void>,
): Promise<Outcome> {
  const { stream } = await transport.fetch(url, { ...part, stream: true })
  if (reader === 'late') await over()
  let size = 0
  let isFirst = true
  try {
    for await (const chunk of stream!) {
      expect(pattern.subarray(size, size + chunk.length).equals(chunk)).toBe(true)
      size += chunk.length
      if (isFirst && reader === 'pausing') await over()
      isFirst = false
    }
  } catch (error) {
    return { size, error: (error as Error).name }
  }
  return { size, error: undefined }
}
