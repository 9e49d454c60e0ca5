import { AsyncContext } from '../async-context.ts'
import { isThenable } from '../checks.ts'
import type { Future } from './future.ts'

/** Told once, with the reason, when a future is cancelled: cheaper than a function where there is an object anyway. Must not throw. */
export interface CancelHandler {
  /** Called with what was given to `cancel()`. */
  handleCancel(reason: unknown): void
}

/** Calls user code that must not disturb ours: what it throws is thrown again where nobody can catch it, as an EventTarget does. */
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

/** A user's done callback, with the async context that it was added in. */
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

/** A user's cancel function, likewise. */
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

/**
 * The listeners of one future, in the order added. Nearly always there is one or two of them, so a list is made for the
 * second and a set, that can be searched, only for many. Lists are never changed, only replaced: somebody may be walking one.
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

/** Tells them all, in order. One may remove another that comes after it: `present` gives those that are left. */
export function tellListeners(future: Future<unknown>, present: () => Listeners): void {
  const listeners = present()
  if (listeners instanceof Set) for (const each of listeners) each.handleDone(future)
  else if (!isList(listeners)) listeners?.handleDone(future)
  else for (const each of listeners) if ((present() as typeof listeners).includes(each)) each.handleDone(future)
}

/** Tells those that want to know that somebody waits for the future from inside of a scope. */
export function tellAwaited(listeners: Listeners): void {
  if (isList(listeners) || listeners instanceof Set) for (const each of listeners) each.handleAwaited?.()
  else listeners?.handleAwaited?.()
}

function isList(listeners: Listeners): listeners is readonly DoneListener[] {
  return Array.isArray(listeners)
}
