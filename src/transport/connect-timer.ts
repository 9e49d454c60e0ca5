import { setImmediate } from 'node:timers'
import { Deadline, monotonicTime } from '../deadline.ts'

/** Milliseconds that a timer may be late without counting as a busy event loop. */
const usualDelay = 10
/** The shortest extension, in milliseconds. */
const shortestExtension = 50
/** As many as a connection has steps, each of which may be followed by a blocked loop. */
const mostExtensions = 8

/**
 * Calls back once, when a connection has not been made in `timeout` milliseconds, without the time that the loop was blocked.
 * What has arrived meanwhile is handled first; and as that may be only the first of several steps (look-up, TCP, a proxy's
 * part, TLS), the time by which the timer was late is given back, up to the timeout itself.
 */
export class ConnectTimer {
  readonly #timeout: number
  readonly #callback: () => void
  #deadline: Deadline
  #dueAt = 0
  #extensions = 0
  #isCleared = false

  constructor(timeout: number, callback: () => void) {
    this.#timeout = timeout
    this.#callback = callback
    this.#deadline = this.#arm(timeout)
  }

  clear(): void {
    this.#isCleared = true
    this.#deadline.clear()
  }

  #arm(delay: number): Deadline {
    this.#dueAt = monotonicTime() + delay
    // This timer keeps the process alive: a look-up function of the caller's may have nothing else that does.
    return new Deadline(delay, () => {
      const lateness = monotonicTime() - this.#dueAt
      // After a long pause of the event loop, timers run before bytes that have arrived meanwhile: let those in first.
      setImmediate(() => this.#expire(lateness))
    })
  }

  #expire(lateness: number): void {
    if (this.#isCleared) return
    if (lateness <= usualDelay || ++this.#extensions > mostExtensions) return this.#callback()
    this.#deadline = this.#arm(Math.min(this.#timeout, Math.max(lateness, shortestExtension)))
  }
}
