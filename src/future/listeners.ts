import { AsyncContext } from '../async-context.ts'
import { isThenable } from '../checks.ts'
import type { Future } from './future.ts'

/** Is told once when a future is cancelled: cheaper than a function where there is an object anyway. Must not throw. */
export interface CancelHandler {
  /**
   * The future was cancelled.
   *
   * @param reason the argument of `cancel()`
   */
  handleCancel(reason: unknown): void
}

/** Calls users' code. What it throws, or rejects with, becomes an `uncaughtException`, as with an EventTarget. */
export function guard(fn: () => unknown): void {
  try {
    const returned = fn()
    if (isThenable(returned)) returned.then(undefined, rethrow)
  } catch (error) {
    rethrow(error)
  }
}

function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

/** A user's done callback, which runs in the async context in which it was added. */
export class DoneCallback extends AsyncContext implements DoneListener {
  readonly #fn: (future: Future<unknown>) => unknown

  constructor(fn: (future: Future<unknown>) => unknown) {
    super()
    this.#fn = fn
  }

  handleDone(future: Future<unknown>): void {
    this.run(() => guard(() => this.#fn(future)))
  }
}

/** A user's cancel callback, which does so, too. */
export class CancelCallback extends AsyncContext implements CancelHandler {
  readonly #fn: (reason: unknown) => unknown

  constructor(fn: (reason: unknown) => unknown) {
    super()
    this.#fn = fn
  }

  handleCancel(reason: unknown): void {
    this.run(() => guard(() => this.#fn(reason)))
  }
}

/** Is told synchronously when a future is done. Must not throw: users' code goes through `addDoneCallback`. */
export interface DoneListener {
  handleDone(future: Future<unknown>): void
  /** Whether users' code waits for this. */
  readonly isWait?: boolean
  /** Called when code inside a UserScope waits for the future. */
  handleAwaited?(): void
}

/** How waits attach to a future without closures. Registered symbols, so that two copies of the package understand each other. */
export const subscribe = Symbol.for('undici-futures.subscribe')
export const unsubscribe = Symbol.for('undici-futures.unsubscribe')

export function isFuture(value: unknown): value is Future<unknown> {
  return typeof value === 'object' && value !== null && subscribe in value
}

/**
 * The listeners of one future, in the order added. Most futures have one or two, so there is a list only from the second
 * on, and a set, for quick removal, only for many. Lists are replaced, never changed, because somebody may be iterating.
 */
export type Listeners = DoneListener | readonly DoneListener[] | Set<DoneListener> | undefined

const longestList = 8

export function addListener(listeners: Listeners, listener: DoneListener): Listeners {
  if (listeners === undefined) return listener
  if (listeners instanceof Set) return listeners.add(listener)
  const list = isList(listeners) ? [...listeners, listener] : [listeners, listener]
  return list.length > longestList ? new Set(list) : list
}

export function removeListener(listeners: Listeners, listener: DoneListener): Listeners {
  if (listeners === listener) return undefined
  if (listeners instanceof Set) listeners.delete(listener)
  else if (isList(listeners)) return listeners.filter((each) => each !== listener)
  return listeners
}

/** Tells all listeners, in order. One may remove another that comes after it: `present` returns those that are left. */
export function tellListeners(future: Future<unknown>, present: () => Listeners): void {
  const listeners = present()
  if (listeners instanceof Set) for (const each of listeners) each.handleDone(future)
  else if (!isList(listeners)) listeners?.handleDone(future)
  else for (const each of listeners) if ((present() as typeof listeners).includes(each)) each.handleDone(future)
}

/** Tells the listeners that code inside a UserScope waits for the future. */
export function tellAwaited(listeners: Listeners): void {
  if (isList(listeners) || listeners instanceof Set) for (const each of listeners) each.handleAwaited?.()
  else listeners?.handleAwaited?.()
}

function isList(listeners: Listeners): listeners is readonly DoneListener[] {
  return Array.isArray(listeners)
}
