import { describe } from '../checks.ts'
import type { Future } from './future.ts'
import { listFutures } from './future-list.ts'
import { subscribe, unsubscribe, type DoneListener } from './subscription.ts'
import { WaitLimits, waitOptionNames, type LimitListener, type WaitOptions } from './wait-limits.ts'

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
