import { randomUUID } from 'node:crypto'
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import { realTime } from '../../deadline.ts'
import { ignore } from './redis-errors.ts'
import type { FleetLink } from './fleet-link.ts'
import type { ResolvedExecutorOptions } from './fleet-options.ts'
import type { FleetTask, SentJob } from './fleet-task.ts'
import type { TaskRecovery } from './task-recovery.ts'
import { warningsOf } from './redis-connection.ts'
import { isLost, judgeJob, type Sighting } from './recovery-rules.ts'
import { times } from './times.ts'

export interface WatchOwner {
  /** Handed over, and not over. */
  readonly tasks: ReadonlySet<FleetTask>
  readonly recovery: TaskRecovery
  readonly sender: { readonly untakenJobs: Iterable<SentJob> }
}

/** Jobs that are looked for at a time. */
const mostJobs = 100

/** Looks after the workers, while there are tasks: who is gone, and what was lost. */
export class FleetWatch {
  readonly #link: FleetLink
  readonly #owner: WatchOwner
  readonly #fleetTimeout: number
  readonly #onError: (error: unknown) => void
  /** Workers that live, as far as is known. */
  readonly workers = new Set<string>()
  #absences = new Map<string, number>()
  readonly #censuses = new Map<string, Map<number, FleetTask>>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  /** Since when there is Redis, and a worker; on the monotonic clock. */
  #lastGood = realTime()
  #hasWarned = false

  constructor(link: FleetLink, owner: WatchOwner, { fleetTimeout, onError }: ResolvedExecutorOptions) {
    this.#link = link
    this.#owner = owner
    this.#fleetTimeout = fleetTimeout
    this.#onError = onError
  }

  get workerCount(): number {
    return this.workers.size
  }

  start(): void {
    this.#lastGood = realTime()
    this.#timer ??= setInterval(() => void this.#look(), Math.min(times.look, this.#fleetTimeout))
    // How many workers there are decides how many jobs the first tasks are sent in.
    if (this.#link.isUp) void this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  handleReady(): void {
    void this.#look()
    if (!this.#hasWarned) void this.#checkPolicy()
  }

  /** It has just said something. */
  noteWorker(worker: string): void {
    this.workers.add(worker)
    this.#absences.delete(worker)
    this.#lastGood = realTime()
  }

  /** Asks all workers whether they have these, and gives up those that nobody has. */
  search(tasks: readonly FleetTask[]): void {
    if (tasks.length === 0) return
    const missing = new Map(tasks.map((task) => [task.number, task]))
    const nonce = randomUUID()
    this.#censuses.set(nonce, missing)
    setTimeout(() => {
      const numbers = [...missing.keys()]
      const workers = new Set([...this.workers, ...tasks.flatMap(({ worker }) => worker ?? [])])
      for (const worker of workers) this.#link.orders.tell(worker, ['census', nonce, numbers])
    }, times.askAfter).unref()
    setTimeout(() => {
      this.#censuses.delete(nonce)
      const lost = [...missing].flatMap(([number, task]) => (task.number === number ? task : []))
      // Redis was away in between, or is: nobody could answer.
      if (!this.#link.isUp || this.#link.calm < times.giveUpAfter - times.look) return this.search(lost)
      for (const task of lost) this.#owner.recovery.giveUpUnknown(task)
    }, times.giveUpAfter).unref()
  }

  handleHere(worker: string, nonce: string, numbers: readonly number[]): void {
    const missing = this.#censuses.get(nonce)
    if (missing === undefined) return
    for (const number of numbers) {
      const task = missing.get(number)
      missing.delete(number)
      if (task?.number !== number || task.stage !== 'sent') continue
      task.stage = 'taken'
      task.worker = worker
    }
  }

  /** Workers strike out jobs when they have said the last word about them. */
  async waitUntilGone(ids: readonly string[]): Promise<void> {
    const { redis, keys } = this.#link
    const end = realTime() + times.look
    try {
      while (ids.length > 0 && realTime() < end) {
        if ((await redis.exists(...ids.map((id) => keys.job(id)))) === 0) return
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    } catch {
      // Redis is gone: what is there goes when its time has come.
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      if (this.#link.isUp) {
        await this.#lookAtWorkers()
        await this.#lookAtJobs()
      }
    } catch {
      // The connection broke: it is seen next time.
    } finally {
      this.#isLooking = false
      this.#judgeFleet()
    }
  }

  async #lookAtWorkers(): Promise<void> {
    const { redis, keys } = this.#link
    const holders = [...this.#owner.tasks].flatMap(({ worker }) => worker ?? [])
    const known = new Set([...(await redis.smembers(keys.workers)), ...holders])
    const sightings = await this.#see([...known])
    for (const worker of this.workers) if (!sightings.has(worker)) this.workers.delete(worker)
    const absences = this.#absences
    this.#absences = new Map()
    for (const [worker, sighting] of sightings) this.#judge(worker, sighting, absences.get(worker) ?? 0)
  }

  async #see(workers: readonly string[]): Promise<Map<string, Sighting>> {
    const { redis, keys } = this.#link
    const sightings = new Map<string, Sighting>()
    if (workers.length === 0) return sightings
    const channels = workers.map((worker) => keys.channel(worker))
    const [subscribed, alive] = await Promise.all([
      redis.pubsub('NUMSUB', ...channels),
      redis.mget(...workers.map((worker) => keys.alive(worker))),
    ])
    for (const [index, worker] of workers.entries()) {
      sightings.set(worker, { isConnected: Number(subscribed[2 * index + 1]) > 0, isAlive: alive[index] !== null })
    }
    return sightings
  }

  #judge(worker: string, sighting: Sighting, before: number): void {
    const absences = sighting.isConnected ? 0 : before + 1
    this.#absences.set(worker, absences)
    if (sighting.isConnected && sighting.isAlive) {
      this.noteWorker(worker)
      return
    }
    this.workers.delete(worker)
    if (!isLost(sighting, absences, this.#link.calm)) return
    this.#absences.delete(worker)
    this.#owner.recovery.handleLostWorker(worker)
    if (!sighting.isAlive) this.#link.redis.srem(this.#link.keys.workers, worker).catch(ignore)
  }

  async #lookAtJobs(): Promise<void> {
    const { redis, keys, calm } = this.#link
    const now = realTime()
    const jobs: SentJob[] = []
    for (const job of this.#owner.sender.untakenJobs) {
      if (now - job.sentAt < times.patience || jobs.length >= mostJobs) break
      jobs.push(job)
    }
    if (jobs.length === 0) return
    const pipeline = redis.pipeline()
    for (const { id } of jobs) pipeline.exists(keys.job(id)).get(keys.lock(id))
    const replies = (await pipeline.exec()) as [error: Error | null, reply: unknown][]
    const looks = jobs.map((job, index) => {
      const [exists, token] = replies.slice(2 * index, 2 * index + 2)
      return { job, exists: exists?.[1] !== 0, owner: ownerOf(token?.[1]) }
    })
    const sightings = await this.#see([...new Set(looks.flatMap(({ owner }) => owner ?? []))])
    for (const { job, exists, owner } of looks) {
      if (job.isRevoked || job.worker !== undefined) continue
      job.misses = exists ? 0 : job.misses + 1
      job.takenAt = owner === undefined ? undefined : (job.takenAt ?? now)
      // Of those who have it, who has no connection any more can't say so.
      const sighting = { isConnected: true, isAlive: true, ...sightings.get(String(owner)) }
      const isOwnerLost = !sighting.isConnected && isLost(sighting, 2, calm)
      const state = judgeJob({ exists, owner }, isOwnerLost, job.misses, now - (job.takenAt ?? now))
      if (state !== 'fine') this.#owner.recovery.takeBackJob(job, state)
    }
  }

  #judgeFleet(): void {
    const { isUp, error } = this.#link
    const now = realTime()
    if (this.#owner.tasks.size === 0 || (isUp && this.workers.size > 0)) {
      this.#lastGood = now
      return
    }
    if (now - this.#lastGood < this.#fleetTimeout) return
    this.#lastGood = now
    const missing = isUp ? 'there was no worker' : 'Redis could not be reached'
    this.#owner.recovery.giveUp(`${missing} for ${this.#fleetTimeout} ms (\`fleetTimeout\`)`, isUp ? undefined : error)
  }

  async #checkPolicy(): Promise<void> {
    this.#hasWarned = true
    try {
      const info = await this.#link.redis.info()
      for (const warning of warningsOf(info)) this.#onError(warning)
    } catch {
      // The connection broke, or that is not allowed: it is tried when it comes again.
      this.#hasWarned = false
    }
  }
}

/** The token of a lock begins with the id of the worker. */
function ownerOf(token: unknown): string | undefined {
  return typeof token === 'string' ? token.slice(0, 36) : undefined
}
