import { describe } from '../checks.ts'
import { FuturesError, TimeoutError } from '../errors.ts'
import type { Future } from './future.ts'
import { type DoneListener, subscribe, unsubscribe } from './listeners.ts'
import { type LimitListener, listFutures, WaitLimits, waitOptionNames, type WaitOptions } from './waiting.ts'

/** What a future's `result()` resolves with. */
export type FutureValue<F> = F extends Future<infer T> ? T : never
/** The same for a tuple of futures. */
export type FutureValues<F extends readonly unknown[]> = { -readonly [K in keyof F]: FutureValue<F[K]> }

/** See `Future.all`. */
export async function all(futures: Iterable<Future<unknown>>, options?: WaitOptions): Promise<unknown[]> {
  const limits = new WaitLimits(options)
  const list = listFutures(futures)
  const { decider: failure, unfinished } = await whenEnough(list, limits, (future) => future.state !== 'fulfilled')
  if (unfinished !== undefined) throw timeoutError('Future.all', unfinished, list.length, limits)
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
  const { decider: winner, unfinished } = await whenEnough(list, limits, (future) => future.state === 'fulfilled')
  if (unfinished !== undefined) throw timeoutError('Future.any', unfinished, list.length, limits)
  if (winner !== undefined) {
    cancelRest(list, new FuturesError('Another future of Future.any() was fulfilled first'))
    return winner.resultNow()
  }
  throw new AggregateError(list.map(firstFailureOf), 'Future.any: none of the futures was fulfilled')
}

const conditions = ['ALL_COMPLETED', 'FIRST_COMPLETED', 'FIRST_EXCEPTION'] as const

/** When `wait` returns, as in Python's `concurrent.futures.wait`. A cancellation is no exception. */
export type ReturnWhen = (typeof conditions)[number]

/** How long `wait` waits, and for what. */
export interface WaitForOptions extends WaitOptions {
  /** What is waited for: all, the first that is done, or the first that failed. @default 'ALL_COMPLETED' */
  returnWhen?: ReturnWhen | undefined
}

const waitForOptionNames = [...waitOptionNames, 'returnWhen']

/** Both in input order. */
export interface WaitResult<F> {
  /** Fulfilled, rejected or cancelled. */
  done: Set<F>
  /** Pending or running. */
  notDone: Set<F>
}

/**
 * Waits until enough of the futures are done, and says which. Cancels nothing, asks no future for its outcome, and
 * collapses duplicates. A timeout only ends the wait: look at `notDone`.
 *
 * @throws {TypeError} as a rejection: bad arguments; also the reason of an aborted `signal`, unless enough are done already
 */
export async function wait<F extends Future<any>>( // eslint-disable-line @typescript-eslint/no-explicit-any -- any future at all
  futures: Iterable<F>,
  options: WaitForOptions = {},
): Promise<WaitResult<F>> {
  const limits = new WaitLimits(options, waitForOptionNames)
  const { returnWhen = 'ALL_COMPLETED' } = options
  if (!conditions.includes(returnWhen)) {
    throw new TypeError(`Expected \`returnWhen\` to be one of ${conditions.join(', ')}, got ${describe(returnWhen)}`)
  }
  const all = new Set(listFutures(futures))
  await whenEnough(all, limits, (future) => {
    return returnWhen === 'FIRST_COMPLETED' || (returnWhen === 'FIRST_EXCEPTION' && future.state === 'rejected')
  })
  const done = new Set<F>()
  const notDone = new Set<F>()
  for (const future of all) (future.done() ? done : notDone).add(future)
  return { done, notDone }
}

/** How the wait for enough futures ended. Neither is there if all are done and none decides. */
interface Enough {
  /** The first done future that decides: of those that were done at the call, in input order. */
  readonly decider?: Future<unknown> | undefined
  /** The time is up, and so many futures are not done. */
  readonly unfinished?: number | undefined
}

/**
 * Waits until one of these futures is done and decides, until all are done, or until the time is up.
 *
 * @returns a promise that rejects with the reason of an aborted signal only
 */
function whenEnough(
  futures: Iterable<Future<unknown>>,
  limits: WaitLimits,
  decides: (future: Future<unknown>) => boolean,
): Promise<Enough> {
  const unfinished = new Set<Future<unknown>>()
  let decider: Future<unknown> | undefined
  for (const future of futures) {
    if (!future.done()) unfinished.add(future)
    else if (decider === undefined && decides(future)) decider = future
  }
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      if (limits.isAborted) reject(limits.signal?.reason)
      else resolve({ unfinished: unfinished.size })
    }
    const leave = (): void => {
      limits.disarm()
      for (const future of unfinished) future[unsubscribe](listener)
    }
    const listener: DoneListener & LimitListener = {
      isWait: true,
      handleDone(future) {
        unfinished.delete(future)
        if (decides(future)) decider = future
        else if (unfinished.size > 0) return
        leave()
        resolve({ decider })
      },
      handleLimit() {
        leave()
        giveUp()
      },
    }
    if (decider !== undefined || unfinished.size === 0) return resolve({ decider })
    if (limits.isOver) return giveUp()
    limits.arm(listener)
    for (const future of unfinished) future[subscribe](listener)
  })
}

function timeoutError(caller: string, unfinished: number, total: number, { timeout }: WaitLimits): TimeoutError {
  const message = `${caller}: ${unfinished} (of ${total}) futures unfinished after ${timeout} ms`
  return new TimeoutError(message, { unfinished, total })
}

/** Cancels what is not done; what failed beside the one that counts has been asked for by this. */
function cancelRest(list: readonly Future<unknown>[], reason: unknown): void {
  for (const future of list) {
    future.cancel(reason)
    if (future.state === 'rejected') future.exceptionNow()
  }
}

function firstFailureOf(future: Future<unknown>): unknown {
  try {
    return future.exceptionNow()
  } catch (cancelled) {
    return cancelled
  }
}
