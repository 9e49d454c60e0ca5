import type * as ThreadLife from '../../../src/executor/worker-thread/thread-life.ts'
import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BrokenExecutorError, WorkerCrashedError } from '../../../src/errors.ts'
import { fakeTime } from '../../helpers/fake-time.ts'
import { turn, until } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'

/** What the next starts come to; afterwards, what Node makes of them. */
const nextStarts: ((() => Worker) | 'real')[] = []
/** When each was made, in fake time: pauses are over when the test says so. */
const starts: number[] = []

vi.mock('../../../src/executor/worker-thread/thread-life.ts', async (importOriginal) => {
  const original = await importOriginal<typeof ThreadLife>()
  return {
    ...original,
    startThread: (...args: Parameters<typeof original.startThread>) => {
      starts.push(performance.now())
      const next = nextStarts.shift() ?? 'real'
      return next === 'real' ? original.startThread(...args) : next()
    },
  }
})

/** A thread that ends with this error, if there is one, before it is ready. */
class DyingWorker extends EventEmitter {
  ref = (): void => {}
  unref = (): void => {}
  postMessage = (): void => {}
  terminate = (): Promise<number> => Promise.resolve(1)
}

const dying =
  (error: unknown, exitCode = 1, when: Promise<void> = Promise.resolve()) =>
  () => {
    const worker = new DyingWorker()
    void when.then(() =>
      setImmediate(() => {
        if (error !== undefined) worker.emit('error', error)
        worker.emit('exit', exitCode)
      }),
    )
    return worker as unknown as Worker
  }
const withCode = (code: string, message: string): Error => Object.assign(new Error(message), { code })
const emfile = () => withCode('ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EMFILE')
const unreadable = () => withCode('EMFILE', "EMFILE: too many open files, open 'worker-entry.js'")
const noThread = () => (): Worker => {
  throw withCode('ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EAGAIN')
}
const add = (n: number) => fixture<number>('arithmetic-tasks.mjs', 'add', n, 1)
const longestPause = 1600
const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)

/** What is to come of a start that fails has come. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await turn()
}

/** So many pauses go by, whatever their length: after each there is another start. */
async function passPauses(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) {
    await settle()
    const before = starts.length
    fakeTime.tick(longestPause)
    expect(starts.length).toBeGreaterThan(before)
  }
  await settle()
}

closeExecutorsAfterEach()
beforeEach(() => {
  starts.length = 0
  fakeTime.enable()
})
afterEach(() => {
  fakeTime.disable()
  expect(nextStarts.splice(0)).toEqual([])
  vi.restoreAllMocks()
})

describe('A thread that the system has no means for', () => {
  test.each([
    ['descriptors', () => dying(emfile(), 0)],
    ['descriptors, to read what it runs', () => dying(unreadable())],
    ['descriptors, to read package.json', () => dying(withCode('ERR_X', 'Cannot read: too many open files.'))],
    ['threads', noThread],
  ])('is tried again, with pauses that grow; tasks wait: %s', async (_name, make) => {
    nextStarts.push(...many(4, make))
    const executor = open({ threads: 1 })
    const futures = [1, 2, 3].map((n) => executor.submit(add(n)))
    for (const [index, pause] of [100, 200, 400, 800].entries()) {
      await settle()
      fakeTime.tick(pause - 1)
      await settle()
      expect(starts).toHaveLength(index + 1)
      fakeTime.tick(1)
    }
    expect(await Promise.all(futures.map((each) => each.result()))).toEqual([2, 3, 4])
    expect(starts).toHaveLength(5)
  })

  test('fails what has waited for some seconds, each with an error of its own, and breaks nothing', async () => {
    nextStarts.push(...many(6, () => dying(emfile(), 0)))
    const executor = open({ threads: 1, maxWorkers: 2 })
    const [first, second, third] = [1, 2, 3].map((n) => executor.submit(add(n)))
    await passPauses(4)
    expect([first!.done(), second!.done()]).toEqual([false, false])
    await passPauses(1)
    const errors = [await first!.exception(), await second!.exception()]
    for (const error of errors) {
      expect(error).toBeInstanceOf(WorkerCrashedError)
      expect(error).toMatchObject({
        message: 'No worker thread could be started: Worker initialization failure: EMFILE',
        cause: { code: 'ERR_WORKER_INIT_FAILED' },
      })
    }
    expect(errors[0]).not.toBe(errors[1])
    await passPauses(1)
    expect(await third!.result()).toBe(4)
    // One that is ready has made good for all of them.
    expect(await executor.submit(add(10)).result()).toBe(11)
  })

  test('is no matter while others are there', async () => {
    const executor = open({ threads: 3, maxWorkers: Infinity })
    const gate = new ThreadGate()
    const held = executor.submit(fixture('gate-tasks.mjs', 'pass', gate.memory))
    await gate.arrived()
    nextStarts.push(...many(8, () => dying(emfile(), 0)))
    let next = 0
    // One that is busy makes the executor try for another, after each pause.
    await until(() => {
      executor.submit(add(next++))
      fakeTime.tick(longestPause)
      return nextStarts.length === 0
    })
    gate.open()
    await held.result()
    await until(() => executor.stats().running + executor.stats().pending === 0)
    expect(executor.stats()).toMatchObject({ rejected: 0, fulfilled: next + 1 })
  })

  test('counts once, if several were started together', async () => {
    nextStarts.push(...many(8, () => dying(undefined, 9)))
    const executor = open({ threads: 4, maxWorkers: 4 })
    const futures = [1, 2, 3, 4].map((n) => executor.submit(add(n)))
    await passPauses(2)
    // Twice four: had each counted by itself, the executor were broken.
    expect(await Promise.all(futures.map((each) => each.result()))).toEqual([2, 3, 4, 5])
  })

  test('does not count among the three that fail by themselves', async () => {
    const own = () => dying(new SyntaxError('Unexpected token'))
    nextStarts.push(own(), dying(emfile(), 0), own(), dying(unreadable()), own())
    const executor = open({ threads: 1 })
    const future = executor.submit(add(1))
    await passPauses(4)
    const error: any = await future.exception()
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.cause).toBeInstanceOf(WorkerCrashedError)
    expect(error.cause.message).toMatch(/just starting ended with exit code 1: Unexpected token/)
    expect(() => executor.submit(add(1))).toThrow(BrokenExecutorError)
  })

  test('is known by what is lacking, where its error says something else', async () => {
    nextStarts.push(...many(3, () => dying(new SyntaxError('Cannot use import statement outside a module'))))
    vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw withCode('EMFILE', 'EMFILE: too many open files')
    })
    const executor = open({ threads: 1 })
    const future = executor.submit(add(1))
    await passPauses(2)
    vi.restoreAllMocks()
    await passPauses(1)
    expect(await future.result()).toBe(2)
    expect(starts).toHaveLength(4)
  })

  test('says what was lacking, where it says nothing', async () => {
    nextStarts.push(...many(6, () => dying(undefined, 1)))
    vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw withCode('ENFILE', 'ENFILE: file table overflow')
    })
    const future = open({ threads: 1 }).submit(add(1))
    await passPauses(5)
    expect(await future.exception()).toMatchObject({
      name: 'WorkerCrashedError',
      message: 'No worker thread could be started: ENFILE',
    })
  })

  test('keeps nothing from being cancelled, and nothing from ending', async () => {
    nextStarts.push(dying(emfile(), 0))
    const executor = open({ threads: 1, maxWorkers: 2 })
    const futures = [1, 2, 3].map((n) => executor.submit(add(n)))
    await until(() => starts.length === 1 && futures[0]!.running())
    await settle()
    expect(futures[0]!.cancel('enough')).toBe(true)
    await executor.shutdown({ cancelPending: true, cancelRunning: true })
    expect(executor.stats()).toMatchObject({ cancelled: 3, running: 0, pending: 0 })
    expect(starts).toHaveLength(1)
  })

  test('lets shutdown() wait for what waits', async () => {
    nextStarts.push(dying(emfile(), 0), noThread())
    const executor = open({ threads: 1 })
    const future = executor.submit(add(1))
    await until(() => starts.length > 0)
    const over = executor.shutdown()
    // The second fails at once, so that its pause goes by in the same time.
    await passPauses(1)
    await over
    expect(future.resultNow()).toBe(2)
  })

  test('is soon forgotten when one that was started before it is ready', async () => {
    const gate = new ThreadGate()
    nextStarts.push('real', dying(emfile(), 0))
    const initializer = fixture('initializers.mjs', 'pass', gate.memory)
    const executor = open({ threads: 2, initializer })
    const futures = [1, 2, 3].map((n) => executor.submit(add(n)))
    await until(() => starts.length === 2)
    await settle()
    gate.open()
    expect(await Promise.all(futures.map((each) => each.result()))).toEqual([2, 3, 4])
  })

  test('fails what waits, and breaks, if it is not allowed at all', async () => {
    nextStarts.push(dying(emfile(), 0), () => {
      throw withCode('ERR_ACCESS_DENIED', 'Access to this API has been restricted')
    })
    const executor = open({ threads: 1, maxWorkers: 2 })
    const futures = [1, 2, 3].map((n) => executor.submit(add(n)))
    await passPauses(1)
    for (const each of futures) {
      expect(await each.exception()).toMatchObject({
        name: 'BrokenExecutorError',
        cause: { code: 'ERR_ACCESS_DENIED' },
      })
    }
  })
})

describe('A module that can not be read for want of descriptors', () => {
  const scarce = (code: string): string =>
    `data:text/javascript,throw Object.assign(new Error('open x'), { code: '${code}' })`

  test('fails its task, and that thread takes no more', async () => {
    const executor = open({ threads: 1 })
    const whichThread = fixture<number>('result-tasks.mjs', 'whichThread')
    const before = await executor.submit(whichThread).result()
    const error = await executor.submit({ module: scarce('EMFILE'), name: 'f' }).exception()
    expect(error).toMatchObject({ message: 'open x', code: 'EMFILE' })
    expect(await executor.submit(whichThread).result()).not.toBe(before)
    const same = await executor.submit(whichThread).result()
    await executor.submit({ module: scarce('ENOENT'), name: 'f' }).exception()
    expect(await executor.submit(whichThread).result()).toBe(same)
  })

  test('fails several of them at once, and only that thread goes', async () => {
    const executor = open({ threads: 1, maxWorkers: 4 })
    const missing = [1, 2, 3].map((n) => executor.submit({ module: `${scarce('EMFILE')}//${n}`, name: 'f' }))
    for (const each of missing) expect(await each.exception()).toMatchObject({ code: 'EMFILE' })
    expect(await executor.submit(add(1)).result()).toBe(2)
    expect(starts).toHaveLength(2)
  })

  test('leaves what else runs in its thread alone, and does not wait for it', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 2 })
    const held = executor.submit(fixture('gate-tasks.mjs', 'pass', gate.memory))
    await gate.arrived()
    const cancelled = executor.submit({ module: scarce('ENFILE'), name: 'f' })
    await cancelled.exception()
    expect(await executor.submit(add(1)).result()).toBe(2)
    gate.open()
    await held.result()
    expect(executor.stats()).toMatchObject({ fulfilled: 2, rejected: 1 })
  })

  test('does not break the executor if it is that of the initializer', async () => {
    const memory = new SharedArrayBuffer(4)
    const source = `
      const tries = new Int32Array(process.getBuiltinModule('node:worker_threads').workerData.initializer.args[0])
      if (Atomics.add(tries, 0, 1) < 2) throw Object.assign(new Error('open x'), { code: 'EMFILE' })
      export const start = () => {}`
    const initializer = { module: `data:text/javascript,${encodeURIComponent(source)}`, name: 'start', args: [memory] }
    const future = open({ threads: 1, initializer, startTimeout: null }).submit(add(1))
    await until(() => {
      fakeTime.tick(longestPause)
      return future.done()
    })
    expect(future.resultNow()).toBe(2)
    expect(starts).toHaveLength(3)
  })

  test('breaks the executor if it is the initializer itself that says so', async () => {
    const source = `export const start = () => { throw Object.assign(new Error('open x'), { code: 'EMFILE' }) }`
    const initializer = { module: `data:text/javascript,${encodeURIComponent(source)}`, name: 'start' }
    const error = await open({ threads: 1, initializer }).submit(add(1)).exception()
    expect(error).toMatchObject({ name: 'BrokenExecutorError', cause: { code: 'EMFILE' } })
  })
})
