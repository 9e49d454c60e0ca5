import { Deadline, monotonicTime } from '../../deadline.ts'

/** Calls back when a thread has had nothing to do for a while. One timer for the whole while, not one for each task. */
export class IdleTimer {
  readonly #timeout: number
  readonly #callback: () => void
  #idleSince: number | undefined
  #timer: Deadline | undefined

  /** @param timeout ms; Infinity = never */
  constructor(timeout: number, callback: () => void) {
    this.#timeout = timeout
    this.#callback = callback
  }

  start(): void {
    if (this.#timeout === Infinity) return
    this.#idleSince = monotonicTime()
    // One that does not know the time is set anew: how much of its own time has passed, nobody knows.
    if (this.#timer === undefined || this.#timer.isFake) this.#arm(this.#timeout)
  }

  /** There is something to do again. */
  stop(): void {
    this.#idleSince = undefined
  }

  clear(): void {
    this.stop()
    this.#timer?.clear()
  }

  #arm(delay: number): void {
    this.#timer?.clear()
    this.#timer = new Deadline(delay, () => {
      this.#timer = undefined
      if (this.#idleSince === undefined) return
      const remaining = this.#idleSince + this.#timeout - monotonicTime()
      if (remaining > 0) this.#arm(remaining)
      else this.#callback()
    }).unref()
  }
}
