import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Deadline } from '../src/deadline.ts'
import { fakeTimes } from './helpers/fake-time.ts'
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

describe('Deadline, on timers of Node', () => {
  test('waits on when its timer comes early by a fraction', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000)
    const callback = vi.fn()
    new Deadline(10, callback)
    let time = 1_009.5
    now.mockImplementation(() => (time += 0.000_1))
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(callback).not.toHaveBeenCalled()
    now.mockReturnValue(1_010.2)
    await vi.waitFor(() => expect(callback).toHaveBeenCalledTimes(1))
    now.mockRestore()
  })

  test('stays unref-ed when it has to wait again', async () => {
    const { stdout } = await runSource(`
      import { Deadline } from './src/deadline.ts'
      let time = 0
      performance.now = () => (time += 0.001)
      new Deadline(3, () => console.log('called')).unref()
      setTimeout(() => console.log('end'), 60)
    `)
    expect(stdout).toBe('end\n')
  })
})

describe.each(fakeTimes)('Deadline, with the fake timers of $name', (time) => {
  beforeEach(() => time.enable())
  afterEach(() => time.disable())

  test.each([1, 2, 60, 3_600_000])('calls back when %i ms have passed there', (delay) => {
    const callback = vi.fn()
    const deadline = new Deadline(delay, callback)
    if (delay > 1) time.tick(delay - 1)
    expect(callback).not.toHaveBeenCalled()
    time.tick(1)
    expect(callback).toHaveBeenCalledTimes(1)
    expect(deadline.remaining).toBe(0)
  })

  test('calls back after a delay that is no whole number', () => {
    const callback = vi.fn()
    new Deadline(0.7, callback)
    new Deadline(99.2, callback)
    time.tick(100)
    expect(callback).toHaveBeenCalledTimes(2)
  })

  test('calls back together with others, and one after the other', () => {
    const order: number[] = []
    for (const delay of [300, 100, 200]) new Deadline(delay, () => order.push(delay))
    time.tick(100)
    expect(order).toEqual([100])
    new Deadline(200, () => order.push(201))
    time.tick(200)
    expect(order).toEqual([100, 200, 300, 201])
  })

  test('does not call back once it is cleared', () => {
    const callback = vi.fn()
    const deadline = new Deadline(100, callback)
    time.tick(50)
    deadline.clear()
    time.tick(1_000)
    expect(callback).not.toHaveBeenCalled()
  })

  test('waits longer than a timer can', () => {
    const callback = vi.fn()
    new Deadline(2 ** 32, callback)
    for (let slice = 0; slice < 2; slice++) time.tick(2 ** 31 - 1)
    expect(callback).not.toHaveBeenCalled()
    time.tick(2)
    expect(callback).toHaveBeenCalledTimes(1)
  })
})

test.each(fakeTimes)('Deadline.clear() ends one that was made before $name, and one that outlives it', async (time) => {
  const callback = vi.fn()
  const before = new Deadline(5, callback)
  time.enable()
  const inside = new Deadline(5, callback)
  before.clear()
  time.disable()
  inside.clear()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(callback).not.toHaveBeenCalled()
})
