import fc from '../../helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { ExecutorClosedError, QueueFullError } from '../../../src/errors.ts'
import type { Future } from '../../../src/future/future.ts'
import { turn } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'

/** As the fixture has them: all, and the two groups. */
const groups = { a: 2, b: 4 } as const
const firstGate = 6

closeExecutorsAfterEach()

const options = fc.record({
  maxWorkers: fc.constantFrom(1, 2, 4),
  threads: fc.constantFrom(1, 2),
  maxPerGroup: fc.constantFrom(undefined, 1, 2),
  maxQueue: fc.constantFrom(undefined, 4),
})
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      group: fc.constantFrom(undefined, 'a' as const, 'a' as const, 'b' as const),
      priority: fc.integer({ min: 0, max: 2 }),
      fails: fc.boolean(),
      hasSignal: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('open' as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const) }) },
)
const shutdowns = fc.array(
  fc.record({ wait: fc.boolean(), cancelPending: fc.boolean(), cancelRunning: fc.boolean() }),
  {
    minLength: 1,
    maxLength: 2,
  },
)

test('WorkerThreadExecutor settles everything, within all limits, whatever comes in which order', async () => {
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.array(step, { minLength: 8, maxLength: 30 }),
      shutdowns,
      async (given, steps, ends) => {
        const executor = open(given)
        const cells = new Int32Array(new SharedArrayBuffer(4 * (firstGate + steps.length)))
        const futures: Future<unknown>[] = []
        const calls: number[] = []
        let abort = new AbortController()
        const openGate = (index: number): void => {
          Atomics.store(cells, firstGate + index, 1)
          Atomics.notify(cells, firstGate + index)
        }
        const submit = ({
          group,
          priority,
          fails,
          hasSignal,
        }: Extract<(typeof steps)[number], { do: 'submit' }>): void => {
          const index = futures.length
          const cell = group && groups[group]
          const task = fixture('counted-tasks.mjs', 'pass', cells.buffer, firstGate + index, cell, fails)
          const future = executor.submit(task, { group, priority, ...(hasSignal && { signal: abort.signal }) })
          futures.push(future)
          calls.push(0)
          future.addDoneCallback(() => calls[index]!++)
        }
        for (const each of steps) {
          if (each.do === 'submit') {
            try {
              submit(each)
            } catch (error) {
              expect(error).toBeInstanceOf(QueueFullError)
              expect(executor.stats().pending).toBe(given.maxQueue)
            }
          } else if (each.do === 'cancel') futures[each.which % Math.max(1, futures.length)]?.cancel()
          else if (each.do === 'open') openGate(each.which % Math.max(1, futures.length))
          else if (each.do === 'wait') for (let count = 0; count < each.turns; count++) await turn()
          else {
            abort.abort()
            abort = new AbortController()
          }
          const { running, pending, fulfilled, rejected, cancelled } = executor.stats()
          expect(running).toBeLessThanOrEqual(given.maxWorkers)
          expect(running + pending + fulfilled + rejected + cancelled).toBe(futures.length)
        }
        for (const end of ends) await Promise.race([executor.shutdown(end), turn()])
        expect(() => executor.submit(fixture('counted-tasks.mjs', 'pass'))).toThrow(ExecutorClosedError)
        for (const index of futures.keys()) openGate(index)
        await executor.shutdown()

        for (const future of futures) {
          expect(future.done()).toBe(true)
          if (future.state === 'rejected') expect(future.exceptionNow()).toEqual(new TypeError('as it should'))
        }
        expect(calls).toEqual(futures.map(() => 1))
        const count = (state: string): number => futures.filter((future) => future.state === state).length
        const [fulfilled, rejected, cancelled] = [count('fulfilled'), count('rejected'), count('cancelled')]
        expect(executor.stats()).toEqual({ pending: 0, running: 0, fulfilled, rejected, cancelled })
        expect([cells[0], cells[groups.a], cells[groups.b]]).toEqual([0, 0, 0])
        expect(cells[1]).toBeLessThanOrEqual(given.maxWorkers)
        const most = given.maxPerGroup ?? Infinity
        expect(Math.max(cells[groups.a + 1]!, cells[groups.b + 1]!)).toBeLessThanOrEqual(most)
      },
    ),
    { numRuns: 15, interruptAfterTimeLimit: 10_000 },
  )
})
