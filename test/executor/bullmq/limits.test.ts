/** What limits a fleet: BullMQ's limiter and pause, an ACL of Redis, the list of modules; and what it leaves behind, and when. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { BrokenExecutorError, ModuleNotAllowedError, WorkerCrashedError } from '../../../src/errors.ts'
import { InProcessExecutor } from '../../../src/executor/in-process-executor.ts'
import { startWorker } from '../../../src/executor/bullmq/index.ts'
import { FuturesSession } from '../../../src/futures-session/futures-session.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { fakeTimes } from '../../helpers/fake-time.ts'
import { eventually, Fleet, modules } from '../../helpers/fleet.ts'
import { startServer } from '../../helpers/fleet-server.ts'
import { hasRedis } from '../../helpers/redis.ts'

const add = taskReference<number>('fleet-tasks', 'add', 1, 2)
const cleanups: (() => unknown)[] = []
let fleet: Fleet

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  await fleet[Symbol.asyncDispose]()
})

const openFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'uf-limits-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  return folder
}

const openQueue = (): Queue => {
  const queue = new Queue('undici-futures', { connection: fleet.redis.connection })
  cleanups.push(() => queue.close())
  return queue
}

describe.skipIf(!hasRedis)('BullMQ', () => {
  test('limits the rate of a queue: with a job for each task, of its tasks', async () => {
    fleet = await Fleet.open()
    const limiter = { max: 4, duration: 1000 }
    await Promise.all([fleet.worker({ limiter }), fleet.worker({ limiter })])
    const executor = fleet.executor({ batchSize: 1 })
    const futures = Array.from({ length: 9 }, () => executor.submit(taskReference<number>('fleet-tasks', 'time')))
    const times = (await Promise.all(futures.map((future) => future.result()))).sort((a, b) => a - b)
    // The ninth is in the third window, and both windows before it have passed.
    expect(Number(times[8]) - Number(times[0])).toBeGreaterThan(1.5 * limiter.duration)
  })

  test('pauses a queue: what is in it waits, and is done when it goes on', async () => {
    fleet = await Fleet.open()
    const queue = openQueue()
    await queue.pause()
    await fleet.worker()
    const executor = fleet.executor({ fleetTimeout: 200 })
    const futures = [executor.submit(add), executor.submit(add)]
    await eventually(async () => (await queue.getJobCountByTypes('paused')) > 0)
    expect(executor.stats()).toMatchObject({ pending: 2, running: 0 })
    // The submitter looks for workers every 200 ms, and there is one.
    const client = (await queue.client) as { info(section: string): Promise<string> }
    await eventually(async () => {
      const [, looks] = /pubsub\|numsub:calls=(\d+)/.exec(await client.info('commandstats')) ?? []
      return Number(looks) > 4
    })
    expect(executor.stats()).toMatchObject({ pending: 2, running: 0 })
    await queue.resume()
    expect(await Promise.all(futures.map((future) => future.result()))).toEqual([3, 3])
  })
})

describe.skipIf(!hasRedis)('The submitter', () => {
  test('keeps to `maxWorkersPerOrigin`, however many could be done elsewhere', async () => {
    fleet = await Fleet.open()
    const server = await startServer()
    cleanups.push(() => server.close())
    await Promise.all([fleet.worker(), fleet.worker()])
    const executor = fleet.executor()
    const session = new FuturesSession({ executor, baseUrl: server.url, maxWorkersPerOrigin: 2 })
    const futures = Array.from({ length: 6 }, () => session.get('/hangs'))
    const other = session.get(server.url.replace('127.0.0.1', 'localhost') + '/hangs')
    await eventually(() => server.count('/hangs') === 3)
    expect(executor.stats()).toMatchObject({ running: 3, pending: 4 })
    for (const future of [...futures, other]) future.cancel()
    expect(server.count('/hangs')).toBe(3)
  })

  test('takes a Redis, whose options it uses and which it never closes, and a URL', async () => {
    fleet = await Fleet.open()
    await fleet.worker()
    const redis = new Redis(fleet.redis.path)
    cleanups.push(() => redis.disconnect())
    for (const connection of [redis, `unix://${fleet.redis.path}`]) {
      const executor = fleet.executor({ connection })
      expect(await executor.submit(add).result()).toBe(3)
      await executor.shutdown()
    }
    expect(await redis.ping()).toBe('PONG')
  })
})

describe.skipIf(!hasRedis)('The `executor` of a worker', () => {
  test('runs its tasks, as many at once as that has workers, and is not shut down with it', async () => {
    fleet = await Fleet.open()
    const local = new InProcessExecutor({ maxWorkers: 1 })
    cleanups.push(() => local.shutdown())
    const worker = await startWorker({ connection: fleet.redis.connection, modules, executor: local })
    const executor = fleet.executor()
    const futures = Array.from({ length: 5 }, () => executor.submit(add))
    expect(await Promise.all(futures.map((future) => future.result()))).toEqual([3, 3, 3, 3, 3])
    expect(local.stats()).toMatchObject({ fulfilled: 5 })
    await worker.close()
    expect(await local.submit(() => 'still open').result()).toBe('still open')
  })
})

describe.skipIf(!hasRedis)('The ACL user of the README', () => {
  test('may do all that a fleet does, a rescue too', async () => {
    fleet = await Fleet.open()
    const rules = '~bull:undici-futures:* &bull:undici-futures:* +@all -@dangerous +info'
    expect(await fleet.redis.command(`ACL SETUSER fleet on >password ${rules}`)).toBe('+OK\r\n')
    const connection = { ...fleet.redis.connection, username: 'fleet', password: 'password' }
    const server = await startServer()
    cleanups.push(() => server.close())
    const folder = openFolder()
    const wait = (text: string) =>
      taskReference<string>('fleet-tasks', 'wait', join(folder, 'notes'), text, join(folder, 'gate'))
    const first = await fleet.worker({ connection })
    const executor = fleet.executor({ connection })
    const session = new FuturesSession({ executor, baseUrl: server.url })
    expect((await session.put('/mirror', { data: Buffer.alloc(40_000) }).result()).content.byteLength).toBe(40_000)
    const [cancelled, again, once] = [
      executor.submit(wait('cancelled')),
      executor.submit(wait('again'), { idempotent: true }),
      executor.submit(wait('once')),
    ]
    await eventually(() => executor.stats().running === 3)
    cancelled.cancel()
    await fleet.worker({ connection })
    await first.kill()
    expect(await once.exception()).toBeInstanceOf(WorkerCrashedError)
    writeFileSync(join(folder, 'gate'), '')
    expect(await again.result()).toBe('again')
    await executor.shutdown()
    expect(fleet.errors).toEqual([])
    expect(await fleet.redis.command('ACL LOG')).toBe('*0\r\n')
  })
})

describe.skipIf(!hasRedis)('shutdown()', () => {
  test('leaves nothing of the submitter in Redis, whatever became of its tasks', async () => {
    fleet = await Fleet.open()
    const server = await startServer()
    cleanups.push(() => server.close())
    await fleet.worker({ concurrency: 2 })
    const executor = fleet.executor({ batchSize: 2, maxWorkers: 8 })
    const session = new FuturesSession({ executor, baseUrl: server.url, headers: { 'x-one': '1' } })
    await session.put('/mirror', { data: Buffer.alloc(100_000) }).result()
    const futures = Array.from({ length: 20 }, () => session.post('/hangs', { data: Buffer.alloc(20_000) }))
    await eventually(() => executor.stats().running === 2)
    await executor.shutdown({ cancelPending: true, cancelRunning: true })
    expect(futures.every((future) => future.cancelled())).toBe(true)
    // What is left is BullMQ's own, and the worker's.
    const left = (await keys()).filter((key) => !/^(?:events|id|meta|marker|stalled-check)$/.test(key))
    expect(left.filter((key) => !/^fleet:(?:workers|(?:alive|orders):[0-9a-f-]+)$/.test(key))).toEqual([])
  })

  const keys = async (): Promise<string[]> => {
    const reply = await fleet.redis.command('KEYS *')
    return [...reply.matchAll(/bull:undici-futures:(\S+)/g)].map(([, key]) => key ?? '')
  }
})

describe.skipIf(!hasRedis)('The `modules` of a worker', () => {
  test('hold for whoever else is in its isolate, until it is closed', async () => {
    fleet = await Fleet.open()
    const elsewhere = new URL('../../fixtures/arithmetic-tasks.mjs', import.meta.url)
    const local = new InProcessExecutor()
    cleanups.push(() => local.shutdown())
    const submit = (module: string | URL, name: string) => local.submit(taskReference(module, name, 1, 2)).exception()
    const worker = await startWorker({ connection: fleet.redis.connection, modules })
    expect(await submit(elsewhere, 'add')).toBeInstanceOf(ModuleNotAllowedError)
    expect(await submit('fleet-tasks', 'add')).toBeUndefined()
    await worker.close()
    expect(await submit(elsewhere, 'add')).toBeUndefined()
  })

  test('as a list are each under its own name', async () => {
    fleet = await Fleet.open()
    const url = new URL('../../fixtures/fleet-tasks.mjs', import.meta.url)
    await fleet.worker({ modules: [url] })
    const executor = fleet.executor()
    expect(await executor.submit(taskReference<number>(url, 'add', 1, 2)).result()).toBe(3)
    expect(await executor.submit(add).exception()).toBeInstanceOf(ModuleNotAllowedError)
  })

  test('are none by default: a worker does requests, and nothing else; without `requests`, not even those', async () => {
    fleet = await Fleet.open()
    const server = await startServer()
    cleanups.push(() => server.close())
    await fleet.worker({ modules: undefined })
    await fleet.worker({ modules: [], requests: false, queueName: 'tasks-only' })
    const session = new FuturesSession({ executor: fleet.executor(), baseUrl: server.url })
    expect((await session.get('/echo').result()).status).toBe(200)
    const other = new FuturesSession({ executor: fleet.executor({ queueName: 'tasks-only' }), baseUrl: server.url })
    const error = await other.get('/echo').exception()
    expect(error).toBeInstanceOf(ModuleNotAllowedError)
    expect(String(error)).toMatch(/`requests: false`/)
  })
})

describe.skipIf(!hasRedis).each(fakeTimes)('With the fake timers of $name, which nobody advances', (time) => {
  afterEach(() => time.disable())

  test('a fleet works: workers live in real time, and so do its own timers', async () => {
    fleet = await Fleet.open()
    await fleet.worker()
    time.enable()
    const executor = fleet.executor({ clientTimeout: 200 })
    const [, blocked] = [
      await executor.submit(add).result(),
      executor.submit(taskReference('fleet-tasks', 'block', join(openFolder(), 'notes'), 600)),
    ]
    // Without its heartbeat, the outcome would have nowhere to go.
    expect(await blocked.result()).toBe('over')
    const alone = fleet.executor({ queueName: 'nobody-is-there', fleetTimeout: 100 })
    expect(await alone.submit(add).exception()).toBeInstanceOf(BrokenExecutorError)
    time.disable()
  })
})
