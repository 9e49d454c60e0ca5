import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { ExecutorClosedError } from '../../src/errors.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { taskReference } from '../../src/task-reference.ts'
import { ManualExecutor } from '../../src/testing/index.ts'
import { gate, turn } from '../helpers/gate.ts'

describe('ManualExecutor', () => {
  test('runs nothing until it is told to', async () => {
    const executor = new ManualExecutor()
    const future = executor.submit(() => 1)
    await turn()
    expect(future.state).toBe('pending')
    expect(executor.stats()).toEqual({ pending: 1, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 })
  })

  test('.runNext() starts one task, before it returns, and says whether there was one', async () => {
    const executor = new ManualExecutor()
    const [first, second] = [executor.submit(() => 1), executor.submit(() => 2)]
    expect(executor.runNext()).toBe(true)
    expect([first.state, second.state]).toEqual(['running', 'pending'])
    expect(await first.result()).toBe(1)
    expect(second.state).toBe('pending')
    expect(executor.runNext()).toBe(true)
    expect(executor.runNext()).toBe(false)
    expect(await second.result()).toBe(2)
  })

  test('.runNext() takes the highest priority, then the longest wait', async () => {
    const executor = new ManualExecutor()
    const ran: string[] = []
    for (const [name, priority] of [
      ['low', -1],
      ['first', 0],
      ['second', 0],
      ['high', 1],
    ] as const) {
      executor.submit(() => void ran.push(name), { priority })
    }
    while (executor.runNext());
    expect(ran).toEqual(['high', 'first', 'second', 'low'])
  })

  test('.runNext() passes over a group at its limit, its own or that of the executor', async () => {
    const executor = new ManualExecutor({ maxPerGroup: 2 })
    const hold = gate()
    const futures = Array.from({ length: 3 }, () => executor.submit(() => hold.promise, { group: 'a' }))
    const strict = executor.submit(() => hold.promise, { group: 'a', maxPerGroup: 1 })
    const other = executor.submit(() => hold.promise, { group: 'b', maxPerGroup: 9 })
    const free = executor.submit(() => hold.promise, { maxPerGroup: 1 })
    while (executor.runNext());
    const states = [...futures, strict, other, free].map((future) => future.state)
    expect(states).toEqual(['running', 'running', 'pending', 'pending', 'running', 'running'])
    hold.open()
    await executor.runAll()
    expect(executor.stats().fulfilled).toBe(6)
  })

  test('.runNext() is false while all workers are busy', async () => {
    const executor = new ManualExecutor({ maxWorkers: 1 })
    const hold = gate()
    const first = executor.submit(() => hold.promise)
    executor.submit(() => 2)
    expect([executor.runNext(), executor.runNext()]).toEqual([true, false])
    hold.open()
    await first.result()
    expect(executor.runNext()).toBe(true)
  })

  test('.runAll() resolves when everything is over, what was submitted meanwhile included', async () => {
    const executor = new ManualExecutor({ maxWorkers: 2 })
    const ran: number[] = []
    const submit = (depth: number): void => {
      executor.submit(async () => {
        await turn()
        ran.push(depth)
        if (depth > 0) submit(depth - 1)
      })
    }
    submit(3)
    submit(2)
    await executor.runAll()
    expect(ran.toSorted()).toEqual([0, 0, 1, 1, 2, 2, 3])
  })

  test('.runAll() tells it once: what comes later waits again', async () => {
    const executor = new ManualExecutor()
    await executor.runAll()
    const future = executor.submit(() => 1)
    await turn()
    expect(future.state).toBe('pending')
    await executor.runAll()
    expect(future.state).toBe('fulfilled')
    expect(executor.submit(() => 2).state).toBe('pending')
    await turn()
    expect(executor.stats()).toMatchObject({ pending: 1, fulfilled: 1 })
  })

  test('.cancel() of its futures settles them before anything runs', async () => {
    const executor = new ManualExecutor()
    const future = executor.submit(() => expect.unreachable())
    future.cancel()
    expect(executor.runNext()).toBe(false)
    expect(executor.stats().cancelled).toBe(1)
  })

  test('submit() runs in the async context of its caller, also when told by somebody else', async () => {
    const executor = new ManualExecutor()
    const storage = new AsyncLocalStorage<string>()
    const future = storage.run('caller', () => executor.submit(() => storage.getStore()))
    storage.run('teller', () => executor.runNext())
    expect(await future.result()).toBe('caller')
  })

  test('submit() takes task references', async () => {
    const executor = new ManualExecutor()
    const future = executor.submit(taskReference<string>('node:path', 'basename', '/a/b.txt', '.txt'))
    await executor.runAll()
    expect(future.resultNow()).toBe('b')
  })

  test('a controller that refuses to start is left alone', async () => {
    const executor = new ManualExecutor()
    class Reluctant extends FutureController<unknown> {
      override start(): boolean {
        this.future.cancel()
        return super.start()
      }
    }
    const future = executor.submit(() => expect.unreachable(), { controller: new Reluctant() })
    expect(executor.runNext()).toBe(true)
    expect(future.state).toBe('cancelled')
    await executor.runAll()
  })

  test('.shutdown() tells it to run what is left', async () => {
    const executor = new ManualExecutor()
    const future = executor.submit(() => 1)
    const over = executor.shutdown()
    expect(() => executor.submit(() => 2)).toThrow(ExecutorClosedError)
    await over
    expect(future.resultNow()).toBe(1)
  })

  test.each([
    [{ maxWorkers: 0 }, RangeError],
    [{ maxWorkers: NaN }, TypeError],
    [{ maxPerGroup: 1.5 }, RangeError],
    [{ maxPerGroup: '1' as never }, TypeError],
  ])('the constructor refuses %o', (options, kind) => {
    expect(() => new ManualExecutor(options)).toThrow(kind)
  })
})
