import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import {
  type Executor,
  FuturesSession,
  type FuturesSessionOptions,
  type RequestError,
  type RequestOptions,
} from '../../src/index.ts'
import { isRetried, type Fault, type FaultSite, type Meeting } from './faults.ts'
import { turn, until } from './gate.ts'
import { straysOf } from './strays.ts'

/** One row of the matrix: every fault, asked for in one way. */
export interface MatrixRow {
  /** Each with one worker: what keeps it keeps all that come after it. */
  readonly executors: readonly Executor[]
  readonly stream: boolean
  /** Further attempts. */
  readonly retries: number
  /** What else its sessions are given. */
  readonly session?: FuturesSessionOptions
}

/** What came of a fault, in the words of `expectedOf`. */
export interface Outcome {
  status?: number
  text?: string
  error?: string
  attempts: number
  /** What else is not as it has to be. */
  flaws: string[]
}

/** What takes longer hangs; a body of megabytes may take long where there is much else to do. */
const patience = 25_000

/** By the name of the fault. */
export type Outcomes = Record<string, Outcome>

/** A password in the URL of every proxy; nobody may see it. */
const secrets = ['open-sesame', Buffer.from('user:open-sesame').toString('base64')]

export function expectedOf(fault: Fault, { stream, retries }: MatrixRow): Outcome {
  const { status, text = 'fine', error } = (stream ? fault.expectedOfStream : undefined) ?? fault.expected
  const attempts = isRetried(fault, stream) ? 1 + retries : 1
  if (error === undefined) return { status: status!, text: shortened(text), attempts, flaws: [] }
  return { ...(stream && status !== undefined && { status }), error, attempts, flaws: [] }
}

/** What differs is to be seen at a glance. */
function shortened(text: string): string {
  return text.length <= 100 ? text : `${text.length} characters, ${createHash('sha1').update(text).digest('hex')}`
}

/** Meets every fault, and looks at what is left afterwards. */
export async function meetAll(site: FaultSite, row: MatrixRow): Promise<{ outcomes: Outcomes; strays: unknown[] }> {
  const outcomes: Outcomes = {}
  const waiting = [...site.meetings]
  const strays = await straysOf(async () => {
    const lanes = row.executors.map(async (executor) => {
      const lane = new Lane(executor, row)
      for (let meeting = waiting.shift(); meeting !== undefined; meeting = waiting.shift()) {
        outcomes[meeting.fault.name] = await lane.meet(meeting, site.fineUrl)
      }
      await lane.close()
    })
    await Promise.all(lanes)
    await until(() => site.openSockets.length === 0)
  })
  return { outcomes, strays }
}

/** One session on one worker, that meets one fault after the other. */
class Lane {
  readonly #session: FuturesSession
  readonly #options: RequestOptions
  readonly #stop = new AbortController()
  readonly #events: string[] = []

  constructor(executor: Executor, { stream, retries, session: options }: MatrixRow) {
    const session = new FuturesSession({ executor, trustEnv: false, unobserved: 'ignore', ...options })
    this.#session = session
    this.#options = {
      ...(stream && { stream }),
      retry: { total: retries, backoff: { base: 0 } },
      signal: this.#stop.signal,
    }
    session.on('retry', ({ attempt }) => this.#events.push(`retry ${attempt}`))
    session.on('response', ({ attempt }) => this.#events.push(`response ${attempt}`))
    session.on('failure', ({ attempt }) => this.#events.push(`failure ${attempt}`))
  }

  async meet(meeting: Meeting, fineUrl: string): Promise<Outcome> {
    const { fault, method, url, options } = meeting
    const outcome: Outcome = { attempts: 0, flaws: [] }
    const timesBefore = meeting.times
    this.#events.length = 0
    const future = this.#session.request(method, url, { ...options, ...this.#options })
    try {
      const response = await future.result({ timeout: patience })
      outcome.status = response.status
      // Nobody reads yet, and the connection may end meanwhile.
      for (let turns = 0; turns < 5; turns++) await turn()
      await response.read()
      outcome.text = shortened(response.text())
    } catch (error) {
      outcome.error = (error as Error).name
      outcome.flaws.push(...flawsOf(error as RequestError, url))
      if (this.#options.stream !== true) delete outcome.status
    }
    const events = [...this.#events]
    outcome.attempts = events.length
    const settled = `${future.state === 'fulfilled' ? 'response' : 'failure'} ${events.length}`
    const told = events.map((_, index) => (index < events.length - 1 ? `retry ${index + 1}` : settled))
    if (String(events) !== String(told)) outcome.flaws.push(`events: ${String(events)}`)
    outcome.flaws.push(...sendingFlaws(fault, meeting.times - timesBefore, outcome.attempts))
    outcome.flaws.push(...(await this.#aftermath(fineUrl)))
    return outcome
  }

  async close(): Promise<void> {
    const listeners = getEventListeners(this.#stop.signal, 'abort').length
    if (listeners > 0) throw new Error(`${listeners} listeners are left on the signal`)
    await this.#session.close()
  }

  /** The same session, the same worker: the next request is answered. */
  async #aftermath(fineUrl: string): Promise<string[]> {
    const next = this.#session.get(fineUrl, { signal: this.#stop.signal })
    const text = await next.text({ timeout: patience }).catch((error: unknown) => inspect(error))
    return text === 'fine' ? [] : [`the next request: ${text}`]
  }
}

function flawsOf(error: RequestError, url: string): string[] {
  const flaws: string[] = []
  const { request, message } = error
  if ((request as { url?: string } | undefined)?.url !== url && !url.includes('redirect')) {
    flaws.push(`request: ${inspect(request)}`)
  }
  // The URL that can't be followed is named, not the one that led there.
  if (!message.includes(new URL(url).origin) && !url.endsWith('to-nowhere')) flaws.push(`message: ${message}`)
  const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)
  if (secrets.some((secret) => shown.includes(secret))) flaws.push(`a password: ${inspect(error)}`)
  return flaws
}

/** Each attempt was one on the wire; on a connection that looked good it may have been two. */
function sendingFlaws({ name, place, expected }: Fault, times: number, attempts: number): string[] {
  // Of proxies connections are counted, and these are kept.
  if (place.includes('proxy') && expected.error === undefined) return []
  if (/^(?:refused|black-hole)/.test(place)) return []
  const most = name === 'redirect-in-circles' ? 4 : 2 * attempts
  return times < attempts || times > most ? [`sent ${times} times`] : []
}

const transient = ['Immediate', 'CloseReq']

/** What keeps the process, or a thread, from ending by itself, by kind. */
export function countResources(names: readonly string[] = process.getActiveResourcesInfo()): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) if (!transient.includes(name)) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Of the kinds that we make, there are no more than there were. */
export function hasNoMoreThan(before: Record<string, number>): boolean {
  const now = countResources()
  const kinds = [
    'TCPSocketWrap',
    'TLSWrap',
    'ConnectWrap',
    'TCPConnectWrap',
    'GetAddrInfoReqWrap',
    'Timeout',
    'MessagePort',
  ]
  return kinds.every((kind) => (now[kind] ?? 0) <= (before[kind] ?? 0))
}
