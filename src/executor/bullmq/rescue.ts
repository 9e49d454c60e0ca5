import { BrokenExecutorError, WorkerCrashedError } from '../../errors.ts'
import { encode } from '../remote/error-codec.ts'
import { encodeValue } from './codec.ts'
import type { FleetLink } from './fleet-link.ts'
import type { FleetTask, SentJob } from './fleet-task.ts'
import type { JobSender } from './job-sender.ts'
import { afterLoss } from './recovery.ts'
import type { SharedStore } from './shared-store.ts'

/** How often a worker may lack what a task needs: something takes it away each time. */
const mostShortages = 20

interface RescueParts {
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
export class Rescue {
  readonly #parts: RescueParts
  /** Cancelled in this turn, and sent before. */
  #stopped: FleetTask[] = []
  readonly #removals = new Set<Promise<unknown>>()

  constructor(parts: RescueParts) {
    this.#parts = parts
  }

  /** It is cancelled, and a worker may be about to take it: with the others of this turn. */
  stopLater(task: FleetTask): void {
    if (this.#stopped.push(task) > 1) return
    queueMicrotask(() => {
      const stopped = this.#stopped
      this.#stopped = []
      this.#takeBack(stopped, () => undefined)
    })
  }

  /** Its worker is gone, or given up. */
  handleLostWorker(worker: string): void {
    const tasks = [...this.#parts.tasks].filter((task) => task.worker === worker)
    this.#takeBack(tasks, (task) => {
      if (task.worker === worker) this.handleLost(task, 'is gone')
    })
  }

  /** Nobody has said that he has it, and he who might have can't say so any more. @param isDeadly its worker died with it */
  takeBackJob(job: SentJob, isDeadly: boolean): void {
    if (job.isRevoked) return
    this.#disown(job)
    this.#takeBack([...job.tasks], (task) => {
      if (task.stage !== 'sent') return
      if (isDeadly) this.handleLost(task, 'died when it took it')
      else this.handleMissing(task, [])
    })
  }

  /** Everything that was handed over, for there is nobody to do it. */
  giveUp(problem: string, cause: unknown): void {
    const tasks = [...this.#parts.tasks]
    this.#takeBack(tasks, () => undefined)
    for (const task of tasks) {
      this.abort(task, new Error(problem))
      this.#parts.sender.remove(task)
      task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: ${problem}`, { cause }))
    }
  }

  /** Its outcome is lost, and nobody has it any more. */
  giveUpUnknown(task: FleetTask): void {
    if (task.stage === 'over') return
    void this.#parts.link.revoke([task.number])
    const message = `\`${task.name}\` was lost when Redis lost its memory: nobody knows whether it was done`
    task.fail(new WorkerCrashedError(message))
  }

  /** A worker has not got what it needs. @param keys of shared values */
  handleMissing(task: FleetTask, keys: readonly number[]): void {
    this.#parts.shared.lose(keys)
    if (++task.shortages < mostShortages) return this.resend(task)
    task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: Redis loses what it needs`))
  }

  /** It is not over, does not run, and will not. */
  resend(task: FleetTask): void {
    if (task.stage === 'over') return
    this.#parts.sender.forget(task)
    if (task.isStopped) task.fulfil(undefined)
    else this.#parts.sender.push(task, true)
  }

  /** With its worker. */
  handleLost(task: FleetTask, fate: string): void {
    if (task.stage === 'over') return
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
    for (const { job } of tasks) if (job !== undefined) this.#disown(job)
    const again = tasks.filter((task) => task.isIdempotent)
    this.#takeBack(again, (task) => {
      this.abort(task, undefined)
      this.resend(task)
    })
    return tasks.filter((task) => !task.isIdempotent)
  }

  abort(task: FleetTask, reason: unknown): void {
    if (task.worker === undefined) return
    this.#parts.link.tell(task.worker, ['abort', task.number, encodeValue(encode(reason))])
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
    void this.#parts.link.revoke(numbers).then(() => {
      for (const [index, task] of sent.entries()) {
        if (task.stage === 'over' || task.number !== numbers[index]) continue
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
      const removal = this.#parts.link.queue.remove(job.id).catch(() => undefined)
      this.#removals.add(removal)
      void removal.then(() => this.#removals.delete(removal))
    }
  }
}
