/** Rows of the tables of failures and of semantics, within their bounds: real Redis servers, real processes. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BrokenExecutorError, WorkerCrashedError } from '../../../src/errors.ts'
import type { BullMQExecutor } from '../../../src/executor/bullmq/index.ts'
import type { Future } from '../../../src/future/future.ts'
import { FuturesSession } from '../../../src/futures-session/futures-session.ts'
import { taskReference, type TaskReference } from '../../../src/task-reference.ts'
import { entry, eventually, Fleet } from '../../helpers/fleet.ts'
import { hasRedis } from '../../helpers/redis.ts'
import { projectRoot } from '../../helpers/run-node.ts'

const submitterProgram = fileURLToPath(new URL('../../fixtures/fleet-submitter.mjs', import.meta.url))
/** Beside it lies what threads load. */
const builtEntry = join(projectRoot, 'dist/bullmq.js')

let folder: string
let fleet: Fleet
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uf-rows-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await fleet[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string): string => join(folder, name)
const notes = (): string[] => {
  try {
    return readFileSync(file('notes'), 'utf8').trim().split('\n')
  } catch {
    return []
  }
}
const open = (): void => writeFileSync(file('gate'), '')
const task = (name: string, ...args: unknown[]): TaskReference<string> => taskReference('fleet-tasks', name, ...args)
const track = (text: string): TaskReference<string> => task('track', file('notes'), text, file('gate'))
const add = taskReference<number>('fleet-tasks', 'add', 1, 2)

const begun = (text: string): boolean => notes().includes(`${text} begins`)
/** Their work has begun, and their futures know. */
const running = async (executor: BullMQExecutor, ...texts: string[]): Promise<void> => {
  await eventually(() => texts.every(begun) && executor.stats().running >= texts.length)
}

/** @returns ms until the promise is settled */
const timeOf = async (promise: Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await promise
  return performance.now() - start
}

/** A process that submits these, and ends when nothing keeps it. */
const startSubmitter = (options: object, tasks: readonly TaskReference[]): ChildProcess => {
  const settings = JSON.stringify({ entry, connection: fleet.redis.connection, ...options, tasks })
  const child = spawn(process.execPath, [submitterProgram, settings], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

describe.skipIf(!hasRedis)('A thread of a worker that dies', () => {
  test('is a WorkerCrashedError with its exitCode, at once, and the worker goes on', async () => {
    fleet = await Fleet.open()
    await fleet.worker({ threads: 1, entry: builtEntry })
    const executor = fleet.executor()
    const before = await executor.submit(task('pid')).result()
    const future = executor.submit(task('exit', file('notes'), 3))
    await eventually(() => notes().length === 1)
    let error: unknown
    expect(await timeOf(future.exception().then((thrown) => (error = thrown)))).toBeLessThan(1000)
    expect(error).toBeInstanceOf(WorkerCrashedError)
    expect(error).toMatchObject({ exitCode: 3 })
    expect(await executor.submit(task('pid')).result()).toBe(before)
    expect(notes()).toEqual(['exits'])
  })
})

describe.skipIf(!hasRedis)('A submitter that dies', () => {
  test('has what runs ended, what was handed over not begun, and leaves nothing behind', async () => {
    fleet = await Fleet.open()
    await fleet.worker({ concurrency: 2 })
    const clientTimeout = 1000
    // Two run, one waits in the worker, the others in the queue.
    const options = { batchSize: 3, clientTimeout }
    const submitter = startSubmitter(options, ['a', 'b', 'c', 'd', 'e', 'f'].map(track))
    await eventually(() => begun('a') && begun('b'))
    submitter.kill('SIGKILL')
    await eventually(async () => !(await fleet.redis.command('KEYS *fleet:words:*')).includes('words'))
    open()
    // The only worker is free for others again.
    const executor = fleet.executor()
    expect(await executor.submit(add).result()).toBe(3)
    await executor.shutdown()
    expect(notes().sort()).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
    const left = /(?:undici-futures:(?:[0-9a-f]{8}-|wait|active)|fleet:(?:words|shared|large|revoked):)\S*/g
    await eventually(async () => (await fleet.redis.command('KEYS *')).match(left) === null)
  })
})

describe.skipIf(!hasRedis)('A worker that is gone', () => {
  test('by SIGKILL is done without within 5 s', async () => {
    fleet = await Fleet.open()
    const first = await fleet.worker({ concurrency: 2 })
    const executor = fleet.executor({ batchSize: 3 })
    const [again, once] = [executor.submit(track('again'), { idempotent: true }), executor.submit(track('once'))]
    const unbegun = executor.submit(add)
    await running(executor, 'again', 'once')
    await fleet.worker()
    await first.kill()
    const settled = [once.exception(), unbegun.result()] as const
    const repeated = eventually(() => notes().filter((text) => text === 'again begins').length === 2)
    expect(await timeOf(Promise.all([...settled, repeated]))).toBeLessThan(5000)
    expect(await settled[0]).toBeInstanceOf(WorkerCrashedError)
    expect(await settled[1]).toBe(3)
    open()
    expect(await again.result()).toBe('again')
    expect(notes().filter((text) => text === 'once begins')).toHaveLength(1)
  })

  test('by SIGSTOP is done without within workerTimeout + 5 s; what it says then is ignored', async () => {
    fleet = await Fleet.open()
    const workerTimeout = 2000
    const frozen = await fleet.worker({ concurrency: 2, workerTimeout })
    const executor = fleet.executor({ batchSize: 3 })
    const [again, once] = [executor.submit(track('again'), { idempotent: true }), executor.submit(track('once'))]
    const unbegun = executor.submit(add)
    await running(executor, 'again', 'once')
    await fleet.worker({ workerTimeout })
    frozen.freeze()
    const settled = [once.exception(), unbegun.result()] as const
    const repeated = eventually(() => notes().filter((text) => text === 'again begins').length === 2)
    expect(await timeOf(Promise.all([...settled, repeated]))).toBeLessThan(workerTimeout + 5000)
    open()
    expect(await again.result()).toBe('again')
    const stats = executor.stats()
    frozen.thaw()
    await eventually(() => notes().includes('once ends'))
    expect(await executor.submit(add).result()).toBe(3)
    expect(await once.exception()).toBeInstanceOf(WorkerCrashedError)
    expect(executor.stats()).toEqual({ ...stats, fulfilled: stats.fulfilled + 1 })
  })

  test('for a moment says an outcome that counts, if it comes first', async () => {
    fleet = await Fleet.open()
    const worker = await fleet.worker()
    const executor = fleet.executor()
    const once = executor.submit(track('once'))
    await running(executor, 'once')
    worker.freeze()
    open()
    worker.thaw()
    expect(await once.result()).toBe('once')
  })
})

describe.skipIf(!hasRedis)('A Redis that goes away', () => {
  test('for longer than fleetTimeout: what was handed over is rejected within 2 s, and all works when it is back', async () => {
    fleet = await Fleet.open()
    await fleet.worker()
    const fleetTimeout = 1000
    const executor = fleet.executor({ fleetTimeout, maxWorkers: 2 })
    const futures = ['a', 'b', 'c'].map((text) => executor.submit(track(text))) as [
      Future<string>,
      Future<string>,
      Future<string>,
    ]
    await running(executor, 'a', 'b')
    await fleet.redis.kill()
    const rejected = Promise.all([futures[0].exception(), futures[1].exception()])
    expect(await timeOf(rejected)).toBeLessThan(fleetTimeout + 2000)
    for (const error of await rejected) {
      expect(error).toBeInstanceOf(BrokenExecutorError)
      expect((error as Error).message).toMatch(/Redis could not be reached for 1000 ms \(`fleetTimeout`\)/)
      expect((error as Error).cause).toBeInstanceOf(Error)
    }
    await fleet.redis.run()
    open()
    expect(await executor.submit(add).result()).toBe(3)
    await futures[2].exception()
    expect(executor.stats()).toMatchObject({ pending: 0, running: 0 })
  })

  test('and comes back empty: a request that runs ends as if nothing had been, and is sent once', async () => {
    fleet = await Fleet.open()
    await fleet.worker()
    const held: ServerResponse[] = []
    const server = createServer((_, response) => void held.push(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const session = new FuturesSession({ executor: fleet.executor() })
    const future = session.post(`http://127.0.0.1:${port}/`, { data: 'once' })
    await eventually(() => held.length === 1)
    await fleet.redis.restart()
    // The worker is there again, and has not closed the session, whose values Redis has lost.
    await eventually(async () => (await fleet.redis.command('KEYS *fleet:*')).includes('words'))
    held[0]?.end('done')
    expect(await future.text()).toBe('done')
    expect(await session.post(`http://127.0.0.1:${port}/`, { timeout: { read: 50 } }).exception()).toBeDefined()
    expect(held).toHaveLength(2)
    server.closeAllConnections()
    server.close()
  })

  test('and comes back empty: what was handed over is settled within 30 s', async () => {
    fleet = await Fleet.open()
    const worker = await fleet.worker()
    const executor = fleet.executor()
    const [again, once] = [executor.submit(track('again'), { idempotent: true }), executor.submit(track('once'))]
    await running(executor, 'again', 'once')
    // The one that had it is no more when Redis comes back: its outcome is lost.
    await fleet.redis.kill()
    await worker.kill()
    await fleet.redis.run()
    open()
    await fleet.worker()
    const settled = Promise.all([again.result(), once.exception()])
    expect(await timeOf(settled)).toBeLessThan(30_000)
    expect(await settled).toEqual(['again', expect.any(WorkerCrashedError)])
  })
})

describe.skipIf(!hasRedis)('No worker', () => {
  test('for fleetTimeout: what was handed over is rejected within 2 s, and done when there is one', async () => {
    fleet = await Fleet.open()
    const executor = fleet.executor({ fleetTimeout: 500 })
    const future = executor.submit(add)
    let error: unknown
    expect(await timeOf(future.exception().then((thrown) => (error = thrown)))).toBeLessThan(2500)
    expect(error).toBeInstanceOf(BrokenExecutorError)
    await fleet.worker()
    expect(await executor.submit(add).result()).toBe(3)
  })
})

describe.skipIf(!hasRedis)('A process with a BullMQExecutor', () => {
  test('lives as long as there are tasks, and ends by itself when there are none', async () => {
    fleet = await Fleet.open()
    await fleet.worker()
    const child = startSubmitter({}, [add, track('last')])
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await eventually(() => begun('last') && output === '3\n')
    expect(child.exitCode).toBeNull()
    const over = once(child, 'close')
    open()
    expect(await over).toEqual([0, null])
    expect(output).toBe('3\nlast\n')
  })

  test('lives until shutdown() is over, which leaves nothing of it in Redis', async () => {
    fleet = await Fleet.open()
    const worker = await fleet.worker()
    const child = startSubmitter({ shutsDown: true }, [add])
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output).toBe('3\nshut down\n')
    await worker.close()
    expect(await fleet.redis.command('KEYS *fleet*')).toBe('*0\r\n')
  })

  test('lives as long as its tasks wait for Redis, up to fleetTimeout', async () => {
    fleet = await Fleet.withoutRedis()
    const child = startSubmitter({ fleetTimeout: 500 }, [add])
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output).toBe('BrokenExecutorError\n')
  })
})
