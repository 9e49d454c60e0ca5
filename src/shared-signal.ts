/**
 * Any number of listeners on one AbortSignal through a single `abort` event listener of ours. Node 20 warns from the
 * eleventh listener on and searches them one by one; a set is neither loud nor slow. No `AbortSignal.any`: it keeps what
 * it makes alive as long as its sources (nodejs/node#55351).
 */

/** Told once, with the signal's reason. Must not throw. */
export interface AbortListener {
  handleAbort(reason: unknown): void
}

interface Fan {
  readonly listeners: Set<AbortListener>
  readonly onAbort: () => void
}

const fans = new WeakMap<AbortSignal, Fan>()

/** Tells `listener` when `signal` aborts. Of an aborted signal it is told nothing: look at `aborted` first. */
export function listen(signal: AbortSignal, listener: AbortListener): void {
  let fan = fans.get(signal)
  if (fan === undefined) {
    const listeners = new Set<AbortListener>()
    const onAbort = (): void => {
      // One may take another away that was not told yet.
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

/** Ends what `listen` began; with its last listener our event listener leaves the signal. */
export function unlisten(signal: AbortSignal, listener: AbortListener): void {
  const fan = fans.get(signal)
  if (fan === undefined || !fan.listeners.delete(listener) || fan.listeners.size > 0) return
  fans.delete(signal)
  signal.removeEventListener('abort', fan.onAbort)
}
