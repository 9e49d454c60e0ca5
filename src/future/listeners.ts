import { AsyncContext } from '../async-context.ts'
import { isThenable } from '../checks.ts'
import type { Future } from './future.ts'
import type { DoneListener } from './subscription.ts'

/** Told once, with the reason, when a future is cancelled: cheaper than a function where there is an object anyway. Must not throw. */
export interface CancelHandler {
  /** Called with what was given to `cancel()`. */
  handleCancel(reason: unknown): void
}

/** Calls user code that must not disturb ours: what it throws is thrown again where nobody can catch it, as an EventTarget does. */
export function guard(fn: () => unknown): void {
  try {
    const returned = fn()
    if (isThenable(returned)) returned.then(undefined, rethrow)
  } catch (error) {
    rethrow(error)
  }
}

function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

/** A user's done callback, with the async context that it was added in. */
export class DoneCallback extends AsyncContext implements DoneListener {
  readonly #fn: (future: Future<unknown>) => unknown

  constructor(fn: (future: Future<unknown>) => unknown) {
    super()
    this.#fn = fn
  }

  handleDone(future: Future<unknown>): void {
    this.run(() => guard(() => this.#fn(future)))
  }
}

/** A user's cancel function, likewise. */
export class CancelCallback extends AsyncContext implements CancelHandler {
  readonly #fn: (reason: unknown) => unknown

  constructor(fn: (reason: unknown) => unknown) {
    super()
    this.#fn = fn
  }

  handleCancel(reason: unknown): void {
    this.run(() => guard(() => this.#fn(reason)))
  }
}
