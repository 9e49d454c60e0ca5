import { describe, expect, test } from 'vitest'
import { ExecutorClosedError, WorkerCrashedError } from '../../../src/errors.ts'
import { turn, until } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'
import { liveThreads, madeThreads } from '../../helpers/thread-watch.ts'

closeExecutorsAfterEach()

const whichThread = fixture<number>('result-tasks.mjs', 'whichThread')
const pass = (gate: ThreadGate) => fixture<number>('gate-tasks.mjs', 'pass', gate.memory)

describe('WorkerThreadExecutor.shutdown()', () => {
  test('of an executor that never had a task makes no thread', async () => {
    const before = madeThreads()
    await open().shutdown()
    expect(madeThreads()).toBe(before)
  })

  test('runs the queue, and resolves when the threads are gone', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 2, maxWorkers: 2 })
    const futures = Array.from({ length: 6 }, () => executor.submit(pass(gate)))
    await gate.arrived(2)
    const over = executor.shutdown()
    gate.open()
    await over
    expect(futures.map((future) => future.state)).toEqual(Array.from({ length: 6 }, () => 'fulfilled'))
    expect(liveThreads()).toBe(0)
    expect(() => executor.submit(whichThread)).toThrow(ExecutorClosedError)
  })

  test('rejects with a TypeError where it is given null, and nothing has happened', async () => {
    const executor = open({ threads: 1 })
    await expect(executor.shutdown(null as never)).rejects.toThrow(TypeError)
    expect(await executor.submit(whichThread).result()).toBeGreaterThan(0)
    await executor.shutdown()
    expect(liveThreads()).toBe(0)
  })

  test('with `wait: false` resolves at once; the threads go when the work is over', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1 })
    const future = executor.submit(pass(gate))
    await gate.arrived()
    await executor.shutdown({ wait: false })
    expect([future.state, liveThreads()]).toEqual(['running', 1])
    gate.open()
    await future.result()
    await until(() => liveThreads() === 0)
  })

  test('while threads are starting ends them, too', async () => {
    const start = new ThreadGate()
    const executor = open({ threads: 2, initializer: fixture('initializers.mjs', 'pass', start.memory) })
    const futures = [executor.submit(whichThread), executor.submit(whichThread)]
    await start.arrived(2)
    await executor.shutdown({ cancelPending: true, cancelRunning: true })
    expect(futures.map((future) => future.state)).toEqual(['cancelled', 'cancelled'])
    expect(liveThreads()).toBe(0)
  })

  test('ends a thread that has become ready, of which nobody here has heard yet', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, initializer: fixture('initializers.mjs', 'arriveAfterwards', gate.memory) })
    const future = executor.submit(whichThread)
    await turn()
    // No message can be read meanwhile.
    while (gate.arrivals === 0) Atomics.wait(new Int32Array(gate.memory), 0, 0, 1_000)
    await executor.shutdown({ cancelRunning: true })
    expect(future.state).toBe('cancelled')
    expect(liveThreads()).toBe(0)
  })

  test('with `cancelRunning` ends work that ignores it with its thread', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1 })
    const future = executor.submit(fixture('cancelled-tasks.mjs', 'spin', gate.memory))
    await gate.arrived()
    await executor.shutdown({ cancelRunning: true })
    expect(future.state).toBe('cancelled')
    expect(liveThreads()).toBe(0)
  })

  test.each(['returnAndSpin', 'returnAndTick'])('waits for no strays of tasks that have ended: %s', async (name) => {
    const executor = open({ threads: 1 })
    await executor.submit(fixture('stray-tasks.mjs', name)).result()
    await executor.shutdown()
    expect(liveThreads()).toBe(0)
  })

  test('lets exit handlers in the threads run', async () => {
    const memory = new SharedArrayBuffer(4)
    const executor = open({ threads: 1 })
    await executor.submit(fixture('stray-tasks.mjs', 'noteExit', memory)).result()
    await executor.shutdown()
    expect(new Int32Array(memory)[0]).toBe(1)
  })

  test('waits for a thread that ends by itself at that moment', async () => {
    const executor = open({ threads: 1, idleTimeout: 0 })
    await executor.submit(whichThread).result()
    await new Promise((resolve) => setTimeout(resolve, 2))
    await executor.shutdown()
    expect(liveThreads()).toBe(0)
  })

  test('when a thread crashes meanwhile still runs the queue', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    const crashing = executor.submit(fixture('gate-tasks.mjs', 'passAndExit', gate.memory, 3))
    const next = executor.submit(whichThread)
    await gate.arrived()
    const over = executor.shutdown()
    gate.open()
    await over
    expect(crashing.exceptionNow()).toBeInstanceOf(WorkerCrashedError)
    expect(next.resultNow()).toBeGreaterThan(0)
  })
})

test('await using a WorkerThreadExecutor runs its queue and leaves no thread', async () => {
  let future
  {
    await using executor = open({ threads: 1 })
    future = executor.submit(whichThread)
  }
  expect(future.resultNow()).toBeGreaterThan(0)
  expect(liveThreads()).toBe(0)
})
