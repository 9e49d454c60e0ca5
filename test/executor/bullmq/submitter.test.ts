/** The submitter's side: what it makes of what workers, and whoever else writes to Redis, say. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BrokenExecutorError, TaskNotCloneableError, WorkerCrashedError } from '../../../src/errors.ts'
import { decodeValue, encodeValue } from '../../../src/executor/bullmq/codec.ts'
import { decodeThrown, encodeThrown, type Command } from '../../../src/executor/bullmq/protocol.ts'
import type { BullMQExecutor } from '../../../src/executor/bullmq/index.ts'
import { forgetShared, submitRemote, type RemoteLink, type RemoteTask } from '../../../src/executor/remote.ts'
import type { Future } from '../../../src/future/future.ts'
import { requestModule } from '../../../src/executor/bullmq/keys.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { eventually, Fleet } from '../../helpers/fleet.ts'
import { HandWorker, type HandJob } from '../../helpers/fleet-hands.ts'
import { hasRedis } from '../../helpers/redis.ts'

vi.mock('../../../src/executor/bullmq/times.ts', () => import('../../helpers/short-times.ts'))

const add = taskReference<number>('fleet-tasks', 'add', 1, 2)
let fleet: Fleet
let worker: HandWorker
const workers: HandWorker[] = []

const hand = (secret?: string): HandWorker => {
  const made = new HandWorker(fleet, secret)
  workers.push(made)
  return made
}
const messages = (): string[] => fleet.errors.map((error) => (error as Error).message)
const keys = async (): Promise<string[]> =>
  (await worker.redis.keys('*')).map((key) => key.replace('bull:undici-futures:', ''))
/** Words that follow have been read then: they lie in one stream. */
const read = async (executor: BullMQExecutor): Promise<void> => {
  const future = executor.submit(add)
  const job = await worker.takeAndSay()
  await worker.fulfil(job, 0, 3)
  expect(await future.result()).toBe(3)
}

describe.skipIf(!hasRedis)('BullMQExecutor', () => {
  beforeEach(async () => {
    fleet = await Fleet.open()
    worker = await hand().open()
  })

  afterEach(async () => {
    await Promise.all(workers.splice(0).map((each) => each.close()))
    await fleet[Symbol.asyncDispose]()
  })

  describe('receives words', () => {
    test('once: what a worker says again, its connection having broken, is not heard again', async () => {
      const executor = fleet.executor()
      const heard: unknown[] = []
      const link: RemoteLink = { handleMessage: (message) => heard.push(message) }
      const future = executor[submitRemote](add, {}, link)
      const job = await worker.takeAndSay()
      for (const number of [10, 10, 9]) {
        await worker.sayNumbered(job.submitter, number, ['message', job.numbers[0], encodeValue(number)])
      }
      await worker.sayNumbered(job.submitter, 11, ['fulfilled', job.numbers[0], encodeValue(3)])
      expect([await future.result(), heard]).toEqual([3, [10]])
    })

    test('one that can not be read leaves the others alone', async () => {
      const executor = fleet.executor({ batchSize: 8 })
      const futures = [1, 2, 3].map(() => executor.submit(add))
      const job = await worker.takeAndSay()
      const [first, second, third] = job.numbers
      const garbage = Buffer.from('garbage')
      await worker.say(
        job.submitter,
        null,
        ['message', first, garbage],
        ['fulfilled', first, garbage],
        ['rejected', second, garbage],
        ['nobody knows', 7],
        ['fulfilled', third, encodeValue(3)],
      )
      const errors = await Promise.all(futures.map((future) => future.exception()))
      expect(errors).toEqual([expect.any(TaskNotCloneableError), expect.any(TaskNotCloneableError), undefined])
      expect(String(errors[0])).toMatch(/Can't read the result of `add`/)
      expect(fleet.errors).toHaveLength(2)
    })

    test('garbage beside letters is reported, and passed over', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      const stream = worker.keys.words(job.submitter)
      await worker.redis.xadd(stream, '*', 'd', 'garbage')
      await worker.redis.xadd(stream, '*', 'x', 'garbage')
      await worker.redis.xadd(stream, '*', 'x', 'null')
      await worker.redis.xadd(stream, '*', 'neither', 'nor')
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
      expect(fleet.errors).toHaveLength(3)
    })

    test('of tasks that are over, or never were, are passed over; a large result that nobody fetches is thrown away', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 3)
      await future.result()
      const [number] = job.numbers
      const key = worker.keys.large(job.submitter, `result:${number}`)
      await worker.redis.set(key, 'large')
      await worker.say(
        job.submitter,
        ['started', 99],
        ['started', number],
        ['taken', 99, []],
        ['again', 99],
        ['here', 'nonce', [1]],
        ['fulfilled', number, null],
      )
      await eventually(async () => (await worker.redis.exists(key)) === 0)
      expect(fleet.errors).toEqual([])
    })

    test('in any order: what has begun was taken, though nobody has said so', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.take()
      await worker.say(job.submitter, ['started', job.numbers[0]], ['taken', job.number, job.numbers])
      await eventually(() => future.running())
      worker.disconnect()
      expect(String(await future.exception())).toMatch(/is gone: nobody knows whether it was done/)
    })

    test('marks count only if they are its own', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      await worker.say(job.submitter, ['mark', 'x'])
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })
  })

  describe('fetches results that lie by themselves', () => {
    const large = async (job: HandJob, at: number, value: unknown): Promise<void> => {
      const [name, context] = [`result:${job.numbers[at]}`, `large:${job.submitter}:result:${job.numbers[at]}`]
      const sealed = worker.sealer.seal(encodeValue(value), context)
      await worker.redis.set(worker.keys.large(job.submitter, name), sealed)
      await worker.say(job.submitter, ['fulfilled', job.numbers[at], null])
    }

    test('and takes them away', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      await large(job, 0, 'x'.repeat(20_000))
      expect(await future.result()).toHaveLength(20_000)
      await job.complete()
      await executor.shutdown()
      expect((await keys()).filter((key) => key.includes(job.submitter))).toEqual([])
    })

    test('that are gone: idempotent work is done again, other work is rejected', async () => {
      const executor = fleet.executor({ batchSize: 1 })
      const [again, once] = [executor.submit(add, { idempotent: true }), executor.submit(add)]
      const jobs = [await worker.takeAndSay(), await worker.takeAndSay()]
      for (const job of jobs) await worker.say(job.submitter, ['fulfilled', job.numbers[0], null])
      const error = (await once.exception()) as Error
      expect(error).toBeInstanceOf(BrokenExecutorError)
      expect(error.message).toBe("Can't fetch the result of `add` from Redis: It is not there")
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 3)
      expect(await again.result()).toBe(3)
    })

    test('that are not what they should be are rejected', async () => {
      const executor = fleet.executor({ batchSize: 1 })
      const futures = [executor.submit(add), executor.submit(add)]
      const jobs = [await worker.takeAndSay(), await worker.takeAndSay()]
      const key = ({ submitter, numbers }: HandJob) => worker.keys.large(submitter, `result:${numbers[0]}`)
      await worker.redis.set(key(jobs[0]!), Buffer.from([1, 2, 3]))
      await worker.redis.hset(key(jobs[1]!), 'a', 'hash')
      for (const job of jobs) await worker.say(job.submitter, ['fulfilled', job.numbers[0], null])
      const errors = await Promise.all(futures.map((future) => future.exception()))
      expect(errors.map(String).sort()).toEqual([
        expect.stringMatching(/from Redis: It is sealed, and there is no `secret` here/),
        expect.stringMatching(/from Redis: WRONGTYPE/),
      ])
    })

    test('but not if they were given up meanwhile', async () => {
      const executor = fleet.executor()
      const futures = [executor.submit(add, { idempotent: true }), executor.submit(add)]
      const job = await worker.takeAndSay()
      const words = job.numbers.flatMap((number) => [['fulfilled', number, null], ['back', number]]) // prettier-ignore
      await worker.say(job.submitter, ...words)
      const again = await worker.takeAndSay()
      for (const at of [0, 1]) await worker.fulfil(again, at, at)
      expect((await Promise.all(futures.map((future) => future.result()))).sort()).toEqual([0, 1])
    })

    test('and goes on when its connection breaks in between', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      await large(job, 0, 'x'.repeat(20_000))
      // Whoever was asked is cut off, until it has answered.
      while (!future.done()) {
        await worker.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
      expect(await future.result()).toHaveLength(20_000)
    })

    test('and goes on when the connection breaks while Redis has yet to answer', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      const name = `result:${job.numbers[0]}`
      const sealed = worker.sealer.seal(encodeValue('large'), `large:${job.submitter}:${name}`)
      await worker.redis.set(worker.keys.large(job.submitter, name), sealed)
      const client = (await worker.redis.call('CLIENT', 'LIST')) as string
      // The word is read by one connection, the result asked for by another: that one is stopped.
      const commands = client.split('\n').filter((line) => !/cmd=(?:xread|bzpopmin|client)/.test(line))
      expect(commands.length).toBeGreaterThan(0)
      await worker.redis.call('CLIENT', 'PAUSE', '150', 'ALL')
      await worker.redis.quit().catch(() => undefined)
      const other = fleet.client()
      await other.ping()
      await other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      const again = hand()
      await again.say(job.submitter, ['fulfilled', job.numbers[0], null])
      expect(await future.result()).toBe('large')
    })
  })

  describe('is refused', () => {
    const refuse = (job: HandJob, why: string) =>
      worker.redis.xadd(
        worker.keys.words(job.submitter),
        '*',
        'x',
        JSON.stringify({ job: job.number, why, version: 9 }),
      )

    test('a job by a worker that can not read it, with what is wrong', async () => {
      const executor = fleet.executor({ batchSize: 1 })
      const futures = [executor.submit(add), executor.submit(add)]
      const jobs = [await worker.take(), await worker.take()]
      await refuse(jobs[0]!, 'version')
      await refuse(jobs[1]!, 'secret')
      const errors = await Promise.all(futures.map((future) => future.exception()))
      expect(errors.map(String)).toEqual([
        expect.stringMatching(/a worker speaks version 9 of the protocol, and this is version 1/),
        expect.stringMatching(/another `secret`/),
      ])
    })

    test('nothing by whoever else gets a job that a worker has taken', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      await refuse(job, 'secret')
      await refuse({ ...job, number: 99 }, 'secret')
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })
  })

  describe('talks with tasks', () => {
    /** A task that has begun, and its end of the link. */
    const start = async (
      executor: BullMQExecutor,
    ): Promise<{ future: Future<number>; task: RemoteTask; job: HandJob }> => {
      let task: RemoteTask | undefined
      const future = executor[submitRemote](add, {}, { handleStart: (started) => (task = started) })
      const job = await worker.takeAndSay()
      await eventually(() => task !== undefined)
      return { future, task: task as RemoteTask, job }
    }

    test('in order, and no more when they are over', async () => {
      const { future, task, job } = await start(fleet.executor())
      for (const each of [1, 2, 3]) task.post(each)
      expect(() => task.post(() => 1)).toThrow(/could not be cloned/)
      task.abort(new RangeError('enough'))
      const heard: Command[] = []
      await eventually(async () => heard.push(...(await worker.orders())) === 4)
      expect(heard.map(([kind]) => kind)).toEqual(['post', 'post', 'post', 'abort'])
      expect(decodeThrown(heard[3]![2] as Uint8Array)).toMatchObject({ name: 'RangeError', message: 'enough' })
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
      task.post(4)
      task.abort(undefined)
      expect(await worker.orders()).toEqual([])
    })

    test('whatever the reason of a cancellation is', async () => {
      const { future, job } = await start(fleet.executor())
      future.cancel(new Blob(['x']))
      expect((await worker.order('abort'))[1]).toBe(job.numbers[0])
      await worker.say(job.submitter, ['rejected', job.numbers[0], encodeThrown(new Error('aborted'))])
    })

    test('when Redis is full, once there is room again', async () => {
      const { task } = await start(fleet.executor())
      await worker.redis.config('SET', 'maxmemory', '1')
      task.post(1)
      await eventually(() => messages().some((message) => message.startsWith('OOM')))
      task.post(2)
      await worker.redis.config('SET', 'maxmemory', '0')
      const heard: Command[] = []
      await eventually(async () => heard.push(...(await worker.orders())) === 2)
      expect(JSON.stringify(fleet.errors)).not.toContain('args')
    })

    test('in order when the connection is back', async () => {
      const { task } = await start(fleet.executor())
      await worker.redis.call('CLIENT', 'PAUSE', '5000', 'WRITE')
      task.post(1)
      const list = async () => String(await worker.redis.call('CLIENT', 'LIST'))
      await eventually(async () => /flags=\S*b\S* .*cmd=xadd/.test(await list()))
      task.post(2)
      await worker.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      task.post(3)
      await worker.redis.call('CLIENT', 'UNPAUSE')
      const heard: Command[] = []
      await eventually(async () => heard.push(...(await worker.orders())) >= 3)
      expect(heard.map(([, , message]) => decodeValue(message as Uint8Array))).toEqual([1, 2, 3])
    })

    test('of values that they share: forgotten ones are dropped everywhere', async () => {
      const executor = fleet.executor()
      const value = { version: 1, value: 'shared' }
      const future = executor[submitRemote](add, {}, { shared: [value] })
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 3)
      await future.result()
      expect(await worker.redis.exists(worker.keys.shared(job.submitter, 1))).toBe(1)
      await read(executor)
      executor[forgetShared](value)
      expect(await worker.order('forget')).toEqual(['forget', 1])
      await eventually(async () => (await worker.redis.exists(worker.keys.shared(job.submitter, 1))) === 0)
    })
  })

  describe('cancels', () => {
    test('several in one turn, together', async () => {
      const executor = fleet.executor({ batchSize: 1 })
      const futures = [executor.submit(add), executor.submit(add)]
      await eventually(async () => (await worker.redis.llen('bull:undici-futures:wait')) === 2)
      for (const future of futures) future.cancel()
      await eventually(async () => !(await keys()).includes('wait'))
      await executor[Symbol.asyncDispose]()
    })

    test('what has not been sent, what has, and what is being taken', async () => {
      const executor = fleet.executor({ batchSize: 1 })
      const unsent = executor.submit(add)
      unsent.cancel()
      const sent = executor.submit(add)
      await eventually(async () => (await keys()).includes('wait'))
      sent.cancel()
      // Nobody takes it any more.
      await eventually(async () => !(await keys()).includes('wait'))
      const crossing = executor.submit(add)
      const job = await worker.take()
      // Redis has the word that it is taken before the one that takes it back, and it is cancelled before either is read.
      const said = worker.say(job.submitter, ['taken', job.number, job.numbers])
      crossing.cancel()
      await said
      expect((await worker.order('abort'))[1]).toBe(job.numbers[0])
      await worker.say(job.submitter, ['back', job.numbers[0]])
      await executor.shutdown()
      expect(executor.stats()).toMatchObject({ cancelled: 3, pending: 0, running: 0 })
      expect((await keys()).filter((key) => key.startsWith('fleet:revoked'))).toEqual([])
    })

    test('large arguments with the task: nothing of them is left', async () => {
      const executor = fleet.executor()
      const future = executor.submit(taskReference('fleet-tasks', 'size', new Uint8Array(20_000)))
      await eventually(async () => (await keys()).some((key) => /fleet:large:.*args:1$/.test(key)))
      await eventually(async () => (await keys()).includes('wait'))
      future.cancel()
      await eventually(async () => !(await keys()).some((key) => key.startsWith('fleet:large')))
    })

    test('a task whose Blobs are being read', async () => {
      const executor = fleet.executor()
      await read(executor)
      const futures = [0, 1].map(() => executor.submit(taskReference('fleet-tasks', 'echo', new Blob(['x']))))
      await Promise.resolve()
      await Promise.resolve()
      futures[0]!.cancel()
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 'x')
      expect(await futures[1]!.result()).toBe('x')
      expect(job.numbers).toHaveLength(1)
    })

    test('numbers that can not begin any more are not kept for ever', async () => {
      const executor = fleet.executor({ batchSize: 8 })
      const [stays, goes] = [executor.submit(add), executor.submit(add)]
      const job = await worker.take()
      goes.cancel()
      const set = worker.keys.revoked(job.submitter)
      await eventually(async () => (await worker.redis.scard(set)) === 1)
      await worker.say(job.submitter, ['taken', job.number, [job.numbers[0]]])
      await worker.fulfil(job, 0, 3)
      expect(await stays.result()).toBe(3)
      expect(await worker.redis.scard(set)).toBe(1)
      await worker.say(job.submitter, ['back', job.numbers[1]])
      await eventually(async () => (await worker.redis.exists(set)) === 0)
    })
  })

  describe('refuses to send', () => {
    test('functions, and what is too large', async () => {
      const executor = fleet.executor({ maxMessageBytes: 100 })
      expect(() => executor.submit(() => 1)).toThrow(/Can't run a function in another process/)
      expect(() => executor.submit({} as never)).toThrow(TypeError)
      expect(() => executor.submit(add, { idempotent: 1 } as never)).toThrow(/`idempotent`/)
      const error = await executor.submit(taskReference('fleet-tasks', 'size', 'x'.repeat(200))).exception()
      expect(String(error)).toMatch(/more than `maxMessageBytes` \(100\)/)
    })

    test('what has changed since it was checked, or can not be read', async () => {
      const executor = fleet.executor()
      const args: unknown[] = [1]
      const changed = executor.submit(taskReference('fleet-tasks', 'echo', args))
      args[0] = () => 1
      expect(await changed.exception()).toMatchObject({ path: 'args[0][0]' })
      const blob = new Blob(['x'])
      blob.arrayBuffer = () => Promise.reject(new Error('gone'))
      const unreadable = executor.submit(taskReference('fleet-tasks', 'echo', blob))
      expect(String(await unreadable.exception())).toMatch(/gone/)
      // Cancelled meanwhile: that it can't be read is no news.
      let refuse: ((error: Error) => void) | undefined
      blob.arrayBuffer = () => new Promise((_, reject) => (refuse = reject))
      const late = executor.submit(taskReference('fleet-tasks', 'echo', blob))
      await eventually(() => refuse !== undefined)
      late.cancel()
      refuse?.(new Error('gone'))
      const getter = { get deep(): never { throw new Error('a getter') } } // prettier-ignore
      const throwing = executor.submit(taskReference('fleet-tasks', 'echo', getter))
      expect(String(await throwing.exception())).toMatch(/a getter/)
      const shared = [{ version: 1, value: 'ok' }, { version: 1, value: () => 1 }] // prettier-ignore
      const badLink = executor[submitRemote](add, {}, { shared })
      expect(await badLink.exception()).toBeInstanceOf(TaskNotCloneableError)
      const future = executor[submitRemote](add, {}, { shared: [shared[0]!] })
      const job = await worker.takeAndSay()
      expect(await worker.redis.exists(worker.keys.shared(job.submitter, 1))).toBe(1)
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })
  })

  describe('sends', () => {
    test('requests by a name that each machine knows', async () => {
      const executor = fleet.executor()
      const future = executor[submitRemote](add, {}, { ownModule: 'remote-request' })
      const job = await worker.takeAndSay()
      expect(job.packed.functions).toEqual([[requestModule, 'add']])
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })

    test('nothing more while enough lies in the queue: larger batches cost less', async () => {
      const executor = fleet.executor()
      await read(executor)
      const futures: Future<number>[] = []
      for (let count = 0; count < 5; count++) {
        futures.push(executor.submit(add))
        await eventually(async () => (await worker.redis.llen('bull:undici-futures:wait')) === Math.min(2, count + 1))
      }
      const jobs = [await worker.takeAndSay(), await worker.takeAndSay(), await worker.takeAndSay()]
      expect(jobs.map(({ numbers }) => numbers.length)).toEqual([1, 1, 3])
      for (const job of jobs) for (const at of job.numbers.keys()) await worker.fulfil(job, at, 3)
      for (const future of futures) expect(await future.result()).toBe(3)
    })

    test('again what may not have come to Redis: its connection broke', async () => {
      const executor = fleet.executor()
      await read(executor)
      await worker.redis.call('CLIENT', 'PAUSE', '5000', 'WRITE')
      const future = executor.submit(add)
      const list = async () => String(await worker.redis.call('CLIENT', 'LIST'))
      await eventually(async () => /flags=\S*b\S* .*cmd=evalsha/.test(await list()))
      await worker.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await worker.redis.call('CLIENT', 'UNPAUSE')
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })
  })

  describe('gives up', () => {
    test('when there is no worker for too long, what was sent and what was not', async () => {
      worker.disconnect()
      await worker.redis.srem(worker.keys.workers, worker.id)
      const executor = fleet.executor({ fleetTimeout: 200 })
      const futures = Array.from({ length: 4 }, () => executor.submit(add))
      futures.push(executor.submit(taskReference('fleet-tasks', 'echo', 'x')))
      for (const future of futures) {
        expect(String(await future.exception())).toMatch(/there was no worker for 200 ms \(`fleetTimeout`\)/)
      }
      await eventually(async () => !(await keys()).includes('wait'))
    })

    test('when Redis is away for too long, and tells why', async () => {
      const executor = fleet.executor({ fleetTimeout: 300 })
      const value = { version: 1, value: 'shared' }
      const future = executor[submitRemote](add, {}, { shared: [value] })
      await worker.takeAndSay()
      await fleet.redis.kill()
      const error = (await future.exception()) as Error
      expect(error.message).toMatch(/Redis could not be reached for 300 ms/)
      expect(error.cause).toBeInstanceOf(Error)
      executor[forgetShared](value)
      await fleet.redis.run()
    })
  })

  describe('sends again', () => {
    test('what its worker gives back though it is being taken back, once', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.take()
      await worker.say(job.submitter, ['again', job.number], ['back', job.numbers[0]])
      const next = await worker.takeAndSay()
      await worker.fulfil(next, 0, 3)
      expect(await future.result()).toBe(3)
      expect(next.numbers).toEqual([job.numbers[0]! + 1])
    })

    test('nothing that turns out to have been taken', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const job = await worker.take()
      await worker.say(job.submitter, ['again', job.number], ['taken', job.number, job.numbers])
      await eventually(async () => (await worker.redis.scard(worker.keys.revoked(job.submitter))) === 1)
      await eventually(() => future.running())
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })

    test('what lacks something, until it has lacked it too often', async () => {
      const executor = fleet.executor()
      const future = executor[submitRemote](add, {}, { shared: [{ version: 1, value: 'x' }] })
      for (let count = 0; count < 20; count++) {
        const job = await worker.takeAndSay(0)
        // What was lost is stored again, under the same name.
        expect(await worker.redis.del(worker.keys.shared(job.submitter, 1))).toBe(1)
        await worker.say(job.submitter, ['missing', job.numbers[0], [1]])
      }
      expect(String(await future.exception())).toMatch(/lost 20 times on its way/)
    })

    test('a job that has gone from the queue', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const first = await worker.take()
      await first.complete()
      const second = await worker.takeAndSay()
      expect(second.number).toBeGreaterThan(first.number)
      await worker.fulfil(second, 0, 3)
      expect(await future.result()).toBe(3)
    })

    test('a job that somebody has, and says nothing of', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      await worker.take()
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })

    test('a job that has come a second time, unless somebody has said that he has it', async () => {
      const executor = fleet.executor()
      const future = executor.submit(add)
      const lost = await worker.take()
      await worker.say(lost.submitter, ['again', lost.number], ['again', lost.number])
      const job = await worker.takeAndSay()
      await worker.say(job.submitter, ['again', job.number])
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })

    test('by itself what was lost with its worker, and rejects what is lost with each', async () => {
      const executor = fleet.executor({ maxDeliveries: 2 })
      const future = executor.submit(add, { idempotent: true })
      for (let count = 0; count < 2; count++) {
        const dying = await hand().open()
        await dying.take()
        dying.disconnect()
      }
      const error = (await future.exception()) as Error
      expect(error).toBeInstanceOf(WorkerCrashedError)
      expect(error.message).toMatch(/died when it took it: so did all 2 workers/)
    })

    test('nothing that was cancelled, though its worker is lost', async () => {
      const executor = fleet.executor()
      const dying = await hand().open()
      const future = executor.submit(add)
      await dying.takeAndSay()
      await eventually(() => future.running())
      future.cancel()
      dying.disconnect()
      await executor.shutdown()
      expect(executor.stats()).toMatchObject({ cancelled: 1, running: 0 })
    })

    test('what a closing worker has stopped, if it is idempotent', async () => {
      const executor = fleet.executor({ batchSize: 1 })
      const [again, once] = [executor.submit(add, { idempotent: true }), executor.submit(add)]
      const jobs = [await worker.takeAndSay(), await worker.takeAndSay()]
      for (const job of jobs) await worker.say(job.submitter, ['stopped', job.numbers[0]])
      expect(String(await once.exception())).toMatch(/was closed: nobody knows whether it was done/)
      const job = await worker.takeAndSay()
      await worker.fulfil(job, 0, 3)
      expect(await again.result()).toBe(3)
    })
  })

  describe('looks after workers', () => {
    /** Waits until it has looked at them, from beginning to end. */
    const looked = async (): Promise<void> => {
      const count = async (): Promise<number> => {
        const stats = await worker.redis.info('commandstats')
        return Number(/^cmdstat_mget:calls=(\d+)/m.exec(stats)?.[1] ?? 0)
      }
      const before = await count()
      await eventually(async () => (await count()) >= before + 3)
    }

    test('and forgets those that have left', async () => {
      const executor = fleet.executor()
      const leaving = await hand().open()
      const gone = await hand().open({ isConnected: false, alive: 1 })
      const future = executor.submit(add)
      const job = await worker.takeAndSay()
      await eventually(async () => !(await worker.redis.smembers(worker.keys.workers)).includes(gone.id))
      await looked()
      await worker.redis.srem(worker.keys.workers, leaving.id)
      await looked()
      await worker.fulfil(job, 0, 3)
      expect(await future.result()).toBe(3)
    })

    test('that are not on the list, as long as they have tasks', async () => {
      const executor = fleet.executor()
      const stranger = hand()
      const future = executor.submit(add)
      const job = await stranger.takeAndSay()
      await eventually(() => future.running())
      expect(String(await future.exception())).toMatch(/is gone: nobody knows/)
      expect(job.numbers).toHaveLength(1)
    })
  })
})
