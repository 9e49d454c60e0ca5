/** A body without a length that is cut off before END_STREAM is never taken for whole: semantic 7 of HTTP/2. */
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { FuturesSession } from '../../../src/index.ts'
import { turn, until } from '../../helpers/gate.ts'
import type { FramePeer, FrameServer } from '../../helpers/h2/frame-server.ts'
import { body, codes, flags, frameTypes, goaway, ping, response, rstStream } from '../../helpers/h2/frames.ts'
import type { Frame } from '../../helpers/h2/frames.ts'
import { Http2Site, outcomeOf } from '../../helpers/h2/site.ts'

const site = new Http2Site()
afterEach(() => site.close())

type Cut = (peer: FramePeer, id: number) => unknown

const cuts: Record<string, Cut> = {
  'RST_STREAM with CANCEL': (peer, id) => peer.send(rstStream(id, codes.cancel)),
  'RST_STREAM with REFUSED_STREAM': (peer, id) => peer.send(rstStream(id, codes.refusedStream)),
  FIN: (peer) => peer.end(),
  'GOAWAY and FIN': (peer, id) => peer.send(goaway(id)).then(() => peer.end()),
  'GOAWAY with an error and FIN': (peer, id) => peer.send(goaway(id, codes.internalError)).then(() => peer.end()),
  'GOAWAY that does not name it': (peer) => peer.send(goaway(0)),
  'RST of the connection': (peer) => peer.reset(),
}

/** Each looks whole, but for its end. */
const bodies: Record<string, { coding?: string; bytes: Buffer }> = {
  'of some bytes': { bytes: Buffer.from('half') },
  'of more than is held for a reader': { bytes: Buffer.alloc(300_000, 'half') },
  'of a whole gzip file': { coding: 'gzip', bytes: gzipSync('half') },
}

interface CutServer extends FrameServer {
  readonly isCut: boolean
}

/** Cuts the response off when the other side has read all of it, or at once. */
async function cutting(
  cut: Cut,
  { coding, bytes }: { coding?: string; bytes: Buffer },
  isAtOnce = false,
): Promise<CutServer> {
  let isCut = false
  const server = await site.frames(async (peer) => {
    const { id } = (await peer.request())!
    const head = response(id, 200, coding === undefined ? [] : [['content-encoding', coding]])
    await peer.send(head, body(id, bytes, false), ping())
    if (!isAtOnce) await until(() => peer.frames.some(isPong))
    await cut(peer, id)
    isCut = true
  })
  return Object.defineProperty(server, 'isCut', { get: () => isCut }) as CutServer
}

const isPong = (frame: Frame): boolean => frame.type === frameTypes.ping && (frame.flags & flags.ack) !== 0

type Reader = (session: FuturesSession, server: CutServer) => Promise<string>

async function nameOf(read: () => Promise<unknown>): Promise<string> {
  try {
    return `whole: ${String(await read())}`
  } catch (error) {
    return (error as Error).name
  }
}

const readers: Record<string, Reader> = {
  buffered: async (session, { url }) => outcomeOf(session.get(url)),
  streamed: async (session, { url }) => outcomeOf(session.get(url, { stream: true })),
  'streamed, read slowly': async (session, server) =>
    nameOf(async () => {
      let size = 0
      const response = await session.get(server.url, { stream: true }).result()
      for await (const chunk of response.iterContent()) {
        size += chunk.length
        await until(() => server.isCut)
        for (let turns = 0; turns < 5; turns++) await turn()
      }
      return size
    }),
  'streamed, read late': async (session, server) =>
    nameOf(async () => {
      const response = await session.get(server.url, { stream: true }).result()
      await until(() => server.isCut)
      for (let turns = 0; turns < 10; turns++) await turn()
      await response.read()
      return response.text().length
    }),
}

describe.each(Object.keys(bodies))('A body %s is broken', (name) => {
  test.each(Object.keys(cuts))('by %s', async (cut) => expectBroken(cut, name, false))

  // The others may get rid of the head, too, or tell that the server has not looked at the request: it is sent again.
  const leavesHead = ['RST_STREAM with CANCEL', 'FIN', 'GOAWAY and FIN']
  test.each(leavesHead)('by %s at once', async (cut) => expectBroken(cut, name, true))
})

async function expectBroken(cut: string, name: string, isAtOnce: boolean): Promise<void> {
  for (const [way, read] of Object.entries(readers)) {
    const server = await cutting(cuts[cut]!, bodies[name]!, isAtOnce)
    expect([way, await read(site.session(), server)]).toEqual([way, 'ChunkedEncodingError'])
  }
}
