import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { AsyncContext } from '../../async-context.ts'
import { checkCount } from '../../checks.ts'
import { WorkerCrashedError } from '../../errors.ts'
import type { Future } from '../../future/future.ts'
import { isTaskReference, type TaskReference } from '../../task-reference.ts'
import type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task } from '../executor.ts'
import { executorOptions } from '../option-names.ts'
import type { QueuedTask } from '../queued-task.ts'
import { forgetShared, submitRemote, type RemoteLink, type SharedValue } from '../remote.ts'
import { brokenError, TaskScheduler, type SchedulerHost } from '../task-scheduler.ts'
import { StackBudget } from '../remote/submitted-task.ts'
import { scarcityError, type StartFailure } from './thread-life.ts'
import { scarcityIn } from './scarcity.ts'
import { checkThreadOptions, functionInThread, type ThreadOptions } from './thread-options.ts'
import { ThreadStarts } from './thread-starts.ts'
import { ThreadTask } from './thread-task.ts'
import { Thread, type ThreadOwner } from './thread.ts'

/** The limits and the threads of a WorkerThreadExecutor. */
export interface WorkerThreadExecutorOptions {
  /** How many tasks may be alive at once, in all threads together: a positive integer or Infinity. @default 8 */
  maxWorkers?: number | undefined
  /** How many threads they share. @default one less than the machine has cores, at least 1, at most `maxWorkers` */
  threads?: number | undefined
  /** Called once in each thread before its first task, with its `args` only. If it fails, the executor is broken. */
  initializer?: TaskReference | undefined
  /** After how many ms without a task a thread ends. @default 30 000; null or Infinity: never */
  idleTimeout?: number | null | undefined
  /**
   * How many ms a thread may take to become ready, its initializer included, from when it is started. One that takes longer
   * is terminated and replaced; after three in a row the executor is broken.
   *
   * @default 60 000; null or Infinity: for ever
   */
  startTimeout?: number | null | undefined
  /** The limits of each thread, as `node:worker_threads` has them. @default none */
  resourceLimits?: ResourceLimits | undefined
  /** How many of one group. @default no limit of its own */
  maxPerGroup?: number | undefined
  /** How many tasks may wait; one more is a QueueFullError. @default no limit */
  maxQueue?: number | undefined
}

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
 * one that has not stopped 1 000 ms after it heard is terminated, and its other tasks fail with a WorkerCrashedError. The tasks
 * of a thread that crashes fail likewise; it is replaced.
 *
 * Where the system lacks file descriptors or threads, tasks wait for some seconds, with pauses between the tries,
 * and then fail with a WorkerCrashedError that says what was lacking. Nothing is broken by that: the next ones try again.
 *
 * Bundlers: webpack finds `worker-entry.js` of the package by itself; with others it is one more entry, which must stand beside the
 * bundle. The README has a line for each.
 */
export class WorkerThreadExecutor implements Executor {
  readonly maxWorkers: number
  /** How many threads share the tasks, at most. */
  readonly threads: number
  readonly isolated = true
  readonly #scheduler: TaskScheduler
  readonly #onEnd = (): void => this.#balance()
  readonly #sites = new StackBudget()
  readonly #threads = new Set<Thread>()
  /** Threads that take no more tasks, and end when they have none. */
  readonly #retiredThreads = new Set<Thread>()
  readonly #starts = new ThreadStarts(() => this.#proceed())
  readonly #threadOptions: ThreadOptions
  readonly #threadOwner: ThreadOwner = {
    handleReady: () => this.#handleReady(),
    handleRetired: (thread) => this.#handleRetired(thread),
    handleGone: (thread, unsentTasks, failure) => this.#handleGone(thread, unsentTasks, failure),
  }
  /** The async context in which threads start: not that of the task that needs one. */
  readonly #context = new AsyncContext()
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
    this.#threadOptions = checkThreadOptions({ initializer, resourceLimits, idleTimeout, startTimeout })
    const host: SchedulerHost = { perform: (queued) => this.#perform(queued), balance: () => this.#balance() }
    this.#scheduler = new TaskScheduler(host, { maxPerGroup, maxQueue })
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
    for (const each of [...this.#threads, ...this.#retiredThreads]) each.forget(value)
  }

  /** How many futures are in which state. */
  stats(): ExecutorStats {
    return this.#scheduler.stats()
  }

  /** With `wait`, it also waits until the threads are gone. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const isOver = this.#scheduler.shutdown(options)
    this.#threadsGone ??= this.#scheduler.onIdle().then(() => {
      const threads = [...this.#threads, ...this.#retiredThreads]
      return Promise.all(threads.map((each) => each.end()))
    })
    await isOver
    if (options.wait !== false) await this.#threadsGone
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  #balance(): void {
    while (this.#hasRoom && this.#scheduler.hasReady && this.#scheduler.startNext(this.#onEnd));
    this.#starts.keepAlive(this.#scheduler.hasReady)
  }

  #perform(queued: QueuedTask): Promise<unknown> {
    const task = queued.work as ThreadTask
    const outcome = task.begin(queued)
    this.#assign(task)
    queued.controller.onCancel(task)
    return outcome
  }

  #handleReady(): void {
    if (this.#starts.failures === 0) return
    this.#starts.noteReady()
    this.#proceed()
  }

  #handleRetired(thread: Thread): void {
    if (this.#threads.delete(thread)) this.#retiredThreads.add(thread)
    this.#balance()
  }

  #handleGone(thread: Thread, unsentTasks: Iterable<ThreadTask>, failure: StartFailure | undefined): void {
    this.#threads.delete(thread)
    this.#retiredThreads.delete(thread)
    for (const task of unsentTasks) this.#starts.hold(task)
    if (failure !== undefined) this.#handleFailedStart(thread.failedStarts, failure)
    this.#proceed()
  }

  #submit<T>(task: Task<T> | TaskReference<T>, options: SubmitOptions<T> | undefined, link: RemoteLink): Future<T> {
    if (typeof task === 'function') throw functionInThread('task')
    // The scheduler rejects what is no task at all.
    if (!isTaskReference(task)) return this.#scheduler.submit<T>(task, options)
    const site = this.#sites.take(this.#scheduler.stats().pending) ? new Error() : undefined
    return this.#scheduler.submit(new ThreadTask(task, link, site), options)
  }

  get #hasRoom(): boolean {
    if (this.#scheduler.aliveCount >= this.maxWorkers) return false
    return this.#mayStart || this.#hasOpenThread
  }

  get #hasOpenThread(): boolean {
    for (const each of this.#threads) if (each.isOpen) return true
    return false
  }

  get #mayStart(): boolean {
    return this.#threads.size < this.threads && !this.#starts.isPausing
  }

  /** Tasks that wait for a thread may get one now. */
  #proceed(): void {
    for (const task of this.#starts.release()) this.#assign(task)
    this.#balance()
  }

  #assign(task: ThreadTask): void {
    if (this.#brokenBy !== undefined) return task.fail(brokenError(this.#brokenBy.cause))
    const { failures } = this.#starts
    try {
      const thread = this.#leastBusyThread()
      if (thread === undefined) this.#starts.hold(task)
      else thread.assign(task)
    } catch (cause) {
      this.#starts.hold(task)
      const scarcity = scarcityIn(cause)
      const error = scarcity === undefined ? cause : scarcityError(scarcity, cause)
      // Without scarcity, Node makes no threads at all here: a permission is missing, or an option is wrong.
      this.#handleFailedStart(failures, { error, isFinal: scarcity === undefined, isScarcity: scarcity !== undefined })
    }
  }

  /** @returns the least busy thread, or a new one; `undefined` if there is none and none may be started now */
  #leastBusyThread(): Thread | undefined {
    let leastBusy: Thread | undefined
    for (const each of this.#threads) {
      if (each.isOpen && (leastBusy === undefined || each.load < leastBusy.load)) leastBusy = each
    }
    if (leastBusy?.load === 0 || !this.#mayStart) return leastBusy
    const thread = this.#context.run(() => new Thread(this.#threadOwner, this.#threadOptions, this.#starts.failures))
    this.#threads.add(thread)
    return thread
  }

  /** @param failuresBefore `failures` when the thread was started */
  #handleFailedStart(failuresBefore: number, { error, isFinal, isScarcity }: StartFailure): void {
    this.#starts.noteFailure(failuresBefore, !isScarcity)
    if (isFinal || this.#starts.isHopeless) return this.#break(error)
    if (!isScarcity || !this.#starts.isOutOfPatience || this.#hasOpenThread) return
    const { message, cause } = error as WorkerCrashedError
    for (const task of this.#starts.release()) task.fail(new WorkerCrashedError(message, { cause }))
  }

  #break(cause: unknown): void {
    this.#brokenBy ??= { cause }
    this.#scheduler.break(cause)
    for (const task of this.#starts.release()) task.fail(brokenError(cause))
  }
}
