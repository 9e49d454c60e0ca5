import { BrokenExecutorError, WorkerCrashedError } from '../../errors.ts'
import type { FleetLink } from './fleet-link.ts'
import type { FleetTask, SentJob } from './fleet-task.ts'
import type { JobSender } from './job-sender.ts'
import { encodeThrown } from './protocol.ts'
import { ignore } from './redis-errors.ts'
import { afterLoss, type judgeJob } from './recovery-rules.ts'
import type { SharedStore } from './shared-store.ts'

/** How often a task is sent again because its job, or something that it needs, was lost: more than that has a lasting cause. */
const mostShortages = 20

/** 'unsure': Redis may have it, or not. 'again': it was delivered a second time, and the first worker has not reported it. */
export type JobFate = 'unsure' | 'again' | Exclude<ReturnType<typeof judgeJob>, 'fine'>

interface RecoveryParts {
  readonly link: FleetLink
  readonly sender: JobSender
  readonly shared: SharedStore
  /** Tasks that were handed over and are not over. */
  readonly tasks: ReadonlySet<FleetTask>
  readonly maxDeliveries: number
}

/**
 * Recovers tasks that were lost, or must not begin. A task that was sent is revoked first; when all earlier messages about it
 * are read, one that was not reported as begun never begins there, and can be sent again.
 */
export class TaskRecovery {
  readonly #parts: RecoveryParts
  /** Sent tasks that were cancelled in this turn. */
  #stopped: FleetTask[] = []
  readonly #removals = new Set<Promise<unknown>>()

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  /** Revokes a cancelled task, together with others of this turn. */
  stopLater(task: FleetTask): void {
    if (this.#stopped.push(task) > 1) return
    queueMicrotask(() => {
      const stopped = this.#stopped
      this.#stopped = []
      this.#revoke(stopped, ignore)
    })
  }

  /** Recovers the tasks of a worker that is gone. */
  handleLostWorker(worker: string): void {
    const tasks = [...this.#parts.tasks].filter((task) => task.worker === worker)
    this.#revoke(tasks, (task) => {
      this.handleLost(task, 'is gone')
    })
  }

  /** Recovers the tasks of a job that no worker has reported. */
  recoverJob(job: SentJob, fate: JobFate): void {
    if (job.isRevoked) return
    this.#markRevoked(job)
    this.#revoke([...job.tasks], (task) => {
      if (task.stage !== 'sent') return
      if (fate === 'dead') this.handleLost(task, 'died when it took it')
      else if (fate === 'unsure') this.resend(task)
      else this.handleMissing(task, [])
    })
  }

  /** Rejects all tasks: there is no worker, or no Redis, to run them. */
  giveUp(problem: string, cause: unknown): void {
    const tasks = [...this.#parts.tasks]
    this.#revoke(tasks, ignore)
    for (const task of tasks) {
      this.abort(task, new Error(problem))
      this.#parts.sender.remove(task)
      task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: ${problem}`, { cause }))
    }
  }

  /** Rejects a task that no worker has, and whose outcome is lost. */
  giveUpUnknown(task: FleetTask): void {
    if (task.stage === 'over') return
    void this.#parts.link.revocations.revoke([task.number])
    const message = `\`${task.name}\` was lost when Redis lost its memory: nobody knows whether it was done`
    task.fail(new WorkerCrashedError(message))
  }

  /** Something that the task needs is missing. @param keys those of shared values */
  handleMissing(task: FleetTask, keys: readonly number[]): void {
    this.#parts.shared.lose(keys)
    if (++task.shortages < mostShortages) return this.resend(task)
    const problem = `it was lost ${mostShortages} times on its way, or something that it needs`
    task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: ${problem}`))
  }

  /** Sends a task again that does not run and never will, or ends it if it was cancelled. */
  resend(task: FleetTask): void {
    this.#parts.sender.forget(task)
    if (task.isStopped) task.fulfil(undefined)
    else this.#parts.sender.push(task, true)
  }

  /** The task is lost with its worker. @param fate what the error says of the worker */
  handleLost(task: FleetTask, fate: string): void {
    if (task.isStopped) return this.resend(task)
    task.deliveries++
    task.isSuspect = true
    const { isIdempotent, deliveries, name } = task
    const next = afterLoss({ isIdempotent, deliveries, hasBegun: task.stage === 'begun' }, this.#parts.maxDeliveries)
    if (next === 'again') return this.resend(task)
    const problem =
      next === 'unknown'
        ? 'nobody knows whether it was done'
        : `so did all ${deliveries} workers that had it (\`maxDeliveries\`)`
    task.fail(new WorkerCrashedError(`The worker that ran \`${name}\` ${fate}: ${problem}`))
  }

  /**
   * Redis has lost its data: the queue, messages, and shared values.
   *
   * @returns the tasks that must not be done twice, and that a worker may have
   */
  handleDataLoss(): readonly FleetTask[] {
    this.#parts.shared.lose()
    const tasks = [...this.#parts.tasks].filter((task) => task.stage !== 'unsent')
    // So that the search for lost jobs does not send them, too.
    for (const { job } of tasks) this.#markRevoked(job as SentJob)
    const again = tasks.filter((task) => task.isIdempotent)
    this.#revoke(again, (task) => {
      this.abort(task, undefined)
      this.resend(task)
    })
    return tasks.filter((task) => !task.isIdempotent)
  }

  abort(task: FleetTask, reason: unknown): void {
    if (task.worker === undefined) return
    this.#parts.link.orders.tell(task.worker, ['abort', task.number, encodeThrown(reason)])
  }

  /** @returns a promise that resolves when all empty jobs are removed from the queue */
  async settle(): Promise<void> {
    await Promise.all(this.#removals)
  }

  #markRevoked(job: SentJob): void {
    job.isRevoked = true
    this.#parts.sender.untakenJobs.delete(job)
  }

  /** Revokes tasks. @param next called for each that is not over, when all earlier messages about it are read */
  #revoke(tasks: readonly FleetTask[], next: (task: FleetTask) => void): void {
    const sent = tasks.filter((task) => task.stage !== 'unsent' && task.stage !== 'over')
    if (sent.length === 0) return
    const jobs = new Set(sent.map((task) => task.job))
    const numbers = sent.map((task) => task.number)
    const { link } = this.#parts
    const { losses } = link
    void link.revocations.revoke(numbers).then(() => {
      // If Redis lost data meanwhile, messages may be lost: workers are asked about tasks that must not be done twice.
      const isSure = link.losses === losses
      for (const [index, task] of sent.entries()) {
        if (task.stage === 'over' || task.number !== numbers[index]) continue
        if (!isSure && !task.isIdempotent && !task.isStopped) continue
        if (task.isStopped && task.stage === 'sent') this.resend(task)
        else next(task)
      }
      this.#removeEmpty(jobs)
    })
  }

  /** Removes jobs without tasks from the queue. */
  #removeEmpty(jobs: Iterable<SentJob | undefined>): void {
    for (const job of jobs) {
      if (job === undefined || job.tasks.size > 0 || job.worker !== undefined || !this.#parts.link.isUp) continue
      const removal = this.#remove(job)
      this.#removals.add(removal)
      void removal.then(() => this.#removals.delete(removal))
    }
  }

  async #remove(job: SentJob): Promise<void> {
    try {
      const count = await this.#parts.link.queue.remove(job.id)
      // No worker had it: its revocations are no longer needed.
      if (count === 1) this.#parts.link.revocations.unrevoke(job.numbers)
    } catch {
      // A worker has it, or Redis is down.
    }
  }
}
