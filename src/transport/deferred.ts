/** A promise with its settlers beside it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (error: unknown) => void
}

let resolveNewest: (value: never) => void
let rejectNewest: (error: unknown) => void

/** One executor for all promises, instead of a closure for each. */
const takeSettlers = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  resolveNewest = resolve
  rejectNewest = reject
}

export function deferred<T>(): Deferred<T> {
  const promise = new Promise<T>(takeSettlers)
  return { promise, resolve: resolveNewest as Deferred<T>['resolve'], reject: rejectNewest }
}
