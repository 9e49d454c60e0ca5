/** The table of failures, row by row: real Redis servers, real processes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BrokenExecutorError, WorkerCrashedError } from '../../../src/errors.ts'
import type { BullMQExecutor } from '../../../src/executor/bullmq/index.ts'
import type { Future } from '../../../src/future/future.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { eventually, Fleet } from '../../helpers/fleet.ts'
import { hasRedis } from '../../helpers/redis.ts'

let folder: string
let fleet: Fleet

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uf-faults-'))
})

afterEach(async () => {
  await fleet[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string): string => join(folder, name)
/** What tasks have noted there: a line for each that was begun. */
const begun = (name = 'notes'): string[] => {
  try {
    return readFileSync(file(name), 'utf8').trim().split('\n')
  } catch {
    return []
  }
}
const open = (gate = 'gate'): void => writeFileSync(file(gate), '')

const wait = (executor: BullMQExecutor, text: string, idempotent = false): Future<string> =>
  executor.submit(taskReference<string>('fleet-tasks', 'wait', file('notes'), text, file('gate')), { idempotent })
/** Their futures run, and so do they: the future is told first. */
const running = async (...futures: Future<unknown>[]): Promise<void> => {
  await eventually(() => futures.every((future) => !future.pending()) && begun().length >= futures.length)
}

describe.skipIf(!hasRedis)('A worker that is killed', () => {
  test('is done without: idempotent work elsewhere, begun work rejected, the rest elsewhere, within 5 s', async () => {
    fleet = await Fleet.open()
    const first = await fleet.worker({ concurrency: 2 })
    const executor = fleet.executor({ batchSize: 4 })
    const [again, once, unbegun] = [wait(executor, 'again', true), wait(executor, 'once'), wait(executor, 'unbegun')]
    await running(again, once)
    expect(unbegun.state).toBe('pending')
    await fleet.worker()
    const start = performance.now()
    await first.kill()
    const error = (await once.exception()) as Error
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(error).toBeInstanceOf(WorkerCrashedError)
    expect(error.message).toMatch(/nobody knows whether it was done/)
    open()
    expect(await Promise.all([again.result(), unbegun.result()])).toEqual(['again', 'unbegun'])
    expect(begun().sort()).toEqual(['again', 'again', 'once', 'unbegun'])
    expect(executor.stats()).toMatchObject({ pending: 0, running: 0, fulfilled: 2, rejected: 1 })
  })

  test('by each task that it gets: after `maxDeliveries` workers that task is rejected', async () => {
    fleet = await Fleet.open()
    const executor = fleet.executor({ maxDeliveries: 2 })
    const future = executor.submit(taskReference('fleet-tasks', 'kill', file('notes')), { idempotent: true })
    await fleet.worker()
    await eventually(() => begun().length === 1)
    await fleet.worker()
    const error = (await future.exception()) as Error
    expect(error).toBeInstanceOf(WorkerCrashedError)
    expect(error.message).toMatch(/all 2 workers.*maxDeliveries/)
    expect(begun()).toEqual(['killed', 'killed'])
  })
})

describe.skipIf(!hasRedis)('A worker that is frozen', () => {
  test('is given up after workerTimeout; thawed, it begins nothing that was given away', async () => {
    fleet = await Fleet.open()
    const frozen = await fleet.worker({ concurrency: 1, workerTimeout: 1000 })
    const executor = fleet.executor({ batchSize: 8 })
    const [once, ...waiting] = ['once', 'a', 'b', 'c'].map((text) => wait(executor, text)) as [Future<string>]
    await running(once)
    frozen.freeze()
    await fleet.worker()
    expect(await once.exception()).toBeInstanceOf(WorkerCrashedError)
    open()
    expect(await Promise.all(waiting.map((future: Future<string>) => future.result()))).toEqual(['a', 'b', 'c'])
    frozen.thaw()
    // It lives: what is submitted now may be done by it.
    await eventually(
      async () => Number((await fleet.redis.command('PUBSUB CHANNELS *')).split('\r\n')[0]?.slice(1)) === 2,
    )
    await Promise.all(Array.from({ length: 50 }, () => executor.submit(taskReference('fleet-tasks', 'pid')).result()))
    expect(begun().sort()).toEqual(['a', 'b', 'c', 'once'])
  })

  test('for less than that, longer than its lock, is waited for: nothing is done twice', async () => {
    fleet = await Fleet.open()
    const options = { lockDuration: 400, stalledInterval: 200 }
    const blocked = await fleet.worker(options)
    const executor = fleet.executor()
    const future = executor.submit(taskReference('fleet-tasks', 'block', file('notes'), 2500), { idempotent: true })
    await running(future)
    await fleet.worker(options)
    expect(await future.result()).toBe('over')
    expect(begun()).toEqual(['blocked'])
    await blocked.kill()
  })
})

describe.skipIf(!hasRedis)('A worker that closes', () => {
  test('ends what runs, and gives back what has not begun', async () => {
    fleet = await Fleet.open()
    const first = await fleet.worker({ concurrency: 1 })
    const executor = fleet.executor({ batchSize: 4 })
    const [runs, waits] = [wait(executor, 'runs'), wait(executor, 'waits')]
    await running(runs)
    const closed = first.close()
    await fleet.worker()
    await running(waits)
    open()
    expect(await Promise.all([runs.result(), waits.result()])).toEqual(['runs', 'waits'])
    await closed
    expect(begun().sort()).toEqual(['runs', 'waits'])
  })

  test('with a timeout cancels what runs: idempotent work is done elsewhere, other work is rejected', async () => {
    fleet = await Fleet.open()
    const first = await fleet.worker()
    const executor = fleet.executor()
    const [again, once] = [wait(executor, 'again', true), wait(executor, 'once')]
    await running(again, once)
    await fleet.worker()
    await first.close({ timeout: 50 })
    expect(await once.exception()).toBeInstanceOf(WorkerCrashedError)
    open()
    expect(await again.result()).toBe('again')
    expect(begun().sort()).toEqual(['again', 'again', 'once'])
  })
})

describe.skipIf(!hasRedis)('A Redis that restarts', () => {
  test('with its data: all goes on, and nothing is done twice', async () => {
    fleet = await Fleet.open({ persists: true })
    await fleet.worker({ concurrency: 2 })
    const executor = fleet.executor({ batchSize: 2 })
    const futures = ['a', 'b', 'c', 'd', 'e'].map((text) => wait(executor, text))
    await running(...futures.slice(0, 2))
    await fleet.redis.restart()
    open()
    expect(await Promise.all(futures.map((future) => future.result()))).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(begun().sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('empty: idempotent work is done again, other work has the outcome of the worker that has it', async () => {
    fleet = await Fleet.open()
    await fleet.worker()
    const executor = fleet.executor()
    const [again, once] = [wait(executor, 'again', true), wait(executor, 'once')]
    await running(again, once)
    await fleet.redis.restart()
    await eventually(() => begun().filter((text) => text === 'again').length === 2)
    open()
    expect(await Promise.all([again.result(), once.result()])).toEqual(['again', 'once'])
    expect(begun().filter((text) => text === 'once')).toHaveLength(1)
    expect(await executor.submit(taskReference('fleet-tasks', 'add', 1, 2)).result()).toBe(3)
  })

  test('empty, while work lay in the queue: nobody knows whether it was done, unless it is idempotent', async () => {
    fleet = await Fleet.open()
    const executor = fleet.executor()
    const [again, once] = [wait(executor, 'again', true), wait(executor, 'once')]
    await eventually(async () => (await fleet.redis.command('KEYS *:wait')).includes('wait'))
    await fleet.redis.restart()
    await fleet.worker()
    open()
    expect(await again.result()).toBe('again')
    expect(await once.exception()).toBeInstanceOf(WorkerCrashedError)
    expect(begun()).toEqual(['again'])
  })
})

describe.skipIf(!hasRedis)('fleetTimeout', () => {
  test('without any worker rejects what was handed over; the executor works when one comes', async () => {
    fleet = await Fleet.open()
    const executor = fleet.executor({ fleetTimeout: 500, maxWorkers: 1 })
    const lost = wait(executor, 'lost')
    const error = (await lost.exception()) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.message).toMatch(/no worker for 500 ms \(`fleetTimeout`\)/)
    await fleet.worker()
    open()
    expect(await wait(executor, 'next').result()).toBe('next')
    expect(begun()).toEqual(['next'])
  })

  test('without Redis rejects what was handed over, with what the connection said', async () => {
    fleet = await Fleet.withoutRedis()
    const executor = fleet.executor({ fleetTimeout: 700 })
    const error = (await wait(executor, 'lost').exception()) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.cause).toMatchObject({ code: 'ENOENT' })
    await fleet.redis.run()
    await fleet.worker()
    open()
    expect(await wait(executor, 'next').result()).toBe('next')
    expect(begun()).toEqual(['next'])
  })

  test('is not over before: who starts first waits for Redis and for workers', async () => {
    fleet = await Fleet.withoutRedis()
    const executor = fleet.executor()
    const future = executor.submit(taskReference('fleet-tasks', 'add', 1, 2))
    const starting = fleet.startWorker()
    await eventually(() => fleet.errors.length > 0)
    expect(executor.stats()).toMatchObject({ pending: 1 })
    await fleet.redis.run()
    await starting.ready()
    expect(await future.result()).toBe(3)
  })
})

describe.skipIf(!hasRedis)('A Redis that is full', () => {
  test('rejects that task, in its own words', async () => {
    fleet = await Fleet.open({ args: ['--maxmemory', '8mb', '--maxmemory-policy', 'noeviction'] })
    await fleet.worker()
    const executor = fleet.executor()
    expect(await executor.submit(taskReference('fleet-tasks', 'add', 1, 2)).result()).toBe(3)
    const error = (await executor
      .submit(taskReference('fleet-tasks', 'size', new Uint8Array(16 << 20)))
      .exception()) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.message).toMatch(/OOM/)
  })

  test('that may evict is warned of, once', async () => {
    fleet = await Fleet.open({ args: ['--maxmemory-policy', 'allkeys-lru'] })
    await fleet.worker()
    const executor = fleet.executor()
    for (let count = 0; count < 3; count++) await executor.submit(taskReference('fleet-tasks', 'add', 1, 2)).result()
    await eventually(() => fleet.errors.length > 0)
    expect(fleet.errors.map(String)).toEqual([expect.stringMatching(/maxmemory-policy allkeys-lru/)])
  })
})
