import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GracePeriod } from '../../../src/executor/worker-thread/thread-life.ts'
import { realTurn } from '../../helpers/fake-time.ts'

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
  const pass = async (time: number) => {
    vi.advanceTimersByTime(time)
    await realTurn()
  }

  test('ends after 1 000 ms where the thread is not heard of', async () => {
    const { onEnd } = start()
    await pass(999)
    expect(onEnd).not.toHaveBeenCalled()
    await pass(2)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('counts from when the thread has told the task', async () => {
    const { period, onEnd } = start()
    await pass(900)
    period.noteTold()
    await pass(900)
    period.noteTold()
    expect(onEnd).not.toHaveBeenCalled()
    await pass(101)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('is renewed for a thread that has not heard, but is heard of; not for ever', async () => {
    const { thread, onEnd } = start()
    for (let renewal = 0; renewal < 5; renewal++) {
      thread.messages++
      await pass(1_001)
      expect(onEnd).not.toHaveBeenCalled()
    }
    thread.messages++
    await pass(1_001)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('is not renewed for a task that knows', async () => {
    const { thread, period, onEnd } = start()
    period.noteTold()
    thread.messages++
    await pass(1_001)
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  test('is over with clear(), in its last turn, too, and leaves no timer', async () => {
    const { period, onEnd } = start()
    vi.advanceTimersToNextTimer()
    period.clear()
    period.noteTold()
    await pass(5_000)
    expect(onEnd).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
