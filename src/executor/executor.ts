import type { FutureController } from '../future/future-controller.ts'
import type { Future } from '../future/future.ts'
import type { TaskReference } from '../task-reference.ts'

/** What a task is told while it runs. Each part of it works taken out, too: `({ signal, onCancel }) => ...`. */
export interface TaskContext {
  /** Aborted, with the CancelledError as its reason, when the task's future is cancelled. Made on first access. */
  readonly signal: AbortSignal
  /** Calls `fn` with the reason when the future is cancelled: cheaper than the signal. Already cancelled: at once. */
  readonly onCancel: (fn: (reason: unknown) => void) => void
}

/** What is submitted. Its promise decides when its worker is free again. */
export type Task<T> = (context: TaskContext) => T | PromiseLike<T>

/** How a task is to run. */
export interface SubmitOptions<T = unknown> {
  /** Aborted: the future is cancelled, with the signal's reason as the cause. Its listener is gone when the future is done. */
  signal?: AbortSignal | undefined
  /** Higher runs first; equal: first in, first out. @default 0 */
  priority?: number | undefined
  /** Tasks of one group count together for `maxPerGroup`. */
  group?: string | undefined
  /** At most so many tasks of this group at work; the smaller of this and the executor's own holds. */
  maxPerGroup?: number | undefined
  /**
   * Settle this one instead of making one. If its future is *running* already, the task is the next attempt of work that
   * was submitted before: it goes to the front of its priority, does not count for `maxQueue`, is no new submission in
   * `stats()`, and is accepted until `shutdown()` has resolved.
   */
  controller?: FutureController<T> | undefined
}

/** What becomes of the work of an executor that is shut down. */
export interface ShutdownOptions {
  /** Resolve when the work is over (default), not only when nothing more is accepted. */
  wait?: boolean
  /** Cancel what has not started. @default false: it still runs */
  cancelPending?: boolean
  /** Cancel what runs; `wait` still waits until it has really stopped. @default false */
  cancelRunning?: boolean
}

/** Futures by state; they add up to what was submitted. */
export interface ExecutorStats {
  /** Not started. */
  pending: number
  /** Started, and not settled. */
  running: number
  /** With a value. */
  fulfilled: number
  /** With an error. */
  rejected: number
  /** Before they were settled otherwise. */
  cancelled: number
}

/**
 * Where and when work runs.
 *
 * For whoever writes one:
 *
 * - `submit()` returns a *pending* future and starts nothing itself: the work begins in a microtask at the earliest, so
 *   `submit(f).cancel()` never runs `f`.
 * - Just before it calls a task, it calls `controller.start()`; if that answers `false`, the task is not called. When the
 *   task's promise settles, it calls `controller.resolve()` or `controller.reject()`.
 * - At most `maxWorkers` tasks are *alive*, from their start until their promise settles, whatever became of their futures
 *   meanwhile: a cancelled task that has not stopped, a controller that the task itself has settled.
 * - *Waiting* tasks whose future is cancelled are forgotten at once. *Running* ones are told through `context`. For *done*
 *   ones nothing happens.
 * - Tasks run in the async context of whoever submitted them. Whatever their `context` has works without it, too.
 *
 * `executorContract` of `undici-futures/testing` checks an implementation.
 */
export interface Executor extends AsyncDisposable {
  /** How many tasks may be alive at once; may be Infinity. */
  readonly maxWorkers: number
  /** Tasks leave this isolate: only task references with cloneable arguments are accepted. */
  readonly isolated: boolean
  /**
   * @returns the future, or that of `options.controller`
   * @throws {ExecutorClosedError} after `shutdown()`
   * @throws {QueueFullError} over `maxQueue`
   * @throws {BrokenExecutorError} the executor can't run anything any more
   * @throws {TaskNotCloneableError} a function, or an argument that can't leave this isolate, on an isolated executor
   * @throws {TypeError | RangeError} bad options
   */
  submit<T>(task: Task<T> | TaskReference<T>, options?: SubmitOptions<T>): Future<T>
  /**
   * Accepts nothing more. Idempotent; a later call may add `cancelPending` or `cancelRunning`; a paused executor is resumed.
   *
   * @returns a promise that resolves when the work is over (`wait: false`: at once). It never rejects.
   */
  shutdown(options?: ShutdownOptions): Promise<void>
  /** How many futures are in which state. */
  stats(): ExecutorStats
  /** `shutdown({ wait: true })`: what was submitted still runs, as with Python's executors. */
  [Symbol.asyncDispose](): Promise<void>
}
