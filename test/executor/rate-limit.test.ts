import fc from '../helpers/fast-check.ts'
import { describe, expect, test, vi } from 'vitest'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import type { RateLimit } from '../../src/executor/start-log.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import type { Future } from '../../src/future/future.ts'
import { until } from '../helpers/gate.ts'

/** The starts that came too early: those less than `interval` after the one `limit` before. */
function tooEarly(starts: number[], { limit, interval }: RateLimit): number[] {
  return starts.filter((start, index) => index >= limit && start - starts[index - limit]! < interval)
}

const scenario = fc.record({
  limit: fc.integer({ min: 1, max: 6 }),
  interval: fc.integer({ min: 1, max: 25 }),
  maxWorkers: fc.constantFrom(1, 3, Infinity),
  perGroup: fc.boolean(),
  tasks: fc.array(
    fc.record({
      group: fc.constantFrom(undefined, 'a', 'b'),
      priority: fc.integer({ min: 0, max: 2 }),
      duration: fc.constantFrom(0, 0, 1, 8),
      pauseBefore: fc.constantFrom(0, 0, 0, 1, 10),
      isCancelled: fc.boolean(),
    }),
    { minLength: 5, maxLength: 25 },
  ),
})

describe('InProcessExecutor({ rateLimit })', () => {
  test('starts at most `limit` tasks in any window of `interval` ms, and all that nobody cancels', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ limit, interval, maxWorkers, perGroup, tasks }) => {
        const rateLimit = { limit, interval, perGroup }
        const executor = new InProcessExecutor({ maxWorkers, rateLimit })
        const starts = new Map<string | undefined, number[]>()
        const kept: Future<unknown>[] = []
        for (const { group, priority, duration, pauseBefore, isCancelled } of tasks) {
          if (pauseBefore > 0) await sleep(pauseBefore)
          const key = perGroup ? group : 'all'
          const task = async (): Promise<void> => {
            starts.set(key, [...(starts.get(key) ?? []), performance.now()])
            await sleep(duration)
          }
          const future = executor.submit(task, { group, priority })
          if (isCancelled) setTimeout(() => future.cancel(), interval / 2)
          else kept.push(future)
        }
        await executor.onIdle()
        expect(kept.every(({ state }) => state === 'fulfilled')).toBe(true)
        for (const each of starts.values()) expect(tooEarly(each, rateLimit)).toEqual([])
      }),
      { numRuns: 25, interruptAfterTimeLimit: 8_000 },
    )
  })

  test('holds after a rest, around the edge of a window, too', async () => {
    const rateLimit = { limit: 3, interval: 30 }
    const executor = new InProcessExecutor({ rateLimit })
    const starts: number[] = []
    const submit = (): unknown => executor.submit(() => starts.push(performance.now()))
    submit()
    await sleep(25)
    for (let count = 0; count < 8; count++) submit()
    await executor.onIdle()
    expect(starts).toHaveLength(9)
    expect(tooEarly(starts, rateLimit)).toEqual([])
  })

  test('holds when the wall clock is set forward', async () => {
    const rateLimit = { limit: 1, interval: 40 }
    const executor = new InProcessExecutor({ rateLimit })
    const starts: number[] = []
    try {
      executor.submit(() => starts.push(performance.now()))
      await executor.onIdle()
      setClockForward()
      executor.submit(() => starts.push(performance.now()))
      const cancelled = executor.submit(() => expect.unreachable())
      setTimeout(() => cancelled.cancel(), 5)
      await executor.onIdle()
      expect(tooEarly(starts, rateLimit)).toEqual([])
    } finally {
      vi.restoreAllMocks()
    }
  })

  test('cancelled when its ticket was about to start, a task leaves nothing behind', async () => {
    const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 100 } })
    try {
      await executor.submit(() => 0).result()
      setClockForward()
      const cancelled = executor.submit(() => expect.unreachable())
      await sleep(5)
      cancelled.cancel()
      await executor.onIdle()
      expect(await executor.submit(() => 1).result()).toBe(1)
    } finally {
      vi.restoreAllMocks()
    }
  })

  test('paused when a ticket was about to start, it starts nothing before resume()', async () => {
    const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 200 } })
    try {
      await executor.submit(() => 0).result()
      setClockForward()
      const future = executor.submit(() => 1)
      await sleep(1)
      executor.pause()
      await sleep(300)
      expect(future.state).toBe('pending')
      executor.resume()
      expect(await future.result()).toBe(1)
    } finally {
      vi.restoreAllMocks()
    }
  })

  test.each([false, true])(
    'is not used up by tasks that are cancelled while they wait (perGroup: %o)',
    async (perGroup) => {
      const executor = new InProcessExecutor({ rateLimit: { limit: 5, interval: 50, perGroup } })
      const futures = Array.from({ length: 1_000 }, () => executor.submit(() => performance.now()))
      const [first] = futures
      await first!.result()
      for (const future of futures.slice(5, -5)) future.cancel()
      await executor.onIdle()
      expect(executor.stats()).toMatchObject({ fulfilled: 10, cancelled: 990 })
      // 990 more would take another 10 s.
      expect(futures.at(-1)!.resultNow() - first!.resultNow()).toBeLessThan(5_000)
    },
  )

  test('counts every attempt', async () => {
    const rateLimit = { limit: 1, interval: 30 }
    const executor = new InProcessExecutor({ rateLimit })
    const starts: number[] = []
    const controller = new FutureController<unknown>()
    controller.start()
    const work = (): unknown => starts.push(performance.now())
    executor.submit(work)
    executor.submit(work, { controller })
    await executor.onIdle()
    expect(starts).toHaveLength(2)
    expect(tooEarly(starts, rateLimit)).toEqual([])
  })

  test('with perGroup holds for each group by itself, and for tasks without one together', async () => {
    const executor = new InProcessExecutor({
      maxWorkers: Infinity,
      rateLimit: { limit: 2, interval: 1_000, perGroup: true },
    })
    for (const group of ['a', 'b', undefined]) for (let n = 0; n < 3; n++) executor.submit(() => {}, { group })
    await until(() => executor.stats().fulfilled === 6)
    expect(executor.stats()).toMatchObject({ pending: 3, fulfilled: 6 })
    await executor.onIdle()
    expect(executor.stats().fulfilled).toBe(9)
  })

  test('does not let a group that has to wait hold up another of lower priority', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1, rateLimit: { limit: 1, interval: 60_000, perGroup: true } })
    executor.submit(() => {}, { group: 'a', priority: 1 })
    const waiting = executor.submit(() => {}, { group: 'a', priority: 1 })
    await executor.submit(() => {}, { group: 'b' }).result()
    expect(waiting.state).toBe('pending')
    await executor.shutdown({ cancelPending: true })
  })

  test('an aborted shutdown does not wait for the limiter', async () => {
    const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000 } })
    const futures = [1, 2, 3].map((n) => executor.submit(() => n))
    await futures[0]!.result()
    await executor.shutdown({ cancelPending: true })
    expect(futures.map(({ state }) => state)).toEqual(['fulfilled', 'cancelled', 'cancelled'])
  })
})

/** By a minute: p-queue counts by the wall clock. */
function setClockForward(): void {
  const { now } = Date
  vi.spyOn(Date, 'now').mockImplementation(() => now() + 60_000)
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
