import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GracePeriod } from '../../../src/executor/worker-thread/grace-period.ts'

describe('GracePeriod', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const start = () => {
    const thread = { messages: 0 }
    const onEnd = vi.fn()
    return { thread, onEnd, period: new GracePeriod(() => thread.messages, onEnd) }
  }
  const pass = (time: number) => {
    vi.advanceTimersByTime(time)
    vi.advanceTimersByTime(0)
  }

  test('ends after 1 000 ms where the thread is not heard of', () => {
    const { onEnd } = start()
    pass(999)
    expect(onEnd).not.toHaveBeenCalled()
    pass(2)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('counts from when the thread has told the task', () => {
    const { period, onEnd } = start()
    pass(900)
    period.noteTold()
    pass(900)
    period.noteTold()
    expect(onEnd).not.toHaveBeenCalled()
    pass(101)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('is renewed for a thread that has not heard, but is heard of; not for ever', () => {
    const { thread, onEnd } = start()
    for (let renewal = 0; renewal < 5; renewal++) {
      thread.messages++
      pass(1_001)
      expect(onEnd).not.toHaveBeenCalled()
    }
    thread.messages++
    pass(1_001)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('is not renewed for a task that knows', () => {
    const { thread, period, onEnd } = start()
    period.noteTold()
    thread.messages++
    pass(1_001)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('is over with clear(), in its last turn, too, and leaves no timer', () => {
    const { period, onEnd } = start()
    vi.advanceTimersToNextTimer()
    period.clear()
    period.noteTold()
    pass(5_000)
    expect(onEnd).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
