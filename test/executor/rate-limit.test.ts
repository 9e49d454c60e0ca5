import fc from '../helpers/fast-check.ts'
import { describe, expect, test, vi } from 'vitest'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import type { RateLimit } from '../../src/executor/rate-window.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import type { Future } from '../../src/future/future.ts'
import { until } from '../helpers/gate.ts'
import { runSource } from '../helpers/run-source.ts'

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

  test.each([
    ['a minute forward', 60_000],
    ['an hour back', -3_600_000],
    ['to 1970', -Date.now()],
  ])('holds, and goes on, when the wall clock is set %s', async (_name, shift) => {
    const rateLimit = { limit: 2, interval: 60 }
    for (const perGroup of [false, true]) {
      const executor = new InProcessExecutor({ rateLimit: { ...rateLimit, perGroup } })
      const starts: number[] = []
      const submit = (): unknown => executor.submit(() => starts.push(performance.now()))
      try {
        for (let count = 0; count < 3; count++) submit()
        await until(() => starts.length === 2)
        setClock(shift)
        submit()
        executor.submit(() => expect.unreachable()).cancel()
        await executor.onIdle()
        setClock(0)
        submit()
        await executor.onIdle()
        expect(starts).toHaveLength(5)
        expect(tooEarly(starts, rateLimit)).toEqual([])
      } finally {
        vi.restoreAllMocks()
      }
    }
  })

  test.each([false, true])('does not look at a Date that stands still, and is set (perGroup: %o)', async (perGroup) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 20, perGroup } })
      const futures = [1, 2, 3].map((value) => executor.submit(() => value))
      await futures[0]!.result()
      vi.setSystemTime(0)
      await executor.onIdle()
      expect(executor.stats().fulfilled).toBe(3)
    } finally {
      vi.useRealTimers()
    }
  })

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 33, Number.MAX_SAFE_INTEGER])(
    'has no second start before an interval of %i ms is over, and no timer that overflows',
    async (interval) => {
      const warnings = vi.spyOn(process, 'emitWarning')
      for (const perGroup of [false, true]) {
        const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval, perGroup } })
        await executor.submit(() => 0).result()
        const waiting = executor.submit(() => expect.unreachable())
        await sleep(20)
        expect(waiting.state).toBe('pending')
        await executor.shutdown({ cancelPending: true })
      }
      expect(warnings).not.toHaveBeenCalled()
      warnings.mockRestore()
    },
  )

  test.each([false, true])(
    'starts nothing while it is paused, and all in time afterwards (perGroup: %o)',
    async (perGroup) => {
      const rateLimit = { limit: 1, interval: 40 }
      const executor = new InProcessExecutor({ rateLimit: { ...rateLimit, perGroup } })
      const starts: number[] = []
      const submit = (): Future<number> => executor.submit(() => starts.push(performance.now()))
      await submit().result()
      const futures = [submit(), submit()]
      executor.pause()
      await sleep(120)
      expect(futures.map(({ state }) => state)).toEqual(['pending', 'pending'])
      executor.resume()
      await executor.onIdle()
      expect(starts).toHaveLength(3)
      expect(tooEarly(starts, rateLimit)).toEqual([])
    },
  )

  test.each([false, true])('is not used up by a task that never begins (perGroup: %o)', async (perGroup) => {
    class Refusing extends FutureController<number> {
      override start(): boolean {
        this.future.cancel()
        return false
      }
    }
    const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000, perGroup } })
    const refused = executor.submit(() => 0, { controller: new Refusing() })
    const future = executor.submit(() => 1)
    expect(await future.result()).toBe(1)
    expect(refused.cancelled()).toBe(true)
    await executor.shutdown()
  })

  test.each([false, true])('uses all of it, however late its timers are (perGroup: %o)', async (perGroup) => {
    const executor = new InProcessExecutor({ rateLimit: { limit: 3, interval: 50, perGroup } })
    let turn = 0
    const count = setInterval(() => turn++)
    const futures = Array.from({ length: 9 }, () => executor.submit(() => ({ at: performance.now(), turn })))
    await futures[0]!.result()
    const end = performance.now() + 120
    while (performance.now() < end);
    await executor.onIdle()
    clearInterval(count)
    const starts = futures.map((each) => each.resultNow())
    expect(
      tooEarly(
        starts.map(({ at }) => at),
        { limit: 3, interval: 50 },
      ),
    ).toEqual([])
    // The three that were due start together.
    expect(starts[5]!.turn).toBe(starts[3]!.turn)
  })

  test.each([false, true])('leaves no timer behind that keeps the process alive (perGroup: %o)', async (perGroup) => {
    const { stdout } = await runSource(`
      import { InProcessExecutor } from './src/index.ts'
      const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000, perGroup: ${perGroup} } })
      const futures = [1, 2, 3].map((value) => executor.submit(() => value))
      await futures[0].result()
      for (const each of futures) each.cancel()
      console.log('done')
    `)
    expect(stdout).toBe('done\n')
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

const realNow = Date.now

/** To so many ms from where it would be. */
function setClock(shift: number): void {
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + shift)
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
