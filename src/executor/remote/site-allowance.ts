import { monotonicTime } from '../../deadline.ts'

/** More than that are not noted of tasks that wait: each takes some 700 bytes. */
const mostWaiting = 100
/** So many at once, and from then on as many as there are milliseconds. */
const burst = 100

/**
 * To note where a task was submitted takes longer than all the rest that is done for it. Those that fail are shown with it where
 * tasks are few: where there are a hundred thousand in a second, some stand for all.
 */
export class SiteAllowance {
  #left = burst
  #filledAt = monotonicTime()

  /** @param waiting how many tasks wait already */
  take(waiting: number): boolean {
    if (waiting >= mostWaiting) return false
    const now = monotonicTime()
    this.#left = Math.min(burst, this.#left + now - this.#filledAt)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
