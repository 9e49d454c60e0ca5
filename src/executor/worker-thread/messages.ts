/** What parent and thread say to each other. Tasks are numbered per thread, in the order in which they are sent. */
import type { TaskReference } from '../../task-reference.ts'
import type { Encoded } from '../remote/error-codec.ts'

/** What a thread calls before it takes tasks. */
export type Initializer = Required<Pick<TaskReference, 'module' | 'name' | 'args'>>

/** `workerData` of a thread. */
export interface ThreadData {
  readonly initializer: Initializer | undefined
}

/** Its number, that of its function, its arguments, the keys of shared values. A list: names of properties would cross each time. */
export type PackedTask = readonly [id: number, fn: number, args: readonly unknown[], shared?: readonly number[]]

/** What tasks call. */
interface CalledFunction {
  readonly module: string
  readonly name: string
  /** `module` is the name of a module of this package, which lies wherever a bundler has put it. */
  readonly isOwn: boolean
}

export type ToThread =
  /** What tasks call, before the first one does: by number, for two strings with each task would cost more than an empty one. */
  | ({ readonly kind: 'function'; readonly key: number } & CalledFunction)
  | { readonly kind: 'tasks'; readonly tasks: readonly PackedTask[] }
  | { readonly kind: 'message'; readonly id: number; readonly message: unknown }
  /** The task shall stop. */
  | { readonly kind: 'abort'; readonly id: number; readonly reason: Encoded }
  /** Shared values are sent before the tasks that name them by their keys. */
  | { readonly kind: 'share'; readonly key: number; readonly version: unknown; readonly value: unknown }
  | { readonly kind: 'forget'; readonly key: number }
  /** Which tasks up to this one have not ended? Asked when a message got lost. */
  | { readonly kind: 'census'; readonly upTo: number }
  /** No more tasks: the thread ends itself. */
  | { readonly kind: 'end' }

export type FromThread =
  /** The initializer has run: tasks may come. */
  | { readonly kind: 'ready' }
  /** `isFinal`: it would fail again. */
  | { readonly kind: 'initializer-failed'; readonly error: Encoded; readonly isFinal: boolean }
  /** Number, result, number, result ... */
  | { readonly kind: 'fulfilled'; readonly results: readonly unknown[] }
  | { readonly kind: 'rejected'; readonly id: number; readonly error: Encoded }
  | { readonly kind: 'message'; readonly id: number; readonly message: unknown }
  /** The task, which still runs, knows that it shall stop. */
  | { readonly kind: 'told'; readonly id: number }
  /** A message could not be read. */
  | { readonly kind: 'lost' }
  /** A module could not be read, for want of descriptors. */
  | { readonly kind: 'retired' }
  | { readonly kind: 'census'; readonly upTo: number; readonly running: readonly number[] }
  /** The last words before an uncaught error ends the thread. */
  | { readonly kind: 'crash'; readonly error: Encoded }

/**
 * May share a message with others. What is in one message is cloned as a whole: an object that two tasks have in common
 * would be one object on the other side, too, and what one of them does to it would be done to the other.
 */
export function isPrimitive(value: unknown): boolean {
  return (typeof value !== 'object' || value === null) && typeof value !== 'function' && typeof value !== 'symbol'
}
