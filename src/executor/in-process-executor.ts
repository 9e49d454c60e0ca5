import PQueue from 'p-queue'
import { checkCount } from '../checks.ts'
import type { Future } from '../future/future.ts'
import { loadTaskReference, type TaskReference } from '../task-reference.ts'
import { UserScope, userScope } from '../user-scope.ts'
import type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task, TaskContext } from './executor.ts'
import { HeldWorkers } from './held-workers.ts'
import { executorOptions } from './option-names.ts'
import type { QueuedTask, Work } from './queued-task.ts'
import { checkRateLimit, type RateLimit } from './rate-window.ts'
import { TaskScheduler, type SchedulerHost } from './task-scheduler.ts'

export type { RateLimit } from './rate-window.ts'

/** The bounds of an InProcessExecutor. */
export interface InProcessExecutorOptions {
  /** How many tasks may be alive at once: a positive integer or Infinity. @default 8 */
  maxWorkers?: number | undefined
  /** How many of one group. @default no limit of its own */
  maxPerGroup?: number | undefined
  /** How fast tasks start: any window of `interval` ms sees at most `limit` starts. @default as fast as they can */
  rateLimit?: RateLimit | undefined
  /** How many tasks may wait; one more is a QueueFullError. @default no limit */
  maxQueue?: number | undefined
}

/**
 * On a `submit` that has functions called with their controller as `this`; one that a caller has put in its place may not.
 * Registered: two copies of the package may meet.
 */
export const callsOnController = Symbol.for('undici-futures.callsOnController')

/**
 * Runs tasks in this thread, at most `maxWorkers` at a time.
 *
 * p-queue bounds how many run, and pauses. Tasks wait in front of it, not in it, because it keeps cancelled tasks, knows no
 * groups, and counts starts by the wall clock, which may be set back (a RateWindow counts ours by the monotonic clock). It is
 * given tickets: a ticket that runs takes one task after the other.
 */
export class InProcessExecutor implements Executor {
  readonly maxWorkers: number
  readonly isolated = false
  readonly #scheduler: TaskScheduler
  readonly #tickets: PQueue
  /** At most one ticket waits in p-queue; the first worker that is free starts it. */
  #hasWaitingTicket = false
  /** Made when users' code first waits for a task that is queued. */
  #heldWorkers: HeldWorkers | undefined
  #isShutDown = false
  #isPaused = false

  static {
    // Not declared: it is for requests of ours.
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is not called
    Object.assign(this.prototype.submit, { [callsOnController]: true })
  }

  /** @throws {TypeError | RangeError} bad numbers, an unknown option */
  constructor(options: InProcessExecutorOptions = {}) {
    const { maxWorkers = 8, maxPerGroup, rateLimit, maxQueue } = executorOptions('InProcessExecutor', options)
    this.maxWorkers = checkCount('maxWorkers', maxWorkers, { infinite: true })
    const checked = rateLimit === undefined ? undefined : checkRateLimit(rateLimit)
    const host: SchedulerHost = {
      perform,
      balance: () => this.#balance(),
      handleAwaited: (task) => this.#handleAwaited(task),
    }
    this.#scheduler = new TaskScheduler(host, { maxPerGroup, maxQueue, rateLimit: checked })
    this.#tickets = new PQueue({ concurrency: this.maxWorkers })
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

  /** Starts again what `pause()` has stopped. */
  resume(): void {
    this.#isPaused = false
    void Promise.resolve().then(() => this.#proceed())
  }

  /** @returns a promise that resolves when every future is settled and all work has stopped; nothing keeps it from starting again */
  onIdle(): Promise<void> {
    return this.#scheduler.onIdle()
  }

  /** How many futures are in which state. */
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

  #handleAwaited(task: QueuedTask): void {
    const { alive } = this.#scheduler
    this.#heldWorkers ??= new HeldWorkers({ maxWorkers: this.maxWorkers, alive, isPaused: () => this.#isPaused })
    this.#heldWorkers.watch(task)
  }

  #balance(): void {
    while (this.#scheduler.hasReady && !this.#hasWaitingTicket) this.#addTicket()
  }

  /** Called in a microtask: p-queue starts tickets at once, and no task may start inside `resume()` or `shutdown()`. */
  #proceed(): void {
    if (this.#isPaused) return
    this.#tickets.start()
    this.#balance()
  }

  /** p-queue starts the ticket synchronously if a worker is free. */
  #addTicket(): void {
    let hasWaited = false
    const ticket = (resolve: () => void): void => {
      this.#hasWaitingTicket = false
      this.#work(resolve)
      // As long as a task waits, a ticket must wait.
      if (hasWaited) void Promise.resolve().then(() => this.#balance())
    }
    this.#hasWaitingTicket = true
    void this.#tickets.add(() => new Promise<void>(ticket))
    hasWaited = true
  }

  /** Runs one ticket: starts one task after the other until none may start. */
  #work(finish: () => void): void {
    const proceed = (): void => {
      if (this.#tickets.isPaused || !this.#scheduler.startNext(proceed)) finish()
    }
    proceed()
  }
}

function perform(task: QueuedTask, context: TaskContext): unknown {
  const { work, controller } = task
  // The controller of a request tells by itself when it is in users' code.
  if (userScope in controller) return task.runInAsyncScope(work as Task<unknown>, controller, context)
  return task.runInAsyncScope(performScoped, undefined, task, work, context)
}

function performScoped(task: QueuedTask, work: Work, context: TaskContext): unknown {
  const scope = new UserScope()
  task.work = scope
  return scope.run(() => (typeof work === 'function' ? work(context) : callReference(work, context)))
}

async function callReference(reference: TaskReference, context: TaskContext): Promise<unknown> {
  const fn = await loadTaskReference(reference)
  return fn(...(reference.args ?? []), context)
}
