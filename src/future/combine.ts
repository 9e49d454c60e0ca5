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
  await enoughDone(all, returnWhen, limits)
  const done = new Set<F>()
  const notDone = new Set<F>()
  for (const future of all) (future.done() ? done : notDone).add(future)
  return { done, notDone }
}

function enoughDone(all: ReadonlySet<Future<unknown>>, returnWhen: ReturnWhen, limits: WaitLimits): Promise<void> {
  const unfinished = new Set<Future<unknown>>()
  const decides = (future: Future<unknown>): boolean =>
    returnWhen === 'FIRST_COMPLETED' || (returnWhen === 'FIRST_EXCEPTION' && future.state === 'rejected')
  let isDecided = false
  for (const future of all) {
    if (!future.done()) unfinished.add(future)
    else if (decides(future)) isDecided = true
  }
  if (isDecided || unfinished.size === 0) return Promise.resolve()
  if (limits.isAborted) return Promise.reject(limits.signal?.reason)
  if (limits.isOver) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      limits.disarm()
      for (const future of unfinished) future[unsubscribe](listener)
    }
    const listener: DoneListener & LimitListener = {
      isWait: true,
      handleDone(future) {
        unfinished.delete(future)
        if (unfinished.size > 0 && !decides(future)) return
        leave()
        resolve()
      },
      handleLimit() {
        leave()
        if (limits.isAborted) reject(limits.signal?.reason)
        else resolve()
      },
    }
    limits.arm(listener)
    for (const future of unfinished) future[subscribe](listener)
  })
}
