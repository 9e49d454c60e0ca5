import { setImmediate } from 'node:timers'
import { Deadline } from '../../deadline.ts'

/** How long work may take to stop before its thread is ended, in ms. */
export const gracePeriod = 1000

/** So many times a thread that has not heard of a cancellation yet, but is heard of itself, is given the time again. */
const mostRenewals = 5

/**
 * The time that a cancelled task has for stopping. It counts from when its thread has heard of the cancellation: on a busy
 * machine that may take longer than the stopping. A thread that says nothing at all meanwhile is busy with itself.
 */
export class GracePeriod {
  readonly #countMessages: () => number
  readonly #onEnd: () => void
  #timer: Deadline
  #renewals = 0
  #isTold = false
  #isOver = false

  /**
   * @param countMessages how many messages have come from the thread so far
   * @param onEnd called once, unless `clear` is called before
   */
  constructor(countMessages: () => number, onEnd: () => void) {
    this.#countMessages = countMessages
    this.#onEnd = onEnd
    this.#timer = this.#arm()
  }

  /** The thread has passed it on to the task. */
  noteTold(): void {
    if (this.#isTold || this.#isOver) return
    this.#isTold = true
    this.#timer.clear()
    this.#timer = this.#arm()
  }

  clear(): void {
    this.#isOver = true
    this.#timer.clear()
  }

  #arm(): Deadline {
    const heard = this.#countMessages()
    // It may have stopped, while we were too busy to hear: messages are read before this is called.
    return new Deadline(gracePeriod, () => setImmediate(() => this.#expire(heard))).unref()
  }

  #expire(heard: number): void {
    if (this.#isOver) return
    const isAlive = !this.#isTold && this.#countMessages() > heard && this.#renewals < mostRenewals
    if (!isAlive) return this.#onEnd()
    this.#renewals++
    this.#timer = this.#arm()
  }
}
