import { clearImmediate, setImmediate } from 'node:timers'

/** How long a queue is left alone that was full twice in a row; ms. */
export const retryInterval = 5

/**
 * A queue that was full: when it is tried again. Nobody tells when there is room, for others fill it too, and the executor
 * may be anybody's. First a turn later, because what waits starts in a microtask; while that does not help, every 5 ms.
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

  /** It has taken something. */
  handleRoom(): void {
    this.#hasRetried = false
  }

  stop(): void {
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
    this.#immediate = this.#timer = undefined
  }
}
