/** Told that nothing was received for longer than its timeout. */
export interface ReadTimeoutListener {
  handleReadTimeout(): void
}

/** Node turns a longer delay into one millisecond. */
const longestDelay = 2 ** 31 - 1

/**
 * The read timeouts of all exchanges that follow each other on one connection, on one timer of Node's. A byte only
 * stamps the time; when the timer fires it looks at the stamp and sleeps on for what is left. With the default of five
 * minutes that is one timer per connection and five minutes, whatever the number of requests.
 *
 * The timer never keeps the process alive: the socket that is being waited for does.
 */
export class ReadTimer {
  /** `performance.now()` of the last byte. */
  lastActivity = 0
  #listener: ReadTimeoutListener | undefined = undefined
  #timeout = Infinity
  #timer: NodeJS.Timeout | undefined = undefined
  /** When `#timer` fires. */
  #dueAt = 0

  /** Runs from now on, until `stop`. */
  start(listener: ReadTimeoutListener, timeout: number, now: number): void {
    this.lastActivity = now
    this.#listener = listener
    this.#timeout = timeout
    if (timeout === Infinity) return
    if (this.#timer === undefined) {
      this.#arm(timeout, now)
    } else if (this.#dueAt > now + timeout) {
      clearTimeout(this.#timer)
      this.#arm(timeout, now)
    }
  }

  /** Stands still; the timer of Node's is left to the next exchange. */
  stop(): void {
    this.#listener = undefined
  }

  /** Gives the timer back to Node: the connection is gone. */
  clear(): void {
    this.#listener = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(delay: number, now: number): void {
    this.#dueAt = now + delay
    // One function for all timers, instead of a closure for each.
    this.#timer = setTimeout(ReadTimer.#look, Math.min(Math.ceil(delay), longestDelay), this)
    this.#timer.unref()
  }

  static #look(this: void, timer: ReadTimer): void {
    timer.#timer = undefined
    // After a long pause of the event loop, timers come before the bytes that have arrived meanwhile: let those in first.
    if (timer.#isOver() && timer.#listener !== undefined) setImmediate(ReadTimer.#expire, timer)
  }

  static #expire(this: void, timer: ReadTimer): void {
    const listener = timer.#listener
    if (listener === undefined || timer.#timer !== undefined || !timer.#isOver()) return
    timer.#listener = undefined
    listener.handleReadTimeout()
  }

  /** Otherwise sleeps on, if there is anything to wait for. */
  #isOver(): boolean {
    if (this.#listener === undefined || this.#timeout === Infinity) return false
    const now = performance.now()
    const remaining = this.lastActivity + this.#timeout - now
    if (remaining <= 0) return true
    this.#arm(remaining, now)
    return false
  }
}
