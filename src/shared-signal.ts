/**
 * Any number of listeners on one AbortSignal by a single `abort` event listener: Node 20 warns from the eleventh listener on,
 * and searches them one by one. `AbortSignal.any` is no way out: it keeps its signals alive as long as their sources
 * (nodejs/node#55351).
 */

/** Is told once, with the signal's reason. Must not throw. */
export interface AbortListener {
  handleAbort(reason: unknown): void
}

interface Fan {
  readonly listeners: Set<AbortListener>
  readonly onAbort: () => void
}

const fans = new WeakMap<AbortSignal, Fan>()

/** Tells `listener` when `signal` aborts. It is not told if the signal is aborted already: look at `aborted` first. */
export function listen(signal: AbortSignal, listener: AbortListener): void {
  let fan = fans.get(signal)
  if (fan === undefined) {
    const listeners = new Set<AbortListener>()
    const onAbort = (): void => {
      // A listener may remove another one that was not told yet.
      for (const each of listeners) {
        listeners.delete(each)
        each.handleAbort(signal.reason)
      }
      fans.delete(signal)
    }
    fan = { listeners, onAbort }
    fans.set(signal, fan)
    signal.addEventListener('abort', onAbort, { once: true })
  }
  fan.listeners.add(listener)
}

/** Undoes `listen`; with the last listener our event listener is removed from the signal. */
export function unlisten(signal: AbortSignal, listener: AbortListener): void {
  const fan = fans.get(signal)
  if (fan === undefined || !fan.listeners.delete(listener) || fan.listeners.size > 0) return
  fans.delete(signal)
  signal.removeEventListener('abort', fan.onAbort)
}
