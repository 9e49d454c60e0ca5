import { setImmediate } from 'node:timers'
import { Deadline, monotonicTime } from '../deadline.ts'

/** Told that nothing was received for longer than its timeout. */
export interface ReadTimeoutListener {
  handleReadTimeout(): void
}

/**
 * Serves the read timeouts of all successive exchanges on a connection with one timer of Node's. Received bytes only
 * store the time; when the timer fires, it is armed again for what is left. With the default of five minutes, that is one
 * timer per connection and five minutes, whatever the number of requests.
 *
 * The timer does not keep the process alive; the socket does.
 */
export class ReadTimer {
  /** When the last byte was received. */
  #lastActivity = 0
  #listener: ReadTimeoutListener | undefined = undefined
  #timeout = Infinity
  #deadline: Deadline | undefined = undefined

  /**
   * Runs from now on, until `stop`.
   *
   * @param now `monotonicTime()`
   */
  start(listener: ReadTimeoutListener, timeout: number, now: number): void {
    this.#listener = listener
    this.#timeout = timeout
    this.stamp(now)
    if (timeout === Infinity) return
    if (this.#deadline === undefined || this.#deadline.remaining > timeout) this.#arm(timeout)
  }

  /** Something was received. */
  stamp(now: number): void {
    this.#lastActivity = now
    if (this.#deadline?.isFake === true && this.#timeout !== Infinity) this.#arm(this.#timeout)
  }

  /** Pauses; Node's timer is left to the next exchange. */
  stop(): void {
    this.#listener = undefined
  }

  /** Clears Node's timer: the connection is gone. */
  clear(): void {
    this.#listener = undefined
    this.#deadline?.clear()
    this.#deadline = undefined
  }

  #arm(delay: number): void {
    this.#deadline?.clear()
    this.#deadline = new Deadline(delay, () => this.#look()).unref()
  }

  #look(): void {
    this.#deadline = undefined
    // After a long pause of the event loop, timers fire before bytes that arrived meanwhile are read: read those first.
    if (this.#isOver() && this.#listener !== undefined) setImmediate(ReadTimer.#expire, this)
  }

  static #expire(this: void, timer: ReadTimer): void {
    const listener = timer.#listener
    if (listener === undefined || timer.#deadline !== undefined || !timer.#isOver()) return
    timer.#listener = undefined
    listener.handleReadTimeout()
  }

  /** Whether the timeout has passed; otherwise waits for what is left. */
  #isOver(): boolean {
    if (this.#listener === undefined || this.#timeout === Infinity) return false
    const remaining = this.#lastActivity + this.#timeout - monotonicTime()
    if (remaining <= 0) return true
    this.#arm(remaining)
    return false
  }
}
