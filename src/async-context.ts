import { AsyncResource } from 'node:async_hooks'

/**
 * The async context of the code that makes it, in which functions can run later. An AsyncResource costs 72 bytes and a tenth
 * of a microsecond; `AsyncLocalStorage.snapshot` and `AsyncResource.bind` cost a hundred times as much on Node 20.
 */
export class AsyncContext extends AsyncResource {
  constructor() {
    super('UndiciFutures', { requireManualDestroy: true })
  }

  run<Result>(fn: () => Result): Result {
    return this.runInAsyncScope(fn)
  }
}

/** How a controller gets the async context of its submission. A registered symbol, so that two copies of the package understand each other. */
export const adoptContext = Symbol.for('undici-futures.adoptContext')

export interface ContextAdopter {
  [adoptContext](context: AsyncContext): void
}
