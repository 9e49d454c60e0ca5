import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Deadline } from '../src/deadline.ts'
import { runSource } from './helpers/run-source.ts'

describe('Deadline', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('calls back once, after its delay', () => {
    const callback = vi.fn()
    const deadline = new Deadline(100, callback)
    vi.advanceTimersByTime(99)
    expect(callback).not.toHaveBeenCalled()
    expect(deadline.remaining).toBe(1)
    vi.advanceTimersByTime(1)
    expect(callback).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(10_000)
    expect(callback).toHaveBeenCalledTimes(1)
    expect(deadline.remaining).toBe(0)
  })

  test('never calls back inside the constructor, also for a delay of 0 or less', () => {
    for (const delay of [0, -1]) {
      const callback = vi.fn()
      new Deadline(delay, callback)
      expect(callback).not.toHaveBeenCalled()
      vi.advanceTimersByTime(1)
      expect(callback).toHaveBeenCalledTimes(1)
    }
  })

  test('.clear() ends it', () => {
    const callback = vi.fn()
    const deadline = new Deadline(100, callback)
    deadline.clear()
    deadline.clear()
    vi.advanceTimersByTime(1_000)
    expect(callback).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([2 ** 31, 5 * 2 ** 31 + 17])('waits %i ms, longer than a timer can', (delay) => {
    const callback = vi.fn()
    const deadline = new Deadline(delay, callback)
    vi.advanceTimersByTime(delay - 1)
    expect(callback).not.toHaveBeenCalled()
    expect(deadline.remaining).toBe(1)
    vi.advanceTimersByTime(1)
    expect(callback).toHaveBeenCalledTimes(1)
  })

  test('does not trust a timer that comes early', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000)
    const callback = vi.fn()
    new Deadline(100, callback)
    now.mockReturnValue(1_099.5)
    vi.advanceTimersByTime(100)
    expect(callback).not.toHaveBeenCalled()
    now.mockReturnValue(1_100.2)
    vi.advanceTimersByTime(1)
    expect(callback).toHaveBeenCalledTimes(1)
    now.mockRestore()
  })
})

test('Deadline keeps the process alive, unless it is told not to', async () => {
  const program = (ending: string): string => `
    import { Deadline } from './src/deadline.ts'
    const begin = performance.now()
    process.on('exit', () => console.log(performance.now() - begin < 500 ? 'early' : 'late'))
    new Deadline(600, () => console.log('called'))${ending}
  `
  expect((await runSource(program(''))).stdout).toBe('called\nlate\n')
  expect((await runSource(program('.unref()'))).stdout).toBe('early\n')
})

test('Deadline stays unref-ed when it has to wait again', async () => {
  const { stdout } = await runSource(`
    import { Deadline } from './src/deadline.ts'
    const { now } = performance
    let shift = 0
    performance.now = () => now.call(performance) - shift
    new Deadline(20, () => console.log('called')).unref()
    shift = 5_000
    setTimeout(() => console.log('end'), 60)
  `)
  expect(stdout).toBe('end\n')
})
