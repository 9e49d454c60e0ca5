import fc from '../helpers/fast-check.ts'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { checkRateLimit, RateWindow } from '../../src/executor/rate-window.ts'

describe('RateWindow', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('never lets a window of `interval` hold more than `limit` starts, and does not wait longer than needed', () => {
    const scenario = fc.record({
      limit: fc.integer({ min: 1, max: 5 }),
      interval: fc.integer({ min: 1, max: 50 }),
      pauses: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 }),
    })
    fc.assert(
      fc.property(scenario, ({ limit, interval, pauses }) => {
        const log = new RateWindow({ limit, interval })
        const starts: number[] = []
        for (const pause of pauses) {
          vi.advanceTimersByTime(pause)
          const now = performance.now()
          const inWindow = starts.filter((start) => start > now - interval)
          expect(log.delay <= 0).toBe(inWindow.length < limit)
          if (log.delay > 0) {
            expect(log.delay).toBe(starts.at(-limit)! + interval - now)
            continue
          }
          log.add()
          starts.push(now)
        }
        vi.advanceTimersByTime(interval)
        expect(log.isEmpty).toBe(true)
      }),
    )
  })

  test('keeps no more starts than a window holds, however many there may be', () => {
    let time = 0
    vi.useRealTimers()
    const { now } = performance
    performance.now = () => time
    const log = new RateWindow({ limit: 100_000_000, interval: 1_000 })
    const heap = (): number => {
      globalThis.gc?.()
      return process.memoryUsage().heapUsed
    }
    const before = heap()
    for (; time < 2_000_000; time++) log.add()
    // Two million numbers take 16 MB.
    expect(heap() - before).toBeLessThan(4_000_000)
    expect([log.delay, log.isEmpty]).toEqual([0, false])
    time += 1_000
    expect(log.isEmpty).toBe(true)
    performance.now = now
  })

  test('.wake() calls back once, when one more may start; .sleep() ends that', () => {
    const log = new RateWindow({ limit: 1, interval: 100 })
    const callback = vi.fn()
    log.add()
    log.wake(callback)
    log.wake(callback)
    log.sleep()
    vi.advanceTimersByTime(50)
    log.wake(callback)
    vi.advanceTimersByTime(49)
    expect(callback).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(callback).toHaveBeenCalledTimes(1)
    expect(log.isEmpty).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
    log.sleep()
  })
})

describe('checkRateLimit()', () => {
  test('accepts positive integers, and returns a copy', () => {
    expect(checkRateLimit({ limit: 1, interval: 1 })).toEqual({ limit: 1, interval: 1, perGroup: false })
  })

  test.each([
    [{ limit: 0, interval: 1 }, RangeError],
    [{ limit: 1, interval: 0 }, RangeError],
    [{ limit: 1.5, interval: 1 }, RangeError],
    [{ limit: Infinity, interval: 1 }, RangeError],
    [{ limit: '1', interval: 1 }, TypeError],
    [{ limit: 1 }, TypeError],
    [{}, TypeError],
    [null, TypeError],
    [5, TypeError],
    [{ limit: 1, interval: 1, perGroup: 'yes' }, TypeError],
  ])('refuses %o', (rateLimit, kind) => {
    expect(() => checkRateLimit(rateLimit as never)).toThrow(kind)
  })

  test.each([
    [{ limit: 1, interval: 1, intervall: 5 }, /^Bad `rateLimit`: .*`intervall`.*`interval`/],
    [{ limit: 1, intervalMs: 5 }, /^Bad `rateLimit`: .*`intervalMs`/],
  ])('names what it does not know in %o, before it misses what is not there', (rateLimit, message) => {
    expect(() => checkRateLimit(rateLimit as never)).toThrow(TypeError)
    expect(() => checkRateLimit(rateLimit as never)).toThrow(message)
  })

  test.each([
    [5, '`5` (number)'],
    [null, '`null`'],
  ])('names %o, which is no object', (rateLimit, named) => {
    const message = `Expected \`rateLimit\` to be { limit, interval }, got ${named}`
    expect(() => checkRateLimit(rateLimit as never)).toThrow(message)
  })
})
