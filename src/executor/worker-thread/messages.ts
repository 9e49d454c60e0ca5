/** What parent and thread say to each other. Tasks are numbered per thread, in the order in which they are sent. */
import type { TaskReference } from '../../task-reference.ts'
import type { Encoded } from './error-codec.ts'

/** `workerData` of a thread. */
export interface ThreadData {
  readonly initializer: TaskReference | undefined
}

export type ToThread =
  | {
      readonly kind: 'task'
      readonly id: number
      readonly module: string
      readonly name: string
      readonly args: readonly unknown[]
      /** Keys of shared values; they were sent before. */
      readonly shared: readonly number[] | undefined
    }
  | { readonly kind: 'message'; readonly id: number; readonly message: unknown }
  /** The task shall stop. */
  | { readonly kind: 'abort'; readonly id: number; readonly reason: Encoded }
  | { readonly kind: 'share'; readonly key: number; readonly version: unknown; readonly value: unknown }
  | { readonly kind: 'forget'; readonly key: number }
  /** Which tasks up to this one have not ended? Asked when a message got lost. */
  | { readonly kind: 'census'; readonly upTo: number }
  /** No more tasks: the thread ends itself. */
  | { readonly kind: 'end' }

export type FromThread =
  /** The initializer has run: tasks may come. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'initializer-failed'; readonly error: Encoded }
  | { readonly kind: 'fulfilled'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly id: number; readonly error: Encoded }
  | { readonly kind: 'message'; readonly id: number; readonly message: unknown }
  /** A message could not be read. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'census'; readonly upTo: number; readonly running: readonly number[] }
  /** The last words before an uncaught error ends the thread. */
  | { readonly kind: 'crash'; readonly error: Encoded }
