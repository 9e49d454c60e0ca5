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
  /** Tasks that were handed over and are not over. */
  readonly tasks: ReadonlySet<FleetTask>
  readonly recovery: TaskRecovery
  readonly sender: { readonly untakenJobs: Iterable<SentJob> }
}

/** How many jobs are looked up at a time. */
const mostJobs = 100

/** Watches workers and jobs while there are tasks: which workers are gone, and which jobs are lost. */
export class FleetWatch {
  readonly #link: FleetLink
  readonly #owner: WatchOwner
  readonly #fleetTimeout: number
  readonly #onError: (error: unknown) => void
  /** The workers that are alive, as far as is known. */
  readonly workers = new Set<string>()
  #absences = new Map<string, number>()
  readonly #censuses = new Map<string, Map<number, FleetTask>>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  /** When Redis and a worker were last there; on the monotonic clock. */
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
    // The number of workers decides how many jobs the first tasks are sent in.
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

  /** A worker has just written something. */
  noteWorker(worker: string): void {
    this.workers.add(worker)
    this.#absences.delete(worker)
    this.#lastGood = realTime()
  }

  /** Asks all workers whether they have these tasks, and gives up those that none has. */
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
      // Redis was down in between, or is: no worker could answer.
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

  /** Waits until workers have removed these jobs, which they do after their last word about them; not for long. */
  async waitUntilGone(ids: readonly string[]): Promise<void> {
    const { redis, keys } = this.#link
    const end = realTime() + times.look
    try {
      while (ids.length > 0 && realTime() < end) {
        if ((await redis.exists(...ids.map((id) => keys.job(id)))) === 0) return
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    } catch {
      // Redis is down: the keys there expire.
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
      // The connection broke: the next look sees it.
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
      return { job, exists: exists?.[1] !== 0, owner: workerOf(token?.[1]) }
    })
    const sightings = await this.#see([...new Set(looks.flatMap(({ owner }) => owner ?? []))])
    for (const { job, exists, owner } of looks) {
      if (job.isRevoked || job.worker !== undefined) continue
      job.misses = exists ? 0 : job.misses + 1
      job.takenAt = owner === undefined ? undefined : (job.takenAt ?? now)
      // A worker that took the job and has no connection any more can't say so.
      const sighting = { isConnected: true, isAlive: true, ...sightings.get(String(owner)) }
      const isOwnerLost = !sighting.isConnected && isLost(sighting, 2, calm)
      const state = judgeJob({ exists, owner }, isOwnerLost, job.misses, now - (job.takenAt ?? now))
      if (state !== 'fine') this.#owner.recovery.recoverJob(job, state)
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
      // The connection broke, or the command is not allowed: tried again at the next connection.
      this.#hasWarned = false
    }
  }
}

/** The token of a lock begins with the worker's id. */
function workerOf(token: unknown): string | undefined {
  return typeof token === 'string' ? token.slice(0, 36) : undefined
}
