/**
 * How a session of this package talks with its work in an isolated executor of this package. It is an extension of the
 * contract, not a part of it: `isRemoteExecutor` tells who has it, and whoever has not gets everything in the arguments.
 *
 * Both ends of it are here: `RemoteExecutor`, `RemoteLink` and `RemoteTask` on the side of the submitter, `RemoteContext`
 * on the side of the task.
 */
import type { Future } from '../future/future.ts'
import type { TaskReference } from '../task-reference.ts'
import type { Executor, SubmitOptions, TaskContext } from './executor.ts'

/** Registered: two copies of the package understand each other. */
export const submitRemote = Symbol.for('undici-futures.submitRemote')
export const forgetShared = Symbol.for('undici-futures.forgetShared')

export interface RemoteExecutor extends Executor {
  /** `submit()`, with a link to the task while it runs. */
  [submitRemote]<T>(task: TaskReference<T>, options: SubmitOptions<T>, link: RemoteLink): Future<T>
  /** Threads forget their copies of a value now, not when it is garbage. */
  [forgetShared](value: SharedValue): void
  /** How many threads share the tasks, at most. */
  readonly threads: number
  /** How far tasks go. @default to a thread of this process */
  readonly reach?: 'thread' | 'process'
}

export function isRemoteExecutor(executor: Executor): executor is RemoteExecutor {
  return submitRemote in executor
}

/** What the submitter gives along. Its methods are called in the async context of the submission and must not throw. */
export interface RemoteLink {
  /** What the arguments are called in the path of a TaskNotCloneableError, instead of `args[0]`; '' = no name at all. */
  readonly argNames?: readonly string[] | undefined
  /** The work may be done twice if nobody knows whether it was done once. @default false */
  readonly isIdempotent?: boolean | undefined
  /** What the task's module is called where it is one of ours: its file lies elsewhere on each machine. */
  readonly ownModule?: 'remote-request' | undefined
  /** The submitter has looked at the arguments itself: they can be cloned. */
  readonly isChecked?: boolean | undefined
  /** What many tasks have in common: it crosses once per thread and version. The task finds it in `context.shared`. */
  readonly shared?: readonly SharedValue[] | undefined
  /** The task was handed to its thread, or has begun in its process. */
  handleStart?(task: RemoteTask): void
  /** The task said something. In order, and always before the future is settled with the task's outcome. */
  handleMessage?(message: unknown): void
  /** A task that was handed to its thread has ended, whatever became of its future; before that is settled with the outcome. */
  handleEnd?(): void
}

/** The task, while it runs; once it has ended, nothing happens any more. */
export interface RemoteTask {
  /** Tells the task something. @throws {DOMException} a DataCloneError */
  post(message: unknown, transfer?: readonly unknown[]): void
  /**
   * Does to the task what cancelling its future does, for a future that was settled otherwise: its signal is aborted, and
   * if it has not ended 1 000 ms later, its thread is.
   */
  abort(reason: unknown): void
}

/**
 * A value that tasks share. The object itself is its identity: threads forget their copy when it is garbage. `version` and,
 * if a thread has not got that version, `value` are read when a task is handed to its thread.
 */
export interface SharedValue {
  readonly version: unknown
  readonly value: unknown
  /** What threads of this process get in its place: it may hold shared memory, and what means nothing elsewhere. */
  readonly localValue?: unknown
}

/** What a task gets as its context in a thread. Each part of it works taken out, too. */
export interface RemoteContext extends TaskContext {
  /** In the order of the link's list. One object for each value and thread. */
  readonly shared: readonly SharedCopy[]
  /** Tells the submitter something. Ignored once the task has ended. @throws {DOMException} a DataCloneError */
  readonly post: (message: unknown, transfer?: readonly unknown[]) => void
  /** Calls `fn` with what the submitter posts, and first with what it has posted before. One function a task. */
  readonly onMessage: (fn: (message: unknown) => void) => void
}

/** A thread's copy of a shared value: the latest version that it was sent, by whichever task. */
export interface SharedCopy {
  readonly version: unknown
  readonly value: unknown
  /** What the code in the thread has made of the value, and keeps as long as the copy. */
  kept?: unknown
  /** Set by whoever keeps something: called when the submitter has no more use for the value. */
  onForget?: (() => void) | undefined
}
