import type { CancelledError } from '../errors.ts'

/** The error of a cancelled future, made when somebody asks. Named by a symbol: it is for our own kinds of futures. */
export const makeCancelled = Symbol('makeCancelled')

/** The outcome of a cancelled future. Its error is made when somebody asks: stacks that nobody reads take longer than the cancelling. */
export class Cancellation {
  readonly reason: unknown
  #error: CancelledError | undefined

  constructor(reason: unknown) {
    this.reason = reason
  }

  /** @param future says what was cancelled */
  errorOf(future: { [makeCancelled](reason: unknown): CancelledError }): CancelledError {
    return (this.#error ??= future[makeCancelled](this.reason))
  }
}
