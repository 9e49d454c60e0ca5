import PQueue from 'p-queue'
import { checkCount } from '../checks.ts'
import { Deadline } from '../deadline.ts'
import type { Future } from '../future/future.ts'
import { ownOptions } from '../own-options.ts'
import { loadTaskReference, type TaskReference } from '../task-reference.ts'
import type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task, TaskContext } from './executor.ts'
import type { QueuedTask } from './queued-task.ts'
import { checkRateLimit, StartLog, type RateLimit } from './start-log.ts'
import { TaskScheduler, type SchedulerHost } from './task-scheduler.ts'

export type { RateLimit } from './start-log.ts'

export interface InProcessExecutorOptions {
  /** How many tasks may be alive at once: a positive integer or Infinity. Default 8. */
  maxWorkers?: number | undefined
  /** How many of one group. Default: no limit of its own. */
  maxPerGroup?: number | undefined
  /** How fast tasks start: any window of `interval` ms sees at most `limit` starts. Default: as fast as they can. */
  rateLimit?: RateLimit | undefined
  /** How many tasks may wait; one more is a QueueFullError. Default: no limit. */
  maxQueue?: number | undefined
}

/**
 * Runs tasks in this thread, so many at a time. p-queue is the engine: it bounds how many run and how fast they start.
 * What it is given are not the tasks but tickets: a ticket that p-queue starts takes the next task that may start, and,
 * where starts are not counted, the next one after it. At most one ticket ever waits in p-queue. So a waiting task costs
 * little, leaves in constant time, and burns no slot of the rate limit.
 */
export class InProcessExecutor implements Executor, SchedulerHost {
  readonly maxWorkers: number
  readonly isolated = false
  readonly #scheduler: TaskScheduler
  readonly #tickets: PQueue
  /** Where all starts together are counted. */
  readonly #starts: StartLog | undefined
  /** The ticket that waits in p-queue, and how to take it back. */
  #waitingTicket: AbortController | undefined
  #isShutDown = false
  #isPaused = false

  /** @throws {TypeError | RangeError} bad numbers */
  constructor(options: InProcessExecutorOptions = {}) {
    const { maxWorkers = 8, maxPerGroup, rateLimit, maxQueue } = ownOptions(options)
    this.maxWorkers = checkCount('maxWorkers', maxWorkers, { infinite: true })
    const rate = rateLimit === undefined ? undefined : checkRateLimit(rateLimit)
    const isPerGroup = rate?.perGroup === true
    this.#starts = rate === undefined || isPerGroup ? undefined : new StartLog(rate)
    this.#scheduler = new TaskScheduler(this, { maxPerGroup, maxQueue, groupRate: isPerGroup ? rate : undefined })
    this.#tickets = new PQueue({
      concurrency: this.maxWorkers,
      // Strict: a fixed window lets twice the limit pass around its edge. One more millisecond, because it counts whole ones.
      ...(rate === undefined || isPerGroup
        ? {}
        : { intervalCap: rate.limit, interval: rate.interval + 1, strict: true }),
    })
  }

  submit<T>(task: Task<T> | TaskReference<T>, options?: SubmitOptions<T>): Future<T> {
    return this.#scheduler.submit(task, options)
  }

  /** Starts nothing more until `resume()` or `shutdown()`, after which it does nothing; what runs goes on. */
  pause(): void {
    if (this.#isShutDown) return
    this.#isPaused = true
    this.#tickets.pause()
  }

  resume(): void {
    this.#isPaused = false
    void Promise.resolve().then(() => this.#proceed())
  }

  /** @returns a promise that resolves when every future is settled and all work has stopped; nothing keeps it from starting again */
  onIdle(): Promise<void> {
    return this.#scheduler.onIdle()
  }

  stats(): ExecutorStats {
    return this.#scheduler.stats()
  }

  async shutdown(options?: ShutdownOptions): Promise<void> {
    const over = this.#scheduler.shutdown(options)
    this.#isShutDown = true
    this.resume()
    await over
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  /** @internal */
  perform(task: QueuedTask, context: TaskContext): unknown {
    const { work } = task
    if (typeof work === 'function') return task.runInAsyncScope(work, undefined, context)
    return task.runInAsyncScope(callReference, undefined, work, context)
  }

  /** @internal */
  balance(): void {
    while (this.#scheduler.hasReady && this.#waitingTicket === undefined) this.#addTicket()
    // A ticket with nothing to take would burn a slot of the rate limit, and its timer keeps the process alive.
    if (!this.#scheduler.hasReady) this.#withdrawTicket()
  }

  /** In a microtask: p-queue starts tickets at once, and what they take must not start inside of `resume()` or `shutdown()`. */
  #proceed(): void {
    if (this.#isPaused) return
    this.#tickets.start()
    this.balance()
  }

  #addTicket(): void {
    const { pending, isPaused } = this.#tickets
    if (pending < this.maxWorkers && !isPaused && this.#starts === undefined) {
      void this.#tickets.add(() => new Promise<void>((resolve) => this.#work(resolve)))
      return
    }
    const withdrawal = new AbortController()
    this.#waitingTicket = withdrawal
    const ticket = (): Promise<void> => new Promise((resolve) => this.#leaveQueue(withdrawal.signal, resolve))
    this.#tickets.add(ticket, { signal: withdrawal.signal }).catch(() => undefined)
  }

  /**
   * A ticket that has waited starts. p-queue dates a start when it decides on it, by the wall clock; the start itself may
   * come later (the system may stop us in between) and the clock may be set. So the ticket waits for the rest, if there is any.
   */
  #leaveQueue(withdrawn: AbortSignal, finish: () => void): void {
    const delay = this.#starts?.delay ?? 0
    if (delay > 0) {
      const deadline = new Deadline(delay, () => this.#leaveQueue(withdrawn, finish))
      withdrawn.addEventListener('abort', () => deadline.clear(), { once: true })
      return
    }
    this.#waitingTicket = undefined
    this.#work(finish)
    // There must be a ticket that waits, as long as there is a task that does.
    void Promise.resolve().then(() => this.balance())
  }

  #withdrawTicket(): void {
    // With a reason: else Node makes a DOMException with a stack.
    this.#waitingTicket?.abort('withdrawn')
    this.#waitingTicket = undefined
  }

  /** One ticket at work: task after task, or just one where starts are counted. */
  #work(finish: () => void): void {
    const proceed = (): void => {
      if (this.#tickets.isPaused || !this.#scheduler.startNext(this.#starts === undefined ? proceed : finish)) finish()
      else this.#starts?.add()
    }
    proceed()
  }
}

async function callReference(reference: TaskReference, context: TaskContext): Promise<unknown> {
  const fn = await loadTaskReference(reference)
  return fn(...(reference.args ?? []), context)
}
