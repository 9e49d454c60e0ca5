import type { CancelledError } from '../errors.ts'

/** The error of a cancelled future, made when somebody asks. Named by a symbol: it is for our own kinds of futures. */
export const makeCancelled = Symbol('makeCancelled')

/** Whose error can be made. */
interface Cancellable {
  [makeCancelled](reason: unknown): CancelledError
}

/** The outcome of a cancelled future. Its error is made when somebody asks: stacks that nobody reads take longer than the cancelling. */
export class Cancellation {
  readonly reason: unknown
  #error: CancelledError | undefined

  constructor(reason: unknown) {
    this.reason = reason
  }

  /** @param future says what was cancelled */
  errorOf(future: Cancellable): CancelledError {
    return (this.#error ??= hasStack() ? future[makeCancelled](this.reason) : withoutStack(future, this.reason))
  }
}

/** So many errors in so many ms have a stack of their own: in a burst of cancels all of them say the same. */
const stacks = 100
const windowLength = 100
let windowEnd = -Infinity
let stacksLeft = 0

function hasStack(): boolean {
  const now = performance.now()
  // A clock that somebody has replaced may go backwards.
  if (now >= windowEnd || now < windowEnd - windowLength) {
    windowEnd = now + windowLength
    stacksLeft = stacks
  }
  return stacksLeft-- > 0
}

/** A stack takes longer, and more memory, than the rest of the error and its cancel together. */
function withoutStack(future: Cancellable, reason: unknown): CancelledError {
  const limit = Error.stackTraceLimit
  // Where the intrinsics are frozen this does nothing, and the error has its stack.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return future[makeCancelled](reason)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit)
  }
}
