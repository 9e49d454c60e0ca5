import { clearInterval, setInterval, setTimeout } from 'node:timers'
import type { Job, Worker as BullWorker } from 'bullmq'
import { realTime } from '../../deadline.ts'
import { ignore } from './redis-errors.ts'
import { Worker } from './peers.ts'
import type { ResolvedWorkerOptions } from './worker-options.ts'
import type { WorkerEndpoint } from './submitter-channel.ts'
import { times } from './times.ts'

/** An answer within so many ms means that BullMQ did not look; after so many in a row it is asked less often. */
const instant = 3
const mostInstants = 2
const restingTime = 5

/** A BullMQ job that this worker holds until it removes it. */
export class TakenJob {
  /** How many keep it: its tasks that are not over, and its arrival. */
  left = 1
  readonly #job: Job
  readonly #token: string

  constructor(job: Job, token: string) {
    this.#job = job
    this.#token = token
  }

  get data(): unknown {
    return this.#job.data as unknown
  }

  /** It was taken before, by a worker that has lost its lock. */
  get hasComeAgain(): boolean {
    return this.#job.attemptsStarted > 1 || this.#job.stalledCounter > 0
  }

  async extend(duration: number): Promise<void> {
    await this.#job.extendLock(this.#token, duration)
  }

  async complete(): Promise<void> {
    await this.#job.moveToCompleted('', this.#token, false)
  }
}

export interface JobTaker {
  /** How many tasks may be added. */
  readonly room: number
  take(job: TakenJob): void
}

/**
 * Takes jobs from BullMQ while there is room for tasks. BullMQ's own loop counts jobs, not tasks: one slow task would leave a
 * worker idle, or one worker would take too many.
 */
export class JobLoop {
  readonly #end: WorkerEndpoint
  readonly #taker: JobTaker
  readonly #options: ResolvedWorkerOptions
  #bull: BullWorker | undefined
  readonly #held = new Set<TakenJob>()
  readonly #timer: NodeJS.Timeout
  #isOver = false
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined
  #lastToken = 0

  constructor(end: WorkerEndpoint, options: ResolvedWorkerOptions, taker: JobTaker) {
    this.#end = end
    this.#options = options
    this.#taker = taker
    this.#timer = setInterval(() => this.#extendAll(), options.lockDuration / 2)
  }

  /** Waits for Redis. */
  async open(): Promise<void> {
    this.#bull = await this.#connect()
    await this.#bull.startStalledCheckTimer()
    this.#loop = this.#run(this.#bull)
  }

  /** A BullMQ Worker tries to connect only once, and never works if that fails: makes another one then. */
  async #connect(): Promise<BullWorker> {
    for (;;) {
      const bull = this.#openBull()
      try {
        await bull.waitUntilReady()
        return bull
      } catch {
        await bull.close(true)
        await new Promise((resolve) => setTimeout(resolve, times.pause))
      }
    }
  }

  #openBull(): BullWorker {
    const { queueName, prefix, limiter, lockDuration, stalledInterval, onError } = this.#options
    const bull = new Worker(queueName, null, {
      connection: this.#end.redis,
      prefix,
      autorun: false,
      lockDuration,
      stalledInterval,
      // Our connection waits, and submitters check version and eviction policy: BullMQ would write to the console.
      ...{ skipWaitingForReady: true, skipVersionCheck: true },
      // A job that comes again is reported, not run.
      maxStalledCount: 1_000_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      ...(limiter === undefined ? undefined : { limiter }),
    })
    bull.on('error', onError)
    return bull
  }

  /** There is room for tasks again. */
  wake(): void {
    this.#wake?.()
  }

  /** All tasks of the job are over: removes it from the queue. */
  release(job: TakenJob): void {
    this.#held.delete(job)
    // The lock, or all data of Redis, may be lost: then the job is nobody's.
    job.complete().catch(ignore)
  }

  /** Takes no more jobs. @returns a promise that resolves when none can come any more */
  async close(): Promise<void> {
    this.#isOver = true
    this.wake()
    // By force: what it waits for is a look at an empty queue.
    await this.#bull?.close(true).catch(this.#end.onError)
    await this.#loop
    clearInterval(this.#timer)
  }

  async #run(bull: BullWorker): Promise<void> {
    let instants = 0
    while (!this.#isOver) {
      if (this.#taker.room <= 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        continue
      }
      const began = realTime()
      const hasCome = await this.#takeNext(bull)
      // While the queue is paused or its rate is limited, BullMQ answers at once.
      instants = hasCome || realTime() - began > instant ? 0 : instants + 1
      if (instants > mostInstants) await new Promise((resolve) => setTimeout(resolve, restingTime))
    }
  }

  async #takeNext(bull: BullWorker): Promise<boolean> {
    const token = `${this.#end.id}:${++this.#lastToken}`
    try {
      const job = await bull.getNextJob(token)
      if (job === undefined) return false
      const taken = new TakenJob(job, token)
      this.#held.add(taken)
      this.#taker.take(taken)
      return true
    } catch (error) {
      if (this.#isOver) return false
      this.#end.onError(error)
      await new Promise((resolve) => setTimeout(resolve, times.pause))
      return false
    }
  }

  #extendAll(): void {
    for (const job of this.#held) job.extend(this.#options.lockDuration).catch(ignore)
  }
}
