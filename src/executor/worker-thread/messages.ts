/** The messages between parent and thread. Tasks are numbered per thread, in the order in which they are sent. */
import type { TaskReference } from '../../task-reference.ts'
import type { Encoded } from '../remote/error-codec.ts'

/** The function that a thread calls before it takes tasks. */
export type InitializerReference = Required<Pick<TaskReference, 'module' | 'name' | 'args'>>

/** `workerData` of a thread. */
export interface ThreadData {
  readonly initializer: InitializerReference | undefined
}

/** A tuple and not an object, whose property names would be sent each time. `fn` and `shared` are keys. */
export type PackedTask = readonly [id: number, fn: number, args: readonly unknown[], shared?: readonly number[]]

/** A function that tasks call. */
interface CalledFunction {
  readonly module: string
  readonly name: string
  /** `module` names a module of this package, which may be anywhere in a bundle. */
  readonly isOwn: boolean
}

export type ToThread =
  /** Gives a function its key, before the first task calls it: two strings with each task would cost more than an empty task. */
  | ({ readonly kind: 'function'; readonly key: number } & CalledFunction)
  | { readonly kind: 'tasks'; readonly tasks: readonly PackedTask[] }
  | { readonly kind: 'message'; readonly id: number; readonly message: unknown }
  /** Cancels a task. */
  | { readonly kind: 'abort'; readonly id: number; readonly reason: Encoded }
  /** Brings a shared value, before the first task that names it by its key. */
  | { readonly kind: 'share'; readonly key: number; readonly version: unknown; readonly value: unknown }
  | { readonly kind: 'forget'; readonly key: number }
  /** Asks which tasks up to this one have not ended, after a message could not be read. */
  | { readonly kind: 'census'; readonly upTo: number }
  /** No more tasks come: the thread ends itself. */
  | { readonly kind: 'end' }

export type FromThread =
  /** The initializer has run; tasks may come. */
  | { readonly kind: 'ready' }
  /** `isFinal`: it would fail again in another thread. */
  | { readonly kind: 'initializer-failed'; readonly error: Encoded; readonly isFinal: boolean }
  /** `results`: number, result, number, result ... */
  | { readonly kind: 'fulfilled'; readonly results: readonly unknown[] }
  | { readonly kind: 'rejected'; readonly id: number; readonly error: Encoded }
  | { readonly kind: 'message'; readonly id: number; readonly message: unknown }
  /** A running task has been told of its cancellation. */
  | { readonly kind: 'told'; readonly id: number }
  /** A message could not be read. */
  | { readonly kind: 'lost' }
  /** A module could not be read for lack of file descriptors: the thread takes no more tasks. */
  | { readonly kind: 'retired' }
  | { readonly kind: 'census'; readonly upTo: number; readonly running: readonly number[] }
  /** An uncaught error is about to end the thread. */
  | { readonly kind: 'crash'; readonly error: Encoded }

/**
 * Whether the value may share a message with those of other tasks. A message is cloned as a whole: an object that two
 * tasks have in common would be one object in the thread, too, and one task would see what the other does to it.
 */
export function isPrimitive(value: unknown): boolean {
  return (typeof value !== 'object' || value === null) && typeof value !== 'function' && typeof value !== 'symbol'
}
