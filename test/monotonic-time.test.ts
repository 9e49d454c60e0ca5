import { mock } from 'node:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Deadline, monotonicTime, realTime } from '../src/deadline.ts'
import { fakeTimes, realTurn } from './helpers/fake-time.ts'

afterEach(() => {
  mock.timers.reset()
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('monotonicTime()', () => {
  test('counts milliseconds, forward', async () => {
    const [time, begin] = [monotonicTime(), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 20))
    const passed = performance.now() - begin
    expect(monotonicTime() - time).toBeGreaterThanOrEqual(passed)
    expect(monotonicTime() - time).toBeLessThan(passed + 5_000)
  })

  test('does not look at the wall clock', () => {
    const before = monotonicTime()
    vi.spyOn(Date, 'now').mockReturnValue(0)
    vi.spyOn(performance, 'timeOrigin', 'get').mockReturnValue(0)
    const after = monotonicTime()
    expect(after - before).toBeGreaterThanOrEqual(0)
    expect(after - before).toBeLessThan(5_000)
  })

  test('goes on from where it was when time is faked, and when it is no longer', () => {
    const before = monotonicTime()
    vi.useFakeTimers()
    const begin = monotonicTime()
    vi.advanceTimersByTime(3_600_000)
    const end = monotonicTime()
    vi.useRealTimers()
    const after = monotonicTime()
    expect(begin).toBe(before)
    expect(end - begin).toBeCloseTo(3_600_000, 3)
    expect(after - end).toBeGreaterThanOrEqual(0)
    expect(after - end).toBeLessThan(5_000)
  })

  test('goes on from where it was when its source is set back', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(50_000)
    const before = monotonicTime()
    now.mockReturnValue(10)
    expect(monotonicTime()).toBe(before)
    now.mockReturnValue(15)
    expect(monotonicTime()).toBe(before + 5)
  })

  test('stands still between the timers of a test runner that leaves real time as it is', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const deadline = new Deadline(1_000, () => undefined)
    const begin = monotonicTime()
    const realBegin = realTime()
    while (realTime() - realBegin < 10) await realTurn()
    expect(monotonicTime()).toBe(begin)
    mock.timers.tick(1_000)
    expect(monotonicTime() - begin).toBeCloseTo(1_000, 1)
    expect(deadline.remaining).toBe(0)
    mock.timers.reset()
    const after = monotonicTime()
    expect(after - begin).toBeCloseTo(1_000, 1)
    while (realTime() - realBegin < 30) await realTurn()
    expect(monotonicTime()).toBeGreaterThan(after)
  })

  test.each(fakeTimes.filter(({ name }) => !name.includes('performance') && !name.includes('default')))(
    'stands still with $name from the beginning, before there is a timer',
    async (time) => {
      const before = monotonicTime()
      time.enable()
      const begin = monotonicTime()
      const realBegin = realTime()
      while (realTime() - realBegin < 5) await realTurn()
      expect(monotonicTime()).toBe(begin)
      expect(begin).toBe(before)
      time.disable()
    },
  )

  test('goes on with a setTimeout that is bound to something, and gives timers of Node', async () => {
    const own = setTimeout
    const createTimer = (...args: Parameters<typeof own>): NodeJS.Timeout => own(...args)
    Object.defineProperty(createTimer, 'name', { value: '#createTimer' })
    globalThis.setTimeout = createTimer.bind(undefined) as typeof own
    try {
      new Deadline(1_000, () => undefined).clear()
      const begin = monotonicTime()
      await new Promise((resolve) => own(resolve, 10))
      expect(monotonicTime()).toBeGreaterThan(begin)
    } finally {
      globalThis.setTimeout = own
    }
  })

  test('advances with a timer that is older than the fake ones, and fires among them', async () => {
    const fired = vi.fn()
    const [begin, realBegin] = [monotonicTime(), performance.now()]
    new Deadline(20, fired)
    mock.timers.enable({ apis: ['setTimeout'] })
    new Deadline(1_000, fired)
    while (fired.mock.calls.length === 0) await realTurn()
    expect(monotonicTime() - begin).toBeGreaterThanOrEqual(20)
    // Not by a second, which the other one is to wait for.
    expect(monotonicTime() - begin).toBeLessThan(performance.now() - realBegin + 100)
  })
})

test('Deadline counts as over when its timer comes sooner than any of Node would', async () => {
  const own = setTimeout
  // A way to hurry tests.
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fn: () => void, _delay: number, ...args: []) =>
    own(fn, 0, ...args)) as typeof own)
  const begin = monotonicTime()
  await new Promise<void>((resolve) => new Deadline(3_600_000, resolve))
  expect(monotonicTime() - begin).toBeGreaterThanOrEqual(3_600_000)
})
