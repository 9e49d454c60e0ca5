import fc from '../helpers/fast-check.ts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TimeoutError } from '../../src/errors.ts'
import { asCompleted } from '../../src/future/as-completed.ts'
import type { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { wait } from '../../src/future/combine.ts'
import { controllers } from './states.ts'

type Outcome = 'fulfilled' | 'rejected' | 'cancelled'

/** When each of some futures is settled, and how; `at` 0 is before the wait, and no two come at once. */
interface Course {
  readonly events: readonly { readonly index: number; readonly at: number; readonly outcome: Outcome }[]
  readonly count: number
  /** Between the settlements, so that nothing is decided by a hair. */
  readonly timeout: number | undefined
  readonly abortAt: number | undefined
}

const outcome = fc.constantFrom<Outcome>('fulfilled', 'rejected', 'cancelled')
const course: fc.Arbitrary<Course> = fc
  .integer({ min: 1, max: 7 })
  .chain((count) =>
    fc.record({
      count: fc.constant(count),
      order: fc.shuffledSubarray(Array.from({ length: count }, (_, index) => index)),
      outcomes: fc.array(outcome, { minLength: count, maxLength: count }),
      before: fc.nat(count),
      timeout: fc.option(fc.integer({ min: -1, max: count }), { nil: undefined }),
      abortAt: fc.option(fc.integer({ min: 0, max: count }), { nil: undefined }),
    }),
  )
  .map(({ count, order, outcomes, before, timeout, abortAt }) => ({
    count,
    events: order.map((index, place) => ({
      index,
      at: Math.max(0, place + 1 - before) * 100,
      outcome: outcomes[index]!,
    })),
    timeout: timeout === undefined ? undefined : timeout * 100 + 50,
    abortAt: abortAt === undefined ? undefined : abortAt * 100 + 25,
  }))

/** When the wait would end by itself, and why. Negative and 50 or less: `timeout` -50 only looks. */
function limitOf({ timeout = Infinity, abortAt = Infinity }: Course): { at: number; reason: 'time' | 'abort' } {
  const time = Math.max(0, timeout)
  return abortAt < time ? { at: abortAt, reason: 'abort' } : { at: time, reason: 'time' }
}

function settle(controller: FutureController<number>, index: number, how: Outcome): void {
  if (controller.future.done()) return
  if (how === 'fulfilled') controller.resolve(index)
  else if (how === 'rejected') controller.reject(new RangeError(String(index)))
  else controller.future.cancel(index)
}

const reason = new Error('enough')

/** Lets the course run while `start` waits. @returns what came of it, and when */
async function run<T>(
  given: Course,
  start: (futures: Future<number>[], options: { timeout?: number; signal: AbortSignal }) => Promise<T>,
): Promise<{ all: FutureController<number>[]; value?: T; error?: unknown; at: number }> {
  const all = controllers<number>(given.count)
  const abort = new AbortController()
  for (const { index, at, outcome } of given.events) if (at === 0) settle(all[index]!, index, outcome)
  const begin = performance.now()
  const options = { signal: abort.signal, ...(given.timeout !== undefined && { timeout: given.timeout }) }
  const ended = start(
    all.map(({ future }) => future),
    options,
  ).then(
    (value) => ({ value, at: performance.now() - begin }),
    (error: unknown) => ({ error, at: performance.now() - begin }),
  )
  for (const { index, at, outcome } of given.events) {
    if (at > 0) setTimeout(() => settle(all[index]!, index, outcome), at)
  }
  if (given.abortAt !== undefined) setTimeout(() => abort.abort(reason), given.abortAt)
  await vi.advanceTimersByTimeAsync(100_000)
  // Those that nobody settles, so that every wait ends.
  all.forEach((controller, index) => settle(controller, index, 'fulfilled'))
  const result = await ended
  expect(vi.getTimerCount()).toBe(0)
  return { all, ...result }
}

/** The events that come while somebody waits, the earlier ones first; then all the rest at the very end. */
function eventsOf({ events, count }: Course): Course['events'] {
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) =>
    events.every((event) => event.index !== index),
  )
  return [...events, ...missing.map((index) => ({ index, at: 100_000, outcome: 'fulfilled' as const }))]
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())
const runs = { numRuns: 200, interruptAfterTimeLimit: 8_000 }

describe('any order of settlements, timeout and abort:', () => {
  it('wait() returns at the event that decides, with exactly what is done then', async () => {
    const condition = fc.constantFrom('ALL_COMPLETED' as const, 'FIRST_COMPLETED' as const, 'FIRST_EXCEPTION' as const)
    await fc.assert(
      fc.asyncProperty(course, condition, async (given, returnWhen) => {
        const events = eventsOf(given)
        const decisive = events.find(
          ({ outcome }, place) =>
            place === events.length - 1 ||
            returnWhen === 'FIRST_COMPLETED' ||
            (returnWhen === 'FIRST_EXCEPTION' && outcome === 'rejected'),
        )!
        const limit = limitOf(given)
        const end = Math.min(decisive.at, limit.at)
        // Looked at as soon as it returns: more is done later.
        const { value, error, at, all } = await run(given, (futures, options) =>
          wait(futures, { ...options, returnWhen }),
        )
        expect(at).toBe(end)
        if (decisive.at > limit.at && limit.reason === 'abort') {
          expect(error).toBe(reason)
          return
        }
        const place = (future: Future<number>): number => all.findIndex((each) => each.future === future)
        const done = events.filter((event) => event.at <= end).map(({ index }) => index)
        expect([...value!.done].map(place)).toEqual(done.sort((one, other) => one - other))
        expect(value!.done.size + value!.notDone.size).toBe(given.count)
      }),
      runs,
    )
  })

  it.each(['all', 'any'] as const)(
    'Future.%s() settles at the event that decides, and cancels the rest',
    async (name) => {
      await fc.assert(
        fc.asyncProperty(course, async (given) => {
          const events = eventsOf(given)
          const decides = ({ outcome }: { outcome: Outcome }): boolean => (outcome === 'fulfilled') === (name === 'any')
          // Of those that are there already, the first in input order counts.
          const early = events
            .filter((event) => event.at === 0 && decides(event))
            .sort((one, other) => one.index - other.index)
          const decisive = early[0] ?? events.find(decides)
          const decidedAt = decisive?.at ?? Math.max(...events.map(({ at }) => at))
          const limit = limitOf(given)
          const start = name === 'all' ? Future.all : Future.any
          const { all, value, error, at } = await run<unknown>(given, (futures, options) => start(futures, options))
          expect(at).toBe(Math.min(decidedAt, limit.at))
          if (decidedAt > limit.at) {
            if (limit.reason === 'abort') expect(error).toBe(reason)
            else expect(error).toMatchObject({ name: 'TimeoutError', total: given.count })
            // It was only the waiting.
            for (const { index, outcome } of events) expect(all[index]!.future.state).toBe(outcome)
            return
          }
          if (decisive === undefined) {
            if (name === 'all') expect(value).toEqual(all.map((_, index) => index))
            else expect((error as AggregateError).errors).toHaveLength(given.count)
          } else if (decisive.outcome === 'fulfilled') expect(value).toBe(decisive.index)
          else if (decisive.outcome === 'rejected') expect(error).toEqual(new RangeError(String(decisive.index)))
          else expect(error).toMatchObject({ name: 'AbortError', cause: decisive.index })
          for (const { index, outcome, at: when } of events) {
            const isCancelled = decisive !== undefined && when > decidedAt
            expect(all[index]!.future.state).toBe(isCancelled ? 'cancelled' : outcome)
          }
        }),
        runs,
      )
    },
  )

  it('asCompleted() delivers what is done by its limit, in order, then says how much is not', async () => {
    await fc.assert(
      fc.asyncProperty(course, async (given) => {
        const seen: Future<number>[] = []
        const events = eventsOf(given)
        const { all, error } = await run(given, async (futures, options) => {
          for await (const future of asCompleted(futures, options)) seen.push(future)
        })
        const limit = limitOf(given)
        const early = events.filter(({ at }) => at === 0).sort((one, other) => one.index - other.index)
        const expected = [...early, ...events.filter(({ at }) => at > 0 && at <= limit.at)]
        expect(seen.map((future) => all.findIndex((each) => each.future === future))).toEqual(expected.map(({ index }) => index)) // prettier-ignore
        const unfinished = given.count - expected.length
        if (unfinished === 0) expect(error).toBe(undefined)
        else if (limit.reason === 'abort') expect(error).toBe(reason)
        else {
          expect(error).toBeInstanceOf(TimeoutError)
          expect(error).toMatchObject({ unfinished, total: given.count })
        }
      }),
      runs,
    )
  })
})
