/**
 * Many requests, some of which meet faults, on one executor that two sessions share: asked for one by one and through `map`.
 * `load-program.ts '<LoadOptions as JSON>'` prints a LoadReport, and must end by itself then.
 */
import { getEventListeners } from 'node:events'
import { pathToFileURL } from 'node:url'
import { liveThreads } from '../helpers/thread-watch.ts'
import {
  InProcessExecutor,
  taskReference,
  WorkerThreadExecutor,
  type Executor,
  type Progress,
} from '../../src/index.ts'
import { CountingSession, Tally, type Marks } from './counting-session.ts'
import { RequestSource } from './request-source.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerState } from './server-program.ts'

export interface LoadOptions {
  readonly executor: 'in-process' | 'threads'
  readonly threads?: number
  /** All at once and waited for; some cancelled; or left in the middle, by `using` or `await using`. */
  readonly mode: 'whole' | 'cancels' | 'dispose' | 'async-dispose'
  readonly requests: number
  readonly seed: number
}

const countNames = ['submitted', 'fulfilled', 'rejected', 'cancelled', 'pending', 'running'] as const
type Counts = Record<(typeof countNames)[number], number>

export interface LoadReport {
  /** How the three count. */
  readonly byHand: Counts
  readonly bySessions: Counts
  readonly byExecutor: Counts
  /** What went wrong, in words. */
  readonly wrong: readonly string[]
  readonly strays: readonly string[]
  readonly server: ServerState
  /** MiB: before, at most, and afterwards. */
  readonly memory: Record<'rssBefore' | 'rssPeak' | 'heapBefore' | 'heapAfter', number>
  /** Listeners on the signal that many requests share: at most, and afterwards. */
  readonly listeners: { readonly peak: number; readonly after: number }
  readonly left: { readonly resources: readonly string[]; readonly threads: number }
  readonly seconds: number
}

/** Workers of the executor, and how many of them the second session may use for one origin. */
const workers = 64
const workersPerOrigin = 8
/** Of requests that are to be cancelled so many wait at once: were it all, they would all be cancelled before their turn. */
const window = 1000
/** Requests of another run before, which compile the code and open what stays. */
const warmUp = 500

const options = JSON.parse(process.argv[2]!) as LoadOptions
const { mode, seed } = options
const cancelShare = mode === 'cancels' ? 0.4 : 0
const isStopped = mode === 'dispose' || mode === 'async-dispose'
const strays: string[] = []
for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(event, (error: Error) => strays.push(`${event}: ${error.stack}`))
}

function openExecutor(): Executor {
  if (options.executor === 'threads')
    return new WorkerThreadExecutor({ maxWorkers: workers, threads: options.threads ?? 1 })
  return new InProcessExecutor({
    maxWorkers: workers,
    // A slot that a cancelled request has burnt would show as time.
    ...(mode === 'cancels' && { rateLimit: { limit: 200, interval: 20 } }),
  })
}

/** All requests of one run. */
class Load {
  readonly tally = new Tally()
  readonly executor = openExecutor()
  readonly sessions = [
    new CountingSession(this.tally, { executor: this.executor }),
    new CountingSession(this.tally, { executor: this.executor, maxWorkersPerOrigin: workersPerOrigin }),
  ] as const
  readonly shared = new AbortController()
  readonly listeners = { peak: 0, after: -1 }
  readonly #server: ServerProcess
  readonly #source: RequestSource
  readonly #count: number
  #resume: (() => void) | undefined

  constructor(server: ServerProcess, count: number) {
    this.#server = server
    const isIsolated = this.executor.isolated
    this.#source = new RequestSource(server, { seed, cancelShare, isIsolated, signal: this.shared.signal })
    this.#count = count
  }

  async run(): Promise<void> {
    const isHalfway = isStopped ? new Promise<void>((resolve) => this.#callHalfway(resolve)) : undefined
    const [main, side] = this.sessions
    const { urls } = this.#server
    const share = (part: number): number => Math.floor(this.#count * part)
    const parts = [
      this.#ask(main, urls[0]!, share(0.7)),
      this.#ask(side, urls[2]!, share(0.05)),
      this.#map(main, share(0.1), false),
      this.#map(main, share(0.1), true),
      this.#leaveMap(main, share(0.05)),
    ]
    if (isHalfway === undefined) await Promise.all(parts)
    else await isHalfway.then(() => this.#stop(parts))
    await Promise.all(this.tally.bodies)
    if (!isStopped) await Promise.all(this.sessions.map((session) => session.close()))
    this.listeners.after = getEventListeners(this.shared.signal, 'abort').length
    if (mode === 'dispose') await this.#checkUsable()
    else await this.executor.shutdown()
  }

  /** Everything is over in every sense at once; what still stops, stops by itself. */
  async #stop(parts: readonly Promise<unknown>[]): Promise<void> {
    this.tally.isStopping = true
    const over = this.sessions.map(async (session) =>
      mode === 'dispose' ? session[Symbol.dispose]() : session[Symbol.asyncDispose](),
    )
    if (this.tally.open > 0) this.tally.note(`${this.tally.open} futures were open after the disposal`)
    await Promise.all(over)
    const { running } = this.executor.stats()
    if (running > 0) this.tally.note(`${running} tasks ran after the disposal`)
    await Promise.all(parts)
  }

  #callHalfway(resolve: () => void): void {
    this.tally.onSettled = () => {
      if (this.tally.fulfilled * 2 > this.#count) resolve()
    }
  }

  /** A session that borrowed its executor leaves it as it was. */
  async #checkUsable(): Promise<void> {
    const add = taskReference<number>(pathToFileURL('test/fixtures/arithmetic-tasks.mjs'), 'add', 1, 2)
    const sum = await this.executor.submit(add).result()
    if (sum !== 3) this.tally.note(`the executor answered ${sum}`)
  }

  /** One by one: all at once, or in a window. */
  async #ask(session: CountingSession, url: string, count: number): Promise<void> {
    for (let asked = 0; asked < count && !this.tally.isStopping; asked++) {
      const { method, url: target, ...rest } = this.#source.next(url)
      session.request(method, target, rest)
      if (asked % 1000 === 0) this.#watchListeners()
      while (mode === 'cancels' && this.tally.open >= window) await this.#room()
    }
  }

  /** Both sessions may be waiting. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      const others = this.#resume
      this.#resume = () => {
        others?.()
        resolve()
      }
      this.tally.onSettled = () => {
        const resume = this.#resume
        this.#resume = undefined
        resume?.()
      }
    })
  }

  async #map(session: CountingSession, count: number, ordered: boolean): Promise<void> {
    let taken = 0
    let last = -1
    try {
      for await (const future of session.map(this.#source.take(this.#server.urls[0]!, count), { ordered })) {
        taken++
        const id = Number((future.request.context as Marks).plan.id)
        if (!future.done()) this.tally.note(`map gave #${id} too early`)
        if (ordered && id < last) this.tally.note(`map gave #${id} after #${last}`)
        last = id
        if (taken % 100 === 0) this.#watchListeners()
      }
      if (taken !== count) this.tally.note(`map gave ${taken} of ${count}`)
    } catch (error) {
      if (!this.tally.isStopping) throw error
    }
  }

  /** Its input has no end, and hears when the loop is left. */
  async #leaveMap(session: CountingSession, count: number): Promise<void> {
    let taken = 0
    const endless = this.#source.take(this.#server.urls[0]!, Infinity)
    try {
      for await (const future of session.map(endless, { bufferSize: 100 })) if (future.done() && ++taken >= count) break
      if (endless.next().done !== true) this.tally.note('the input of map was not left')
    } catch (error) {
      if (!this.tally.isStopping) throw error
    }
  }

  #watchListeners(): void {
    const { length } = getEventListeners(this.shared.signal, 'abort')
    this.listeners.peak = Math.max(this.listeners.peak, length)
  }
}

const server = await ServerProcess.start(4, new URL('./server-program.js', import.meta.url))
const mebibytes = (bytes: number): number => Math.round(bytes / 104_857.6) / 10

/** A turn and a collection, until there is nothing more to collect. */
async function heapUsed(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc!()
  }
  return mebibytes(process.memoryUsage().heapUsed)
}

function booksOf({ tally, sessions, executor }: Load): Pick<LoadReport, 'byHand' | 'bySessions' | 'byExecutor'> {
  const { submitted, fulfilled, rejected, cancelled } = tally
  const [main, side] = sessions.map((session) => session.stats()) as [Progress, Progress]
  const books = executor.stats()
  // Of `#checkUsable`.
  if (mode === 'dispose') books.fulfilled--
  return {
    byHand: { submitted, fulfilled, rejected, cancelled, pending: 0, running: tally.open },
    bySessions: Object.fromEntries(countNames.map((name) => [name, main[name] + side[name]])) as Counts,
    byExecutor: {
      submitted: books.pending + books.running + books.fulfilled + books.rejected + books.cancelled,
      ...books,
    },
  }
}

function resourcesNow(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo()
  for (const resource of before) if (left.includes(resource)) left.splice(left.indexOf(resource), 1)
  return left
}

/** A session that was disposed has told its work to stop, and not waited: threads may still be at it. */
async function resourcesLeft(before: readonly string[]): Promise<string[]> {
  const latest = Date.now() + 20_000
  while (resourcesNow(before).length > 0 && Date.now() < latest) await new Promise((resolve) => setImmediate(resolve))
  return resourcesNow(before)
}

await new Load(server, warmUp).run()
await server.finalState()
const heapBefore = await heapUsed()
const resourcesBefore = process.getActiveResourcesInfo()
const rssBefore = mebibytes(process.memoryUsage.rss())
let rssPeak = 0
const watch = setInterval(() => (rssPeak = Math.max(rssPeak, mebibytes(process.memoryUsage.rss()))), 20)
const startedAt = performance.now()

let load: Load | undefined = new Load(server, options.requests)
await load.run()
const seconds = (performance.now() - startedAt) / 1000
clearInterval(watch)
const report: Omit<LoadReport, 'memory'> = {
  ...booksOf(load),
  wrong: load.tally.wrong,
  strays,
  server: await server.finalState(),
  listeners: load.listeners,
  left: { resources: await resourcesLeft(resourcesBefore), threads: liveThreads() },
  seconds,
}
load = undefined
console.log(JSON.stringify({ ...report, memory: { rssBefore, rssPeak, heapBefore, heapAfter: await heapUsed() } }))
await server.close()
