import { FuturesError, TimeoutError } from '../errors.ts'
import type { Future } from './future.ts'
import { listFutures } from './future-list.ts'
import { subscribe, unsubscribe, type DoneListener } from './subscription.ts'
import { WaitLimits, type LimitListener, type WaitOptions } from './wait-limits.ts'

/** What a future's `result()` resolves with. */
export type FutureValue<F> = F extends Future<infer T> ? T : never
/** The same for a tuple of futures. */
export type FutureValues<F extends readonly unknown[]> = { -readonly [K in keyof F]: FutureValue<F[K]> }

/** See `Future.all`. */
export async function all(futures: Iterable<Future<unknown>>, options?: WaitOptions): Promise<unknown[]> {
  const limits = new WaitLimits(options)
  const list = listFutures(futures)
  const failure = await firstMatch(list, limits, 'Future.all', (future) => future.state !== 'fulfilled')
  if (failure !== undefined) {
    cancelRest(list, failure.cancelled() ? undefined : failure.exceptionNow())
    return [failure.resultNow()]
  }
  return list.map((future) => future.resultNow())
}

/** See `Future.any`. */
export async function any(futures: Iterable<Future<unknown>>, options?: WaitOptions): Promise<unknown> {
  const limits = new WaitLimits(options)
  const list = listFutures(futures)
  const winner = await firstMatch(list, limits, 'Future.any', (future) => future.state === 'fulfilled')
  if (winner !== undefined) {
    cancelRest(list, new FuturesError('Another future of Future.any() was fulfilled first'))
    return winner.resultNow()
  }
  throw new AggregateError(list.map(failureOf), 'Future.any: none of the futures was fulfilled')
}

/**
 * The first of these that is done and matches: one that is there already, in input order, or the first to be settled so.
 * `undefined` if all are done and none matches.
 */
function firstMatch(
  list: readonly Future<unknown>[],
  limits: WaitLimits,
  caller: string,
  matches: (future: Future<unknown>) => boolean,
): Promise<Future<unknown> | undefined> {
  const isDoneMatch = (future: Future<unknown>): boolean => future.done() && matches(future)
  const unfinished = new Set(list.filter((future) => !future.done()))
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      const counts = { unfinished: unfinished.size, total: list.length }
      const message = `${caller}: ${counts.unfinished} (of ${counts.total}) futures unfinished after ${limits.timeout} ms`
      reject(limits.isAborted ? limits.signal?.reason : new TimeoutError(message, counts))
    }
    const leave = (): void => {
      limits.disarm()
      for (const future of unfinished) future[unsubscribe](listener)
    }
    const listener: DoneListener & LimitListener = {
      isWait: true,
      handleDone(future) {
        unfinished.delete(future)
        if (!matches(future) && unfinished.size > 0) return
        leave()
        resolve(matches(future) ? future : undefined)
      },
      handleLimit() {
        leave()
        giveUp()
      },
    }
    const ready = list.find(isDoneMatch)
    if (ready !== undefined || unfinished.size === 0) return resolve(ready)
    if (limits.isOver) return giveUp()
    limits.arm(listener)
    for (const future of unfinished) future[subscribe](listener)
  })
}

/** Cancels what is not done; what failed beside the one that counts has been asked for by this. */
function cancelRest(list: readonly Future<unknown>[], reason: unknown): void {
  for (const future of list) {
    future.cancel(reason)
    if (future.state === 'rejected') future.exceptionNow()
  }
}

function failureOf(future: Future<unknown>): unknown {
  try {
    return future.exceptionNow()
  } catch (cancelled) {
    return cancelled
  }
}
