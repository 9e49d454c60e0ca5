import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { monotonicTime } from '../../src/deadline.ts'
import { ReadTimer } from '../../src/transport/read-timer.ts'
import { turn } from '../helpers/gate.ts'

describe('ReadTimer', () => {
  beforeEach(() => {
    // Not setImmediate: what comes before it is a subject here.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const listener = () => ({ handleReadTimeout: vi.fn() })
  const pass = async (ms: number): Promise<void> => {
    vi.advanceTimersByTime(ms)
    await turn()
  }

  it('tells its listener once, when nothing was received for the whole time', async () => {
    const [timer, told] = [new ReadTimer(), listener()]
    timer.start(told, 100, monotonicTime())
    await pass(99)
    expect(told.handleReadTimeout).not.toHaveBeenCalled()
    await pass(500)
    expect(told.handleReadTimeout).toHaveBeenCalledTimes(1)
  })

  it('counts from the last byte', async () => {
    const [timer, told] = [new ReadTimer(), listener()]
    timer.start(told, 100, monotonicTime())
    for (let byte = 0; byte < 5; byte++) {
      await pass(60)
      timer.stamp(monotonicTime())
    }
    await pass(99)
    expect(told.handleReadTimeout).not.toHaveBeenCalled()
    await pass(2)
    expect(told.handleReadTimeout).toHaveBeenCalledTimes(1)
  })

  it('with Infinity never tells, even where a timer of an exchange before still runs', async () => {
    const [timer, first, second] = [new ReadTimer(), listener(), listener()]
    timer.start(first, 100, monotonicTime())
    timer.stop()
    timer.start(second, Infinity, monotonicTime())
    await pass(10_000)
    expect(first.handleReadTimeout).not.toHaveBeenCalled()
    expect(second.handleReadTimeout).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('holds a shorter time than the one before, and a longer one', async () => {
    const [timer, short, long] = [new ReadTimer(), listener(), listener()]
    timer.start(listener(), 1_000, monotonicTime())
    timer.start(short, 50, monotonicTime())
    await pass(51)
    expect(short.handleReadTimeout).toHaveBeenCalledTimes(1)
    timer.start(long, 2_000, monotonicTime())
    await pass(1_999)
    expect(long.handleReadTimeout).not.toHaveBeenCalled()
    await pass(2)
    expect(long.handleReadTimeout).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['a byte', (timer: ReadTimer) => timer.stamp(monotonicTime())],
    ['the end', (timer: ReadTimer) => timer.stop()],
    ['the end of the connection', (timer: ReadTimer) => timer.clear()],
  ])('lets in %s that has arrived while the event loop stood still', async (_name, arrive) => {
    const [timer, told] = [new ReadTimer(), listener()]
    timer.start(told, 100, monotonicTime())
    // Timers come before what is read from sockets, and that before immediates.
    vi.advanceTimersByTime(101)
    arrive(timer)
    await turn()
    expect(told.handleReadTimeout).not.toHaveBeenCalled()
  })
})
