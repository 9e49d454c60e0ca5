import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { BrokenExecutorError, TaskNotCloneableError } from '../../src/errors.ts'
import { BullMQExecutor, startWorker } from '../../src/executor/bullmq/index.ts'
import { FuturesSession } from '../../src/futures-session/futures-session.ts'
import { bearer } from '../../src/session/auth/basic.ts'
import { taskReference } from '../../src/task-reference.ts'
import { eventually, Fleet, modules } from '../helpers/fleet.ts'
import { hasRedis } from '../helpers/redis.ts'
import { startServer } from '../helpers/fleet-server.ts'

const add = taskReference<number>('fleet-tasks', 'add', 1, 2)
let fleet: Fleet

afterEach(() => fleet[Symbol.asyncDispose]())

describe.skipIf(!hasRedis)('A fleet with a secret', () => {
  test('leaves nothing in Redis that could be read', async () => {
    fleet = await Fleet.open({ persists: true })
    const server = await startServer()
    const monitor = new Redis(fleet.redis.path)
    const seen: string[] = []
    const watching = await monitor.monitor()
    watching.on('monitor', (_: unknown, args: string[]) => seen.push(args.join(' ')))
    await fleet.worker({ secret: 's3cret' })
    const executor = fleet.executor({ secret: 's3cret' })
    const session = new FuturesSession({ executor, auth: bearer('t0ken'), baseUrl: server.url })
    expect((await session.post('/echo', { data: 'private-body' }).json<{ body: string }>()).body).toBe('private-body')
    const text = seen.join('\n')
    expect(text).toMatch(/XADD/i)
    for (const word of ['t0ken', 'private-body', '/echo', 's3cret']) {
      expect(text).not.toContain(word)
      expect(text).not.toContain(Buffer.from(word).toString('base64').slice(0, 6))
    }
    watching.disconnect()
    monitor.disconnect()
    await server.close()
  })

  test.each([
    ['another one', 'a', 'b'],
    ['none', 'a', undefined],
    ['one, where the submitter has none', undefined, 'b'],
  ])('is refused by a worker with %s, by a word that names `secret`', async (_, submitters, workers) => {
    fleet = await Fleet.open()
    await fleet.worker(workers === undefined ? {} : { secret: workers })
    const error = (await fleet.executor({ secret: submitters }).submit(add).exception()) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.message).toMatch(/`secret`/)
  })
})

describe.skipIf(!hasRedis)('Garbage', () => {
  test('in the queue and in the streams disturbs nobody', async () => {
    fleet = await Fleet.open()
    const worker = await fleet.worker()
    const executor = fleet.executor()
    expect(await executor.submit(add).result()).toBe(3)
    const redis = new Redis(fleet.redis.path)
    const { Queue } = await import('bullmq')
    const queue = new Queue('undici-futures', { connection: fleet.redis.connection })
    for (const data of [
      null,
      1,
      'x',
      {},
      { v: 1 },
      { v: 1, s: 'nobody', j: 1, d: '' },
      { v: 1, s: 'x', j: 1, d: 'AAAA' },
    ]) {
      await queue.add('garbage', data)
    }
    const [words] = await redis.keys('*fleet:words*')
    for (const field of ['d', 'x', 'other']) {
      for (const value of ['', 'garbage', '\0\xff\x0f', '{}', 'null', '{"job":1,"why":"secret"}']) {
        await redis.xadd(String(words), '*', field, value)
        await redis.xadd(`bull:undici-futures:fleet:orders:${worker.id}`, '*', field, value)
      }
    }
    for (let count = 0; count < 20; count++) expect(await executor.submit(add).result()).toBe(3)
    await eventually(async () => (await queue.getJobCountByTypes('wait', 'active')) === 0)
    await queue.close()
    redis.disconnect()
  })

  test('of another version is refused, by a word that names both', async () => {
    fleet = await Fleet.open()
    const executor = fleet.executor()
    const future = executor.submit(add)
    const redis = new Redis(fleet.redis.path)
    await eventually(async () => (await redis.llen('bull:undici-futures:wait')) === 1)
    const [id] = await redis.lrange('bull:undici-futures:wait', 0, 0)
    const data = JSON.parse(String(await redis.hget(`bull:undici-futures:${id}`, 'data'))) as object
    await redis.hset(`bull:undici-futures:${id}`, 'data', JSON.stringify({ ...data, v: 99 }))
    await fleet.worker()
    const error = (await future.exception()) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.message).toMatch(/version 1 of the protocol, and this is version 1/)
    redis.disconnect()
  })
})

describe.skipIf(!hasRedis)('A worker in the process of its submitter', () => {
  test('works, too, and brings errors, large values and what can not be cloned', async () => {
    fleet = await Fleet.open()
    const worker = await startWorker({ connection: fleet.redis.connection, modules, maxMessageBytes: 1 << 20 })
    const executor = fleet.executor({ maxMessageBytes: 1 << 20 })
    const submit = (name: string, ...args: unknown[]) => executor.submit(taskReference('fleet-tasks', name, ...args))
    expect(await submit('large', 100_000).result()).toEqual(new Uint8Array(100_000).fill(7))
    expect(await submit('size', new Uint8Array(100_000)).result()).toBe(100_000)
    expect(await submit('echo', new Blob(['b'])).result()).toBeInstanceOf(Blob)
    const failure = await submit('fail', 'no').exception()
    expect(failure).toMatchObject({ name: 'RangeError', message: 'no', status: 7, cause: { message: 'deep' } })
    for (const future of [submit('large', 2 << 20), submit('size', new Uint8Array(2 << 20))]) {
      const error = (await future.exception()) as Error
      expect(error).toBeInstanceOf(TaskNotCloneableError)
      expect(error.message).toMatch(/`maxMessageBytes`/)
    }
    expect(await submit('notCloneable').exception()).toMatchObject({ path: 'result.deep[0]' })
    await executor.shutdown()
    await worker.close()
    expect(await fleet.redis.command('KEYS *fleet*')).toBe('*0\r\n')
  })

  test('refuses bad options', async () => {
    fleet = await Fleet.withoutRedis()
    const { connection } = fleet.redis
    const bad: [object, RegExp][] = [
      [{ connection: 1 }, /`connection`/],
      [{ connection: { keyPrefix: 'a' } }, /`keyPrefix`/],
      [{ connection, queueName: 'a:b' }, /`queueName`/],
      [{ connection, queueName: '' }, /`queueName`/],
      [{ connection, prefix: 1 }, /`prefix`/],
      [{ connection, secret: '' }, /`secret`/],
      [{ connection, onError: 1 }, /`onError`/],
      [{ connection, maxMessageBytes: 0 }, /`maxMessageBytes`/],
      [{ connection, conection: 1 }, /Unknown option `conection`/],
    ]
    for (const [options, message] of bad) {
      expect(() => new BullMQExecutor(options as never)).toThrow(message)
      await expect(startWorker(options as never)).rejects.toThrow(message)
    }
    for (const name of ['maxWorkers', 'batchSize', 'fleetTimeout', 'clientTimeout', 'maxDeliveries']) {
      expect(() => new BullMQExecutor({ connection, [name]: 0 })).toThrow(name)
    }
    for (const [name, value] of Object.entries({
      ...{ concurrency: 0, executor: {}, modules: 1, requests: 1, limiter: 1, workerTimeout: 1, lockDuration: 0 },
    })) {
      await expect(startWorker({ connection, [name]: value })).rejects.toThrow(name)
    }
    await expect(startWorker({ connection, modules: ['./tasks.js'] })).rejects.toThrow(/`module`/)
  })
})
