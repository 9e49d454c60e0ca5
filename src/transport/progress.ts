import type { ProgressListener } from './exchange.ts'

/** Counts one way of an exchange for a listener. Its methods throw what the listener throws. */
export class ProgressMeter {
  readonly #listener: ProgressListener
  readonly #total: number | undefined
  #transferred = 0

  /** Tells the listener that it starts. */
  constructor(listener: ProgressListener, total: number | undefined) {
    this.#listener = listener
    this.#total = total
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
    this.#listener({ percent, transferredBytes: this.#transferred, totalBytes: this.#total })
  }
}
