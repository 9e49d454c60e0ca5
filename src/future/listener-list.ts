import type { Future } from './future.ts'
import type { DoneListener } from './subscription.ts'

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
