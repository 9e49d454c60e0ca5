import { setTimeout as ownSetTimeout } from 'node:timers'

/** A promise that the test settles when it wants to. */
export interface Gate<T = void> {
  readonly promise: Promise<T>
  open(value: T): void
  fail(error: unknown): void
}

export function gate<T = void>(): Gate<T> {
  let open!: (value: T) => void
  let fail!: (error: unknown) => void
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  promise.catch(() => {})
  return { promise, open, fail }
}

/** Lets every microtask and the callbacks of one turn of the event loop run. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Waits, turn by turn, until the condition holds; the test's timeout is the bound. Timers that are faked have no part in it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => ownSetTimeout(resolve, 1))
}
