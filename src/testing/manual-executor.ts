import { AsyncContext } from '../async-context.ts'
import { checkCount, checkSignal, checkType, describe } from '../checks.ts'
import { ExecutorClosedError } from '../errors.ts'
import type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task } from '../executor/executor.ts'
import { checkController, FutureController } from '../future/future-controller.ts'
import type { Future } from '../future/future.ts'
import { listen, unlisten } from '../shared-signal.ts'
import { isTaskReference, loadTaskReference, type TaskReference } from '../task-reference.ts'
import { checkOptionNames } from '../unknown-option.ts'

/** The limits of a ManualExecutor. */
export interface ManualExecutorOptions {
  /** How many tasks may be alive at once: a positive integer or Infinity. @default Infinity */
  maxWorkers?: number | undefined
  /** How many of one group. @default no limit of its own */
  maxPerGroup?: number | undefined
}

/**
 * Runs nothing until it is told to, for tests of what happens before, between and after. It is also an example of how to
 * write an executor: everything that the contract asks for, in the simplest way.
 *
 * `shutdown()` tells it to run what is left, as it resumes an executor that is paused.
 */
export class ManualExecutor implements Executor {
  readonly maxWorkers: number
  readonly isolated = false
  readonly #maxPerGroup: number
  /** Waiting tasks, in order of submission. */
  readonly #waitingTasks = new Set<ManualTask>()
  /** Tasks that have started and not ended, whatever became of their futures. */
  readonly #aliveTasks = new Set<ManualTask>()
  /** Futures that are not done. */
  readonly #openFutures = new Set<Future<unknown>>()
  readonly #stats: ExecutorStats = { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
  #isClosed = false
  #runsByItself = false
  #idleWaiters: (() => void)[] = []

  /** @throws {TypeError | RangeError} bad numbers, an unknown option */
  constructor(options: ManualExecutorOptions = {}) {
    checkOptionNames(options, ['maxWorkers', 'maxPerGroup'])
    const { maxWorkers = Infinity, maxPerGroup = Infinity } = options
    this.maxWorkers = checkCount('maxWorkers', maxWorkers, { infinite: true })
    this.#maxPerGroup = checkCount('maxPerGroup', maxPerGroup, { infinite: true })
  }

  submit<T>(work: Task<T> | TaskReference<T>, options: SubmitOptions<T> = {}): Future<T> {
    const { controller = new FutureController<T>(), signal } = options
    const { future } = controller
    const task = new ManualTask(work, controller, options, this.#maxPerGroup)
    if (this.#isClosed && (!task.isNextAttempt || this.#isIdle)) {
      throw new ExecutorClosedError("Can't submit a task: the executor was shut down")
    }
    this.#waitingTasks.add(task)
    if (!task.isNextAttempt) this.#openFutures.add(future)
    const handleAbort = (reason: unknown): void => void future.cancel(reason)
    const listener = { handleAbort }
    // A future that is done already, or is cancelled by its signal now, is removed again at once.
    if (signal?.aborted === true) handleAbort(signal.reason)
    else if (signal !== undefined) listen(signal, listener)
    future.addDoneCallback(() => {
      if (signal !== undefined) unlisten(signal, listener)
      this.#forget(task)
    })
    this.#proceed()
    return future
  }

  /**
   * Starts the next task, before it returns: the highest priority, then the longest wait.
   *
   * @returns false if there is none that may start: nothing waits, or its group or the whole executor is at its limit
   */
  runNext(): boolean {
    let next: ManualTask | undefined
    for (const task of this.#waitingTasks) {
      if (this.#mayStart(task) && (next === undefined || task.isBefore(next))) next = task
    }
    if (next !== undefined) this.#start(next)
    return next !== undefined
  }

  /** Runs everything, what is submitted meanwhile too. @returns a promise that resolves when nothing waits and nothing runs */
  runAll(): Promise<void> {
    this.#runsByItself = true
    this.#proceed()
    return this.#onIdle()
  }

  /** How many futures are in which state. */
  stats(): ExecutorStats {
    const stats = { ...this.#stats }
    for (const { state } of this.#openFutures) stats[state]++
    return stats
  }

  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkOptionNames(options, ['wait', 'cancelPending', 'cancelRunning'])
    const { wait = true, cancelPending = false, cancelRunning = false } = options
    this.#isClosed = this.#runsByItself = true
    const reason = new ExecutorClosedError('The executor was shut down')
    const futures = new Set([...this.#openFutures, ...[...this.#waitingTasks].map((task) => task.controller.future)])
    for (const future of futures) if (future.pending() ? cancelPending : cancelRunning) future.cancel(reason)
    this.#proceed()
    if (wait) await this.#onIdle()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  get #isIdle(): boolean {
    return this.#openFutures.size + this.#waitingTasks.size + this.#aliveTasks.size === 0
  }

  #onIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#checkIdle()
    })
  }

  #mayStart({ group, maxPerGroup }: ManualTask): boolean {
    if (this.#aliveTasks.size >= this.maxWorkers) return false
    if (group === undefined || maxPerGroup === Infinity) return true
    return [...this.#aliveTasks].filter((alive) => alive.group === group).length < maxPerGroup
  }

  #start(task: ManualTask): void {
    const { controller } = task
    this.#waitingTasks.delete(task)
    // It is running already if this is a next attempt, or if somebody else has started it.
    if (controller.future.pending() && !controller.start()) return
    this.#aliveTasks.add(task)
    const end = (settle: () => void): void => {
      this.#aliveTasks.delete(task)
      try {
        if (!controller.future.done()) settle()
      } finally {
        this.#proceed()
        this.#checkIdle()
      }
    }
    // Settles as the task does, also if that throws.
    void new Promise((resolve) => resolve(task.perform())).then(
      (value) => end(() => controller.resolve(value)),
      (error: unknown) => end(() => controller.reject(error)),
    )
  }

  /** The future of a task is done. */
  #forget(task: ManualTask): void {
    const { future } = task.controller
    this.#waitingTasks.delete(task)
    if (this.#openFutures.delete(future)) this.#stats[future.state]++
    this.#proceed()
    this.#checkIdle()
  }

  /** Runs tasks in a microtask, so that no work starts inside `submit()`. */
  #proceed(): void {
    if (!this.#runsByItself) return
    queueMicrotask(() => {
      while (this.#runsByItself && this.runNext());
    })
  }

  #checkIdle(): void {
    if (!this.#isIdle) return
    this.#runsByItself = this.#isClosed
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** A task in the async context of its submitter. */
class ManualTask extends AsyncContext {
  readonly controller: FutureController<unknown>
  readonly isNextAttempt: boolean
  readonly group: string | undefined
  readonly maxPerGroup: number
  readonly #work: Task<unknown> | TaskReference
  readonly #priority: number

  /** @throws {TypeError | RangeError} bad options */
  constructor(
    work: Task<unknown> | TaskReference,
    controller: FutureController<unknown>,
    options: Omit<SubmitOptions, 'controller'>,
    ownMaxPerGroup: number,
  ) {
    super()
    checkOptionNames(options, ['controller', 'signal', 'priority', 'group', 'maxPerGroup'])
    const { priority = 0, group, maxPerGroup = Infinity, signal } = options
    if (typeof work !== 'function' && !isTaskReference(work)) {
      throw new TypeError(`Expected a task to be a function or a task reference, got ${describe(work)}`)
    }
    checkController(controller)
    checkSignal(signal)
    checkType('priority', priority, 'number')
    if (group !== undefined) checkType('group', group, 'string')
    this.#work = work
    this.controller = controller
    this.isNextAttempt = controller.future.running()
    this.#priority = priority
    this.group = group
    this.maxPerGroup = Math.min(ownMaxPerGroup, checkCount('maxPerGroup', maxPerGroup, { infinite: true }))
  }

  isBefore(other: ManualTask): boolean {
    if (this.#priority !== other.#priority) return this.#priority > other.#priority
    return this.isNextAttempt && !other.isNextAttempt
  }

  perform(): unknown {
    const { controller } = this
    const context = {
      get signal() {
        return controller.future.signal
      },
      onCancel: (fn: (reason: unknown) => void) => controller.onCancel(fn),
    }
    return this.run(async () => {
      const work = this.#work
      if (typeof work === 'function') return work(context)
      return (await loadTaskReference(work))(...(work.args ?? []), context)
    })
  }
}
