import { availableParallelism } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { BrokenExecutorError, QueueFullError, TaskNotCloneableError, WorkerCrashedError } from '../../../src/errors.ts'
import { WorkerThreadExecutor } from '../../../src/executor/worker-thread/worker-thread-executor.ts'
import type { Future } from '../../../src/future/future.ts'
import { useTimes } from '../../helpers/executor-times.ts'
import { fakeTime } from '../../helpers/fake-time.ts'
import { until } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'
import { liveThreads, madeThreads } from '../../helpers/thread-watch.ts'

useTimes({ firstPause: 5 })
closeExecutorsAfterEach()
afterEach(() => fakeTime.disable())

const whichThread = fixture<number>('result-tasks.mjs', 'whichThread')
const pass = (gate: ThreadGate) => fixture<number>('gate-tasks.mjs', 'pass', gate.memory)
const initializer = (name: string, ...args: unknown[]) => fixture('initializers.mjs', name, ...args)
const results = <T>(futures: Future<T>[]): Promise<T[]> => Promise.all(futures.map((future) => future.result()))

describe('WorkerThreadExecutor threads', () => {
  test('are not started before there is a task, and only as many as there are tasks at once', async () => {
    const before = madeThreads()
    const executor = open({ threads: 3 })
    expect(madeThreads() - before).toBe(0)
    for (let task = 0; task < 5; task++) await executor.submit(whichThread).result()
    expect(madeThreads() - before).toBe(1)
  })

  test('are one less than the machine has cores, at least one, at most `maxWorkers`', async () => {
    const gate = new ThreadGate()
    const before = madeThreads()
    const executor = open()
    expect(executor.maxWorkers).toBe(8)
    const futures = Array.from({ length: 10 }, () => executor.submit(pass(gate)))
    await gate.arrived(8)
    gate.open()
    await results(futures)
    expect(madeThreads() - before).toBe(Math.min(8, Math.max(1, availableParallelism() - 1)))
  })

  test('share `maxWorkers` tasks in flight: a task goes to the least busy one', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 3, maxWorkers: 7 })
    const futures = Array.from({ length: 9 }, () => executor.submit(pass(gate)))
    await gate.arrived(7)
    expect(executor.stats()).toMatchObject({ running: 7, pending: 2 })
    gate.open()
    const threads = (await results(futures)).slice(0, 7)
    const loads = [...new Set(threads)].map((thread) => threads.filter((each) => each === thread).length)
    expect(loads.toSorted()).toEqual([2, 2, 3])
  })

  test('end when they had nothing to do for `idleTimeout`, and start again for the next task', async () => {
    const executor = open({ threads: 1, idleTimeout: 20 })
    const first = await executor.submit(whichThread).result()
    await until(() => liveThreads() === 0)
    const second = await executor.submit(whichThread).result()
    expect(second).not.toBe(first)
    await until(() => liveThreads() === 0)
  })

  test('do not end by `idleTimeout` while they have a task', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, idleTimeout: 10 })
    const first = await executor.submit(whichThread).result()
    const future = executor.submit(pass(gate))
    await gate.arrived()
    await new Promise((resolve) => setTimeout(resolve, 60))
    gate.open()
    expect(await future.result()).toBe(first)
  })

  test('with `idleTimeout: 0` take one task after the other as long as there are some', async () => {
    const executor = open({ threads: 1, maxWorkers: 1, idleTimeout: 0 })
    const futures = Array.from({ length: 20 }, () => executor.submit(whichThread))
    expect(new Set(await results(futures)).size).toBe(1)
  })

  test('start where the process has options that Node refuses for them', async () => {
    process.execArgv.push('--input-type=module')
    try {
      expect(await open().submit(fixture('result-tasks.mjs', 'nodeOptions')).result()).toEqual([])
    } finally {
      process.execArgv.pop()
    }
  })

  test('get `resourceLimits`', async () => {
    const executor = open({ resourceLimits: { stackSizeMb: undefined, maxOldGenerationSizeMb: 77 } })
    const limits = await executor.submit(fixture('result-tasks.mjs', 'limits')).result()
    expect(limits).toMatchObject({ maxOldGenerationSizeMb: 77 })
  })
})

describe('WorkerThreadExecutor initializer', () => {
  test('runs once in each thread, before its first task, with its arguments', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 2, initializer: initializer('note', 'a', { deep: 1 }) })
    const futures = [executor.submit(pass(gate)), executor.submit(pass(gate))]
    await gate.arrived(2)
    gate.open()
    const threads = await results(futures)
    const noted = [executor.submit(initializer('noted')), executor.submit(initializer('noted'))]
    for (const notes of await results(noted)) {
      expect(notes).toEqual([{ threadId: expect.any(Number), args: ['a', { deep: 1 }] }])
    }
    expect(new Set(threads).size).toBe(2)
  })

  test('that fails breaks the executor: each future has its own error, and submit() throws', async () => {
    const executor = open({ threads: 2, maxWorkers: 3, initializer: initializer('fail', 'no database') })
    const futures = Array.from({ length: 6 }, () => executor.submit(whichThread))
    const errors = await Promise.all(futures.map((future) => future.exception()))
    for (const error of errors) {
      expect(error).toBeInstanceOf(BrokenExecutorError)
      expect(error).toMatchObject({ cause: expect.any(RangeError), message: expect.stringContaining('no database') })
    }
    expect(new Set(errors).size).toBe(6)
    expect(() => executor.submit(whichThread)).toThrow(BrokenExecutorError)
    expect(executor.stats()).toMatchObject({ rejected: 6 })
    await executor.shutdown()
  })

  test('that does not exist breaks the executor', async () => {
    const error = await open({ initializer: initializer('noSuchExport') })
      .submit(whichThread)
      .exception()
    expect(error).toBeInstanceOf(BrokenExecutorError)
  })

  test('that ends its thread is tried again; tasks do not suffer', async () => {
    const counter = new SharedArrayBuffer(4)
    const executor = open({ threads: 1, initializer: initializer('exitTimes', counter, 2) })
    const futures = Array.from({ length: 12 }, () => executor.submit(whichThread))
    await results(futures)
    expect(new Int32Array(counter)[0]).toBe(3)
  })

  test('that ends its thread three times in a row breaks the executor', async () => {
    const counter = new SharedArrayBuffer(4)
    const executor = open({ threads: 1, initializer: initializer('exitTimes', counter, 100) })
    const futures = Array.from({ length: 12 }, () => executor.submit(whichThread))
    for (const future of futures) {
      const error = (await future.exception()) as BrokenExecutorError
      expect(error).toBeInstanceOf(BrokenExecutorError)
      expect(error.cause).toBeInstanceOf(WorkerCrashedError)
      expect(error.cause).toMatchObject({ exitCode: 9 })
    }
    expect(new Int32Array(counter)[0]).toBe(3)
    expect(() => executor.submit(whichThread)).toThrow(BrokenExecutorError)
  })

  test('that needs more memory than there is breaks the executor instead of spinning', async () => {
    const before = madeThreads()
    const fillMemory = fixture('crash-tasks.mjs', 'fillMemory')
    const executor = open({ threads: 1, initializer: fillMemory, resourceLimits: { maxOldGenerationSizeMb: 32 } })
    const error = await executor.submit(whichThread).exception()
    expect(error).toMatchObject({ name: 'BrokenExecutorError', cause: { cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } } })
    expect(madeThreads() - before).toBe(3)
  })

  test("may have properties that are nobody else's business: they stay here", async () => {
    const executor = open({ initializer: { ...initializer('note', 'a'), note: () => 1 } as never })
    expect(await executor.submit(whichThread).result()).toBeGreaterThan(0)
  })

  test('that can not be sent to a thread any more breaks the executor', async () => {
    const reference = initializer('note', 'a')
    const executor = open({ initializer: reference })
    reference.args?.push(() => 1)
    const futures = [executor.submit(whichThread), executor.submit(whichThread)]
    for (const future of futures) {
      const error = await future.exception()
      expect(error).toMatchObject({ name: 'BrokenExecutorError', cause: { name: 'DataCloneError' } })
    }
    expect(() => executor.submit(whichThread)).toThrow(BrokenExecutorError)
    await executor.shutdown()
  })

  test('that waits for nothing that can happen breaks the executor, too', async () => {
    const error = await open({ initializer: initializer('neverEnd') })
      .submit(whichThread)
      .exception()
    expect(error).toBeInstanceOf(BrokenExecutorError)
  })

  test.each(['spin', 'waitForEver'])(
    'that does not end within `startTimeout` is tried again; after three times the executor is broken: %s',
    async (name) => {
      const memory = new SharedArrayBuffer(4)
      const executor = open({ threads: 1, startTimeout: 100, initializer: initializer(name, memory) })
      const cancelled = executor.submit(whichThread)
      const futures = Array.from({ length: 9 }, () => executor.submit(whichThread))
      await until(() => cancelled.state === 'running')
      expect(cancelled.cancel()).toBe(true)
      for (const future of futures) {
        const error = (await future.exception()) as BrokenExecutorError
        expect(error).toBeInstanceOf(BrokenExecutorError)
        expect(error.cause).toBeInstanceOf(WorkerCrashedError)
        expect(error.cause).toMatchObject({ message: expect.stringContaining('not ready within 100 ms') })
      }
      expect(() => executor.submit(whichThread)).toThrow(BrokenExecutorError)
      expect(executor.stats()).toMatchObject({ rejected: 9, cancelled: 1, running: 0 })
    },
  )

  test('that hangs once is replaced, and tasks do not suffer', async () => {
    const memory = new SharedArrayBuffer(4)
    const executor = open({ threads: 1, startTimeout: 3_000, initializer: initializer('hangOnce', memory) })
    fakeTime.enable()
    const future = executor.submit(whichThread)
    await until(() => new Int32Array(memory)[0] === 1)
    fakeTime.tick(3_000)
    fakeTime.disable()
    expect(await future.result()).toBeGreaterThan(0)
    expect(new Int32Array(memory)[0]).toBe(2)
  })

  test('may take as long as it likes with `startTimeout: null`, and hears of shutdown() meanwhile', async () => {
    const memory = new SharedArrayBuffer(4)
    const executor = open({ threads: 1, startTimeout: null, initializer: initializer('spin', memory) })
    const future = executor.submit(whichThread)
    await until(() => new Int32Array(memory)[0] === 1)
    await executor.shutdown({ cancelPending: true, cancelRunning: true })
    expect(future.cancelled()).toBe(true)
  })

  test('that fails in a later thread leaves what runs alone', async () => {
    const gate = new ThreadGate()
    const counter = new SharedArrayBuffer(4)
    const executor = open({ threads: 2, initializer: initializer('exitTimes', counter, 0) })
    const running = executor.submit(pass(gate))
    await gate.arrived()
    Atomics.store(new Int32Array(counter), 0, -100)
    const others = Array.from({ length: 3 }, () => executor.submit(whichThread))
    expect(await others[1]!.exception()).toBeUndefined()
    await Promise.all(others.map((future) => future.exception()))
    gate.open()
    expect(await running.result()).toBeGreaterThan(0)
  })
})

describe('new WorkerThreadExecutor()', () => {
  test.each([null, 5, 'all'])('refuses %j as its options', (options) => {
    expect(() => new WorkerThreadExecutor(options as never)).toThrow(
      `Expected options to be an object, got \`${typeof options === 'string' ? `'${options}'` : String(options)}\``,
    )
  })

  test.each([
    [{ maxWorkers: 0 }, RangeError],
    [{ maxWorkers: 1.5 }, RangeError],
    [{ maxWorkers: '8' }, TypeError],
    [{ threads: 0 }, RangeError],
    [{ threads: Infinity }, RangeError],
    [{ threads: NaN }, TypeError],
    [{ threads: null }, TypeError],
    [{ maxWorkers: null }, TypeError],
    [{ maxPerGroup: null }, TypeError],
    [{ maxQueue: null }, TypeError],
    [{ resourceLimits: null }, TypeError],
    [{ resourceLimits: { maxOldGenerationSizeMb: '64' } }, TypeError],
    [{ resourceLimits: { stackSizeMb: NaN } }, TypeError],
    [{ resourceLimits: { maxYoungGenerationSizeMb: 0 } }, RangeError],
    [{ initializer: null }, TypeError],
    [{ maxPerGroup: 0 }, RangeError],
    [{ maxQueue: -1 }, RangeError],
    [{ idleTimeout: NaN }, TypeError],
    [{ idleTimeout: -1 }, RangeError],
    [{ startTimeout: 0 }, RangeError],
    [{ startTimeout: 'long' }, TypeError],
    [{ resourceLimits: 64 }, TypeError],
    [{ initializer: 'setup' }, TypeError],
    [{ initializer: () => undefined }, TaskNotCloneableError],
    [{ initializer: initializer('note', () => 1) }, TaskNotCloneableError],
  ])('refuses %j', (options, kind) => {
    expect(() => new WorkerThreadExecutor(options as never)).toThrow(kind)
  })

  test('takes `maxQueue`: one more waiting task is a QueueFullError', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1, maxQueue: 2 })
    const running = executor.submit(pass(gate))
    await gate.arrived()
    const waiting = [executor.submit(whichThread), executor.submit(whichThread)]
    expect(() => executor.submit(whichThread)).toThrow(QueueFullError)
    gate.open()
    await results([running, ...waiting])
  })
})
