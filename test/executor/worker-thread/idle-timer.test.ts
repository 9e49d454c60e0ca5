import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { gate } from '../../helpers/gate.ts'
import { IdleTimer } from '../../../src/executor/worker-thread/thread-life.ts'

describe('IdleTimer', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const timerOf = (timeout: number) => {
    const callback = vi.fn()
    return { timer: new IdleTimer(timeout, callback), callback }
  }

  test('calls back once when nothing has happened for the whole time', () => {
    const { timer, callback } = timerOf(100)
    timer.start()
    vi.advanceTimersByTime(99)
    expect(callback).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_000)
    expect(callback).toHaveBeenCalledTimes(1)
  })

  test('counts from the last start, however often it was stopped before', () => {
    const { timer, callback } = timerOf(100)
    for (let task = 0; task < 5; task++) {
      timer.start()
      vi.advanceTimersByTime(60)
      timer.stop()
      vi.advanceTimersByTime(10)
    }
    timer.start()
    vi.advanceTimersByTime(99)
    expect(callback).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(callback).toHaveBeenCalledTimes(1)
  })

  test('does not call back while there is something to do', () => {
    const { timer, callback } = timerOf(100)
    timer.start()
    timer.stop()
    vi.advanceTimersByTime(10_000)
    expect(callback).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('with Infinity never calls back, and sets no timer', () => {
    const { timer, callback } = timerOf(Infinity)
    timer.start()
    expect(vi.getTimerCount()).toBe(0)
    timer.clear()
    expect(callback).not.toHaveBeenCalled()
  })

  test('counts from the last start by the time that it takes, too, with the one timer that it has', async () => {
    vi.useRealTimers()
    const { promise, open } = gate()
    const timer = new IdleTimer(300, open)
    timer.start()
    // The timer is due by then, and finds that something was done meanwhile.
    for (const end = performance.now() + 310; performance.now() < end;);
    timer.stop()
    timer.start()
    const start = performance.now()
    await promise
    expect(performance.now() - start).toBeGreaterThanOrEqual(295)
  })

  test('leaves no timer when it is cleared', () => {
    const { timer } = timerOf(100)
    timer.start()
    timer.clear()
    expect(vi.getTimerCount()).toBe(0)
  })
})
