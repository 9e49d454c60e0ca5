/**
 * Responses by chance over HTTP/2, many on a connection, whose streams and connections end by chance: `h2PlansOf(seed)` makes
 * them, `startFrameFuzz` answers as they say, and `h2FlawOf` says what is wrong with what came of one.
 */
import { gzipSync } from 'node:zlib'
import { randomFrom } from '../../load/plan.ts'
import { bodyOf, breaks, type Outcome, type Reader } from '../socket-fuzz.ts'
import { startFrameServer, type FramePeer, type FrameServer, type FrameStream } from './frame-server.ts'
import { codes, data, goaway, headers, response, rstStream, settings } from './frames.ts'

/** What ends the whole connection: FIN, RST, GOAWAY and then FIN. */
type Death = 'FIN' | 'RST' | 'GOAWAY'

export interface H2Plan {
  readonly id: number
  readonly method: 'GET' | 'POST'
  readonly hasLength: boolean
  readonly isGzip: boolean
  readonly hasTrailers: boolean
  readonly hints: number
  readonly size: number
  /** How often it is refused first. */
  readonly refusals: number
  /** Of the body: where it is cut off. 1: it is whole. */
  readonly cut: number
  /** What comes then: the code of a RST_STREAM, what ends the connection, or nothing. */
  readonly end: number | Death | undefined
  /** SETTINGS that are sent on the way: how many streams there may be. */
  readonly streams: number | undefined
  readonly reader: Reader
  /** Decides where the response is in pieces, and how long the breaks between them are, and those of the reader. */
  readonly seed: number
}

/** What the server has done of a plan on one stream. */
export interface H2Attempt {
  readonly peer: FramePeer
  /** The last frame of the response is being sent; it was given to the kernel. */
  isEnding: boolean
  isWhole: boolean
}

export function* h2PlansOf(seed: number, count: number, readers: readonly Reader[]): Generator<H2Plan, void, void> {
  for (let id = 0; id < count; id++) {
    const own = seed * 100_003 + id
    const random = randomFrom(own)
    const of = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)]!
    const cut = random() < 0.7 ? 1 : random() ** of(0.3, 1, 3)
    const resets = [codes.internalError, codes.cancel, codes.refusedStream, codes.enhanceYourCalm]
    const broken = of<number | Death>(...resets, ...resets, 'FIN', 'RST', 'GOAWAY')
    const whole = of<number | Death | undefined>(...Array<undefined>(20).fill(undefined), 0, 0, 'FIN', 'RST', 'GOAWAY')
    yield {
      id,
      method: of('GET', 'GET', 'GET', 'POST'),
      hasLength: random() < 0.5,
      isGzip: random() < 0.2,
      hasTrailers: random() < 0.2,
      hints: random() < 0.2 ? 1 + Math.floor(random() * 3) : 0,
      size: of(0, 1, 100, 10_000, 65_536, 70_000, 131_072, 300_000),
      refusals: random() < 0.1 ? 1 + Math.floor(random() * 3) : 0,
      cut,
      end: cut < 1 ? broken : whole,
      streams: random() < 0.05 ? of(1, 3, 100) : undefined,
      reader: of(...readers),
      seed: own,
    }
  }
}

export interface FrameFuzz extends FrameServer {
  /** By the id of the plan, in the order of their arrival: one that is too late may come behind the one sent in its place. */
  readonly attempts: ReadonlyMap<number, readonly H2Attempt[]>
}

export async function startFrameFuzz(plans: ReadonlyMap<number, H2Plan>): Promise<FrameFuzz> {
  const attempts = new Map<number, H2Attempt[]>()
  const refusals = new Map<number, number>()
  const server = await startFrameServer(async (peer) => {
    for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
      const plan = plans.get(Number(/\d+/.exec(stream.path)![0]))!
      const refused = refusals.get(plan.id) ?? 0
      refusals.set(plan.id, refused + 1)
      if (refused < plan.refusals) await peer.send(rstStream(stream.id, codes.refusedStream))
      else void answerAs(plan, peer, stream, attempts)
    }
  })
  return Object.defineProperty(server, 'attempts', { value: attempts }) as FrameFuzz
}

async function answerAs(
  plan: H2Plan,
  peer: FramePeer,
  stream: FrameStream,
  attempts: Map<number, H2Attempt[]>,
): Promise<void> {
  const { id } = stream
  const random = randomFrom(plan.seed + 1)
  const rest = breaks(plan.seed + 2)
  const attempt: H2Attempt = { peer, isEnding: false, isWhole: false }
  attempts.set(plan.id, [...(attempts.get(plan.id) ?? []), attempt])
  const isOver = (): boolean => peer.socket.destroyed || peer.socket.writableEnded || stream.resetCode !== undefined
  const send = async (...bytes: Uint8Array[]): Promise<void> => (isOver() ? undefined : peer.send(...bytes))
  const coded = plan.isGzip ? gzipSync(bodyOf(plan), { level: 1 }) : bodyOf(plan)
  if (plan.streams !== undefined) await send(settings({ maxConcurrentStreams: plan.streams }))
  for (let hint = 0; hint < plan.hints; hint++) await rest().then(() => send(response(id, 103, [['link', '</a>']])))
  await rest()
  await send(
    response(id, 200, [
      ...(plan.hasLength ? [['content-length', String(coded.length)] as const] : []),
      ...(plan.isGzip ? [['content-encoding', 'gzip'] as const] : []),
    ]),
  )
  const end = plan.cut === 1 ? coded.length : Math.min(coded.length - 1, Math.floor(plan.cut * coded.length))
  for (let sent = 0; sent < end && !isOver();) {
    await rest()
    const size = Math.min(16_384, Math.ceil(random() ** 3 * (end - sent)))
    await send(data(id, coded.subarray(sent, (sent += size))))
  }
  if (plan.cut === 1 && !isOver()) {
    attempt.isEnding = true
    await send(plan.hasTrailers ? headers(id, [['x-sum', '1']], { isLast: true }) : data(id, '', true))
    attempt.isWhole = true
  }
  if (random() < 0.5) await rest()
  await endAs(plan.end, peer, stream)
}

async function endAs(end: H2Plan['end'], peer: FramePeer, { id }: FrameStream): Promise<void> {
  if (typeof end === 'number' && !peer.socket.writableEnded) await peer.send(rstStream(id, end))
  if (end === 'GOAWAY') await peer.send(goaway(Math.max(...peer.streams.keys())))
  if (end === 'FIN' || end === 'GOAWAY') peer.end()
  else if (end === 'RST') peer.reset()
}

/** @returns what is wrong, in words */
export function h2FlawOf(plan: H2Plan, attempts: readonly H2Attempt[], outcome: Outcome): string | undefined {
  const { error, body, isLeft = false } = outcome
  const wanted = bodyOf(plan)
  if (!wanted.subarray(0, body.length).equals(body)) return `${body.length} bytes that were not sent`
  if (isLeft) return undefined
  if (error === undefined) {
    if (!attempts.some(({ isEnding }) => isEnding)) return 'no error'
    return body.length === wanted.length ? undefined : `${body.length} bytes for whole`
  }
  // Now and then node:http2 does not notice a reset of the connection: the read timeout does.
  const wasReset = attempts.length === 0 || attempts.some(({ peer }) => peer.isReset)
  if (error === 'ReadTimeoutError' && wasReset) return undefined
  const names = ['ChunkedEncodingError', 'ConnectionError', ...(plan.isGzip ? ['ContentDecodingError'] : [])]
  if (!names.includes(error)) return `${error} instead of ${names.join(' or ')}`
  // Of what the kernel holds, the reset of a connection leaves what it likes; FIN and GOAWAY come behind all that was said.
  const last = attempts.at(-1)
  return last?.isWhole === true && !last.peer.isReset ? `${error}, although it was whole` : undefined
}
