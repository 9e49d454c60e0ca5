/**
 * How a session talks with its requests in an isolated executor of this package. It extends the Executor contract:
 * `isRemoteExecutor` tells which executors have it; tasks of all others get everything in their arguments.
 *
 * `RemoteExecutor`, `RemoteLink` and `RemoteTask` are the submitter's side, `RemoteContext` is the task's.
 */
import type { Future } from '../future/future.ts'
import type { TaskReference } from '../task-reference.ts'
import type { Executor, SubmitOptions, TaskContext } from './executor.ts'

/** Registered symbols, so that two copies of the package understand each other. */
export const submitRemote = Symbol.for('undici-futures.submitRemote')
export const forgetShared = Symbol.for('undici-futures.forgetShared')

export interface RemoteExecutor extends Executor {
  /** As `submit()`, with a link to the task while it runs. */
  [submitRemote]<T>(task: TaskReference<T>, options: SubmitOptions<T>, link: RemoteLink): Future<T>
  /** Threads drop their copies of this value now, not only when it is garbage. */
  [forgetShared](value: SharedValue): void
  /** How many threads share the tasks, at most. */
  readonly threads: number
  /** How far tasks go. @default 'thread' */
  readonly reach?: 'thread' | 'process'
}

export function isRemoteExecutor(executor: Executor): executor is RemoteExecutor {
  return submitRemote in executor
}

/** What the submitter gives with a task. Its methods are called in the async context of the submission and must not throw. */
export interface RemoteLink {
  /** Names of the arguments in the path of a TaskNotCloneableError, instead of `args[0]`; '' omits the name. */
  readonly argNames?: readonly string[] | undefined
  /** The work may be done twice if nobody knows whether it was done once. @default false */
  readonly isIdempotent?: boolean | undefined
  /** Set where the task's module is one of this package, whose file has another place on each machine. */
  readonly ownModule?: 'remote-request' | undefined
  /** The submitter has checked that the arguments can be cloned. */
  readonly isChecked?: boolean | undefined
  /** Values that many tasks have in common; each is sent once per thread and version. The task reads them in `context.shared`. */
  readonly shared?: readonly SharedValue[] | undefined
  /** The task was sent to its thread, or has begun in its process. */
  handleStart?(task: RemoteTask): void
  /** The task has posted a message. Messages come in order, and before the future is settled with the task's outcome. */
  handleMessage?(message: unknown): void
  /** A task that was sent has ended, whatever became of its future. Called before that is settled with the outcome. */
  handleEnd?(): void
}

/** The submitter's handle on a running task. Once that has ended, the methods do nothing. */
export interface RemoteTask {
  /** Sends the task a message. @throws {DOMException} a DataCloneError */
  post(message: unknown, transfer?: readonly unknown[]): void
  /**
   * Does to the task what cancelling its future does, for a future that was settled otherwise: aborts its signal, and
   * terminates its thread if the task has not ended 1 000 ms later.
   */
  abort(reason: unknown): void
}

/**
 * A value that tasks share. The object is its identity: threads drop their copy when it is garbage. `version` is read when
 * a task is sent to its thread, and `value` too if the thread does not have that version.
 */
export interface SharedValue {
  readonly version: unknown
  readonly value: unknown
  /** What threads of this process get instead of `value`: it may hold shared memory. */
  readonly localValue?: unknown
}

/** The context of a task in a thread. Each part works when it is destructured, too. */
export interface RemoteContext extends TaskContext {
  /** In the order of the link's list. One object for each value and thread. */
  readonly shared: readonly SharedCopy[]
  /** Sends the submitter a message; ignored once the task has ended. @throws {DOMException} a DataCloneError */
  readonly post: (message: unknown, transfer?: readonly unknown[]) => void
  /** Calls `fn` with each message of the submitter, beginning with those that came before. One function a task. */
  readonly onMessage: (fn: (message: unknown) => void) => void
}

/** A thread's copy of a shared value: the latest version that any task has brought. */
export interface SharedCopy {
  readonly version: unknown
  readonly value: unknown
  /** What the code in the thread has made of the value; it is kept as long as the copy. */
  kept?: unknown
  /** Called when the submitter no longer needs the value. Set by whoever sets `kept`. */
  onForget?: (() => void) | undefined
}
