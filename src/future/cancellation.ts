import { CancelledError } from '../errors.ts'

/** The outcome of a cancelled future. Its error is made when somebody asks: stacks that nobody reads take longer than the cancelling. */
export class Cancellation {
  readonly reason: unknown
  #error: CancelledError | undefined

  constructor(reason: unknown) {
    this.reason = reason
  }

  get error(): CancelledError {
    return (this.#error ??= new CancelledError(undefined, this.reason === undefined ? {} : { cause: this.reason }))
  }
}
