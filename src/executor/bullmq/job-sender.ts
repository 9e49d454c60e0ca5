import { types } from 'node:util'
import { realTime } from '../../deadline.ts'
import { BrokenExecutorError, TaskNotCloneableError } from '../../errors.ts'
import { readBlobs } from './blobs.ts'
import { encodeValue } from './codec.ts'
import type { FleetLink } from './fleet-link.ts'
import type { ResolvedExecutorOptions } from './fleet-options.ts'
import type { FleetTask, SentJob } from './fleet-task.ts'
import { protocolVersion, requestModule } from './keys.ts'
import { contexts, type JobData, largeBytes, type PackedFunction, type PackedJob, type JobTask } from './protocol.ts'
import { ignore, isReply } from './redis-errors.ts'
import type { SharedStore, ValueToStore } from './shared-store.ts'

export interface SenderOwner {
  /** How many workers are known. */
  readonly workerCount: number
  /** The connection broke while the job was sent: it may be in Redis, or not. */
  handleUnsure(job: SentJob): void
}

/** Puts tasks into jobs, and those into Redis: the tasks of one turn together. */
export class JobSender {
  readonly #link: FleetLink
  readonly #shared: SharedStore
  readonly #options: ResolvedExecutorOptions
  readonly #owner: SenderOwner
  /** Jobs that were sent and are not over, by number. */
  readonly jobs = new Map<number, SentJob>()
  /** Jobs that no worker has taken, and that are not being revoked. */
  readonly untakenJobs = new Set<SentJob>()
  /** Keys of arguments that are stored by themselves. */
  readonly largeKeys = new Set<string>()
  readonly tasks = new Map<number, FleetTask>()
  #unsent: FleetTask[] = []
  #isSending = false
  #lastTask = 0
  #lastJob = 0

  constructor(link: FleetLink, shared: SharedStore, options: ResolvedExecutorOptions, owner: SenderOwner) {
    this.#link = link
    this.#shared = shared
    this.#options = options
    this.#owner = owner
  }

  /** @param isFirst the task goes first: it was sent before */
  push(task: FleetTask, isFirst: boolean): void {
    task.stage = 'unsent'
    task.worker = task.job = undefined
    if (isFirst) this.#unsent.unshift(task)
    else this.#unsent.push(task)
    this.sendLater()
  }

  /** Removes a task that is not sent yet. */
  remove(task: FleetTask): void {
    this.#unsent = this.#unsent.filter((each) => each !== task)
  }

  /** Sends what waits, at the end of this turn. */
  sendLater(): void {
    if (this.#isSending) return
    this.#isSending = true
    queueMicrotask(() => {
      this.#isSending = false
      this.#send()
    })
  }

  /** Forgets the task's number. */
  forget(task: FleetTask): void {
    this.tasks.delete(task.number)
    const { job } = task
    job?.tasks.delete(task)
    if (job?.tasks.size === 0) {
      this.jobs.delete(job.number)
      this.untakenJobs.delete(job)
      this.sendLater()
    }
    const key = this.#largeKey(task)
    // A worker that takes the job removes them from Redis.
    if (this.largeKeys.delete(key) && this.#link.isUp) this.#link.redis.del(key).catch(ignore)
  }

  #send(): void {
    if (!this.#link.isUp || this.#unsent.length === 0) return
    const { batchSize } = this.#options
    const { workerCount } = this.#owner
    if (shouldHoldBack(this.#unsent.length, this.untakenJobs.size, workerCount, batchSize)) return
    const ready = this.#unsent.filter((task) => this.#encode(task))
    this.#unsent = []
    const alone = ready.filter((task) => task.isSuspect)
    for (const task of alone) void this.#sendJob([task])
    const together = ready.filter((task) => !task.isSuspect)
    const count = countJobs(together.length, workerCount, batchSize)
    for (let index = 0, at = 0; index < count; index++) {
      const size = Math.ceil((together.length - at) / (count - index))
      void this.#sendJob(together.slice(at, (at += size)))
    }
  }

  /** @returns false if it failed, or if its Blobs must be read first, after which it is pushed again */
  #encode(task: FleetTask): boolean {
    if (task.bytes !== undefined) return true
    try {
      const args = readBlobs(task.args)
      if (!types.isPromise(args)) return this.#encodeArgs(task, args)
      args.then(
        (read) => {
          if (task.stage !== 'over' && this.#encodeArgs(task, read)) this.push(task, true)
        },
        (error: unknown) => {
          if (task.stage !== 'over') task.failToPost(error)
        },
      )
    } catch (error) {
      task.failToPost(error)
    }
    return false
  }

  #encodeArgs(task: FleetTask, args: unknown): boolean {
    try {
      task.bytes = encodeValue(args)
    } catch (error) {
      task.failToPost(error)
      return false
    }
    const { maxMessageBytes } = this.#options
    if (task.bytes.byteLength <= maxMessageBytes) return true
    const size = `they take ${task.bytes.byteLength} bytes, more than \`maxMessageBytes\` (${maxMessageBytes})`
    task.fail(new TaskNotCloneableError(`Can't send the arguments of \`${task.name}\` to another process: ${size}`))
    return false
  }

  async #sendJob(tasks: readonly FleetTask[]): Promise<void> {
    const job = this.#open(tasks)
    const toStore: ValueToStore[] = []
    const packed = this.#pack(job, toStore)
    const lose = (): void => this.#shared.lose(toStore.map(({ key }) => key))
    if (packed === undefined) {
      lose()
      return
    }
    try {
      const stores = [...toStore.map((value) => this.#store(value)), ...this.#storeLarge(job)]
      if (stores.length > 0) await Promise.all(stores)
      await this.#link.queue.add('tasks', packed, { jobId: job.id })
    } catch (error) {
      lose()
      this.#handleFailure(job, error)
    }
  }

  #open(tasks: readonly FleetTask[]): SentJob {
    const number = ++this.#lastJob
    const job: SentJob = {
      number,
      id: `${this.#link.id}-${number}`,
      tasks: new Set(tasks),
      numbers: [],
      sentAt: realTime(),
      worker: undefined,
      takenAt: undefined,
      misses: 0,
      isRevoked: false,
    }
    this.jobs.set(number, job)
    this.untakenJobs.add(job)
    for (const task of tasks) {
      task.number = ++this.#lastTask
      job.numbers.push(task.number)
      task.stage = 'sent'
      task.job = job
      this.tasks.set(task.number, task)
    }
    return job
  }

  /** @returns `undefined` if nothing is left to send */
  #pack(job: SentJob, toStore: ValueToStore[]): JobData | undefined {
    const functions: PackedFunction[] = []
    const places = new Map<string, number>()
    const tasks: JobTask[] = []
    for (const task of [...job.tasks]) {
      const module = task.link.ownModule === undefined ? task.module : requestModule
      const name = `${module}\0${task.name}`
      if (!places.has(name)) places.set(name, functions.push([module, task.name]) - 1)
      try {
        const shared = this.#shared.name(task.link.shared, toStore)
        const bytes = task.bytes as Uint8Array
        const args = bytes.byteLength > largeBytes ? null : bytes
        tasks.push([task.number, places.get(name) as number, task.isIdempotent, args, shared])
      } catch (error) {
        this.forget(task)
        task.failToPost(error)
      }
    }
    if (tasks.length === 0) return undefined
    const packed: PackedJob = { clientTimeout: this.#options.clientTimeout, functions, tasks }
    const { id, sealer } = this.#link
    const bytes = sealer.seal(encodeValue(packed), contexts.job(id, job.number))
    return { v: protocolVersion, s: id, j: job.number, d: bytes.toString('base64') }
  }

  #store({ key, bytes }: ValueToStore): Promise<unknown> {
    const { id, keys, redis, sealer } = this.#link
    const sealed = sealer.seal(bytes, contexts.shared(id, key))
    return redis.set(keys.shared(id, key), sealed, 'PX', this.#options.clientTimeout)
  }

  #storeLarge(job: SentJob): Promise<unknown>[] {
    const { id, redis, sealer } = this.#link
    const large = [...job.tasks].filter((task) => (task.bytes as Uint8Array).byteLength > largeBytes)
    return large.map((task) => {
      const key = this.#largeKey(task)
      this.largeKeys.add(key)
      const sealed = sealer.seal(task.bytes as Uint8Array, contexts.large(id, `args:${task.number}`))
      return redis.set(key, sealed, 'PX', this.#options.clientTimeout)
    })
  }

  #largeKey(task: FleetTask): string {
    return this.#link.keys.large(this.#link.id, `args:${task.number}`)
  }

  #handleFailure(job: SentJob, error: unknown): void {
    // The connection broke: the job may be in Redis, or not.
    if (!isReply(error)) return this.#owner.handleUnsure(job)
    this.#options.onError(error)
    for (const task of [...job.tasks]) {
      this.forget(task)
      task.fail(new BrokenExecutorError(`Can't send \`${task.name}\` to the fleet: ${error.message}`, { cause: error }))
    }
  }
}

/** How many jobs the tasks are sent in: as many as there are workers, if there are so many tasks; none larger than `batchSize`. */
export function countJobs(tasks: number, workers: number, batchSize: number): number {
  return Math.max(Math.ceil(tasks / batchSize), Math.min(tasks, Math.max(1, workers)))
}

/** Whether workers have enough to take. What is held back is sent later in larger batches, which cost less. */
export function shouldHoldBack(tasks: number, untakenJobs: number, workers: number, batchSize: number): boolean {
  return tasks < batchSize && untakenJobs >= 2 * Math.max(1, workers)
}
