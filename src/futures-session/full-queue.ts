import { clearImmediate, setImmediate } from 'node:timers'

/** Milliseconds between two tries of a queue that was full twice in a row. */
export const retryInterval = 5

/**
 * Decides when a full queue is tried again. Executors don't tell when there is room, so it is tried once a turn later, because
 * what waits starts in a microtask, and then every 5 ms.
 */
export class FullQueue {
  readonly #tryAgain: () => void
  #hasRetried = false
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(tryAgain: () => void) {
    this.#tryAgain = tryAgain
  }

  handleFull(): void {
    if (this.#immediate !== undefined || this.#timer !== undefined) return
    const tryAgain = (): void => {
      this.stop()
      this.#tryAgain()
    }
    if (this.#hasRetried) this.#timer = setTimeout(tryAgain, retryInterval)
    else this.#immediate = setImmediate(tryAgain)
    this.#hasRetried = true
  }

  /** The queue has taken something. */
  handleRoom(): void {
    this.#hasRetried = false
  }

  stop(): void {
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
    this.#immediate = this.#timer = undefined
  }
}
