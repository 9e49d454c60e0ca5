import { isThenable } from '../checks.ts'
import type { ProgressListener, TransferProgress } from './exchange.ts'

/**
 * Counts one way of an exchange for a listener. Its methods throw what the listener throws; what an `async` one rejects with
 * fails the exchange as soon as it is known, if that is not over by then.
 */
export class ProgressMeter {
  readonly #listener: (progress: TransferProgress) => unknown
  readonly #total: number | undefined
  readonly #fail: (error: unknown) => void
  #transferred = 0
  /** The listener has given a promise. */
  isAsync = false

  /** Tells the listener that it starts. */
  constructor(listener: ProgressListener, total: number | undefined, fail: (error: unknown) => void) {
    this.#listener = listener
    this.#total = total
    this.#fail = fail
    this.#report(total === 0 ? 1 : 0)
  }

  add(bytes: number): void {
    this.#transferred += bytes
    this.#report(this.#total === undefined ? 0 : Math.min(1, this.#transferred / this.#total))
  }

  /** Where the total is not known, only now it can be said that this was all. */
  end(): void {
    if (this.#total === undefined) this.#report(1)
  }

  #report(percent: number): void {
    const progress = { percent, transferredBytes: this.#transferred, totalBytes: this.#total }
    const returned = this.#listener(progress)
    if (!isThenable(returned)) return
    this.isAsync = true
    // Nobody waits for it: a listener must not slow down what it watches.
    returned.then(undefined, this.#fail)
  }
}
