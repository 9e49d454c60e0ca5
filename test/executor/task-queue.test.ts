import fc from '../helpers/fast-check.ts'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { QueuedTask } from '../../src/executor/queued-task.ts'
import type { RateLimit } from '../../src/executor/rate-window.ts'
import { TaskQueue, type Placement } from '../../src/executor/task-queue.ts'
import { FutureController } from '../../src/future/future-controller.ts'

const noTask = (): void => {}
const makeTask = (): QueuedTask => new QueuedTask(noTask, new FutureController<unknown>())
const makeQueue = (rate?: RateLimit, onReady: () => void = noTask): TaskQueue =>
  new TaskQueue({ handleSettled: noTask, handleAwaited: noTask }, rate, onReady)
const plain: Placement = { priority: 0, group: undefined, maxPerGroup: Infinity, atFront: false }

interface Waiting extends Placement {
  readonly task: QueuedTask
  readonly sequence: number
}

/** The obvious way: look at everything. */
class Model {
  readonly waiting: Waiting[] = []
  readonly alive: Waiting[] = []

  get ready(): Waiting[] {
    const isReady = ({ group, maxPerGroup }: Waiting): boolean =>
      group === undefined || this.alive.filter((each) => each.group === group).length < maxPerGroup
    return this.waiting.filter(isReady).toSorted((a, b) => b.priority - a.priority || a.sequence - b.sequence)
  }
}

const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      priority: fc.integer({ min: -2, max: 2 }),
      group: fc.constantFrom(undefined, 'a', 'b', 'c'),
      maxPerGroup: fc.constantFrom(1, 2, 3, Infinity),
      atFront: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'release' as const), at: fc.nat() }) },
)

describe('TaskQueue', () => {
  test('takes what a naive queue would take, whatever is added, removed and released', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const queue = makeQueue()
        const model = new Model()
        let sequence = 0
        for (const each of operations) {
          if (each.do === 'add') {
            const task = makeTask()
            sequence++
            model.waiting.push({ ...each, task, sequence: each.atFront ? -sequence : sequence })
            queue.add(task, each)
          } else if (each.do === 'take') {
            const [next] = model.ready
            expect(queue.take()).toBe(next?.task)
            if (next !== undefined) {
              model.waiting.splice(model.waiting.indexOf(next), 1)
              model.alive.push(next)
            }
          } else if (each.do === 'remove' && model.waiting.length > 0) {
            const [gone] = model.waiting.splice(each.at % model.waiting.length, 1)
            queue.remove(gone!.task)
            queue.remove(gone!.task)
          } else if (each.do === 'release' && model.alive.length > 0) {
            const [ended] = model.alive.splice(each.at % model.alive.length, 1)
            queue.release(ended!.task)
          }
          expect(queue.size).toBe(model.waiting.length)
          expect(queue.hasReady).toBe(model.ready.length > 0)
        }
        expect(new Set(queue.list())).toEqual(new Set(model.waiting.map(({ task }) => task)))
        for (const { task } of model.alive) queue.remove(task)
        expect(queue.size).toBe(model.waiting.length)
      }),
      { numRuns: 1_000 },
    )
  })

  test('knows nothing of `maxPerGroup` for tasks without a group', () => {
    const queue = makeQueue()
    for (let count = 0; count < 3; count++) queue.add(makeTask(), { ...plain, maxPerGroup: 1 })
    expect([queue.take(), queue.take(), queue.take()].every((task) => task !== undefined)).toBe(true)
  })

  test('lists what waits, also when it was empty before', () => {
    const queue = makeQueue()
    const [first, second, third] = [makeTask(), makeTask(), makeTask()]
    queue.add(first, plain)
    queue.release(queue.take()!)
    queue.add(second, plain)
    queue.add(third, { ...plain, group: 'a' })
    expect(queue.list()).toEqual([second, third])
  })
})

describe('TaskQueue with a rate for each group', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const inGroup = (group: string | undefined): Placement => ({ ...plain, group })

  test('lets so many of each group start in any interval, and says when the next may', () => {
    const onReady = vi.fn()
    const queue = makeQueue({ limit: 2, interval: 100, perGroup: true }, onReady)
    for (const group of ['a', 'b', undefined]) for (let n = 0; n < 3; n++) queue.add(makeTask(), inGroup(group))
    const started = (): number => {
      let count = 0
      for (let task = queue.take(); task !== undefined; task = queue.take()) {
        queue.confirm(task)
        queue.release(task)
        count++
      }
      return count
    }
    expect(started()).toBe(6)
    expect(queue.hasReady).toBe(false)
    vi.advanceTimersByTime(99)
    expect([started(), onReady.mock.calls.length]).toEqual([0, 0])
    vi.advanceTimersByTime(1)
    expect(onReady).toHaveBeenCalled()
    expect(started()).toBe(3)
    expect([queue.size, vi.getTimerCount()]).toEqual([0, 0])
  })

  test.each(['a', undefined])('has no timer once nothing of the group waits any more (group %o)', (group) => {
    const queue = makeQueue({ limit: 1, interval: 100, perGroup: true })
    const tasks = [makeTask(), makeTask(), makeTask()]
    for (const task of tasks) queue.add(task, inGroup(group))
    queue.confirm(queue.take()!)
    expect(vi.getTimerCount()).toBe(1)
    queue.remove(tasks[1]!)
    expect(vi.getTimerCount()).toBe(1)
    queue.remove(tasks[2]!)
    expect(vi.getTimerCount()).toBe(0)
    queue.add(tasks[1]!, inGroup(group))
    expect([queue.hasReady, vi.getTimerCount()]).toEqual([false, 1])
    vi.advanceTimersByTime(100)
    expect(queue.take()).toBe(tasks[1])
  })

  test('forgets groups whose interval is over, at the latest when there are many', () => {
    const queue = makeQueue({ limit: 1, interval: 100, perGroup: true })
    const sweep = vi.spyOn(Map.prototype, 'delete')
    for (let index = 0; index < 3_000; index++) {
      queue.add(makeTask(), inGroup(`group ${index}`))
      const task = queue.take()!
      queue.confirm(task)
      queue.release(task)
      vi.advanceTimersByTime(1)
    }
    expect(
      sweep.mock.calls.filter(([key]) => typeof key === 'string' && key.startsWith('group')).length,
    ).toBeGreaterThan(1_500)
    sweep.mockRestore()
  })

  test('remembers a group for its interval, and one with work', () => {
    const queue = makeQueue({ limit: 1, interval: 10_000, perGroup: true })
    queue.add(makeTask(), inGroup('busy'))
    queue.confirm(queue.take()!)
    for (let index = 0; index < 2_000; index++) queue.add(makeTask(), inGroup(`group ${index}`))
    queue.add(makeTask(), inGroup('busy'))
    for (let task = queue.take(); task !== undefined; task = queue.take()) queue.confirm(task)
    expect(queue.size).toBe(1)
  })

  test('counts only what has begun', () => {
    const queue = makeQueue({ limit: 1, interval: 100, perGroup: true })
    for (let n = 0; n < 3; n++) queue.add(makeTask(), inGroup('a'))
    queue.release(queue.take()!)
    expect(queue.hasReady).toBe(true)
    queue.confirm(queue.take()!)
    expect(queue.hasReady).toBe(false)
  })
})

describe('TaskQueue with a rate for all together', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('lets so many start in any interval, of whatever group, and says when the next may', () => {
    const onReady = vi.fn()
    const queue = makeQueue({ limit: 2, interval: 100 }, onReady)
    for (const group of ['a', 'b', undefined]) queue.add(makeTask(), { ...plain, group })
    queue.confirm(queue.take()!)
    expect([queue.hasReady, vi.getTimerCount()]).toEqual([true, 0])
    queue.confirm(queue.take()!)
    expect([queue.hasReady, queue.take(), vi.getTimerCount()]).toEqual([false, undefined, 1])
    vi.advanceTimersByTime(99)
    expect([queue.hasReady, onReady.mock.calls.length]).toEqual([false, 0])
    vi.advanceTimersByTime(1)
    expect([queue.hasReady, onReady.mock.calls.length]).toEqual([true, 1])
    queue.confirm(queue.take()!)
    expect([queue.size, vi.getTimerCount()]).toEqual([0, 0])
  })

  test('is not misled by a timer that comes after a start that was made in time without it', () => {
    let time = 0
    const now = vi.spyOn(performance, 'now').mockImplementation(() => time)
    const onReady = vi.fn()
    const queue = makeQueue({ limit: 1, interval: 100 }, onReady)
    for (let count = 0; count < 3; count++) queue.add(makeTask(), plain)
    queue.confirm(queue.take()!)
    time = 100
    queue.confirm(queue.take()!)
    vi.advanceTimersByTime(100)
    expect([queue.hasReady, vi.getTimerCount()]).toEqual([false, 1])
    onReady.mockClear()
    time = 200
    vi.advanceTimersByTime(100)
    expect([queue.hasReady, onReady.mock.calls.length]).toEqual([true, 1])
    now.mockRestore()
  })

  test('has a timer only while something waits that could start but for the time', () => {
    const queue = makeQueue({ limit: 1, interval: 100 })
    queue.add(makeTask(), plain)
    queue.confirm(queue.take()!)
    expect(vi.getTimerCount()).toBe(0)
    const next = makeTask()
    queue.add(next, plain)
    expect(vi.getTimerCount()).toBe(1)
    queue.remove(next)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('counts only what has begun', () => {
    const queue = makeQueue({ limit: 1, interval: 100 })
    for (let n = 0; n < 3; n++) queue.add(makeTask(), plain)
    queue.release(queue.take()!)
    expect(queue.hasReady).toBe(true)
    queue.confirm(queue.take()!)
    expect(queue.hasReady).toBe(false)
  })
})
