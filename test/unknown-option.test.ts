import { afterEach, describe, expect, test } from 'vitest'
import {
  asCompleted,
  Future,
  FutureController,
  FuturesSession,
  InProcessExecutor,
  taskReference,
  wait,
  WorkerThreadExecutor,
  type Executor,
} from '../src/index.ts'
import { map, Pool, type PoolOptions } from '../src/pool/index.ts'
import { ManualExecutor } from '../src/testing/index.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** Options as somebody without types writes them. */
const any = <T>(options: unknown): T => options as T
const url = 'http://127.0.0.1:1/'
const session = (): FuturesSession => {
  const made = new FuturesSession()
  cleanups.push(() => made[Symbol.asyncDispose]())
  return made
}
const executors: Record<string, (options?: object) => Executor> = {
  InProcessExecutor: (options) => new InProcessExecutor(options),
  WorkerThreadExecutor: (options) => new WorkerThreadExecutor(options),
  ManualExecutor: (options) => new ManualExecutor(options),
}
const task = taskReference<number>(new URL('./fixtures/arithmetic-tasks.mjs', import.meta.url), 'add', 1, 2)

describe('options that are not known are a TypeError at the call, with a hint', () => {
  test.each<[string, object, string]>([
    ['InProcessExecutor', { concurrency: 4 }, 'Unknown option `concurrency`: did you mean `maxWorkers`?'],
    ['InProcessExecutor', { max_workers: 4 }, 'Unknown option `max_workers`: did you mean `maxWorkers`?'],
    ['InProcessExecutor', { threads: 4 }, 'Unknown option `threads`: it belongs to the WorkerThreadExecutor'],
    ['InProcessExecutor', { interval: 4 }, 'Unknown option `interval`: did you mean `rateLimit`?'],
    [
      'InProcessExecutor',
      { nonsense: undefined },
      'Unknown option `nonsense`: expected one of maxWorkers, maxPerGroup, rateLimit, maxQueue',
    ],
    ['InProcessExecutor', { rateLimit: { max: 4 } }, 'Bad `rateLimit`: Unknown option `max`: did you mean `limit`?'],
    [
      'InProcessExecutor',
      { rateLimit: { limit: 4, interval: 1, perHost: true } },
      'Bad `rateLimit`: Unknown option `perHost`: did you mean `perGroup`?',
    ],
    ['WorkerThreadExecutor', { maxThreads: 4 }, 'Unknown option `maxThreads`: did you mean `threads`?'],
    ['WorkerThreadExecutor', { rateLimit: {} }, 'Unknown option `rateLimit`: it belongs to the InProcessExecutor'],
    ['ManualExecutor', { maxworkers: 4 }, 'Unknown option `maxworkers`: did you mean `maxWorkers`?'],
  ])('new %s(%j)', (name, options, message) => {
    expect(() => executors[name]!(options)).toThrow(new TypeError(message))
  })

  test.each(Object.keys(executors))('%s, submit() and shutdown()', async (name) => {
    const executor = executors[name]!()
    cleanups.push(() => executor.shutdown({ cancelPending: true }))
    for (const [options, message] of [
      [{ prio: 1 }, 'Unknown option `prio`: expected one of controller, signal, priority, group, maxPerGroup'],
      [{ Priority: 1 }, 'Unknown option `Priority`: did you mean `priority`?'],
      [{ maxPerOrigin: 1 }, 'Unknown option `maxPerOrigin`: did you mean `maxPerGroup`?'],
      [{ timeout: 1 }, 'Unknown option `timeout`: did you mean `signal`?'],
    ] as const) {
      expect(() => executor.submit(task, any(options))).toThrow(new TypeError(message))
    }
    expect(executor.stats()).toMatchObject({ pending: 0 })

    for (const [options, message] of [
      [{ cancelFutures: true }, 'Unknown option `cancelFutures`: did you mean `cancelPending`?'],
      [{ kill: true }, 'Unknown option `kill`: did you mean `cancelRunning`?'],
      [{ timeout: 1 }, 'Unknown option `timeout`: expected one of wait, cancelPending, cancelRunning'],
    ] as const) {
      await expect(executor.shutdown(any(options))).rejects.toThrow(new TypeError(message))
    }
    // Nothing has happened.
    executor.submit(task).cancel()
  })

  test('waits', async () => {
    const { future } = new FutureController<number>()
    const waits: [object, string][] = [
      [{ timeoutMs: 5 }, 'Unknown option `timeoutMs`: did you mean `timeout`?'],
      [{ abortSignal: 5 }, 'Unknown option `abortSignal`: did you mean `signal`?'],
      [{ returnWhen: 'ALL_COMPLETED' }, 'Unknown option `returnWhen`: it belongs to `wait`'],
      [{ ordered: true }, 'Unknown option `ordered`: it belongs to `map`'],
      [{ nonsense: 1 }, 'Unknown option `nonsense`: expected one of timeout, signal'],
    ]
    for (const [options, message] of waits) {
      const error = new TypeError(message)
      await expect(future.result(any(options))).rejects.toThrow(error)
      await expect(future.exception(any(options))).rejects.toThrow(error)
      await expect(Future.all([future], any(options))).rejects.toThrow(error)
      await expect(Future.any([future], any(options))).rejects.toThrow(error)
      expect(() => asCompleted([future], any(options))).toThrow(error)
    }
    await expect(wait([future], any({ return_when: 'FIRST_COMPLETED' }))).rejects.toThrow(
      new TypeError('Unknown option `return_when`: did you mean `returnWhen`?'),
    )
    const { done } = await wait([future], { timeout: 0, returnWhen: 'FIRST_COMPLETED' })
    expect(done.size).toBe(0)

    const response = session().get(url)
    response.exception().catch(() => {})
    for (const read of ['json', 'text', 'bytes'] as const) {
      await expect(response[read](any({ encoding: 'latin1' }))).rejects.toThrow(/^Unknown option `encoding`/)
    }
  })

  test('FuturesSession.map()', () => {
    for (const [options, message] of [
      [{ concurrency: 5 }, 'Unknown option `concurrency`: did you mean `bufferSize`?'],
      [{ order: true }, 'Unknown option `order`: did you mean `ordered`?'],
      [{ timeout: 5 }, 'Unknown option `timeout`: it belongs to each request'],
      [{ method: 'POST' }, 'Unknown option `method`: it belongs to each request'],
      [{ maxWorkers: 5 }, 'Unknown option `maxWorkers`: it belongs to the session'],
    ] as const) {
      expect(() => session().map([url], any(options))).toThrow(new TypeError(message))
    }
    expect(() => session().map([url], any(null))).toThrow(TypeError)
  })

  test('FuturesSession.close()', async () => {
    const open = session()
    for (const [options, message] of [
      [{ timeout: 5 }, 'Unknown option `timeout`: did you mean `signal`?'],
      [{ cancelPending: true }, 'Unknown option `cancelPending`: did you mean `cancel`?'],
      [{ wait: false }, 'Unknown option `wait`: it belongs to the `shutdown` of an executor'],
    ] as const) {
      await expect(open.close(any(options))).rejects.toThrow(new TypeError(message))
    }
    expect(() => open.get(url).cancel()).not.toThrow()
  })

  test('Pool and map', () => {
    const each: [object, string][] = [
      [{ maxWorkers: 4 }, 'Unknown option `maxWorkers`: did you mean `numProcesses`?'],
      [{ num_processes: 4 }, 'Unknown option `num_processes`: did you mean `numProcesses`?'],
      [{ buffer: 4 }, 'Unknown option `buffer`: did you mean `maxBuffered`?'],
      [{ timeout: 5 }, 'Unknown option `timeout`: it belongs to each job'],
    ]
    for (const [options, message] of each) {
      expect(() => new Pool(any<object>(options))).toThrow(new TypeError(message))
      expect(() => map([{ url }], any<object>(options))).toThrow(new TypeError(message))
      expect(() => Pool.fromExceptions([], any<object>(options))).toThrow(new TypeError(message))
    }
    for (const options of [5, 'fast', null]) {
      expect(() => map([{ url }], any<object>(options))).toThrow(/^Expected options to be an object/)
      expect(() => Pool.fromUrls([url], {}, any<object>(options))).toThrow(/^Expected options to be an object/)
    }
  })

  test('Pool.fromUrls() tells its two objects of options apart', () => {
    const wrong = (kwargs: object, options: object | undefined, message: string): void =>
      expect(() => Pool.fromUrls([url], any(kwargs), any<object>(options))).toThrow(new TypeError(message))

    wrong({ numProcesses: 4 }, undefined, 'Unknown option `numProcesses`: it belongs to the third argument')
    wrong({ timeout: 1, session: () => null }, {}, 'Unknown option `session`: it belongs to the third argument')
    wrong({}, { timeout: 4 }, 'Unknown option `timeout`: it belongs to the second argument')
    wrong({}, { numprocesses: 4 }, 'Unknown option `numprocesses`: did you mean `numProcesses`?')
    wrong({ body: 'x' }, undefined, 'Unknown option `body`: did you mean `data`?')
    expect(() => Pool.fromUrls(any(5), any({ numProcesses: 4 }))).toThrow(TypeError)
  })

  test('options of a session that is not ours are its own affair, but for those of the pool', async () => {
    const asked: unknown[] = []
    const own: PoolOptions<any> = {
      session: () => ({ request: (_method: string, _url: string, options: unknown) => asked.push(options) }),
    }
    const pool = Pool.fromUrls([url], any({ token: 1, method: 'PUT' }), own)
    for await (const response of pool.responses()) expect(response).toBeDefined()
    expect(asked).toMatchObject([{ token: 1 }])
    expect(() => Pool.fromUrls([url], any({ token: 1, maxBuffered: 1 }), own)).toThrow(
      /`maxBuffered`: .* third argument/,
    )
  })

  test('what is on a prototype is no option', async () => {
    const inherited = Object.create({ nonsense: 1 }) as object
    expect(() => new InProcessExecutor(inherited)).not.toThrow()
    expect(await new InProcessExecutor().submit(() => 1, inherited).result(inherited)).toBe(1)
  })
})
