import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ExecutorClosedError, QueueFullError } from '../../src/errors.ts'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import { asCompleted } from '../../src/future/as-completed.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { wait } from '../../src/future/combine.ts'
import { taskReference } from '../../src/task-reference.ts'
import { gate, turn } from '../helpers/gate.ts'

const done = (futures: Future<unknown>[]): Promise<unknown> =>
  Promise.allSettled(futures.map((future) => future.result()))

describe('InProcessExecutor', () => {
  test('has 8 workers by default, and is not isolated', () => {
    expect(new InProcessExecutor()).toMatchObject({ maxWorkers: 8, isolated: false })
    expect(new InProcessExecutor({ maxWorkers: undefined, maxPerGroup: undefined }).maxWorkers).toBe(8)
    expect(new InProcessExecutor({ maxWorkers: Infinity }).maxWorkers).toBe(Infinity)
  })

  test.each([null, 5, 'all'])('refuses %o as its options', (options) => {
    expect(() => new InProcessExecutor(options as never)).toThrow(TypeError)
  })

  test.each([
    [{ maxWorkers: 0 }, RangeError],
    [{ maxWorkers: -1 }, RangeError],
    [{ maxWorkers: 1.5 }, RangeError],
    [{ maxWorkers: '8' }, TypeError],
    [{ maxWorkers: NaN }, TypeError],
    [{ maxWorkers: null }, TypeError],
    [{ maxPerGroup: 0 }, RangeError],
    [{ maxPerGroup: '1' }, TypeError],
    [{ maxPerGroup: null }, TypeError],
    [{ maxQueue: null }, TypeError],
    [{ rateLimit: null }, TypeError],
    [{ maxQueue: 0 }, RangeError],
    [{ maxQueue: NaN }, TypeError],
    [{ rateLimit: { limit: 0, interval: 1 } }, RangeError],
    [{ rateLimit: { limit: 1, interval: '1' } }, TypeError],
    [{ rateLimit: 5 }, TypeError],
  ])('refuses %o', (options, kind) => {
    expect(() => new InProcessExecutor(options as never)).toThrow(kind)
  })

  test('runs functions and references, whose module is imported once', async () => {
    const executor = new InProcessExecutor()
    const module = 'data:text/javascript,let count = 0; export const next = (...args) => [++count, args.length]'
    const futures = [
      executor.submit(taskReference(module, 'next')),
      executor.submit(taskReference(module, 'next', 1, 2)),
    ]
    await done(futures)
    expect(futures.map((future) => future.resultNow())).toEqual([
      [1, 1],
      [2, 3],
    ])
  })

  test('starts what was submitted in one turn in one microtask, as far as there is room', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 3 })
    const hold = gate()
    const futures = Array.from({ length: 5 }, () => executor.submit(() => hold.promise))
    expect(executor.stats()).toMatchObject({ pending: 5, running: 0 })
    await Promise.resolve()
    expect(executor.stats()).toMatchObject({ pending: 2, running: 3 })
    hold.open()
    await done(futures)
  })

  test('runs a task whose controller somebody else has started while it waited', async () => {
    const executor = new InProcessExecutor()
    const controller = new FutureController<number>()
    const future = executor.submit(() => 1, { controller })
    controller.start()
    expect(await future.result()).toBe(1)
    expect(executor.stats()).toEqual({ pending: 0, running: 0, fulfilled: 1, rejected: 0, cancelled: 0 })
  })

  test('.stats() gives the numbers of that moment', () => {
    const executor = new InProcessExecutor()
    const before = executor.stats()
    executor.submit(() => 1)
    expect(before.pending).toBe(0)
  })

  test('tells a task of its cancellation, with the reason, and makes its signal only when it is asked for', async () => {
    const executor = new InProcessExecutor()
    const told: unknown[] = []
    const future = executor.submit((context) => {
      context.onCancel((reason) => told.push(reason, context.signal.aborted, context.signal === future.signal))
      return new Promise(() => {})
    })
    await turn()
    future.cancel('why')
    expect(told).toEqual(['why', true, true])
  })

  test('keeps one listener on a signal that many tasks share', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 2 })
    const abort = new AbortController()
    const futures = Array.from({ length: 1_000 }, () => executor.submit(() => new Promise(() => {}), abort))
    await turn()
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
    abort.abort('stop')
    expect(futures.every((future) => future.cancelled())).toBe(true)
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    expect(executor.stats().cancelled).toBe(1_000)
  })
})

test('Futures, tasks and waits of all kinds keep one listener together on the signal that they share', async () => {
  const abort = new AbortController()
  const { signal } = abort
  const executor = new InProcessExecutor({ maxWorkers: 1 })
  const tasks = [1, 2, 3].map(() => executor.submit(() => new Promise(() => {}), { signal }))
  const other = new FutureController<unknown>().future
  const waits = [
    other.result({ signal }),
    other.exception({ signal }),
    wait([other], { signal }),
    asCompleted([other], { signal }).next(),
    Future.all([other], { signal }),
    Future.any([other], { signal }),
  ]
  await turn()
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  abort.abort('stop')
  expect(tasks.every((future) => future.cancelled())).toBe(true)
  for (const outcome of await Promise.allSettled(waits)) expect(outcome).toEqual({ status: 'rejected', reason: 'stop' })
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

describe('InProcessExecutor.pause()', () => {
  test('does nothing after shutdown(): what was submitted still runs', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const first = executor.submit(() => executor.pause())
    const second = executor.submit(() => 2)
    await executor.shutdown()
    expect([first.state, second.resultNow()]).toEqual(['fulfilled', 2])
  })

  test('starts nothing more until resume(); what runs goes on', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 2 })
    const hold = gate()
    const running = executor.submit(() => hold.promise)
    await turn()
    executor.pause()
    executor.pause()
    const waiting = [executor.submit(() => 1), executor.submit(() => 2)]
    hold.open()
    await done([running])
    await turn()
    expect(executor.stats()).toMatchObject({ pending: 2, running: 0, fulfilled: 1 })
    executor.resume()
    executor.resume()
    await done(waiting)
    expect(waiting.map((future) => future.resultNow())).toEqual([1, 2])
  })

  test('before anything was submitted holds it, too; what is cancelled meanwhile never runs', async () => {
    const executor = new InProcessExecutor()
    executor.pause()
    const [first, second] = [executor.submit(() => expect.unreachable()), executor.submit(() => 2)]
    await turn()
    expect(executor.stats().pending).toBe(2)
    first.cancel()
    executor.resume()
    expect(await second.result()).toBe(2)
  })

  test('in a task stops the next one', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const [first, second] = [executor.submit(() => executor.pause()), executor.submit(() => 2)]
    await first.result()
    await turn()
    expect(second.state).toBe('pending')
    executor.resume()
    expect(await second.result()).toBe(2)
  })

  test('resume() never starts work inside itself or beside the limit', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const ran: number[] = []
    executor.pause()
    executor.submit(async () => {
      ran.push(1)
      executor.pause()
      executor.resume()
      await turn()
      expect(executor.stats().running).toBe(1)
    })
    const last = executor.submit(() => ran.push(2))
    executor.resume()
    await last.result()
    expect(ran).toEqual([1, 2])
  })

  test.each([
    ['resume()', (executor: InProcessExecutor) => executor.resume()],
    ['shutdown()', (executor: InProcessExecutor) => void executor.shutdown()],
  ])('%s starts nothing inside itself: what is cancelled right after it never runs', async (_name, proceed) => {
    const executor = new InProcessExecutor()
    let ran = false
    const future = executor.submit(() => (ran = true))
    executor.pause()
    await turn()
    proceed(executor)
    expect(ran).toBe(false)
    expect(future.state).toBe('pending')
    future.cancel()
    await turn()
    expect(ran).toBe(false)
  })

  test('pause() right after resume() holds', async () => {
    const executor = new InProcessExecutor()
    executor.pause()
    const future = executor.submit(() => 1)
    executor.resume()
    executor.pause()
    await turn()
    expect(future.state).toBe('pending')
    executor.resume()
    expect(await future.result()).toBe(1)
  })

  test('is over with shutdown()', async () => {
    const executor = new InProcessExecutor()
    executor.pause()
    const future = executor.submit(() => 1)
    await turn()
    await executor.shutdown()
    expect(future.resultNow()).toBe(1)
  })
})

describe('InProcessExecutor({ maxQueue })', () => {
  test('refuses one more that waits than that, synchronously', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1, maxQueue: 2 })
    const hold = gate()
    executor.submit(() => hold.promise)
    await turn()
    const waiting = [executor.submit(() => 1), executor.submit(() => 2)]
    expect(() => executor.submit(() => 3)).toThrow(QueueFullError)
    expect(() => executor.submit(() => 3)).toThrow("Can't submit a task: 2 tasks are waiting already (`maxQueue`)")
    expect(executor.stats()).toMatchObject({ pending: 2, running: 1 })
    waiting[0]!.cancel()
    const next = executor.submit(() => 3)
    hold.open()
    expect(await next.result()).toBe(3)
  })

  test('counts what has not started, whatever keeps it: a full group, a pause, a turn that is not over', () => {
    const executor = new InProcessExecutor({ maxWorkers: 8, maxQueue: 2 })
    executor.submit(() => 1, { group: 'a', maxPerGroup: 1 })
    executor.submit(() => 1, { group: 'a', maxPerGroup: 1 })
    expect(() => executor.submit(() => 1)).toThrow(QueueFullError)
  })

  test('does not count the next attempts of work', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1, maxQueue: 1 })
    const hold = gate()
    executor.submit(() => hold.promise)
    await turn()
    const controllers = Array.from({ length: 3 }, () => new FutureController<number>())
    for (const controller of controllers) controller.start()
    const attempts = controllers.map((controller, index) => executor.submit(() => index, { controller }))
    const waiting = executor.submit(() => 'waiting')
    expect(() => executor.submit(() => 'more')).toThrow(QueueFullError)
    attempts[0]!.cancel()
    expect(() => executor.submit(() => 'more')).toThrow(QueueFullError)
    hold.open()
    expect(await waiting.result()).toBe('waiting')
    expect(await attempts[2]!.result()).toBe(2)
  })
})

describe('InProcessExecutor and groups', () => {
  test('the smaller of its own `maxPerGroup` and that of the task holds', async () => {
    const executor = new InProcessExecutor({ maxWorkers: Infinity, maxPerGroup: 2 })
    const hold = gate()
    const futures = [undefined, 1, 2, 3, Infinity].flatMap((maxPerGroup) =>
      Array.from({ length: 4 }, () =>
        executor.submit(() => hold.promise, { group: `limit ${maxPerGroup}`, maxPerGroup }),
      ),
    )
    await turn()
    const running = [0, 1, 2, 3, 4].map(
      (group) => futures.slice(4 * group, 4 * group + 4).filter((future) => future.running()).length,
    )
    expect(running).toEqual([2, 1, 2, 2, 2])
    hold.open()
    await done(futures)
  })

  test('tasks without a group have no such limit', async () => {
    const executor = new InProcessExecutor({ maxWorkers: Infinity, maxPerGroup: 1 })
    const hold = gate()
    const futures = Array.from({ length: 5 }, () => executor.submit(() => hold.promise, { maxPerGroup: 1 }))
    await turn()
    expect(executor.stats().running).toBe(5)
    hold.open()
    await done(futures)
  })

  test('tasks of one group with different limits count together, each by its own', async () => {
    const executor = new InProcessExecutor({ maxWorkers: Infinity })
    const hold = gate()
    const submit = (maxPerGroup: number): Future<void> =>
      executor.submit(() => hold.promise, { group: 'a', maxPerGroup })
    const [wide, narrow, wider] = [submit(2), submit(1), submit(2)]
    await turn()
    expect([wide, narrow, wider].map((future) => future.state)).toEqual(['running', 'pending', 'running'])
    hold.open()
    await done([wide, narrow, wider])
  })

  test.each([undefined, { limit: 1_000, interval: 1_000 }])(
    'a place that becomes free is taken, whatever was cancelled meanwhile (rateLimit: %o)',
    async (rateLimit) => {
      const executor = new InProcessExecutor({ maxWorkers: 3, rateLimit })
      const [hold, holdGroup] = [gate(), gate()]
      const group = { group: 'a', maxPerGroup: 1 }
      const running = [
        executor.submit(() => holdGroup.promise, group),
        executor.submit(() => hold.promise),
        executor.submit(() => hold.promise),
      ]
      const [next, cancelled] = [executor.submit(() => 'next', group), executor.submit(() => expect.unreachable())]
      await turn()
      expect(executor.stats()).toMatchObject({ pending: 2, running: 3 })
      cancelled.cancel()
      holdGroup.open()
      expect(await next.result()).toBe('next')
      hold.open()
      await done(running)
    },
  )

  test('an empty name is a group', async () => {
    const executor = new InProcessExecutor({ maxPerGroup: 1 })
    const hold = gate()
    const futures = [1, 2].map(() => executor.submit(() => hold.promise, { group: '' }))
    await turn()
    expect(executor.stats()).toMatchObject({ pending: 1, running: 1 })
    hold.open()
    await done(futures)
  })
})

describe('InProcessExecutor.onIdle()', () => {
  test('resolves when every future is settled and all work has stopped, follow-ups included', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 2 })
    const hold = gate()
    const order: string[] = []
    await executor.onIdle()
    executor.submit(async () => {
      await turn()
      executor.submit(() => void order.push('follow-up'))
    })
    const stubborn = executor.submit(() => hold.promise.then(() => order.push('stopped')))
    const idle = [executor.onIdle(), executor.onIdle()].map((promise) => promise.then(() => order.push('idle')))
    await turn()
    stubborn.cancel()
    await turn()
    await turn()
    expect(order).toEqual(['follow-up'])
    hold.open()
    await Promise.all(idle)
    expect(order).toEqual(['follow-up', 'stopped', 'idle', 'idle'])
    executor.submit(() => order.push('again'))
    await executor.onIdle()
    expect(order.at(-1)).toBe('again')
  })

  test('waits for work that waits for its next attempt', async () => {
    const executor = new InProcessExecutor()
    let attempts = 0
    class Twice extends FutureController<string> {
      override resolve(value: string): boolean {
        if (++attempts === 2) return super.resolve(value)
        setTimeout(() => executor.submit(() => 'second', { controller: this }), 5)
        return true
      }
    }
    const future = executor.submit(() => 'first', { controller: new Twice() })
    await executor.onIdle()
    expect(future.resultNow()).toBe('second')
    expect(executor.stats()).toEqual({ pending: 0, running: 0, fulfilled: 1, rejected: 0, cancelled: 0 })
  })
})

describe('InProcessExecutor.shutdown()', () => {
  test('waits for an attempt that it did not see begin, and then accepts no other', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const [first, second] = [new FutureController<number>(), new FutureController<number>()]
    first.start()
    second.start()
    executor.pause()
    const future = executor.submit(() => 1, { controller: first })
    await executor.shutdown()
    expect(future.resultNow()).toBe(1)
    expect(() => executor.submit(() => 2, { controller: second })).toThrow(ExecutorClosedError)
  })

  test('cancels with an ExecutorClosedError as the reason', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const futures = [1, 2].map(() =>
      executor.submit(({ signal }) => new Promise((resolve) => (signal.onabort = resolve))),
    )
    await turn()
    await executor.shutdown({ cancelPending: true, cancelRunning: true })
    for (const future of futures) {
      expect(future.cancelled()).toBe(true)
      await expect(future.result()).rejects.toMatchObject({ cause: expect.any(ExecutorClosedError) })
    }
  })

  test('rejects with a TypeError where it is given null, and nothing has happened', async () => {
    const executor = new InProcessExecutor()
    executor.pause()
    const future = executor.submit(() => 1)
    await expect(executor.shutdown(null as never)).rejects.toThrow(TypeError)
    await turn()
    expect(future.state).toBe('pending')
    executor.resume()
    expect(await future.result()).toBe(1)
    expect(await executor.submit(() => 2).result()).toBe(2)
  })

  test('cancels what waits in the queue a second time around, too', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    await executor.submit(() => 0).result()
    const hold = gate()
    executor.submit(() => hold.promise)
    const waiting = executor.submit(() => 1)
    await turn()
    const over = executor.shutdown({ cancelPending: true })
    expect(waiting.cancelled()).toBe(true)
    hold.open()
    await over
  })

  test('may be called by a task', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const first = executor.submit(() => void executor.shutdown())
    const second = executor.submit(() => 2)
    await done([first, second])
    expect(second.resultNow()).toBe(2)
    await executor.shutdown()
  })
})
