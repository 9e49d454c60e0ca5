import type { Future } from './future.ts'

/** Told synchronously when a future is done. Must not throw: user code goes through `addDoneCallback`. */
export interface DoneListener {
  handleDone(future: Future<unknown>): void
  /** Code of a user's does not go on before. */
  readonly isWait?: boolean
  /** Told that somebody waits for the future from inside of a `UserScope`. */
  handleAwaited?(): void
}

/** How waits attach to a future without a closure each. Registered symbols: two copies of the package understand each other. */
export const subscribe = Symbol.for('undici-futures.subscribe')
export const unsubscribe = Symbol.for('undici-futures.unsubscribe')

export function isFuture(value: unknown): value is Future<unknown> {
  return typeof value === 'object' && value !== null && subscribe in value
}
