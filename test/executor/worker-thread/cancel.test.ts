import { afterEach, describe, expect, test } from 'vitest'
import { CancelledError, WorkerCrashedError } from '../../../src/errors.ts'
import { useTimes } from '../../helpers/executor-times.ts'
import { fakeTime } from '../../helpers/fake-time.ts'
import { turn, until } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'
import { madeThreads } from '../../helpers/thread-watch.ts'

const grace = 200
useTimes({ grace })
closeExecutorsAfterEach()
afterEach(() => fakeTime.disable())

const whichThread = fixture<number>('result-tasks.mjs', 'whichThread')
const pass = (gate: ThreadGate) => fixture<number>('gate-tasks.mjs', 'pass', gate.memory)
const cancelled = (name: string, gate: ThreadGate) => fixture('cancelled-tasks.mjs', name, gate.memory)

describe('Future.cancel() of a task in a thread', () => {
  test('tells that task, with its reason; its thread and the other tasks go on', async () => {
    const [first, other] = [new ThreadGate(), new ThreadGate()]
    const executor = open({ threads: 1 })
    const future = executor.submit(cancelled('hear', first))
    const neighbour = executor.submit(pass(other))
    await Promise.all([first.arrived(), other.arrived()])
    expect(future.cancel(new TypeError('enough'))).toBe(true)
    await expect(future.result()).rejects.toThrow(CancelledError)
    await until(() => Atomics.load(new Int32Array(first.memory), 1) === 2)
    other.open()
    expect(await executor.submit(whichThread).result()).toBe(await neighbour.result())
  })

  test('that waits never leaves the parent, and starts no thread', async () => {
    const gate = new ThreadGate()
    const before = madeThreads()
    const executor = open()
    expect(executor.submit(pass(gate)).cancel()).toBe(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect([gate.arrivals, madeThreads() - before]).toEqual([0, 0])
  })

  test('while its thread is starting frees its worker at once, and never runs it', async () => {
    const [start, gate] = [new ThreadGate(), new ThreadGate()]
    const initializer = fixture('initializers.mjs', 'pass', start.memory)
    const executor = open({ threads: 1, maxWorkers: 1, initializer })
    const future = executor.submit(pass(gate))
    await start.arrived()
    expect(future.state).toBe('running')
    future.cancel()
    const next = executor.submit(whichThread)
    await until(() => next.state === 'running')
    start.open()
    await next.result()
    expect(gate.arrivals).toBe(0)
  })

  test('while its module is loading never calls it', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1 })
    await executor.submit(fixture('slow-module-gate.mjs', 'set', gate.memory)).result()
    const future = executor.submit(fixture('slow-module.mjs', 'call'))
    await gate.arrived()
    future.cancel()
    // Messages keep their order: when this is back, the cancellation is there.
    await executor.submit(whichThread).result()
    gate.open()
    expect(await executor.submit(fixture('slow-module.mjs', 'call')).result()).toBe(1)
  })

  test('while its module is loading frees its worker, however long that takes', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    await executor.submit(fixture('slow-module-gate.mjs', 'set', gate.memory)).result()
    const thread = await executor.submit(whichThread).result()
    const future = executor.submit(fixture('slow-module.mjs', 'call'))
    await gate.arrived()
    future.cancel()
    expect(await executor.submit(whichThread).result()).toBe(thread)
    gate.open()
  })

  test('while its module is loading, which fails then, is the end of it', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    await executor.submit(fixture('slow-module-gate.mjs', 'set', gate.memory)).result()
    const thread = await executor.submit(whichThread).result()
    const future = executor.submit(fixture('slow-broken-module.mjs', 'call'))
    await gate.arrived()
    future.cancel()
    // There is one worker: when this one has run, the thread has heard of the cancellation.
    expect(await executor.submit(whichThread).result()).toBe(thread)
    gate.open()
    expect(await executor.submit(fixture('slow-broken-module.mjs', 'call')).exception()).toMatchObject({
      message: 'broken',
    })
    expect(await executor.submit(whichThread).result()).toBe(thread)
  })

  test('accepts any reason, clonable or not', async () => {
    for (const reason of [undefined, 'text', () => 1, Symbol('reason'), { fn: () => 1 }]) {
      const gate = new ThreadGate()
      const executor = open({ threads: 1 })
      const future = executor.submit(cancelled('hear', gate))
      await gate.arrived()
      future.cancel(reason)
      await until(() => Atomics.load(new Int32Array(gate.memory), 1) === 1)
    }
  })
})

describe('Work that ignores its cancellation', () => {
  test.each(['spin', 'neverStop'])('is ended with its thread; the other tasks there are told why: %s', async (name) => {
    const [here, there, gate] = [new ThreadGate(), new ThreadGate(), new ThreadGate()]
    const executor = open({ threads: 2, maxWorkers: 4 })
    const [neighbour, elsewhere] = [executor.submit(pass(here)), executor.submit(pass(there))]
    await Promise.all([here.arrived(), there.arrived()])
    const future = executor.submit(cancelled(name, gate))
    const last = executor.submit(pass(there))
    const waiting = executor.submit(whichThread)
    await Promise.all([gate.arrived(), there.arrived(2)])
    const start = performance.now()
    future.cancel()
    const error = (await neighbour.exception()) as WorkerCrashedError
    expect(error).toBeInstanceOf(WorkerCrashedError)
    expect(error.message).toContain(`was terminated: \`${name}\` did not stop within ${grace} ms of being cancelled`)
    expect(error.exitCode).toBe(1)
    // Two clocks: this one may be a little behind that of the timers.
    expect(performance.now() - start).toBeGreaterThan(grace - 10)
    await waiting.result()
    there.open()
    expect(await elsewhere.result()).toBe(await last.result())
    expect(executor.stats()).toEqual({ pending: 0, running: 0, fulfilled: 3, rejected: 1, cancelled: 1 })
  })

  test('holds its worker until its thread is gone; the next task runs in a new one', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    const first = await executor.submit(whichThread).result()
    const future = executor.submit(cancelled('spin', gate))
    await gate.arrived()
    future.cancel()
    const next = executor.submit(whichThread)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(next.state).toBe('pending')
    expect(await next.result()).not.toBe(first)
  })

  test('that stops in time costs nobody anything', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    const first = await executor.submit(whichThread).result()
    const future = executor.submit(pass(gate))
    await gate.arrived()
    fakeTime.enable()
    future.cancel()
    fakeTime.tick(grace / 2)
    gate.open()
    // There is one worker: when this one has run, that one has stopped.
    expect(await executor.submit(whichThread).result()).toBe(first)
    fakeTime.tick(2 * grace)
    await turn()
    expect(await executor.submit(whichThread).result()).toBe(first)
  })

  test('is what the thread says, not how long the parent was too busy to listen', async () => {
    const [gate, other] = [new ThreadGate(), new ThreadGate()]
    const executor = open({ threads: 1 })
    const future = executor.submit(cancelled('hear', gate))
    const neighbour = executor.submit(pass(other))
    await Promise.all([gate.arrived(), other.arrived()])
    // In the phase after which timers come before messages.
    await turn()
    future.cancel()
    const start = performance.now()
    const heard = new Int32Array(gate.memory)
    while (Atomics.load(heard, 1) === 0 || performance.now() - start < 1.5 * grace) Atomics.wait(heard, 0, 1, 20)
    other.open()
    expect(await neighbour.exception()).toBeUndefined()
  })
})
