import type { CancelledError } from '../errors.ts'

/** Makes the error of a cancelled future. A symbol, because only our own kinds of futures override it. */
export const makeCancelled = Symbol('makeCancelled')

/** A future, as far as its error is concerned. */
interface Cancellable {
  [makeCancelled](reason: unknown): CancelledError
}

/** The outcome of a cancelled future. Its error is made on demand: a stack takes longer than the cancelling. */
export class Cancellation {
  readonly reason: unknown
  #error: CancelledError | undefined

  constructor(reason: unknown) {
    this.reason = reason
  }

  /** @param future makes the error */
  errorOf(future: Cancellable): CancelledError {
    return (this.#error ??= hasStack() ? future[makeCancelled](this.reason) : withoutStack(future, this.reason))
  }
}

/** How many errors have a stack in a window of so many ms: in a burst of cancels all stacks are the same. */
const stacks = 100
const windowLength = 100
let windowEnd = -Infinity
let stacksLeft = 0

function hasStack(): boolean {
  const now = performance.now()
  // A replaced clock may go backwards.
  if (now >= windowEnd || now < windowEnd - windowLength) {
    windowEnd = now + windowLength
    stacksLeft = stacks
  }
  return stacksLeft-- > 0
}

/** A stack takes more time and memory than the rest of the error and its cancel together. */
function withoutStack(future: Cancellable, reason: unknown): CancelledError {
  const limit = Error.stackTraceLimit
  // With frozen intrinsics this does nothing, and the error has its stack.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return future[makeCancelled](reason)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit)
  }
}
