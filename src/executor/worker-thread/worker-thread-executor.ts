import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { AsyncContext } from '../../async-context.ts'
import { checkCount, checkTimeout, checkType, describe } from '../../checks.ts'
import { TaskNotCloneableError } from '../../errors.ts'
import type { Future } from '../../future/future.ts'
import { isTaskReference, type TaskReference } from '../../task-reference.ts'
import type { ExecutorStats, ShutdownOptions, SubmitOptions, Task } from '../executor.ts'
import { executorOptions } from '../option-names.ts'
import type { QueuedTask } from '../queued-task.ts'
import { forgetShared, submitRemote, type RemoteExecutor, type RemoteLink, type SharedValue } from '../remote.ts'
import { brokenError, TaskScheduler, type SchedulerHost } from '../task-scheduler.ts'
import { checkCloneable } from '../../cloneable.ts'
import type { Initializer } from './messages.ts'
import { SiteAllowance } from '../remote/site-allowance.ts'
import { ThreadTask } from './thread-task.ts'
import type { StartFailure } from './start-watch.ts'
import { Thread, type ThreadOptions, type ThreadOwner } from './thread.ts'

export interface WorkerThreadExecutorOptions {
  /** How many tasks may be alive at once, in all threads together: a positive integer or Infinity. Default 8. */
  maxWorkers?: number | undefined
  /** How many threads they share. Default: one less than the machine has cores, at least 1, at most `maxWorkers`. */
  threads?: number | undefined
  /** Called once in each thread before its first task, with its `args` only. If it fails, so does the executor. */
  initializer?: TaskReference | undefined
  /** A thread that has had nothing to do for so many ms ends. Default 30 000; null or Infinity: never. */
  idleTimeout?: number | null | undefined
  /**
   * How many ms a thread may take to become ready, its initializer included, from when it is started. One that takes longer
   * is ended and replaced; after three in a row the executor is broken. Default 60 000; null or Infinity: for ever.
   */
  startTimeout?: number | null | undefined
  /** Of each thread, as `node:worker_threads` has them. Default: none. */
  resourceLimits?: ResourceLimits | undefined
  /** How many of one group. Default: no limit of its own. */
  maxPerGroup?: number | undefined
  /** How many tasks may wait; one more is a QueueFullError. Default: no limit. */
  maxQueue?: number | undefined
}

/** So many threads in a row that die while starting, or never become ready, and the executor gives up. */
const mostFailedStarts = 3
const noLink: RemoteLink = {}

/**
 * Runs tasks in worker threads, many at a time in each, and leaves the main thread free. Threads start when they are needed
 * and don't keep the process alive while they have no tasks.
 *
 * A task is a `taskReference`. It gets clones of its arguments, made when it is sent to its thread, but for what its
 * `transfer` list moves. The caller gets a clone of the result; ArrayBuffers of 64 KiB and more are moved, if they are the
 * result or stand in it one level deep, by themselves or as typed arrays that span them. The thread has them no longer:
 * a task that wants to keep one calls `markAsUntransferable` of `node:worker_threads` on it.
 *
 * *Waiting* tasks that are cancelled never leave the parent. *Running* ones are told, through their signal; a thread with
 * one that has not stopped 1 000 ms after it heard is ended, and its other tasks fail with a WorkerCrashedError. A thread that dies
 * does the same to all of its tasks, and is replaced.
 *
 * Bundlers: webpack finds `worker-entry.js` of the package by itself; with others it is one more entry, which must stand beside the
 * bundle. The README has a line for each.
 */
export class WorkerThreadExecutor implements RemoteExecutor, SchedulerHost, ThreadOwner {
  readonly maxWorkers: number
  /** How many threads share the tasks, at most. */
  readonly threads: number
  readonly isolated = true
  readonly #scheduler: TaskScheduler
  readonly #onEnd = (): void => this.balance()
  readonly #sites = new SiteAllowance()
  readonly #threads = new Set<Thread>()
  readonly #threadOptions: ThreadOptions
  /** Threads start in it, not in that of the task they are started for. */
  readonly #context = new AsyncContext()
  #failedStarts = 0
  #threadsGone: Promise<unknown> | undefined
  #brokenBy: { readonly cause: unknown } | undefined

  /**
   * @throws {TypeError | RangeError} bad options
   * @throws {TaskNotCloneableError} an initializer that can't be sent to a thread
   */
  constructor(options: WorkerThreadExecutorOptions = {}) {
    const {
      maxWorkers = 8,
      threads,
      initializer,
      idleTimeout = 30_000,
      startTimeout = 60_000,
      resourceLimits,
      maxPerGroup,
      maxQueue,
    } = executorOptions('WorkerThreadExecutor', options)
    this.maxWorkers = checkCount('maxWorkers', maxWorkers, { infinite: true })
    const spare = Math.max(1, availableParallelism() - 1)
    this.threads = checkCount('threads', threads === undefined ? Math.min(maxWorkers, spare) : threads)
    checkResourceLimits(resourceLimits)
    this.#threadOptions = {
      initializer: initializer === undefined ? undefined : checkInitializer(initializer),
      resourceLimits,
      idleTimeout: checkDelay('idleTimeout', idleTimeout, 0),
      startTimeout: checkDelay('startTimeout', startTimeout, 1),
    }
    this.#scheduler = new TaskScheduler(this, { maxPerGroup, maxQueue })
  }

  submit<T>(task: Task<T> | TaskReference<T>, options?: SubmitOptions<T>): Future<T> {
    return this.#submit(task, options, noLink)
  }

  /** @internal */
  [submitRemote]<T>(task: TaskReference<T>, options: SubmitOptions<T>, link: RemoteLink): Future<T> {
    return this.#submit(task, options, link)
  }

  /** @internal */
  [forgetShared](value: SharedValue): void {
    for (const each of this.#threads) each.forget(value)
  }

  stats(): ExecutorStats {
    return this.#scheduler.stats()
  }

  /** With `wait`, it also waits until the threads are gone. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const isOver = this.#scheduler.shutdown(options)
    this.#threadsGone ??= this.#scheduler.onIdle().then(() => Promise.all([...this.#threads].map((each) => each.end())))
    await isOver
    if (options.wait !== false) await this.#threadsGone
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  /** @internal */
  balance(): void {
    while (this.#hasRoom && this.#scheduler.hasReady && this.#scheduler.startNext(this.#onEnd));
  }

  /** @internal */
  perform(queued: QueuedTask): Promise<unknown> {
    const task = queued.work as ThreadTask
    const outcome = task.begin(queued)
    this.#assign(task)
    queued.controller.onCancel(task)
    return outcome
  }

  /** @internal */
  handleReady(): void {
    this.#failedStarts = 0
  }

  /** @internal */
  handleGone(thread: Thread, unsentTasks: Iterable<ThreadTask>, failure: StartFailure | undefined): void {
    this.#threads.delete(thread)
    if (failure !== undefined) this.#countFailedStart(thread, failure)
    for (const task of unsentTasks) this.#assign(task)
    this.balance()
  }

  #submit<T>(task: Task<T> | TaskReference<T>, options: SubmitOptions<T> | undefined, link: RemoteLink): Future<T> {
    if (typeof task === 'function') throw new TaskNotCloneableError(functionMessage('task'), { path: 'task' })
    // What is no task at all, the scheduler refuses.
    if (!isTaskReference(task)) return this.#scheduler.submit<T>(task, options)
    const site = this.#sites.take(this.#scheduler.stats().pending) ? new Error() : undefined
    return this.#scheduler.submit(new ThreadTask(task, link, site), options)
  }

  get #hasRoom(): boolean {
    if (this.#scheduler.aliveCount >= this.maxWorkers) return false
    if (this.#threads.size < this.threads) return true
    for (const each of this.#threads) if (each.isOpen) return true
    return false
  }

  #assign(task: ThreadTask): void {
    if (this.#brokenBy !== undefined) return task.fail(brokenError(this.#brokenBy.cause))
    try {
      this.#leastBusyThread().assign(task)
    } catch (cause) {
      // Node makes no threads here: a permission is missing, an option is wrong.
      this.#break(cause)
      task.fail(brokenError(cause))
    }
  }

  #leastBusyThread(): Thread {
    let leastBusy: Thread | undefined
    for (const each of this.#threads) {
      if (each.isOpen && (leastBusy === undefined || each.load < leastBusy.load)) leastBusy = each
    }
    if (leastBusy !== undefined && (leastBusy.load === 0 || this.#threads.size >= this.threads)) return leastBusy
    const thread = this.#context.run(() => new Thread(this, this.#threadOptions, this.#failedStarts))
    this.#threads.add(thread)
    return thread
  }

  #countFailedStart(thread: Thread, { error, isFinal }: StartFailure): void {
    // Threads that were started together fail together: that is one failure.
    this.#failedStarts = Math.max(this.#failedStarts, thread.failedStarts + 1)
    if (isFinal || this.#failedStarts >= mostFailedStarts) this.#break(error)
  }

  #break(cause: unknown): void {
    this.#brokenBy ??= { cause }
    this.#scheduler.break(cause)
  }
}

function functionMessage(path: string): string {
  return `Can't run a function in a worker thread, got one as \`${path}\`: name it with taskReference() (README, "Executors: which one, when")`
}

/** @returns only what crosses to threads */
function checkInitializer(initializer: unknown): Initializer {
  if (typeof initializer === 'function') {
    throw new TaskNotCloneableError(functionMessage('initializer'), { path: 'initializer' })
  }
  if (!isTaskReference(initializer)) {
    throw new TypeError(`Expected \`initializer\` to be a task reference, got ${describe(initializer)}`)
  }
  const { module, name, args = [] } = initializer
  checkCloneable([args], { names: ['initializer.args'] })
  return { module, name, args }
}

function checkDelay(name: string, delay: unknown, minimum: number): number {
  const timeout = checkTimeout(name, delay)
  if (timeout >= minimum) return timeout
  throw new RangeError(`Expected \`${name}\` to be ${minimum} or more milliseconds, got ${describe(delay)}`)
}

/** Node passes over what is no number, and then nothing is limited. */
function checkResourceLimits(resourceLimits: unknown): void {
  if (resourceLimits === undefined) return
  if (typeof resourceLimits !== 'object' || resourceLimits === null) {
    throw new TypeError(`Expected \`resourceLimits\` to be an object, got ${describe(resourceLimits)}`)
  }
  for (const [key, limit] of Object.entries(resourceLimits)) {
    if (limit === undefined) continue
    const name = `resourceLimits.${key}`
    checkType(name, limit, 'number')
    if (limit <= 0) throw new RangeError(`Expected \`${name}\` to be a positive number, got ${describe(limit)}`)
  }
}
