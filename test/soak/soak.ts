import { getEventListeners } from 'node:events'
import { pathToFileURL } from 'node:url'
import {
  InProcessExecutor,
  taskReference,
  WorkerThreadExecutor,
  type Executor,
  type Progress,
} from '../../src/index.ts'
import { liveThreads } from '../helpers/thread-watch.ts'
import { CountingSession, Tally } from '../load/counting-session.ts'
import { RequestSource } from '../load/request-source.ts'
import type { ServerProcess } from '../load/server-process.ts'
import { fewestSamples, judge, type Sample } from './judge.ts'

export type SoakKind = 'in-process' | 'threads'

const workers = 32
/** Rounds that are under way at the same time. */
const lanes = 2
const cancelShare = 0.2
const mebibyte = 1024 * 1024

/** Rounds of requests of all kinds on one executor, with a rest now and then to measure what is left of them. */
export class Soak {
  readonly #server: ServerProcess
  readonly #kind: SoakKind
  readonly #executor: Executor
  readonly #tally = new Tally()
  /** Lives as long as the executor; others come and go. */
  readonly #session: CountingSession
  readonly #shared = new AbortController()
  readonly #source: RequestSource
  readonly #samples: Sample[] = []
  readonly #complaints: string[] = []
  #rounds = 0

  constructor(server: ServerProcess, kind: SoakKind, seed: number) {
    this.#server = server
    this.#kind = kind
    this.#executor =
      kind === 'threads'
        ? new WorkerThreadExecutor({ maxWorkers: workers, threads: 1 })
        : new InProcessExecutor({ maxWorkers: workers })
    this.#session = new CountingSession(this.#tally, { executor: this.#executor })
    const isIsolated = this.#executor.isolated
    this.#source = new RequestSource(server, { seed, cancelShare, isIsolated, signal: this.#shared.signal })
  }

  /** @returns what is wrong */
  async run(minutes: number): Promise<string[]> {
    const strays = (error: unknown): void => this.#complain(`stray: ${String(error)}`)
    const events = ['unhandledRejection', 'uncaughtException', 'warning']
    for (const event of events) process.on(event, strays)
    const handles = process.getActiveResourcesInfo()
    const listeners = processListeners()
    const watch = setInterval(() => this.#checkProgress(this.#session.stats()), 100).unref()
    const startedAt = performance.now()
    const interval = Math.min(1, minutes / 10)
    const elapsed = (): number => (performance.now() - startedAt) / 60_000
    console.log(header)
    while (elapsed() < minutes || this.#samples.length < fewestSamples) {
      const { submitted, rejected, cancelled } = this.#tally
      const before = { submitted, rejected, cancelled, at: performance.now(), cpu: process.cpuUsage() }
      const until = elapsed() + interval
      await Promise.all(Array.from({ length: lanes }, async () => this.#loadUntil(() => elapsed() >= until)))
      this.#checkBooks()
      const seconds = (performance.now() - before.at) / 1000
      const { user, system } = process.cpuUsage(before.cpu)
      const sample = await this.#measure(elapsed(), handles, listeners)
      this.#samples.push(sample)
      const rates = [
        this.#tally.submitted - before.submitted,
        this.#tally.rejected - before.rejected,
        this.#tally.cancelled - before.cancelled,
      ]
      console.log(lineOf(sample, [...rates.map((count) => count / seconds), ((user + system) / 1e6 / seconds) * 100]))
    }
    clearInterval(watch)
    await this.#session[Symbol.asyncDispose]()
    await this.#executor.shutdown()
    const { ports, faultSockets } = await this.#server.finalState()
    const open = ports.reduce((sum, port) => sum + port.open, faultSockets)
    if (open > 0) this.#complain(`${open} connections are left after the end`)
    if (liveThreads() > 0) this.#complain(`${liveThreads()} threads are left after the end`)
    for (const event of events) process.off(event, strays)
    return [...this.#complaints, ...this.#tally.wrong, ...judge(this.#samples, allowanceOf(this.#kind))]
  }

  #complain(message: string): void {
    if (this.#complaints.length < 10) this.#complaints.push(message)
  }

  async #loadUntil(isOver: () => boolean): Promise<void> {
    do {
      const round = this.#rounds++
      await this.#ask(this.#session, 150)
      await this.#map(round)
      await this.#visit(round)
    } while (!isOver())
    await Promise.all(this.#tally.bodies)
    await this.#session.onIdle()
  }

  /** All at once. */
  async #ask(session: CountingSession, count: number): Promise<void> {
    const futures = [...this.#source.take(this.#server.urls[0]!, count)].map(({ method, url, ...options }) =>
      session.request(method!, url, options),
    )
    await Promise.all(futures.map((future) => future.exception().catch(() => undefined)))
  }

  /** Ordered or not; every third is left early. */
  async #map(round: number): Promise<void> {
    const isLeft = round % 3 === 0
    const requests = this.#source.take(this.#server.urls[0]!, isLeft ? Infinity : 100)
    let taken = 0
    for await (const future of this.#session.map(requests, { ordered: round % 2 === 0 })) {
      if (!future.done()) this.#complain('map gave a future that was not done')
      if (++taken === 50 && isLeft) break
    }
  }

  /** A session that comes and goes: on its own executor or on the common one, and each time it leaves in another way. */
  async #visit(round: number): Promise<void> {
    const isOwn = this.#kind === 'in-process' && round % 2 === 0
    const session = new CountingSession(
      this.#tally,
      isOwn ? { maxWorkers: 4 } : { executor: this.#executor, maxWorkersPerOrigin: 4 },
    )
    if (round % 3 === 0) {
      await this.#ask(session, 30)
      // What nobody has begun to read would be dropped.
      await Promise.all(this.#tally.bodies)
      await session.close()
    } else {
      const asked = this.#askAndBeLeft(session, 30)
      if (round % 3 === 1) await session[Symbol.asyncDispose]()
      else session[Symbol.dispose]()
      await asked
    }
    const { pending, running, submitted, done } = session.stats()
    if (pending + running > 0 || submitted !== done) this.#complain(`a session has left with ${pending + running} open`)
  }

  /** Some of them are done by the time it is left. */
  async #askAndBeLeft(session: CountingSession, count: number): Promise<void> {
    const futures = Array.from({ length: count }, () => {
      const { method, url, ...options } = this.#source.next(this.#server.urls[2]!, true)
      return session.request(method, url, options)
    })
    await Promise.all(futures.map((future) => future.exception().catch(() => undefined)))
  }

  #checkProgress({ submitted, done, fulfilled, rejected, cancelled, pending, running }: Progress): void {
    if (submitted !== done + pending + running || done !== fulfilled + rejected + cancelled) {
      this.#complain(`the books of the session: ${JSON.stringify(this.#session.stats())}`)
    }
  }

  /** At rest. */
  #checkBooks(): void {
    const progress = this.#session.stats()
    this.#checkProgress(progress)
    if (progress.pending + progress.running > 0) this.#complain(`at rest: ${JSON.stringify(progress)}`)
    const { pending, running } = this.#executor.stats()
    if (pending + running > 0) this.#complain(`the executor at rest: ${JSON.stringify(this.#executor.stats())}`)
    if (this.#tally.open !== 0) this.#complain(`${this.#tally.open} futures are open at rest`)
  }

  async #measure(minutes: number, handles: readonly string[], listeners: number): Promise<Sample> {
    const { threads, sockets } = allowanceOf(this.#kind)
    // Connections that have been closed here may not have been there yet.
    let open = Infinity
    for (let attempt = 0; attempt < 100 && open > sockets; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      const state = await this.#server.state()
      open = state.ports.reduce((sum, port) => sum + port.open, 0)
    }
    await collect()
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
    const ask = taskReference<number>(pathToFileURL('test/fixtures/memory-tasks.mjs'), 'heapUsed')
    return {
      minutes,
      rss: rss / mebibyte,
      heap: heapUsed / mebibyte,
      external: external / mebibyte,
      arrayBuffers: arrayBuffers / mebibyte,
      threadHeap: threads > 0 ? await this.#executor.submit(ask).result() : 0,
      handles: process.getActiveResourcesInfo().length - handles.length,
      listeners: getEventListeners(this.#shared.signal, 'abort').length + processListeners() - listeners,
      threads: liveThreads(),
      sockets: open,
    }
  }
}

/** Each worker may have left an idle connection: on each of both ports that the long session asks. */
function allowanceOf(kind: SoakKind): { threads: number; sockets: number } {
  return { threads: kind === 'threads' ? 1 : 0, sockets: 2 * workers }
}

async function collect(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc!()
  }
}

const processListeners = (): number => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)

const columns = [
  'minutes',
  'rss',
  'heap',
  'external',
  'arrayBuffers',
  'threadHeap',
  'handles',
  'listeners',
  'threads',
  'sockets',
] as const
const rateColumns = ['req/s', 'failed/s', 'cancelled/s', 'cpu %']
const header = [...columns, ...rateColumns].map((name) => name.padStart(13)).join('')

function lineOf(sample: Sample, rates: readonly number[]): string {
  const figures = columns.map((name) =>
    Number.isInteger(sample[name]) ? String(sample[name]) : sample[name].toFixed(1),
  )
  return [...figures, ...rates.map((rate) => rate.toFixed(0))].map((text) => text.padStart(13)).join('')
}
