import fc from '../helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import type { Future } from '../../src/future/future.ts'
import { turn } from '../helpers/gate.ts'

/** Tries once more, a turn later, before it settles. */
class Twice extends FutureController<number> {
  readonly #again: (controller: FutureController<number>) => void
  #attempts = 0

  constructor(again: (controller: FutureController<number>) => void) {
    super()
    this.#again = again
  }

  override resolve(value: number): boolean {
    if (++this.#attempts === 2) return super.resolve(value)
    setImmediate(() => {
      if (!this.future.done()) this.#again(this)
    })
    return true
  }
}

const options = fc.record({
  maxWorkers: fc.constantFrom(1, 2, 3, Infinity),
  maxPerGroup: fc.constantFrom(undefined, 1, 1, 2),
  rateLimit: fc.constantFrom(
    undefined,
    { limit: 1_000, interval: 5 },
    { limit: 1_000, interval: 5 },
    { limit: 3, interval: 2 },
    { limit: 3, interval: 2, perGroup: true },
  ),
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      group: fc.constantFrom(undefined, 'a', 'a', 'b'),
      maxPerGroup: fc.constantFrom(undefined, 1, 2),
      priority: fc.integer({ min: 0, max: 2 }),
      turns: fc.nat(3),
      fails: fc.boolean(),
      hasTwoAttempts: fc.boolean(),
      hasSignal: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const, 'abort' as const) }) },
)

test('InProcessExecutor settles everything, within all limits, whatever comes in which order', async () => {
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.array(step, { minLength: 5, maxLength: 25 }),
      fc.boolean(),
      async (given, steps, closes) => {
        const executor = new InProcessExecutor(given)
        const futures: Future<number>[] = []
        const alive: (string | undefined)[] = []
        let abort = new AbortController()
        let isPaused = false
        const work = (group: string | undefined, maxPerGroup: number, turns: number, fails: boolean) => async () => {
          alive.push(group)
          expect(alive.length).toBeLessThanOrEqual(executor.maxWorkers)
          const ofGroup = alive.filter((each) => each === group).length
          if (group !== undefined) expect(ofGroup).toBeLessThanOrEqual(maxPerGroup)
          for (let count = 0; count < turns; count++) await turn()
          alive.splice(alive.indexOf(group), 1)
          if (fails) throw new TypeError('as it should')
          return turns
        }
        for (const each of steps) {
          if (each.do === 'submit') {
            const { group, maxPerGroup, priority, turns, fails, hasTwoAttempts, hasSignal } = each
            const limit = Math.min(maxPerGroup ?? Infinity, given.maxPerGroup ?? Infinity)
            const task = work(group, limit, turns, fails)
            const submit = (controller?: FutureController<number>): Future<number> =>
              executor.submit(task, {
                group,
                maxPerGroup,
                priority,
                controller,
                ...(hasSignal ? { signal: abort.signal } : {}),
              })
            futures.push(hasTwoAttempts ? submit(new Twice(submit)) : submit())
          } else if (each.do === 'cancel') futures.at(-1 - each.which)?.cancel()
          else if (each.do === 'wait') for (let count = 0; count < each.turns; count++) await turn()
          else if (each.do === 'abort') {
            abort.abort()
            abort = new AbortController()
          } else {
            executor[each.do]()
            isPaused = each.do === 'pause'
          }
        }
        // Not for nothing: it would wake one that has stopped by mistake.
        if (isPaused) executor.resume()
        await inTime(closes ? executor.shutdown() : executor.onIdle(), executor)
        for (const future of futures) {
          expect(future.done()).toBe(true)
          if (future.state === 'rejected') expect(future.exceptionNow()).toEqual(new TypeError('as it should'))
        }
        const { pending, running, fulfilled, rejected, cancelled } = executor.stats()
        expect([pending, running, fulfilled + rejected + cancelled, alive.length]).toEqual([0, 0, futures.length, 0])
      },
    ),
    { numRuns: 1_000, interruptAfterTimeLimit: 10_000 },
  )
})

async function inTime(promise: Promise<void>, executor: InProcessExecutor): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`It stands still: ${JSON.stringify(executor.stats())}`)), 5_000)
  })
  await Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
