/** The submitter's side, when Redis is full, forgets, is away, does not answer. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { BrokenExecutorError, WorkerCrashedError } from '../../../src/errors.ts'
import { encodeValue } from '../../../src/executor/bullmq/codec.ts'
import { RedisConnection } from '../../../src/executor/bullmq/redis-connection.ts'
import { JobLoop } from '../../../src/executor/bullmq/job-loop.ts'
import { Keys } from '../../../src/executor/bullmq/keys.ts'
import { Sealer } from '../../../src/executor/bullmq/sealer.ts'
import { resolveWorkerOptions } from '../../../src/executor/bullmq/worker-options.ts'
import { submitRemote } from '../../../src/executor/remote.ts'
import type { Future } from '../../../src/future/future.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { eventually, Fleet } from '../../helpers/fleet.ts'
import { HandWorker } from '../../helpers/fleet-hands.ts'
import { hasRedis } from '../../helpers/redis.ts'

vi.mock('../../../src/executor/bullmq/times.ts', () => import('../../helpers/short-times.ts'))

const add = taskReference<number>('fleet-tasks', 'add', 1, 2)
let fleet: Fleet
let worker: HandWorker

const open = async (args: readonly string[] = []): Promise<void> => {
  fleet = await Fleet.open({ args })
  worker = await new HandWorker(fleet).open()
}
const messages = (): string[] => fleet.errors.map((error) => (error as Error).message)
const isFull = (message: string): boolean => /OOM|EXECABORT/.test(message)
const fill = () => worker.redis.config('SET', 'maxmemory', '1')
const empty = () => worker.redis.config('SET', 'maxmemory', '0')
const cutOff = () => worker.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')

afterEach(async () => {
  await worker.close()
  await fleet[Symbol.asyncDispose]()
})

describe.skipIf(!hasRedis)('A Redis that is full', () => {
  test('when the first task is submitted, is waited for', async () => {
    await open()
    await fill()
    const executor = fleet.executor()
    const future = executor.submit(add)
    await eventually(() => messages().filter(isFull).length > 1)
    await empty()
    const job = await worker.takeAndSay()
    await worker.fulfil(job, 0, 3)
    expect(await future.result()).toBe(3)
  })

  test('when the executor is shut down: nothing of it goes on', async () => {
    await open()
    await fill()
    const executor = fleet.executor()
    executor.submit(add)
    await eventually(() => messages().some(isFull))
    await executor.shutdown({ cancelPending: true })
    const { length } = fleet.errors
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(fleet.errors).toHaveLength(length)
  })

  test('when a task is sent: that is rejected, in its words, and what it shares is stored again later', async () => {
    await open()
    const executor = fleet.executor()
    const first = executor.submit(add)
    await worker.fulfil(await worker.takeAndSay(), 0, 3)
    await first.result()
    await fill()
    const error = (await executor.submit(taskReference('fleet-tasks', 'echo', 'private')).exception()) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.message).toMatch(/^Can't send `echo` to the fleet: OOM/)
    const { inspect } = await import('node:util')
    expect(inspect([error, fleet.errors], { depth: 9 })).not.toMatch(/private|args/)
    await empty()
  })

  test('when a task is taken back, which is done when there is room', async () => {
    await open()
    const executor = fleet.executor({ batchSize: 8 })
    const [stays, goes] = [executor.submit(add), executor.submit(add)]
    const job = await worker.take()
    await fill()
    goes.cancel()
    await eventually(() => messages().filter(isFull).length > 1)
    await empty()
    await eventually(async () => (await worker.redis.scard(worker.keys.revoked(job.submitter))) === 1)
    await worker.say(job.submitter, ['taken', job.number, job.numbers])
    await worker.fulfil(job, 0, 3)
    await worker.say(job.submitter, ['back', job.numbers[1]])
    expect(await stays.result()).toBe(3)
    await executor.shutdown()
  })
})

describe.skipIf(!hasRedis)('A Redis that forgets', () => {
  /** Two that are idempotent, two that are not; the worker has one of each. */
  const submit = async (clientTimeout: number) => {
    const executor = fleet.executor({ clientTimeout, batchSize: 1 })
    const futures = [true, false].map((idempotent) => executor.submit(add, { idempotent })) as [
      Future<number>,
      Future<number>,
    ]
    const jobs = [await worker.takeAndSay(), await worker.takeAndSay()] as const
    await eventually(() => executor.stats().running === 2)
    const lost = executor.submit(add)
    await eventually(async () => (await worker.redis.llen('bull:undici-futures:wait')) === 1)
    return { executor, futures, jobs, lost }
  }

  test('has what is idempotent done again, and asks who has the rest', async () => {
    await open()
    const { executor, futures, jobs, lost } = await submit(1200)
    const { submitter, numbers } = jobs[1]
    // The one that lay in the queue.
    const untaken = numbers[0]! + 1
    const others = [executor.submit(add), executor.submit(add)]
    const first = await worker.take()
    const taken = [await worker.takeAndSay(), await worker.takeAndSay()]
    expect(first.numbers).toEqual([untaken])
    await worker.redis.flushall()
    await worker.open()
    const again = await worker.takeAndSay()
    expect(again.number).toBeGreaterThan(jobs[1].number + 1)
    await worker.fulfil(again, 0, 3)
    const [, nonce] = await worker.order('census')
    await worker.say(submitter, ['here', nonce, [...numbers, 999]])
    await worker.fulfil(taken[0]!, 0, 5)
    await worker.say(submitter, ['back', taken[1]!.numbers[0]])
    await worker.fulfil(await worker.takeAndSay(), 0, 6)
    expect(await Promise.all(others.map((future) => future.result()))).toEqual([5, 6])
    expect(await lost.exception()).toBeInstanceOf(WorkerCrashedError)
    expect(String(await lost.exception())).toMatch(/was lost when Redis lost its memory/)
    await worker.say(submitter, ['fulfilled', numbers[0], encodeValue(4)])
    expect(await Promise.all(futures.map((future) => future.result()))).toEqual([3, 4])
  })

  test('and goes away while it is asked for them: they are asked for again', async () => {
    await open()
    const { jobs, futures, lost, executor } = await submit(1200)
    const { submitter, numbers } = jobs[1]
    await worker.redis.flushall()
    await worker.open()
    await worker.order('census')
    await cutOff()
    const [, nonce] = await worker.order('census')
    await worker.say(submitter, ['here', nonce, numbers], ['fulfilled', numbers[0], encodeValue(4)])
    expect(await futures[1].result()).toBe(4)
    expect(await lost.exception()).toBeInstanceOf(WorkerCrashedError)
    futures[0].cancel()
    await executor.shutdown({ wait: false, cancelPending: true, cancelRunning: true })
  })

  test('while tasks are taken back: what must not be done twice is asked for', async () => {
    await open()
    const executor = fleet.executor({ clientTimeout: 2000, batchSize: 8 })
    const [once, again, cancelled] = [
      executor.submit(add),
      executor.submit(add, { idempotent: true }),
      executor.submit(add),
    ]
    const { submitter, numbers } = await worker.take()
    const keys = worker.keys
    const job = (await worker.redis.keys('bull:undici-futures:????????-*')).find((key) => !key.endsWith(':lock'))
    await worker.redis.del(keys.words(submitter), String(job))
    await eventually(async () => (await worker.redis.scard(keys.revoked(submitter))) === 3)
    cancelled.cancel()
    const next = await worker.takeAndSay()
    expect(next.numbers).toHaveLength(1)
    await worker.fulfil(next, 0, 3)
    expect(await again.result()).toBe(3)
    const [, nonce] = await worker.order('census')
    await worker.say(submitter, ['here', nonce, numbers], ['fulfilled', numbers[0], encodeValue(4)])
    expect(await once.result()).toBe(4)
  })

  test('has a job that a worker says to have, though nobody saw it take it', async () => {
    await open()
    const executor = fleet.executor({ clientTimeout: 1200 })
    const future = executor.submit(add)
    const job = await worker.take()
    await worker.redis.flushall()
    await worker.open()
    const [, nonce] = await worker.order('census')
    await worker.say(job.submitter, ['here', nonce, job.numbers], ['fulfilled', job.numbers[0], encodeValue(3)])
    expect(await future.result()).toBe(3)
  })
})

describe.skipIf(!hasRedis)('A stream of words', () => {
  test('that somebody has put something else in place of is reported, and made again', async () => {
    await open()
    const executor = fleet.executor({ clientTimeout: 1200 })
    const future = executor.submit(add, { idempotent: true })
    const job = await worker.takeAndSay()
    await worker.redis.set(worker.keys.words(job.submitter), 'no stream')
    await eventually(() => messages().some((message) => message.startsWith('WRONGTYPE')))
    await worker.redis.del(worker.keys.words(job.submitter))
    const next = await worker.takeAndSay()
    await worker.fulfil(next, 0, 3)
    expect(await future.result()).toBe(3)
  })

  test('is cut where it was read', async () => {
    await open()
    const executor = fleet.executor({ clientTimeout: 1200 })
    const future = executor[submitRemote](add, {}, { shared: [{ version: 1, value: 'kept' }] })
    const job = await worker.takeAndSay()
    for (let count = 0; count < 300; count++) await worker.say(job.submitter)
    await eventually(async () => (await worker.redis.xlen(worker.keys.words(job.submitter))) < 50)
    expect(await worker.redis.exists(worker.keys.shared(job.submitter, 1))).toBe(1)
    await worker.fulfil(job, 0, 3)
    expect(await future.result()).toBe(3)
  })

  test('whose renewal breaks off is renewed later', async () => {
    await open()
    const executor = fleet.executor({ clientTimeout: 1000 })
    const future = executor.submit(add)
    const job = await worker.takeAndSay()
    // So much that there is something to cut off whenever that is done next.
    const pipeline = worker.redis.pipeline()
    for (let count = 0; count < 2000; count++) pipeline.xadd(worker.keys.words(job.submitter), '*', 'x', '')
    await pipeline.call('CLIENT', 'PAUSE', '5000', 'WRITE').exec()
    const list = async () => String(await worker.redis.call('CLIENT', 'LIST'))
    await eventually(async () => /flags=\S*b\S* .*cmd=(?:xtrim|pexpire)/.test(await list()))
    await cutOff()
    await worker.redis.call('CLIENT', 'UNPAUSE')
    await worker.fulfil(job, 0, 3)
    expect(await future.result()).toBe(3)
  })
})

describe.skipIf(!hasRedis)('A Redis that does not let us look', () => {
  test('at its settings is taken as it is', async () => {
    await open()
    await worker.redis.call('ACL', 'SETUSER', 'limited', 'on', 'nopass', '~*', '&*', '+@all', '-info')
    const connection = { path: fleet.redis.path, username: 'limited', password: 'x', enableReadyCheck: false }
    const executor = fleet.executor({ connection })
    const future = executor.submit(add)
    await worker.fulfil(await worker.takeAndSay(), 0, 3)
    expect(await future.result()).toBe(3)
    expect(fleet.errors).toEqual([])
  })

  test('is warned of: by us, and not on the console', async () => {
    const warn = vi.spyOn(console, 'warn')
    await open(['--maxmemory-policy', 'allkeys-lru'])
    await fleet.local({ requests: false })
    const future = fleet.executor().submit(add)
    expect(await future.result()).toBe(3)
    await eventually(() => fleet.errors.length > 0)
    expect(messages()).toEqual([expect.stringMatching(/`maxmemory-policy allkeys-lru`/)])
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})

describe.skipIf(!hasRedis)('shutdown()', () => {
  test('is over, though Redis is just coming back', async () => {
    await open()
    const executor = fleet.executor()
    const first = executor.submit(add)
    await worker.fulfil(await worker.takeAndSay(), 0, 3)
    await first.result()
    await cutOff()
    await worker.redis.call('CLIENT', 'PAUSE', '5000', 'WRITE')
    executor.submit(add)
    const list = async () => String(await worker.redis.call('CLIENT', 'LIST'))
    await eventually(async () => /flags=\S*b\S* .*cmd=pexpire/.test(await list()))
    const goesOn = worker.redis.call('CLIENT', 'UNPAUSE')
    await executor.shutdown({ cancelPending: true })
    await goesOn
    expect(executor.stats()).toMatchObject({ cancelled: 1, pending: 0 })
  })

  test('is over, though Redis does not answer', async () => {
    await open()
    const executor = fleet.executor()
    const future = executor.submit(add)
    const job = await worker.takeAndSay()
    await worker.fulfil(job, 0, 3)
    await future.result()
    const client = fleet.client()
    await client.call('CLIENT', 'PAUSE', '60000', 'ALL')
    await executor.shutdown()
    expect(fleet.errors).toEqual([])
    await fleet.redis.kill()
  })

  test('waits until the job of the last task is struck out', async () => {
    await open()
    const executor = fleet.executor({ batchSize: 1 })
    const futures = Array.from({ length: 300 }, () => executor.submit(add))
    const first = await worker.takeAndSay()
    const over = (async () => {
      await worker.fulfil(first, 0, 3)
      for (let count = 1; count < futures.length; count++) {
        const job = await worker.takeAndSay()
        await worker.fulfil(job, 0, 3)
        await job.complete()
      }
    })()
    await over
    await Promise.all(futures.map((future) => future.result()))
    await first.complete()
    await executor.shutdown()
    expect(await worker.redis.keys('bull:undici-futures:????????-*')).toEqual([])
  })
})

describe.skipIf(!hasRedis)('RedisConnection', () => {
  test('tries as long as it is wanted, and fails what waits when it is closed', async () => {
    fleet = await Fleet.withoutRedis()
    const errors: unknown[] = []
    const options = { resends: true, isWanted: false }
    const connection = new RedisConnection(fleet.redis.connection, options, (error) => errors.push(error))
    connection.want(true)
    await eventually(() => errors.length > 2)
    expect(connection.error).toMatchObject({ code: 'ENOENT' })
    connection.want(false)
    await eventually(() => connection.redis.status === 'end')
    const { length } = errors
    connection.want(true)
    await eventually(() => errors.length > length)
    await fleet.redis.run()
    await eventually(() => connection.redis.status === 'ready')
    connection.want(false)
    await fleet.redis.kill()
    await eventually(() => connection.redis.status === 'end')
    connection.want(true)
    const waiting = connection.redis.get('x').catch((error: unknown) => error)
    await eventually(() => connection.redis.status === 'reconnecting')
    connection.close()
    expect(await waiting).toBeInstanceOf(Error)
    await fleet.redis.run()
    worker = new HandWorker(fleet)
  })

  test('is the given one again, with its options; it is never closed', async () => {
    await open()
    const given = fleet.client()
    const executor = fleet.executor({ connection: given })
    const future = executor.submit(add)
    await worker.fulfil(await worker.takeAndSay(), 0, 3)
    expect(await future.result()).toBe(3)
    await executor.shutdown()
    expect(await given.ping()).toBe('PONG')
    const byUrl = fleet.executor({ connection: fleet.redis.path })
    const second = byUrl.submit(add)
    await worker.fulfil(await worker.takeAndSay(), 0, 3)
    expect(await second.result()).toBe(3)
  })
})

describe.skipIf(!hasRedis)('JobLoop', () => {
  test('waits for Redis, and tells of what BullMQ can not do', async () => {
    fleet = await Fleet.withoutRedis()
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    const options = resolveWorkerOptions({ connection: fleet.redis.connection, onError })
    const connection = new RedisConnection(options.connection, { resends: true, isWanted: true }, onError)
    connection.want(true)
    const id = 'w'.repeat(36)
    const [keys, sealer] = [new Keys('bull', 'undici-futures'), new Sealer(undefined, id)]
    const end = { id, redis: connection.redis, keys, sealer, onError, lastLetter: 0 }
    const loop = new JobLoop(end, options, { room: 1, take: () => undefined })
    const opening = loop.open()
    await eventually(() => errors.length > 3)
    await fleet.redis.run()
    await opening
    await loop.close()
    connection.close()
    worker = new HandWorker(fleet)
  })
})
