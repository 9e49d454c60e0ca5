/** Node turns a longer delay into one millisecond. */
const longestDelay = 2 ** 31 - 1

/**
 * Calls back once, `delay` milliseconds after it was made, on the monotonic clock, however long that is. Keeps the
 * process alive unless `unref` is called.
 */
export class Deadline {
  readonly #at: number
  readonly #callback: () => void
  #timer: NodeJS.Timeout
  #isRef = true

  constructor(delay: number, callback: () => void) {
    this.#at = performance.now() + delay
    this.#callback = callback
    this.#timer = this.#arm(delay)
  }

  /** Milliseconds until it calls back; never negative. */
  get remaining(): number {
    return Math.max(0, this.#at - performance.now())
  }

  clear(): void {
    clearTimeout(this.#timer)
  }

  unref(): this {
    this.#isRef = false
    this.#timer.unref()
    return this
  }

  #arm(delay: number): NodeJS.Timeout {
    const timer = setTimeout(
      () => {
        const { remaining } = this
        // Timers may be a little early, and never later than `longestDelay`.
        if (remaining > 0) this.#timer = this.#arm(remaining)
        else this.#callback()
      },
      Math.min(Math.ceil(delay), longestDelay),
    )
    if (!this.#isRef) timer.unref()
    return timer
  }
}
