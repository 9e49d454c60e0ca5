import { BrokenExecutorError, WorkerCrashedError } from '../../errors.ts'
import type { FleetLink } from './fleet-link.ts'
import type { FleetTask, SentJob } from './fleet-task.ts'
import type { JobSender } from './job-sender.ts'
import { encodeThrown } from './protocol.ts'
import { ignore } from './redis-errors.ts'
import { afterLoss, type judgeJob } from './recovery-rules.ts'
import type { SharedStore } from './shared-store.ts'

/** How often a worker may lack what a task needs, or lose the job: something takes it away each time. */
const mostShortages = 20

/** Unsure: it is not known whether it has come to Redis. Again: it was taken a second time, and nobody has spoken of the first. */
export type JobFate = 'unsure' | 'again' | Exclude<ReturnType<typeof judgeJob>, 'fine'>

interface RecoveryParts {
  readonly link: FleetLink
  readonly sender: JobSender
  readonly shared: SharedStore
  /** Handed over, and not over. */
  readonly tasks: ReadonlySet<FleetTask>
  readonly maxDeliveries: number
}

/**
 * What becomes of tasks that were lost, were taken back, or must not begin. What was sent is first revoked: when all is known
 * that was said of it before, what has not begun will not, and may be sent again.
 */
export class TaskRecovery {
  readonly #parts: RecoveryParts
  /** Cancelled in this turn, and sent before. */
  #stopped: FleetTask[] = []
  readonly #removals = new Set<Promise<unknown>>()

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  /** It is cancelled, and a worker may be about to take it: with the others of this turn. */
  stopLater(task: FleetTask): void {
    if (this.#stopped.push(task) > 1) return
    queueMicrotask(() => {
      const stopped = this.#stopped
      this.#stopped = []
      this.#takeBack(stopped, ignore)
    })
  }

  /** Its worker is gone, or given up. */
  handleLostWorker(worker: string): void {
    const tasks = [...this.#parts.tasks].filter((task) => task.worker === worker)
    this.#takeBack(tasks, (task) => {
      this.handleLost(task, 'is gone')
    })
  }

  /** Nobody has said that he has it, and he who might have can't say so any more. */
  takeBackJob(job: SentJob, fate: JobFate): void {
    if (job.isRevoked) return
    this.#disown(job)
    this.#takeBack([...job.tasks], (task) => {
      if (task.stage !== 'sent') return
      if (fate === 'dead') this.handleLost(task, 'died when it took it')
      else if (fate === 'unsure') this.resend(task)
      else this.handleMissing(task, [])
    })
  }

  /** Everything that was handed over, for there is nobody to do it. */
  giveUp(problem: string, cause: unknown): void {
    const tasks = [...this.#parts.tasks]
    this.#takeBack(tasks, ignore)
    for (const task of tasks) {
      this.abort(task, new Error(problem))
      this.#parts.sender.remove(task)
      task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: ${problem}`, { cause }))
    }
  }

  /** Its outcome is lost, and nobody has it any more. */
  giveUpUnknown(task: FleetTask): void {
    if (task.stage === 'over') return
    void this.#parts.link.revocations.revoke([task.number])
    const message = `\`${task.name}\` was lost when Redis lost its memory: nobody knows whether it was done`
    task.fail(new WorkerCrashedError(message))
  }

  /** A worker has not got what it needs. @param keys of shared values */
  handleMissing(task: FleetTask, keys: readonly number[]): void {
    this.#parts.shared.lose(keys)
    if (++task.shortages < mostShortages) return this.resend(task)
    const problem = `it was lost ${mostShortages} times on its way, or something that it needs`
    task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: ${problem}`))
  }

  /** It is not over, does not run, and will not. */
  resend(task: FleetTask): void {
    this.#parts.sender.forget(task)
    if (task.isStopped) task.fulfil(undefined)
    else this.#parts.sender.push(task, true)
  }

  /** With its worker. */
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
   * Redis has lost its memory: the queue, what was said, and what was shared.
   *
   * @returns tasks that must not be done twice: somebody may have them
   */
  handleAmnesia(): readonly FleetTask[] {
    this.#parts.shared.lose()
    const tasks = [...this.#parts.tasks].filter((task) => task.stage !== 'unsent')
    // Who is asked for is not sent again by somebody who finds no job.
    for (const { job } of tasks) this.#disown(job as SentJob)
    const again = tasks.filter((task) => task.isIdempotent)
    this.#takeBack(again, (task) => {
      this.abort(task, undefined)
      this.resend(task)
    })
    return tasks.filter((task) => !task.isIdempotent)
  }

  abort(task: FleetTask, reason: unknown): void {
    if (task.worker === undefined) return
    this.#parts.link.orders.tell(task.worker, ['abort', task.number, encodeThrown(reason)])
  }

  /** @returns a promise that resolves when no job of which nothing is left lies in the queue */
  async settle(): Promise<void> {
    await Promise.all(this.#removals)
  }

  #disown(job: SentJob): void {
    job.isRevoked = true
    this.#parts.sender.untakenJobs.delete(job)
  }

  /** They do not begin any more. @param next for each that is not over, when all is known that was said of it */
  #takeBack(tasks: readonly FleetTask[], next: (task: FleetTask) => void): void {
    const sent = tasks.filter((task) => task.stage !== 'unsent' && task.stage !== 'over')
    if (sent.length === 0) return
    const jobs = new Set(sent.map((task) => task.job))
    const numbers = sent.map((task) => task.number)
    const { link } = this.#parts
    const { losses } = link
    void link.revocations.revoke(numbers).then(() => {
      // Not all that was said is known: who may have begun what must not be done twice is asked for.
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

  /** Jobs of which nothing is left need not be taken by anybody. */
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
      // Nobody had it: what was revoked need not be known for ever.
      if (count === 1) this.#parts.link.revocations.unrevoke(job.numbers)
    } catch {
      // Somebody has it, or Redis is gone.
    }
  }
}
