/**
 * Responses by chance, on connections that end by chance: in which framing and coding, in which pieces, where and how the
 * connection ends, and how fast who reads them. `plansOf(seed)` makes them, `startFuzzServer` answers as they say, and
 * `flawOf` says what is wrong with what came of one.
 */
import { gzipSync } from 'node:zlib'
import type { TlsOptions } from 'node:tls'
import { randomFrom } from '../load/plan.ts'
import { startFaultServer, type FaultServer, type Peer } from './fault-server.ts'
import { turn } from './gate.ts'

export type Reader = 'whole' | 'slow' | 'late' | 'leaves' | 'closes' | 'cancels'

export interface Plan {
  readonly id: number
  readonly method: 'GET' | 'POST'
  readonly version: '1.0' | '1.1'
  readonly connection: 'close' | 'keep-alive' | undefined
  readonly framing: 'length' | 'chunks' | 'close'
  readonly isGzip: boolean
  readonly size: number
  /** Of all bytes of the response: where it is cut off. 1: it is whole. */
  readonly cut: number
  /** What is sent behind a whole one. */
  readonly junk: string
  readonly end: 'FIN' | 'RST' | 'none'
  readonly reader: Reader
  /** Decides where the response is in pieces, and how long the breaks between them are, and those of the reader. */
  readonly seed: number
}

/** What a server has done last of a plan. */
export interface Attempt {
  /** Bytes of the response that the kernel was given. */
  sent: number
  /** Of these, how many are headers. */
  readonly headSize: number
  readonly wholeSize: number
}

export interface Outcome {
  readonly body: Buffer
  /** The name of the error; nothing if all was read. */
  readonly error?: string | undefined
  /** It was the reader who ended it. */
  readonly isLeft?: boolean
}

const pattern = Buffer.from(Array.from({ length: 60_000 }, (_, index) => `${index},`).join(''))
export const bodyOf = ({ size }: Pick<Plan, 'size'>): Buffer => pattern.subarray(0, size)

const mustEnd = ['FIN', 'RST'] as const
const mayEnd = ['FIN', 'RST', 'none', 'none', 'none'] as const

export function* plansOf(seed: number, count: number, readers: readonly Reader[]): Generator<Plan, void, void> {
  for (let id = 0; id < count; id++) {
    const own = seed * 100_003 + id
    const random = randomFrom(own)
    const of = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)]!
    const framing = of<Plan['framing']>('length', 'length', 'chunks', 'chunks', 'close')
    const cut = random() < 0.5 ? 1 : random() ** of(0.3, 1, 3)
    // Otherwise there would be nothing to wait for.
    const end = of<Plan['end']>(...(framing === 'close' || cut < 1 ? mustEnd : mayEnd))
    yield {
      id,
      method: of('GET', 'GET', 'GET', 'POST'),
      version: framing === 'chunks' ? '1.1' : of('1.0', '1.1', '1.1'),
      connection: of('close', 'keep-alive', undefined, undefined),
      framing,
      isGzip: random() < 0.2,
      size: of(0, 1, 100, 10_000, 65_536, 70_000, 131_072, 300_000),
      cut,
      // It might be taken for the response to the next request.
      junk: end !== 'none' && framing !== 'close' && random() < 0.2 ? of('x', '\r\n') : '',
      end,
      reader: of(...readers),
      seed: own,
    }
  }
}

function bytesOf(plan: Plan): { head: Buffer; body: Buffer } {
  const { version, connection, framing, isGzip } = plan
  const coded = isGzip ? gzipSync(bodyOf(plan), { level: 1 }) : bodyOf(plan)
  const head = [
    `HTTP/${version} 200 OK`,
    ...(connection === undefined ? [] : [`Connection: ${connection}`]),
    ...(isGzip ? ['Content-Encoding: gzip'] : []),
    ...(framing === 'length' ? [`Content-Length: ${coded.length}`] : []),
    ...(framing === 'chunks' ? ['Transfer-Encoding: chunked'] : []),
  ]
  const chunk = (bytes: Buffer): (Buffer | string)[] => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n']
  const middle = Math.floor(coded.length / 3)
  const chunks = [coded.subarray(0, middle), coded.subarray(middle)].filter(({ length }) => length > 0).flatMap(chunk)
  const body = framing === 'chunks' ? [...chunks, '0\r\n\r\n'] : [coded]
  return {
    head: Buffer.from(`${head.join('\r\n')}\r\n\r\n`),
    body: Buffer.concat(body.map((part) => Buffer.from(part as string))),
  }
}

/** Nothing, some turns or some milliseconds. */
export function breaks(seed: number): () => Promise<void> {
  const random = randomFrom(seed)
  return async () => {
    const kind = random()
    if (kind < 0.4) return
    if (kind < 0.8) for (let turns = Math.floor(random() * 4); turns >= 0; turns--) await turn()
    else await new Promise((resolve) => setTimeout(resolve, random() * 4))
  }
}

export interface FuzzServer extends FaultServer {
  /** By the id of the plan. */
  readonly attempts: ReadonlyMap<number, Attempt>
}

export async function startFuzzServer(plans: ReadonlyMap<number, Plan>, secure?: TlsOptions): Promise<FuzzServer> {
  const attempts = new Map<number, Attempt>()
  const answer = async (peer: Peer, plan: Plan): Promise<void> => {
    const random = randomFrom(plan.seed + 1)
    const rest = breaks(plan.seed + 2)
    const { head, body } = bytesOf(plan)
    const bytes = Buffer.concat([head, body])
    const end = plan.cut === 1 ? bytes.length : Math.min(bytes.length - 1, Math.floor(plan.cut * bytes.length))
    const attempt: Attempt = { sent: 0, headSize: head.length, wholeSize: bytes.length }
    attempts.set(plan.id, attempt)
    while (attempt.sent < end && !peer.socket.destroyed) {
      await rest()
      const size = Math.ceil(random() ** 3 * (end - attempt.sent))
      const part = bytes.subarray(attempt.sent, attempt.sent + size)
      attempt.sent += size
      await peer.write(part)
    }
    if (end === bytes.length && plan.junk !== '') await peer.write(plan.junk)
    await rest()
    if (plan.end === 'FIN') peer.socket.end()
    else if (plan.end === 'RST') peer.reset()
  }
  const server = await startFaultServer(async (peer) => {
    for (;;) {
      const request = await peer.request()
      if (request === undefined || peer.socket.destroyed || peer.socket.writableEnded) return
      await answer(peer, plans.get(Number(/\/(\d+)/.exec(request)?.[1]))!)
    }
  }, secure)
  return Object.defineProperty(server, 'attempts', { value: attempts }) as FuzzServer
}

/** @returns what is wrong, in words */
export function flawOf(plan: Plan, attempt: Attempt | undefined, outcome: Outcome): string | undefined {
  const { error, body, isLeft = false } = outcome
  const wanted = bodyOf(plan)
  if (!wanted.subarray(0, body.length).equals(body)) return `${body.length} bytes that were not sent`
  if (isLeft) return undefined
  // Another request's connection was closed just then, and this one may not be sent twice.
  if (attempt === undefined || attempt.sent <= attempt.headSize - 1) return expectError(error, ['ConnectionError'])
  const isClosed = plan.framing === 'close' && plan.end === 'FIN'
  const isWhole = attempt.sent === attempt.wholeSize && (plan.framing !== 'close' || isClosed)
  if (error === undefined) {
    // Without a length, all that was sent is all there is.
    const size = isClosed && !plan.isGzip ? attempt.sent - attempt.headSize : wanted.length
    if (body.length !== size) return `${body.length} bytes for whole`
    return isWhole || isClosed ? undefined : 'no error'
  }
  // Of what the kernel holds, a reset leaves what it likes.
  if (isWhole && plan.end !== 'RST') return `${error}, although it was whole`
  return expectError(error, [
    'ChunkedEncodingError',
    'ConnectionError',
    ...(plan.isGzip ? ['ContentDecodingError'] : []),
  ])
}

function expectError(error: string | undefined, names: readonly string[]): string | undefined {
  return error !== undefined && names.includes(error)
    ? undefined
    : `${error ?? 'no error'} instead of ${names.join(' or ')}`
}
