import { randomUUID } from 'node:crypto'
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import { realTime } from '../../deadline.ts'
import type { FleetLink } from './fleet-link.ts'
import type { ResolvedExecutorOptions } from './fleet-options.ts'
import type { FleetTask, SentJob } from './fleet-task.ts'
import type { Rescue } from './rescue.ts'
import { isLost, judgeJob, type Sighting } from './recovery.ts'

export interface WatchOwner {
  /** Handed over, and not over. */
  readonly tasks: ReadonlySet<FleetTask>
  readonly rescue: Rescue
  readonly sender: { readonly untakenJobs: Iterable<SentJob> }
}

/** ms between two looks. */
const interval = 1000
/** ms that a job may lie in the queue until it is looked for. */
const patience = 1000
/** ms after which tasks that Redis has forgotten are asked for, and then given up: workers have to come back first. */
const searchDelays = [1500, 6000] as const
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
  readonly #absences = new Map<string, number>()
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
    this.#timer ??= setInterval(() => void this.#look(), Math.min(interval, this.#fleetTimeout))
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
      for (const worker of workers) this.#link.tell(worker, ['census', nonce, numbers])
    }, searchDelays[0]).unref()
    setTimeout(() => {
      this.#censuses.delete(nonce)
      for (const [number, task] of missing) if (task.number === number) this.#owner.rescue.giveUpUnknown(task)
    }, searchDelays[1]).unref()
  }

  handleHere(worker: string, nonce: string, numbers: readonly number[]): void {
    const missing = this.#censuses.get(nonce)
    for (const number of numbers) {
      const task = missing?.get(number)
      missing?.delete(number)
      if (task?.number === number && task.stage === 'sent') {
        task.stage = 'taken'
        task.worker = worker
      }
    }
  }

  /** Workers strike out jobs when they have said the last word about them. */
  async waitUntilGone(ids: readonly string[]): Promise<void> {
    const { redis, keys } = this.#link
    const end = realTime() + interval
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
    for (const [worker, sighting] of sightings) this.#judge(worker, sighting)
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

  #judge(worker: string, sighting: Sighting): void {
    const absences = sighting.isConnected ? 0 : (this.#absences.get(worker) ?? 0) + 1
    this.#absences.set(worker, absences)
    if (sighting.isConnected && sighting.isAlive) {
      this.noteWorker(worker)
      return
    }
    this.workers.delete(worker)
    if (!isLost(sighting, absences, this.#link.calm)) return
    this.#absences.delete(worker)
    this.#owner.rescue.handleLostWorker(worker)
    if (!sighting.isAlive) this.#link.redis.srem(this.#link.keys.workers, worker).catch(() => undefined)
  }

  async #lookAtJobs(): Promise<void> {
    const { redis, keys, calm } = this.#link
    const now = realTime()
    const jobs: SentJob[] = []
    for (const job of this.#owner.sender.untakenJobs) {
      if (now - job.sentAt < patience || jobs.length >= mostJobs) break
      jobs.push(job)
    }
    if (jobs.length === 0) return
    const pipeline = redis.pipeline()
    for (const { id } of jobs) pipeline.exists(keys.job(id)).get(keys.lock(id))
    const replies = (await pipeline.exec()) ?? []
    const owners = jobs.map((_, index) => ownerOf(replies[2 * index + 1]?.[1]))
    const sightings = await this.#see([...new Set(owners.flatMap((owner) => owner ?? []))])
    for (const [index, job] of jobs.entries()) {
      if (job.isRevoked || job.worker !== undefined) continue
      const owner = owners[index]
      const sighting = owner === undefined ? undefined : sightings.get(owner)
      const isOwnerLost = sighting !== undefined && !sighting.isConnected && isLost(sighting, 2, calm)
      const exists = replies[2 * index]?.[1] === 1
      job.misses = exists ? 0 : job.misses + 1
      const state = judgeJob({ exists, owner }, isOwnerLost, job.misses, now - job.sentAt)
      if (state !== 'fine') this.#owner.rescue.takeBackJob(job, state === 'dead')
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
    this.#owner.rescue.giveUp(`${missing} for ${this.#fleetTimeout} ms (\`fleetTimeout\`)`, isUp ? undefined : error)
  }

  async #checkPolicy(): Promise<void> {
    this.#hasWarned = true
    const warning = await policyWarning(this.#link.redis).catch(() => undefined)
    if (warning !== undefined) this.#onError(warning)
  }
}

/** The token of a lock begins with the id of the worker. */
function ownerOf(token: unknown): string | undefined {
  return typeof token === 'string' ? token.slice(0, 36) : undefined
}

/** @returns what is wrong with it, if Redis may throw away what it was given */
async function policyWarning(redis: FleetLink['redis']): Promise<Error | undefined> {
  const info = await redis.info('memory')
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  if (policy === undefined || policy === 'noeviction') return undefined
  const problem = 'it may throw away jobs and results: set it to `noeviction`'
  return new Error(`Redis has \`maxmemory-policy ${policy}\`: ${problem}`)
}
