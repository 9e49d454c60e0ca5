/** The worker's side: what it makes of what submitters, and whoever else writes to Redis, put there. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeValue } from '../../../src/executor/bullmq/codec.ts'
import { OpenWorker } from '../../../src/executor/bullmq/fleet-worker.ts'
import { TakenJob } from '../../../src/executor/bullmq/job-loop.ts'
import type { FleetWorkerOptions } from '../../../src/executor/bullmq/index.ts'
import { startWorker } from '../../../src/executor/bullmq/index.ts'
import { decodeThrown, encodeThrown } from '../../../src/executor/bullmq/protocol.ts'
import { InProcessExecutor } from '../../../src/executor/in-process-executor.ts'
import { WorkerThreadExecutor } from '../../../src/executor/worker-thread/worker-thread-executor.ts'
import { FuturesSession } from '../../../src/futures-session/futures-session.ts'
import { ManualExecutor } from '../../../src/testing/index.ts'
import { eventually, Fleet } from '../../helpers/fleet.ts'
import { startServer } from '../../helpers/fleet-server.ts'
import { HandSubmitter } from '../../helpers/fleet-hands.ts'
import { hasRedis } from '../../helpers/redis.ts'

vi.mock('../../../src/executor/bullmq/times.ts', () => import('../../helpers/short-times.ts'))

const ours = { 'fleet-tasks': new URL('../../fixtures/fleet-context-tasks.mjs', import.meta.url).href }
/** As the worker loads it: the same instance. */
const tasks = (await import(ours['fleet-tasks'])) as { notes: string[]; openGate(): void; reset(): void }

let fleet: Fleet
let submitter: HandSubmitter
const submitters: HandSubmitter[] = []

const hand = (secret?: string): HandSubmitter => {
  const made = new HandSubmitter(fleet, secret)
  submitters.push(made)
  return made
}
const local = (options: Partial<FleetWorkerOptions> = {}) => fleet.local({ modules: ours, ...options })
const messages = (): string[] => fleet.errors.map((error) => (error as Error).message)
const thrown = async (): Promise<unknown> => decodeThrown((await submitter.word('rejected'))[2] as Uint8Array)
/** As it comes. */
const bytesOf = (content: unknown): Uint8Array => new Uint8Array(encodeValue(content))
const value = (result: unknown) => ['fulfilled', expect.any(Number), bytesOf(result)]

describe.skipIf(!hasRedis)('startWorker()', () => {
  beforeEach(async () => {
    tasks.reset()
    fleet = await Fleet.open()
    submitter = await hand().open()
  })

  afterEach(async () => {
    tasks.openGate()
    await Promise.all(submitters.splice(0).map((each) => each.close()))
    await fleet[Symbol.asyncDispose]()
  })

  describe('takes jobs', () => {
    test('and says what becomes of each task', async () => {
      const worker = await local({ concurrency: 2 })
      await submitter.send([1, 'gate'], [2, 'echo', ['b']], [3, 'echo', ['c']], [4, 'echo', ['d'], true])
      expect(await submitter.word('taken')).toEqual(['taken', 1, [1, 2]])
      expect(await submitter.word('fulfilled')).toEqual(['fulfilled', 2, bytesOf('b')])
      expect(await submitter.word('started')).toEqual(['started', 3])
      expect(await submitter.word('started')).toEqual(['started', 4])
      tasks.openGate()
      const rest = [
        await submitter.word('fulfilled'),
        await submitter.word('fulfilled'),
        await submitter.word('fulfilled'),
      ]
      expect(rest.map(([, number]) => number).sort()).toEqual([1, 3, 4])
      await worker.close()
      expect(await submitter.queue.getJobCountByTypes()).toBe(0)
    })

    test('that are garbage, and goes on', async () => {
      await local()
      const unreadable = { v: 1, s: 'x', j: 1, d: Buffer.from([0, 9, 9]).toString('base64') }
      for (const data of [null, 1, {}, { v: 1 }, { v: 1, s: 'x' }, unreadable])
        await submitter.queue.add('garbage', data)
      for (const packed of [null, { tasks: [] }, { functions: [], tasks: [[1, 0, false, null, []]] }, { tasks: 1 }]) {
        await submitter.sendPacked(packed)
      }
      await submitter.send([1, 'echo', ['x']])
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
      await eventually(async () => (await submitter.queue.getJobCountByTypes('wait', 'active')) === 0)
      expect(messages().filter((text) => text.includes('no BullMQExecutor has put there'))).toHaveLength(5)
      expect(messages()).toContain('Found a job in the queue that calls nothing')
    })

    test('that come again: it does not run them, and says so', async () => {
      const { Worker } = await import('bullmq')
      const first = new Worker('undici-futures', null, { connection: fleet.redis.connection, autorun: false })
      await submitter.send([1, 'echo', ['x']])
      const job = await first.getNextJob('somebody')
      await job?.moveToWait('somebody')
      await first.close()
      await local()
      expect(await submitter.word('again')).toEqual(['again', 1])
    })

    test('of another secret, or of none, not: it says so in the clear', async () => {
      await local({ secret: 'one' })
      for (const each of [await hand().open(), await hand('other').open()]) {
        await each.send([1, 'echo', ['x']])
        await eventually(async () => {
          const entries = await each.redis.xrange(each.keys.words(each.id), '-', '+')
          return entries.some(([, fields]) => fields[0] === 'x' && /"why":"secret"/.test(String(fields[1])))
        })
      }
      const same = await hand('one').open()
      await same.send([1, 'echo', ['x']])
      expect(await same.word('fulfilled')).toEqual(value('x'))
    })

    test('of another version not', async () => {
      await local()
      await submitter.queue.add('tasks', { v: 99, s: submitter.id, j: 7, d: '' })
      await eventually(async () => {
        const entries = await submitter.redis.xrange(submitter.keys.words(submitter.id), '-', '+')
        return entries.some(([, fields]) => fields[1] === '{"job":7,"why":"version","version":1}')
      })
    })

    test('of nobody: what has not begun is dropped, and later ones are not waited for', async () => {
      await local({ concurrency: 1 })
      const gone = hand()
      await gone.send([1, 'note', ['a']], [2, 'note', ['b']])
      await gone.send([3, 'note', ['c']])
      await eventually(async () => (await gone.queue.getJobCountByTypes('wait', 'active')) === 0)
      await submitter.send([1, 'echo', ['x']])
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
      expect(tasks.notes).toEqual([])
    })

    test('whose locks are lost, and extends those that it has', async () => {
      const worker = await local({
        lockDuration: 400,
        stalledInterval: 400,
        concurrency: 1,
        limiter: { max: 9, duration: 1 },
      })
      await submitter.send([1, 'gate'], [2, 'echo', ['x']])
      await submitter.word('taken')
      const lock = submitter.keys.lock(`${submitter.id}-1`)
      // What is left of it grows only when it is extended.
      let left = Infinity
      await eventually(async () => {
        const before = left
        left = await submitter.redis.pttl(lock)
        return left > before
      })
      await submitter.redis.del(lock)
      tasks.openGate()
      expect(await submitter.word('fulfilled')).toEqual(value('open'))
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
      await worker.close()
    })

    test('no faster than the queue allows, and asks rarely meanwhile', async () => {
      await local({ limiter: { max: 1, duration: 100 } })
      for (let count = 0; count < 3; count++) await submitter.send([count, 'echo', ['x']])
      for (let count = 0; count < 3; count++) expect(await submitter.word('fulfilled')).toEqual(value('x'))
    })

    test('again after an error of Redis', async () => {
      await local()
      await submitter.redis.set('bull:undici-futures:active', 'garbage')
      await submitter.send([1, 'echo', ['x']])
      await eventually(() => messages().some((message) => message.includes('WRONGTYPE')))
      await submitter.redis.del('bull:undici-futures:active')
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
    })
  })

  describe('looks whether tasks were taken back', () => {
    test('when it takes them, and when it begins those that waited', async () => {
      await local({ concurrency: 2 })
      const revoked = submitter.keys.revoked(submitter.id)
      await submitter.redis.sadd(revoked, 2)
      await submitter.send(
        [1, 'gate'],
        [2, 'note', ['revoked']],
        [3, 'gate'],
        [4, 'note', ['later']],
        [5, 'echo', ['x']],
      )
      expect(await submitter.word('back')).toEqual(['back', 2])
      await submitter.redis.sadd(revoked, 4)
      tasks.openGate()
      expect(await submitter.word('back')).toEqual(['back', 4])
      expect(tasks.notes.filter((text) => text !== 'at the gate')).toEqual([])
    })

    test('and says what it says once, though Redis does not let it look', async () => {
      await local()
      const revoked = submitter.keys.revoked(submitter.id)
      await submitter.redis.set(revoked, 'garbage')
      await submitter.send([1, 'echo', ['x']])
      await eventually(() => messages().filter((message) => message.includes('WRONGTYPE')).length > 2)
      await submitter.redis.del(revoked)
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
    })
  })

  describe('fetches what tasks need', () => {
    const shared = async (key: number, ...content: unknown[]): Promise<void> => {
      const sealed = submitter.sealer.seal(encodeValue(content), `shared:${submitter.id}:${key}`)
      await submitter.redis.set(submitter.keys.shared(submitter.id, key), sealed)
    }

    test('once for each version, and says what is missing', async () => {
      await local()
      await shared(1, 1, 'v1', 'first')
      await submitter.send([1, 'shared', [], false, [[1, 1]]])
      expect(await submitter.word('fulfilled')).toEqual(value(['first']))
      await submitter.send([2, 'shared', [], false, [[1, 2]]], [3, 'shared', [], false, [[2, 1]]])
      const missing = [await submitter.word('missing'), await submitter.word('missing')]
      expect(missing).toEqual([['missing', 2, [1]], ['missing', 3, [2]]]) // prettier-ignore
      await shared(1, 2, 'v2', 'second')
      await submitter.send([4, 'shared', [], false, [[1, 2]]], [5, 'shared', [], false, [[1, 1]]])
      expect(await submitter.word('fulfilled')).toEqual(value(['second']))
      expect(await submitter.word('fulfilled')).toEqual(value(['second']))
    })

    test('and takes what somebody else has put there for missing, what can not be read here for a failure', async () => {
      await local()
      await submitter.redis.set(submitter.keys.shared(submitter.id, 1), Buffer.from([9, 9]))
      await submitter.redis.set(submitter.keys.shared(submitter.id, 2), Buffer.from([0, 9, 9]))
      await submitter.redis.set(submitter.keys.large(submitter.id, 'args:3'), Buffer.from([9]))
      await submitter.send(
        [1, 'shared', [], false, [[1, 1]]],
        [2, 'shared', [], false, [[2, 1]]],
        [3, 'echo', null],
        [4, 'echo', null],
      )
      const missing = [
        await submitter.word('missing'),
        await submitter.word('missing'),
        await submitter.word('missing'),
      ]
      expect(missing.map(([, number]) => number).sort()).toEqual([1, 3, 4])
      expect(String(await thrown())).toMatch(/Can't read the arguments of `shared`/)
    })

    test('two jobs at once, of different versions: the later one stays', async () => {
      await local()
      await shared(1, 2, 'v2', 'second')
      await submitter.queue.pause()
      await submitter.send([1, 'shared', [], false, [[1, 1]]])
      await submitter.send([2, 'shared', [], false, [[1, 2]]])
      await submitter.queue.resume()
      for (let count = 0; count < 2; count++) expect(await submitter.word('fulfilled')).toEqual(value(['second']))
    })

    test('arguments that it can not read are a failure of that task', async () => {
      await local()
      const garbage = Buffer.from('garbage')
      const functions = [['fleet-tasks', 'echo']]
      await submitter.sendPacked({ clientTimeout: 1000, functions, tasks: [[1, 0, false, garbage, []]] })
      expect(String(await thrown())).toMatch(/Can't read the arguments of `echo`/)
    })

    test('and keeps for a running task what the submitter forgets meanwhile', async () => {
      const worker = await local()
      await shared(1, 1, 'v1', 'kept')
      await submitter.send([1, 'sharedAtGate', [], false, [[1, 1]]])
      await submitter.word('taken')
      await eventually(() => tasks.notes.includes('at the gate'))
      await submitter.tell(worker.id, ['forget', 1], ['forget', 2])
      await eventually(() => tasks.notes.includes('forgotten'))
      tasks.openGate()
      expect(await submitter.word('fulfilled')).toEqual(value(['kept']))
    })
  })

  describe('obeys', () => {
    test('its submitters: abort, post, census; each once, one after the other', async () => {
      const worker = await local({ concurrency: 1 })
      await submitter.send([1, 'listen'], [2, 'note', ['x']])
      await submitter.word('taken')
      await eventually(() => tasks.notes.includes('listens'))
      const post = (text: string) => ['post', 1, encodeValue(text)]
      await submitter.tellNumbered(
        worker.id,
        5,
        post('a'),
        null,
        ['post', 1, Buffer.from('garbage')],
        ['who knows'],
        post('b'),
      )
      await submitter.tellNumbered(worker.id, 5, post('again'))
      await submitter.tell(worker.id, post('too old'))
      await submitter.tellNumbered(worker.id, 6, ['census', 'nonce', [1, 2, 3]], ['post', 9, encodeValue(1)])
      expect(await submitter.word('here')).toEqual(['here', 'nonce', [1, 2]])
      const reason = encodeThrown(new RangeError('stop'))
      await submitter.tellNumbered(worker.id, 7, ['abort', 9, reason], ['abort', 2, reason], ['abort', 1, reason])
      expect(await submitter.word('back')).toEqual(['back', 2])
      expect(await submitter.word('fulfilled')).toEqual(value(['a', 'b', 'RangeError: stop']))
      expect(await submitter.word('message')).toEqual(['message', 1, bytesOf('hello')])
      expect(messages()).toHaveLength(2)
    })

    test('nobody else: strangers, garbage, whatever lies in its stream', async () => {
      const worker = await local()
      const orders = submitter.keys.orders(worker.id)
      await submitter.redis.xadd(orders, '*', 'd', 'garbage')
      await submitter.redis.xadd(orders, '*', 'other', 'x')
      await (await hand().open()).tell(worker.id, ['abort', 1, encodeThrown(1)])
      await submitter.send([1, 'echo', ['x']])
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
      await submitter.redis.del(orders)
      await submitter.redis.set(orders, 'no stream')
      await eventually(() => messages().some((message) => message.includes('WRONGTYPE')))
    })

    /** The worker can't say that it has taken a job, for there is no stream yet, when it reads this. */
    const tellEarly = async (id: string, ...commands: unknown[]): Promise<void> => {
      // What comes last is reported: then all of it was read.
      const { length } = fleet.errors
      await eventually(async () => {
        await submitter.tell(id, ...commands, null)
        return fleet.errors.length > length
      })
    }
    const abort = (number: number) => ['abort', number, encodeThrown(new RangeError('stop'))]

    test('an abort while it tries to say that it has taken the job, or that a task begins', async () => {
      const late = (submitter = hand())
      const worker = await local({ concurrency: 1 })
      await late.send([1, 'note', ['x']], [2, 'note', ['y']], [3, 'gate'], [4, 'note', ['z']])
      await tellEarly(worker.id, abort(1), abort(2))
      await late.open()
      expect(await late.word('back')).toEqual(['back', 1])
      expect(await late.word('back')).toEqual(['back', 2])
      await eventually(() => tasks.notes.includes('at the gate'))
      await late.redis.del(late.keys.words(late.id))
      tasks.openGate()
      await tellEarly(worker.id, abort(4))
      await late.open()
      expect(await late.word('back')).toEqual(['back', 4])
      expect(tasks.notes).toEqual(['at the gate'])
    })

    test('an abort while the module of the task is loaded', async () => {
      let load: (() => void) | undefined
      Object.assign(globalThis, { fleetSlowGate: new Promise<void>((resolve) => (load = resolve)) })
      const slow = new URL('../../fixtures/fleet-slow-module.mjs', import.meta.url)
      const worker = await local({ modules: { ...ours, slow } })
      const functions = [['slow', 'call']]
      await submitter.sendPacked({ clientTimeout: 1000, functions, tasks: [[1, 0, false, encodeValue([]), []]] })
      await submitter.word('taken')
      await tellEarly(worker.id, abort(1))
      load?.()
      expect(await thrown()).toMatchObject({ name: 'AbortError' })
    })

    test('an abort before the task begins, while its module is loaded, and while it waits for its executor', async () => {
      const executor = new ManualExecutor()
      const worker = await local({ executor })
      await submitter.send([1, 'note', ['x']], [2, 'note', ['y']])
      await submitter.word('taken')
      await eventually(() => executor.stats().pending === 2)
      await submitter.tell(worker.id, ['abort', 1, encodeThrown(new RangeError('stop'))])
      expect(await thrown()).toMatchObject({ name: 'AbortError' })
      await executor.shutdown({ cancelPending: true, wait: false })
      expect(String(await thrown())).toMatch(/Can't run `note`: the worker's executor was shut down/)
      expect(tasks.notes).toEqual([])
      await submitter.send([3, 'note', ['z']])
      expect(await thrown()).toMatchObject({ code: 'ERR_EXECUTOR_CLOSED' })
    })
  })

  describe('runs tasks', () => {
    test.each([
      ['by itself', () => undefined],
      ['on an executor', () => new InProcessExecutor({ maxWorkers: 2 })],
    ])('%s, whatever they return or throw', async (_, make) => {
      const executor = make()
      await local(executor === undefined ? {} : { executor })
      for (const [name, ...args] of [
        ['echo', 1],
        ['later', 2],
      ] as const) {
        await submitter.send([1, name, args])
        expect(await submitter.word('fulfilled')).toEqual(value(args[0]))
      }
      for (const name of ['fail', 'failLater']) {
        await submitter.send([1, name, ['no']])
        expect(await thrown()).toMatchObject({ message: 'no' })
      }
      await submitter.send([1, 'nothingOfThatName'])
      expect(String(await thrown())).toMatch(/Expected `fleet-tasks` to export a function `nothingOfThatName`/)
      await submitter.send([1, 'large', [20_000]])
      expect(await submitter.word('fulfilled')).toEqual(['fulfilled', 1, null])
      expect(await submitter.redis.exists(submitter.keys.large(submitter.id, 'result:1'))).toBe(1)
      await submitter.send([1, 'blob'])
      const [, , bytes] = await submitter.word('fulfilled')
      expect(Buffer.from(bytes as Uint8Array).includes('in a blob')).toBe(true)
    })

    test('in threads: with messages both ways, aborts, and what they lose on the way', async () => {
      const executor = new WorkerThreadExecutor({ threads: 1, maxWorkers: 4 })
      const worker = await local({ executor })
      await submitter.send([1, 'echo', ['x']])
      expect(await submitter.word('fulfilled')).toEqual(value('x'))
      await submitter.send([2, 'fail', ['no']])
      expect(await thrown()).toMatchObject({ message: 'no' })
      await submitter.send([3, 'listen'])
      expect(await submitter.word('message')).toEqual(['message', 3, bytesOf('hello')])
      await submitter.tell(worker.id, ['post', 3, encodeValue('a')], ['abort', 3, encodeThrown(new RangeError('stop'))])
      expect(await thrown()).toMatchObject({ name: 'AbortError' })
      await submitter.send([4, 'postShared'])
      expect(await submitter.word('fulfilled')).toEqual(value('posted'))
      expect(messages()).toEqual([expect.stringMatching(/could not be cloned/)])
      await submitter.sendPacked({
        clientTimeout: 1000,
        functions: [['node:fs', 'readFileSync']],
        tasks: [[5, 0, false, encodeValue(['/etc/passwd']), []]],
      })
      expect(await thrown()).toMatchObject({ code: 'ERR_MODULE_NOT_ALLOWED' })
      await submitter.send([6, 'gate'])
      await eventually(async () => (await submitter.word('taken'))[1] === 6)
      await executor.shutdown({ cancelRunning: true })
      expect(String(await thrown())).toMatch(/the worker's executor was shut down/)
    })

    test('that are requests of sessions', async () => {
      await local()
      const server = await startServer()
      const session = new FuturesSession({ executor: fleet.executor(), baseUrl: server.url })
      expect(await session.post('/mirror', { data: 'x' }).text()).toBe('x')
      await server.close()
    })

    test('of others not: neither modules that are not on its list, nor requests that it does not do', async () => {
      await local({ requests: false })
      for (const name of ['node:fs', 'undici-futures:remote-request']) {
        await submitter.sendPacked({
          clientTimeout: 1000,
          functions: [[name, 'readFileSync']],
          tasks: [[1, 0, false, encodeValue([]), []]],
        })
        expect(await thrown()).toMatchObject({ code: 'ERR_MODULE_NOT_ALLOWED' })
      }
    })

    test('and a result that Redis does not take is a failure, in its words', async () => {
      await local()
      await submitter.send([1, 'echo', ['warm']])
      await submitter.word('fulfilled')
      await submitter.send([2, 'largeAtGate', [20_000]])
      await eventually(() => tasks.notes.includes('at the gate'))
      await submitter.redis.config('SET', 'maxmemory', '1')
      tasks.openGate()
      await eventually(() => messages().some((message) => message.startsWith('OOM')))
      await submitter.redis.config('SET', 'maxmemory', '0')
      expect(String(await thrown())).toMatch(/Can't bring the result of `largeAtGate` back: OOM/)
    })
  })

  describe('forgets', () => {
    test('submitters that are gone, with what it has of them; what waits does not begin, what runs ends', async () => {
      await local({ concurrency: 1 })
      const sealed = submitter.sealer.seal(encodeValue([1, 'v', 'x']), `shared:${submitter.id}:1`)
      await submitter.redis.set(submitter.keys.shared(submitter.id, 1), sealed)
      await submitter.send([1, 'sharedAtGate', [], false, [[1, 1]]], [2, 'note', ['waits'], true])
      await eventually(() => tasks.notes.includes('at the gate'))
      await submitter.redis.del(submitter.keys.words(submitter.id))
      await eventually(async () => (await submitter.redis.llen('bull:undici-futures:active')) === 1)
      await new Promise((resolve) => setTimeout(resolve, 120))
      expect(tasks.notes).not.toContain('forgotten')
      tasks.openGate()
      await eventually(() => tasks.notes.includes('forgotten'))
      await eventually(async () => (await submitter.redis.llen('bull:undici-futures:active')) === 0)
      expect(tasks.notes).not.toContain('waits')
    })

    test('nobody who comes back in time', async () => {
      await local()
      await submitter.send([1, 'gate'])
      await submitter.word('taken')
      for (let count = 0; count < 5; count++) {
        await submitter.redis.del(submitter.keys.words(submitter.id))
        await new Promise((resolve) => setTimeout(resolve, 35))
        await submitter.open()
        await new Promise((resolve) => setTimeout(resolve, 35))
      }
      tasks.openGate()
      expect(await submitter.word('fulfilled')).toEqual(value('open'))
    })
  })

  describe('shows that it is there', () => {
    test('again, when it was forgotten', async () => {
      const worker = await local({ workerTimeout: 200 })
      const { alive, workers, orders } = {
        alive: submitter.keys.alive(worker.id),
        workers: submitter.keys.workers,
        orders: submitter.keys.orders(worker.id),
      }
      await submitter.redis.del(alive, workers, orders)
      await eventually(async () => (await submitter.redis.exists(alive, workers, orders)) === 3)
      await submitter.redis.del(workers)
      await submitter.redis.set(workers, 'garbage')
      await submitter.redis.del(alive)
      await eventually(async () => (await submitter.redis.exists(alive)) === 1)
    })

    test('and reports what keeps it from that', async () => {
      await local({ workerTimeout: 100 })
      await submitter.redis.config('SET', 'maxmemory', '1')
      await submitter.redis.del(submitter.keys.workers)
      await eventually(() => messages().some((message) => message.includes('EXECABORT')))
      await submitter.redis.config('SET', 'maxmemory', '0')
      await eventually(async () => (await submitter.redis.exists(submitter.keys.workers)) === 1)
    })
  })

  describe('closes', () => {
    test('once, and refuses options that do not exist', async () => {
      const worker = await local()
      expect(() => worker.close({ timeOut: 1 } as never)).toThrow(/Unknown option `timeOut`/)
      expect(() => worker.close({ timeout: 'x' } as never)).toThrow(/`timeout`/)
      expect(worker.close()).toBe(worker.close())
      await worker[Symbol.asyncDispose]()
      expect(await fleet.redis.command('KEYS *fleet:a*')).toBe('*0\r\n')
    })

    test('giving back what has not begun, and what arrives', async () => {
      const worker = await local({ concurrency: 1 })
      await submitter.send([1, 'gate'], [2, 'note', ['x']])
      await submitter.word('taken')
      const closed = worker.close()
      expect(await submitter.word('back')).toEqual(['back', 2])
      tasks.openGate()
      await closed
      expect(await submitter.word('fulfilled')).toEqual(value('open'))
    })

    test('though a job arrives: it gives all of that back', async () => {
      const worker = await local()
      await submitter.queue.pause()
      await submitter.send([1, 'note', ['x']])
      const [job] = await submitter.queue.getJobs(['paused'])
      const closed = worker.close()
      if (worker instanceof OpenWorker) worker.take(new TakenJob(Object.assign(job!, { attemptsStarted: 1 }), 'token'))
      await closed
      expect(await submitter.word('taken')).toEqual(['taken', 1, []])
      expect(await submitter.word('back')).toEqual(['back', 1])
    })

    test('after its timeout though it could not say that it has taken a job', async () => {
      const late = hand()
      const worker = await local({ concurrency: 1 })
      await late.send([1, 'gate'], [2, 'note', ['x']])
      const { length } = fleet.errors
      await eventually(async () => {
        await late.tell(worker.id, null)
        return fleet.errors.length > length
      })
      await worker.close({ timeout: 1 })
      expect(tasks.notes).toEqual([])
    })

    test('after its timeout though work does not stop', async () => {
      const worker = await local({ concurrency: 2 })
      await submitter.send([1, 'stubborn'], [2, 'gate'], [3, 'note', ['x']])
      await submitter.word('taken')
      await eventually(() => tasks.notes.includes('begun'))
      await worker.close({ timeout: 1 })
      expect(
        [await submitter.word('stopped'), await submitter.word('stopped')].map(([, number]) => number).sort(),
      ).toEqual([1, 2])
      expect((await submitter.words()).filter(([kind]) => kind === 'fulfilled')).toEqual([])
    })

    test('after its timeout though Redis is gone', async () => {
      const worker = await local()
      await submitter.send([1, 'gate'])
      await submitter.word('taken')
      await fleet.redis.kill()
      tasks.openGate()
      await worker.close({ timeout: 1 })
    })

    test('after its timeout though Redis does not answer', async () => {
      const worker = await local({ workerTimeout: 100 })
      await submitter.send([1, 'gate'])
      await submitter.word('taken')
      await submitter.redis.call('CLIENT', 'PAUSE', '60000', 'ALL')
      tasks.openGate()
      await worker.close({ timeout: 1 })
      await fleet.redis.kill()
    })
  })

  describe('opens', () => {
    test('not, where Redis refuses it: nothing stays open, and no password is told', async () => {
      await submitter.redis.config('SET', 'requirepass', 'right')
      const errors: unknown[] = []
      const connection = { path: fleet.redis.path, password: 'a-wrong-one' }
      const onError = (error: unknown): void => void errors.push(error)
      const before = process.getActiveResourcesInfo().length
      const error: unknown = await startWorker({ connection, modules: ours, onError, workerTimeout: 1000 }).catch(
        (each: unknown) => each,
      )
      expect(error).toBeInstanceOf(Error)
      const { inspect } = await import('node:util')
      expect(inspect([error, errors], { depth: 9 })).not.toContain('a-wrong-one')
      await eventually(() => process.getActiveResourcesInfo().length <= before + 1)
      await submitter.redis.config('SET', 'requirepass', '')
    })
  })
})
