/** What needs no Redis. */
import { Job } from 'bullmq'
import { Redis } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import { BrokenExecutorError, TaskNotCloneableError } from '../../../src/errors.ts'
import { hasBlobs, readBlobs } from '../../../src/executor/bullmq/blobs.ts'
import { decodeValue, encodeValue } from '../../../src/executor/bullmq/codec.ts'
import { checkConnection } from '../../../src/executor/bullmq/redis-connection.ts'
import { hideArguments, isReply } from '../../../src/executor/bullmq/redis-errors.ts'
import { checkNames, resolveExecutorOptions, resolveFleetOptions } from '../../../src/executor/bullmq/fleet-options.ts'
import { entriesOf, fieldOf } from '../../../src/executor/bullmq/inbox.ts'
import { TakenJob } from '../../../src/executor/bullmq/job-loop.ts'
import { Keys } from '../../../src/executor/bullmq/keys.ts'
import {
  decodeThrown,
  encodeThrown,
  openLetter,
  openRefusal,
  sealLetter,
  type Word,
} from '../../../src/executor/bullmq/protocol.ts'
import { loadPeers } from '../../../src/executor/bullmq/peers.ts'
import type { FleetLink } from '../../../src/executor/bullmq/fleet-link.ts'
import { Revocations } from '../../../src/executor/bullmq/revocations.ts'
import { warningsOf } from '../../../src/executor/bullmq/redis-connection.ts'
import { Sealer } from '../../../src/executor/bullmq/sealer.ts'
import { SharedStore, type ValueToStore } from '../../../src/executor/bullmq/shared-store.ts'
import type { SubmitterChannel } from '../../../src/executor/bullmq/submitter-channel.ts'
import { resolveWorkerOptions } from '../../../src/executor/bullmq/worker-options.ts'
import { WorkerTask } from '../../../src/executor/bullmq/worker-task.ts'
import { InProcessExecutor } from '../../../src/executor/in-process-executor.ts'
import { WorkerThreadExecutor } from '../../../src/executor/worker-thread/worker-thread-executor.ts'

const connection = { path: '/nowhere' }
const asBuffers = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text))

describe('The codec', () => {
  test('keeps a view of a class that calls itself something else', () => {
    class Own extends Uint16Array {
      override get [Symbol.toStringTag](): never {
        return 'Map' as never
      }
    }
    expect(decodeValue(encodeValue(new Own([1, 2])))).toEqual(new Uint16Array([1, 2]))
  })

  test('says which kind of view this Node has not got', () => {
    const encoded = encodeValue(new Float32Array(1))
    // Its place in the list of kinds, which follows the tag of a host object.
    const at = encoded.indexOf(Buffer.from([0x5c, 7]))
    encoded[at + 1] = 99
    expect(() => decodeValue(encoded)).toThrow('This Node has no undefined')
  })

  test('knows Blobs, wherever they stand', () => {
    const blob = new Blob(['x'])
    for (const value of [blob, [blob], { deep: new Map([[blob, 1]]) }, new Set([blob])])
      expect(hasBlobs(value)).toBe(true)
    for (const value of [1, null, { deep: [new Uint8Array(1)] }]) expect(hasBlobs(value)).toBe(false)
  })

  test('takes `__proto__` beside a Blob for a name like others', async () => {
    const value = JSON.parse('{ "__proto__": { "polluted": true } }') as Record<string, unknown>
    value.blob = new Blob(['x'])
    const copy = decodeValue(encodeValue(await readBlobs(value))) as object
    expect(Object.keys(copy)).toEqual(['__proto__', 'blob'])
    expect(copy).not.toHaveProperty('polluted')
  })
})

describe('The protocol', () => {
  const sealer = new Sealer(undefined, 'a'.repeat(36))

  test('reads letters, and refuses what is none', () => {
    const letter = { from: 'me', number: 7, said: [['started', 1]] }
    expect(openLetter(sealer, sealLetter(sealer, letter, 'x'), 'x')).toEqual(letter)
    for (const value of [null, {}, [], ['me'], ['me', 'x', []], [1, 1, []]]) {
      expect(() => openLetter(sealer, sealer.seal(encodeValue(value), 'x'), 'x')).toThrow('Found a letter that is none')
    }
    expect(openLetter(sealer, sealer.seal(encodeValue(['me', 1, null]), 'x'), 'x').said).toEqual([])
  })

  test('reads refusals, and refuses what is none', () => {
    const refusal = { job: 1, why: 'version', version: 2 }
    expect(openRefusal(Buffer.from(JSON.stringify(refusal)))).toEqual(refusal)
    for (const value of [
      null,
      1,
      'x',
      {},
      { ...refusal, job: '1' },
      { ...refusal, why: 1 },
      { ...refusal, version: {} },
    ]) {
      expect(() => openRefusal(Buffer.from(JSON.stringify(value)))).toThrow('Found a refusal that is none')
    }
  })

  test('brings what was thrown, or says why it does not', () => {
    expect(decodeThrown(encodeThrown(new RangeError('no')))).toMatchObject({ name: 'RangeError', message: 'no' })
    expect(decodeThrown(Buffer.from('garbage'))).toBeInstanceOf(TaskNotCloneableError)
    // Nobody has read it before.
    const refused = "What was thrown can't leave its process: [object "
    expect(decodeThrown(encodeThrown(new Blob(['x'])))).toMatchObject({ message: `${refused}Blob]` })
    expect(decodeThrown(encodeThrown({ deep: [new Blob(['x'])] }))).toMatchObject({ message: `${refused}Object]` })
  })
})

describe('Entries of a stream', () => {
  const entries = [[Buffer.from('1-1'), asBuffers('d', 'x')]]

  test('are found in each form of the reply', () => {
    expect(entriesOf(null)).toEqual([])
    for (const reply of [[['key', entries]], ['key', entries], new Map([['key', entries]])]) {
      expect(entriesOf(reply)).toBe(entries)
    }
  })

  test('have fields, by their names', () => {
    expect(fieldOf(asBuffers('a', 'd', 'd', 'x'), 'd')?.toString()).toBe('x')
    expect(fieldOf(asBuffers('a', 'd'), 'd')).toBeUndefined()
    expect(fieldOf(asBuffers('d'), 'd')).toBeUndefined()
  })
})

describe('Options', () => {
  test('of connections may be an object, a URL or a client, with no prefix and no cluster', () => {
    const client = new Redis({ path: '/nowhere', lazyConnect: true })
    for (const each of [connection, 'redis://localhost', client]) expect(checkConnection(each)).toBe(each)
    const prefixed = new Redis({ path: '/nowhere', lazyConnect: true, keyPrefix: 'p' })
    for (const each of [{ keyPrefix: 'p' }, 'redis://localhost?keyPrefix=p', prefixed]) {
      expect(() => checkConnection(each)).toThrow(/`keyPrefix`/)
    }
    expect(() => checkConnection({ isCluster: true })).toThrow(/got a cluster/)
    for (const each of [null, undefined, 1, []]) expect(() => checkConnection(each)).toThrow(/`connection`/)
  })

  test('of both sides that are wrong are refused; a secret is not shown', () => {
    for (const [name, value] of [
      ...([
        ['queueName', 'a:b'],
        ['queueName', ''],
        ['queueName', 1],
        ['prefix', ''],
        ['secret', ''],
        ['secret', 7],
      ] as const),
      ...([
        ['onError', 1],
        ['maxMessageBytes', 0],
        ['connection', 1],
      ] as const),
    ]) {
      expect(() => resolveFleetOptions({ connection, [name]: value })).toThrow(`\`${name}\``)
    }
    expect(() => resolveFleetOptions({ connection, secret: 77_777 as never })).not.toThrow(/77/)
    for (const name of ['maxWorkers', 'batchSize', 'fleetTimeout', 'clientTimeout', 'maxDeliveries']) {
      expect(() => resolveExecutorOptions({ connection, [name]: 0 })).toThrow(`\`${name}\``)
    }
  })

  test('that nobody knows are refused', () => {
    expect(() => checkNames({ conection: 1 }, ['own'])).toThrow(/Unknown option `conection`/)
  })

  test('have defaults', () => {
    expect(resolveExecutorOptions({ connection })).toMatchObject({
      ...{ queueName: 'undici-futures', prefix: 'bull', secret: undefined, maxMessageBytes: 64 << 20 },
      ...{ maxWorkers: 256, batchSize: 32, fleetTimeout: 60_000, clientTimeout: 60_000, maxDeliveries: 3 },
    })
    expect(resolveExecutorOptions({ connection, fleetTimeout: null }).fleetTimeout).toBe(Infinity)
    expect(resolveWorkerOptions({ connection })).toMatchObject({
      ...{ concurrency: 64, executor: undefined, requests: true, limiter: undefined, modules: new Map() },
      ...{ workerTimeout: 30_000, lockDuration: 30_000, stalledInterval: 30_000 },
    })
    resolveFleetOptions({ connection }).onError(new Error('nobody is told'))
  })

  test('of workers: no more tasks than the executor has workers, modules by name or each under its own', () => {
    const executor = new InProcessExecutor({ maxWorkers: 3 })
    expect(resolveWorkerOptions({ connection, executor }).concurrency).toBe(3)
    const url = new URL('file:///tasks.mjs')
    expect([...resolveWorkerOptions({ connection, modules: { a: url } }).modules]).toEqual([['a', url.href]])
    expect([...resolveWorkerOptions({ connection, modules: [url] }).modules]).toEqual([[url.href, url.href]])
    const limiter = { max: 1, duration: 10 }
    expect(resolveWorkerOptions({ connection, limiter }).limiter).toEqual(limiter)
  })

  test('of workers that are wrong are refused', async () => {
    const threads = new WorkerThreadExecutor({ threads: 1 })
    const foreign = { submit: () => undefined, maxWorkers: 1, isolated: true }
    const far = Object.assign(Object.create(threads) as object, {
      submit: () => undefined,
      maxWorkers: 1,
      reach: 'process',
    })
    for (const executor of [null, {}, foreign, far]) {
      expect(() => resolveWorkerOptions({ connection, executor: executor as never })).toThrow(/`executor`/)
    }
    for (const limiter of [null, 1, {}, { max: 0, duration: 1 }]) {
      expect(() => resolveWorkerOptions({ connection, limiter: limiter as never })).toThrow(/`limiter/)
    }
    for (const modules of [1, null, new URL('file:///a')]) {
      expect(() => resolveWorkerOptions({ connection, modules: modules as never })).toThrow(/`modules`/)
    }
    await threads.shutdown()
  })

  test('onError that throws disturbs nobody: what it throws is an uncaught exception', async () => {
    const thrown = new Error('of a listener')
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve))
    const listeners = process.listeners('uncaughtException').slice(0, -1)
    for (const each of listeners) process.off('uncaughtException', each)
    const { onError } = resolveFleetOptions({
      connection,
      onError: () => {
        throw thrown
      },
    })
    onError(new Error('x'))
    expect(await uncaught).toBe(thrown)
    for (const each of listeners) process.on('uncaughtException', each)
  })
})

describe('Errors of Redis', () => {
  test('lose what was sent: passwords, arguments', () => {
    const inner = Object.assign(new Error('OOM'), { command: { name: 'set', args: ['key', 'secret'] } })
    const error = Object.assign(new Error('EXECABORT'), {
      command: { name: 'exec', args: ['secret'] },
      previousErrors: [inner],
    })
    expect(hideArguments(error)).toBe(error)
    expect(error).toMatchObject({ command: { name: 'exec' }, previousErrors: [{ command: { name: 'set' } }] })
    expect(JSON.stringify([error, inner])).not.toContain('secret')
    expect(hideArguments('text')).toBe('text')
    expect(hideArguments(new Error('plain'))).toMatchObject({ message: 'plain' })
  })

  test('are known by their name', () => {
    expect(isReply(Object.assign(new Error(''), { name: 'ReplyError' }))).toBe(true)
    expect([isReply(new Error('')), isReply({ name: 'ReplyError' })]).toEqual([false, false])
  })
})

describe('warningsOf()', () => {
  test('an INFO that may evict, or is too old', () => {
    expect(warningsOf('redis_version:7.2.4\r\nmaxmemory_policy:noeviction\r\n')).toEqual([])
    expect(warningsOf('')).toEqual([])
    const [policy, version] = warningsOf('redis_version:6.0.16\r\nmaxmemory_policy:allkeys-lru\r\n').map(String)
    expect(policy).toMatch(/`maxmemory-policy allkeys-lru`.*`noeviction`/)
    expect(version).toMatch(/version 6\.0\.16.*6\.2/)
    expect(warningsOf('redis_version:10.0.0\r\n')).toEqual([])
  })
})

test('Keys begin with prefix and queue, all of them', () => {
  const keys = new Keys('p', 'q')
  const all = [
    keys.job('1'),
    keys.lock('1'),
    keys.words('s'),
    keys.revoked('s'),
    keys.shared('s', 1),
    keys.large('s', 'x'),
  ]
  for (const key of [...all, keys.orders('w'), keys.alive('w'), keys.channel('w'), keys.workers]) {
    expect(key).toMatch(/^p:q:/)
  }
})

describe('SharedStore', () => {
  test('stores each version of a value once, and again what was lost', () => {
    const dropped: number[] = []
    const store = new SharedStore((key) => dropped.push(key))
    const name = (...values: { version: unknown; value: unknown }[]) => {
      const toStore: ValueToStore[] = []
      return [store.name(values, toStore), toStore.map(({ key, bytes }) => [key, decodeValue(bytes)])]
    }
    const [a, b] = [
      { version: 'a1', value: 1 },
      { version: 'b1', value: 2 },
    ]
    expect(name(a, b)).toEqual([
      [
        [1, 1],
        [2, 1],
      ],
      [
        [1, [1, 'a1', 1]],
        [2, [1, 'b1', 2]],
      ],
    ])
    expect(name(a)).toEqual([[[1, 1]], []])
    Object.assign(a, { version: 'a2', value: 3 })
    expect(name(a)).toEqual([[[1, 2]], [[1, [2, 'a2', 3]]]])
    store.lose([2])
    expect(name(a, b)[1]).toEqual([[2, [1, 'b1', 2]]])
    store.lose()
    expect([...store.keys]).toEqual([])
    expect(store.name(undefined, [])).toEqual([])
    store.forget(a)
    store.forget(a)
    store.forget({ version: 1, value: 1 })
    expect(dropped).toEqual([1])
    expect(name(a)[0]).toEqual([[3, 1]])
  })

  test('drops what is garbage', async () => {
    const dropped: number[] = []
    const store = new SharedStore((key) => dropped.push(key))
    store.name([{ version: 1, value: 'x' }], [])
    await vi.waitUntil(async () => {
      await new Promise((resolve) => setTimeout(resolve))
      globalThis.gc?.()
      return dropped.length > 0
    })
    expect([dropped, [...store.keys]]).toEqual([[1], []])
  })
})

describe('WorkerTask', () => {
  const make = (mostBytes = 100) => {
    const job = new TakenJob(Object.create(Job.prototype) as Job, 'token')
    const said: Word[] = []
    let over = 0
    const results: [bytes: Uint8Array, fail: (error: unknown) => void][] = []
    const line = {
      say: (word: Word) => said.push(word),
      sayResult: (_: number, bytes: Uint8Array, fail: (error: unknown) => void) => results.push([bytes, fail]),
    } as unknown as SubmitterChannel
    const options = { number: 1, fn: ['module', 'name'] as const, isIdempotent: false, names: [] }
    const task = new WorkerTask(line, job, options, { mostBytes, onOver: () => over++ })
    return { task, said, results, over: () => over }
  }
  const thrown = (word: Word | undefined): unknown => decodeThrown((word as readonly [string, number, Uint8Array])[2])

  test('is over once', () => {
    for (const end of ['fulfil', 'reject', 'giveBack', 'end'] as const) {
      const { task, said, results, over } = make()
      task[end](1)
      const count = said.length + results.length
      for (const again of ['fulfil', 'reject', 'giveBack', 'end'] as const) task[again](2)
      task.post('late')
      expect([over(), said.length + results.length]).toEqual([1, count])
    }
  })

  test('that is silent says nothing of its outcome', () => {
    for (const end of ['fulfil', 'reject'] as const) {
      const { task, said, results, over } = make()
      task.silence()
      task.post('x')
      task[end](1)
      expect([over(), said, results]).toEqual([1, [], []])
    }
  })

  test('rejects a result that is too large, can not be cloned, or can not be read', async () => {
    const tooLarge = make()
    tooLarge.task.fulfil('x'.repeat(200))
    expect(thrown(tooLarge.said[0])).toMatchObject({
      message: expect.stringMatching(/205 bytes.*`maxMessageBytes` \(100\)/),
    })
    const uncloneable = make()
    uncloneable.task.fulfil({ deep: [() => 1] })
    expect(thrown(uncloneable.said[0])).toMatchObject({ path: 'result.deep[0]' })
    const throwing = make()
    throwing.task.fulfil({ get deep() { throw new Error('a getter') } }) // prettier-ignore
    expect(thrown(throwing.said[0])).toMatchObject({ message: expect.stringMatching(/a getter/) })
    const broken = new Blob(['x'])
    broken.arrayBuffer = () => Promise.reject(new Error('gone'))
    const unreadable = make()
    unreadable.task.fulfil(broken)
    await vi.waitUntil(() => unreadable.over() === 1)
    expect(thrown(unreadable.said[0])).toMatchObject({ message: 'gone' })
  })

  test('rejects a result that Redis does not take, without what was sent', () => {
    const { task, said, results } = make()
    task.fulfil(1)
    const reply = Object.assign(new Error('OOM'), { name: 'ReplyError', command: { name: 'set', args: ['private'] } })
    results[0]?.[1](reply)
    const error = thrown(said[0]) as Error
    expect(error).toBeInstanceOf(BrokenExecutorError)
    expect(error.message).toBe("Can't bring the result of `name` back: OOM")
    expect(JSON.stringify(error.cause)).not.toContain('private')
  })

  test('posts what can be cloned: no Blob, which would have to be read first', () => {
    const { task, said } = make()
    task.post({ a: 1 })
    expect(said).toEqual([['message', 1, encodeValue({ a: 1 })]])
    expect(() => task.post([new Blob(['x'])])).toThrow(/Blob could not be cloned/)
    expect(() => task.post(() => 1)).toThrow(/could not be cloned/)
  })

  test('hears what was said before it listened, and then what comes', () => {
    const { task } = make()
    const heard: unknown[] = []
    task.handleMessage(1)
    task.onMessage((message) => heard.push(message))
    task.handleMessage(2)
    expect(heard).toEqual([1, 2])
  })
})

describe('The peers', () => {
  const failing = (error: Error) =>
    (() => {
      throw error
    }) as unknown as NodeJS.Require

  test('that are missing are named, both; what else breaks is told as it is', () => {
    const missing = Object.assign(new Error("Cannot find module 'ioredis'"), { code: 'MODULE_NOT_FOUND' })
    expect(() => loadPeers(failing(missing))).toThrow(/needs the packages `bullmq` and `ioredis`.*npm install/)
    const other = Object.assign(new Error("Cannot find module 'lodash'"), { code: 'MODULE_NOT_FOUND' })
    const broken = new Error('broken')
    for (const error of [other, broken]) expect(() => loadPeers(failing(error))).toThrow(error)
  })
})

describe('Revocations', () => {
  test('are said again, numbers and marks, as long as they mean something; not if the connection breaks', async () => {
    const said: unknown[][] = []
    const record =
      (name: string) =>
      (...args: unknown[]) => {
        said.push([name, ...args.slice(1, 3)])
        return redis
      }
    const exec = vi.fn(() => Promise.reject(new Error('The connection broke')))
    const redis = { multi: () => redis, sadd: record('sadd'), pexpire: record('pexpire'), xadd: record('xadd'), exec }
    const link = {
      id: 'i'.repeat(36),
      isUp: false,
      redis,
      keys: new Keys('p', 'q'),
      sealer: new Sealer(undefined, 'i'),
    }
    const onError = vi.fn()
    const revocations = new Revocations(link as unknown as FleetLink, { clientTimeout: 1000, onError })
    revocations.repeat()
    revocations.unrevoke([1])
    void revocations.revoke([7])
    expect(said).toEqual([])
    revocations.repeat()
    expect(said).toEqual([['sadd', 7], ['pexpire', 1000], ['xadd', 'NOMKSTREAM', '*']]) // prettier-ignore
    revocations.unrevoke([7, 8])
    said.length = 0
    revocations.repeat()
    expect(said).toEqual([['xadd', 'NOMKSTREAM', '*']])
    await Promise.resolve()
    expect([exec.mock.calls.length, onError.mock.calls.length]).toEqual([2, 0])
  })
})
