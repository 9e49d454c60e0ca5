import { checkCount, messageOf } from '../checks.ts'
import { BrokenExecutorError, ExecutorClosedError, QueueFullError } from '../errors.ts'
import { FutureController } from '../future/future-controller.ts'
import type { Future } from '../future/future.ts'
import { LinkedList } from '../linked-list.ts'
import type { TaskReference } from '../task-reference.ts'
import { UserScope } from '../user-scope.ts'
import type { ExecutorStats, ShutdownOptions, SubmitOptions, Task, TaskContext } from './executor.ts'
import { checkShutdownNames } from './option-names.ts'
import { checkSubmission, QueuedTask, RunningContext, SignalledTask, type TaskOwner } from './queued-task.ts'
import type { RateLimit } from './rate-window.ts'
import { TaskQueue } from './task-queue.ts'

export interface SchedulerOptions {
  maxPerGroup?: number | undefined
  maxQueue?: number | undefined
  rateLimit?: RateLimit | undefined
}

/** What an executor does for its scheduler. */
export interface SchedulerHost {
  /** Performing is not beginning: futures stay pending until the host calls `begin`. @default false */
  readonly startsLate?: boolean
  /** Runs the work of a task. The worker is free again when the returned promise settles; what is thrown rejects the future. */
  perform(task: QueuedTask, context: TaskContext): unknown
  /** Called in a microtask when tasks may have become ready to start, or none is ready any more. */
  balance(): void
  /** Code inside a UserScope waits for a queued task. */
  handleAwaited?(task: QueuedTask): void
}

const settled = Promise.resolve()

/**
 * What the executors have in common: waiting tasks, alive tasks, their futures, and the shutdown. How many run at once, and
 * when, is up to the host, which calls `startNext`.
 */
export class TaskScheduler implements TaskOwner {
  readonly #host: SchedulerHost
  readonly #maxPerGroup: number
  readonly #maxQueue: number
  readonly #waiting: TaskQueue
  /** Tasks that have started and not ended, whatever became of their futures. */
  readonly #alive = new LinkedList<QueuedTask>()
  /** Tasks that have ended while their future is running: the next attempt waits for its time, or for a worker. */
  readonly #betweenAttempts = new Set<QueuedTask>()
  readonly #stats: ExecutorStats = { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
  #waitingNextAttempts = 0
  #isClosed = false
  #isBalancing = false
  /** `hasReady`, when the host was last told to balance. */
  #wasReady = false
  readonly #balanceLater = (): void => {
    this.#isBalancing = false
    this.#balance()
  }
  #brokenBy: { readonly cause: unknown } | undefined
  #idleWaiters: (() => void)[] = []

  /** @throws {TypeError | RangeError} bad numbers */
  constructor(host: SchedulerHost, options: SchedulerOptions) {
    this.#host = host
    const { maxPerGroup = Infinity, maxQueue = Infinity, rateLimit } = options
    this.#maxPerGroup = checkCount('maxPerGroup', maxPerGroup, { infinite: true })
    this.#maxQueue = checkCount('maxQueue', maxQueue, { infinite: true })
    this.#waiting = new TaskQueue(this, rateLimit, () => this.#scheduleBalance())
  }

  get hasReady(): boolean {
    return this.#waiting.hasReady
  }

  /** Tasks that have started and not ended. */
  get alive(): Iterable<QueuedTask> {
    return this.#alive
  }

  get aliveCount(): number {
    return this.#alive.size
  }

  stats(): ExecutorStats {
    return { ...this.#stats }
  }

  submit<T>(work: Task<T> | TaskReference<T>, options: SubmitOptions<T> = {}): Future<T> {
    const { priority = 0, group, maxPerGroup = Infinity, signal, controller = new FutureController<T>() } = options
    checkSubmission(work, options)
    const untyped = controller as FutureController<unknown>
    const task = signal === undefined ? new QueuedTask(work, untyped) : new SignalledTask(work, untyped, signal)
    this.#admit(task)
    if (isLaterAttempt(task)) this.#waitingNextAttempts++
    else this.#stats.pending++
    // Attached after it was added: a task that is done already, or cancelled by its signal, is removed again at once.
    const limit = Math.min(this.#maxPerGroup, maxPerGroup)
    this.#waiting.add(task, { priority, group, maxPerGroup: limit, atFront: isLaterAttempt(task) })
    task.attach()
    this.#scheduleBalance()
    return controller.future
  }

  /**
   * Starts the next task that may start.
   *
   * @param onEnd called when the task is no longer alive, so that another one may start; never before this method returns
   * @returns false if there is none
   */
  startNext(onEnd: () => void): boolean {
    let task = this.#waiting.take()
    for (; task !== undefined && !this.#start(task); task = this.#waiting.take()) this.#waiting.release(task)
    if (task !== undefined) {
      this.#alive.push(task)
      this.#run(task, onEnd)
      this.#waiting.confirm(task)
    }
    this.#balanceIfChanged()
    return task !== undefined
  }

  /**
   * Marks the future of a task as running. Only a host that `startsLate` calls it.
   *
   * @returns false if the task must not begin: it was cancelled, or settled by somebody else
   */
  begin(task: QueuedTask): boolean {
    const { controller } = task
    if (controller.future.done()) return false
    if (isLaterAttempt(task)) return true
    task.countedAs = 'running'
    this.#stats.pending--
    this.#stats.running++
    // Somebody else may have started the controller.
    return controller.future.running() || (controller.start() && !controller.future.done())
  }

  handleSettled(task: QueuedTask): void {
    const { countedAs, isWaiting } = task
    if (isWaiting) {
      this.#waiting.remove(task)
      if (countedAs === 'nextAttempt') this.#waitingNextAttempts--
      // Synchronously, so that no worker is reserved for a task that has left.
      if (!this.#waiting.hasReady) this.#balance()
    }
    this.#betweenAttempts.delete(task)
    // A scope stays: the function may still run in it.
    if (!(task.work instanceof UserScope)) task.work = undefined
    if (countedAs !== 'nextAttempt') {
      this.#stats[countedAs]--
      this.#stats[task.controller.future.state]++
    }
    this.#checkIdle()
  }

  handleAwaited(task: QueuedTask): void {
    if (task.isWaiting) this.#host.handleAwaited?.(task)
  }

  /** @returns a promise that resolves when every future is settled and all work has stopped */
  onIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
    })
  }

  /** @throws {TypeError} bad options; nothing has happened then */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { wait = true, cancelPending = false, cancelRunning = false } = checkShutdownNames(options)
    this.#isClosed = true
    const reason = new ExecutorClosedError('The executor was shut down')
    const waiting = this.#waiting.list()
    const alive = [...this.#alive]
    const pending = cancelPending ? [...waiting, ...alive].filter(isPending) : []
    const begun = alive.filter((task) => !isPending(task))
    const running = cancelRunning ? [...begun, ...this.#betweenAttempts, ...waiting.filter(isLaterAttempt)] : []
    for (const { controller } of [...pending, ...running]) controller.future.cancel(reason)
    this.#scheduleBalance()
    return wait ? this.onIdle() : Promise.resolve()
  }

  /** Nothing can run any more: rejects what waits, each future with an error of its own, and makes `submit` throw. */
  break(cause: unknown): void {
    this.#brokenBy ??= { cause }
    for (const { controller } of [...this.#waiting.list(), ...this.#betweenAttempts]) {
      if (!controller.future.done()) controller.reject(brokenError(cause))
    }
  }

  get #isIdle(): boolean {
    const { pending, running } = this.#stats
    return pending + running + this.#waitingNextAttempts + this.#alive.size === 0
  }

  /** @throws when nothing more is accepted */
  #admit(task: QueuedTask): void {
    if (this.#brokenBy !== undefined) throw brokenError(this.#brokenBy.cause)
    // A next attempt belongs to work that was accepted before; after the shutdown is over, there is none.
    if (isLaterAttempt(task) && !(this.#isClosed && this.#isIdle)) return
    if (this.#isClosed) throw new ExecutorClosedError("Can't submit a task: the executor was shut down")
    const isLate = this.#host.startsLate === true
    const waiting = isLate ? this.#stats.pending : this.#waiting.size - this.#waitingNextAttempts
    if (waiting >= this.#maxQueue) {
      throw new QueueFullError(`Can't submit a task: ${this.#maxQueue} tasks are waiting already (\`maxQueue\`)`)
    }
  }

  /** @returns false if the task must not run: it was cancelled, or settled by somebody else */
  #start(task: QueuedTask): boolean {
    const { controller } = task
    if (isLaterAttempt(task)) this.#waitingNextAttempts--
    return this.#host.startsLate === true ? !controller.future.done() : this.begin(task)
  }

  #run(task: QueuedTask, onEnd: () => void): void {
    const { controller } = task
    const end = (settle: 'resolve' | 'reject', outcome: unknown): void => {
      try {
        // Somebody else may have settled it.
        if (!controller.future.done()) controller[settle](outcome)
      } finally {
        this.#end(task)
        onEnd()
      }
    }
    const fulfil = (value: unknown): void => end('resolve', value)
    const reject = (error: unknown): void => end('reject', error)
    try {
      const returned = this.#host.perform(task, new RunningContext(controller))
      void Promise.resolve(returned).then(fulfil, reject)
    } catch (error) {
      void Promise.reject(error).catch(reject)
    }
  }

  #end(task: QueuedTask): void {
    this.#alive.remove(task)
    this.#waiting.release(task)
    task.letGo()
    if (!task.controller.future.done()) this.#betweenAttempts.add(task)
    this.#balanceIfChanged()
    this.#checkIdle()
  }

  /** Tells the host only if `hasReady` has changed since it was last told. */
  #balanceIfChanged(): void {
    if (this.#waiting.hasReady !== this.#wasReady) this.#scheduleBalance()
  }

  #balance(): void {
    this.#wasReady = this.#waiting.hasReady
    this.#host.balance()
  }

  #scheduleBalance(): void {
    if (this.#isBalancing) return
    this.#isBalancing = true
    // Cheaper than queueMicrotask, which makes an AsyncResource; `#balance` does not throw.
    void settled.then(this.#balanceLater)
  }

  #checkIdle(): void {
    if (this.#idleWaiters.length === 0 || !this.#isIdle) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}

function isLaterAttempt(task: QueuedTask): boolean {
  return task.countedAs === 'nextAttempt'
}

/** Its future is pending: the task waits, or was handed over and has not begun. */
function isPending(task: QueuedTask): boolean {
  return task.countedAs === 'pending'
}

export function brokenError(cause: unknown): BrokenExecutorError {
  return new BrokenExecutorError(`The executor can't run tasks: ${messageOf(cause)}`, { cause })
}
