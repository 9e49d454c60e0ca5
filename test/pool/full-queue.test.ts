/** Executors with a `maxQueue`: a full queue is back-pressure, for pools as for `session.map`. */
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { FuturesSession, InProcessExecutor, Session, type Executor } from '../../src/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { NarrowExecutor } from '../helpers/narrow-executor.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { closeExecutorsAfterEach, open as openThreads } from '../helpers/thread-executors.ts'
import { answering, collect, collectBoth, isBalanced, jobs } from './collect.ts'

closeExecutorsAfterEach()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function executor(options: { maxWorkers: number; maxQueue: number }): InProcessExecutor {
  const made = new InProcessExecutor(options)
  cleanups.push(() => made.shutdown({ cancelPending: true }))
  return made
}

/** A session that takes a turn of the event loop for each answer. */
const session = (): ReturnType<typeof answering> =>
  answering(async (url) => {
    await turn()
    return { url }
  })

async function server(): Promise<TestServer> {
  const started = await startServer((request, response) => void request.resume().on('end', () => response.end('ok')))
  cleanups.push(() => started.close())
  return started
}

describe('A pool on an executor with maxQueue', () => {
  test.each([
    ['ours', () => executor({ maxWorkers: 1, maxQueue: 1 })],
    ['ours, with more room', () => executor({ maxWorkers: 3, maxQueue: 2 })],
    ['somebody else’s', () => new NarrowExecutor(2, 1)],
  ] as const)('does all its jobs (%s)', async (_name, make) => {
    const options = { executor: make() as Executor, numProcesses: 6, session }
    const inputs = [jobs(10), jobs(10).values(), (async function* () { yield* jobs(10) })()] // prettier-ignore
    for (const jobQueue of inputs) {
      const pool = new Pool({ ...options, jobQueue })
      const { responses, exceptions } = await collectBoth(pool.responses(), pool.exceptions())
      expect(exceptions).toEqual([])
      expect(responses.map(({ url }) => url).sort()).toEqual(jobs(10).map(({ url }) => url))
    }
    const fed = new Pool(options)
    for (const job of jobs(10)) fed.put(job)
    await fed.joinAll()
    expect(fed.stats()).toEqual({ submitted: 10, responses: 10, exceptions: 0, cancelled: 0 })
  })

  test('shares it with other pools, a map and tasks: nothing is lost', async () => {
    const shared = executor({ maxWorkers: 2, maxQueue: 1 })
    const pools = [4, 1, 7].map(
      (numProcesses) => new Pool({ executor: shared, numProcesses, session, jobQueue: jobs(20) }),
    )
    const mapping = new FuturesSession({ session: session(), executor: shared })
    const seen: unknown[] = []
    const map = (async () => {
      for await (const future of mapping.map(jobs(20))) seen.push(future.resultNow())
    })()
    await Promise.all([...pools.map((pool) => pool.joinAll()), map])
    for (const pool of pools) expect(pool.stats()).toMatchObject({ submitted: 20, responses: 20 })
    expect(seen).toHaveLength(20)
  })

  test('waits as long as others fill it, also while it is paused', async () => {
    const shared = executor({ maxWorkers: 1, maxQueue: 1 })
    const [working, waiting] = [gate(), gate()]
    shared.submit(() => working.promise)
    await turn()
    const last = shared.submit(() => waiting.promise)
    const pool = new Pool({ executor: shared, numProcesses: 3, session, jobQueue: jobs(5) })
    const first = pool.responses().next()
    for (let round = 0; round < 5; round++) await turn()
    expect(pool.stats()).toMatchObject({ submitted: 5, responses: 0, exceptions: 0 })
    shared.pause()
    working.open()
    await turn()
    shared.resume()
    await until(() => last.running())
    waiting.open()
    expect((await first).value?.url).toBe('http://x/0')
    await pool.joinAll()
    expect(pool.stats()).toMatchObject({ responses: 5, exceptions: 0 })
  })

  test('that is cancelled while a job waits for room counts that one, too', async () => {
    for (const end of ['cancel', 'dispose', 'close'] as const) {
      const shared = executor({ maxWorkers: 1, maxQueue: 1 })
      const working = gate()
      shared.submit(() => working.promise)
      await turn()
      const pool = new Pool({ executor: shared, numProcesses: 3, session, jobQueue: jobs(5) })
      await until(() => shared.stats().pending === 1)
      await turn()
      if (end === 'cancel') pool.cancel()
      else if (end === 'dispose') pool[Symbol.dispose]()
      else pool.close()
      working.open()
      await pool.joinAll()
      const cancelled = end === 'close' ? 0 : 5
      expect(pool.stats()).toEqual({ submitted: 5, responses: 5 - cancelled, exceptions: 0, cancelled })
      expect(isBalanced(pool)).toBe(true)
    }
  })

  test('whose executor cancels it, or puts a job, while it is full, loses none', async () => {
    for (const isCancelled of [false, true]) {
      const narrow = new NarrowExecutor(1, 1)
      const meddling = Object.create(narrow, {
        submit: {
          value: (...args: Parameters<Executor['submit']>) => {
            try {
              return narrow.submit(...(args as Parameters<NarrowExecutor['submit']>))
            } catch (error) {
              if (isCancelled) pool.cancel()
              else if (narrow.refusals === 1) pool.put({ url: 'http://x/put' })
              throw error
            }
          },
        },
      }) as Executor
      const pool: Pool<ReturnType<typeof session>> = new Pool({
        executor: meddling,
        numProcesses: 3,
        session,
        jobQueue: jobs(6),
      })
      const seen = await collect(pool.responses())
      await pool.joinAll()
      expect(isBalanced(pool)).toBe(true)
      expect(pool.stats()).toMatchObject(isCancelled ? { submitted: 6 } : { submitted: 7, responses: 7 })
      expect(new Set(seen.map(({ url }) => url)).size).toBe(seen.length)
    }
  })

  test('tries requests again that fail, though the executor counts that as a task', async () => {
    const attempts = new Map<string, number>()
    const unsteady = await startServer((request, response) => {
      const attempt = (attempts.get(request.url!) ?? 0) + 1
      attempts.set(request.url!, attempt)
      response.statusCode = attempt < 3 ? 503 : 200
      response.end()
    })
    cleanups.push(() => unsteady.close())
    const narrow = new NarrowExecutor(2, 1)
    const retry = { total: 2, backoff: { base: 1 } }
    const jobQueue = jobs(8, unsteady.url).map((job) => ({ ...job, retry }))
    const pool = new Pool({ executor: narrow, numProcesses: 8, jobQueue })
    const { responses, exceptions } = await collectBoth(pool.responses(), pool.exceptions())
    expect(exceptions).toEqual([])
    expect(responses.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(narrow.refusals).toBeGreaterThan(0)
  })

  test('leaves one listener on a stream that waits for room, however often it is tried', async () => {
    const { url } = await server()
    const shared = executor({ maxWorkers: 1, maxQueue: 1 })
    const [working, waiting] = [gate(), gate()]
    shared.submit(() => working.promise)
    await turn()
    shared.submit(() => waiting.promise)
    const data = Readable.from(['body'])
    const pool = new Pool({ executor: shared, numProcesses: 1, jobQueue: [{ method: 'POST', url, data }] })
    await until(() => data.listenerCount('error') > 0)
    const listeners = data.listenerCount('error')
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(data.listenerCount('error')).toBe(listeners)
    working.open()
    waiting.open()
    await pool.joinAll()
    expect(pool.stats()).toMatchObject({ responses: 1 })
  })
})

test('map() and Pool reach the executor’s workers, though its queue is short and nothing ends', async () => {
  const inner = new GatedSession()
  const mapping = new FuturesSession({ session: inner, maxWorkers: 4, maxQueue: 1 })
  const iterator = mapping.map(Array.from({ length: 9 }, (_, index) => `http://x/${index}`))
  void iterator.next()
  await until(() => inner.active === 4)
  await mapping[Symbol.asyncDispose]()

  const other = new GatedSession()
  const pool = new Pool({
    executor: executor({ maxWorkers: 4, maxQueue: 1 }),
    numProcesses: 9,
    session: () => other,
    jobQueue: jobs(9),
  })
  await until(() => other.active === 4)
  await pool[Symbol.asyncDispose]()
  expect(pool.stats()).toMatchObject({ cancelled: 9 })
})

test('A pool that waits for room keeps maxBuffered', async () => {
  const shared = executor({ maxWorkers: 2, maxQueue: 1 })
  const pool = new Pool({ executor: shared, numProcesses: 4, maxBuffered: 2, session, jobQueue: jobs(6) })
  await until(() => pool.stats().responses === 2)
  await turn()
  expect(pool.stats().responses).toBe(2)
  expect(await collect(pool.responses())).toHaveLength(6)
})

test('A pool’s own sessions go through a full queue, too', async () => {
  const { url } = await server()
  const pool = new Pool({
    executor: executor({ maxWorkers: 1, maxQueue: 1 }),
    numProcesses: 4,
    session: () => new Session(),
    jobQueue: jobs(10, url),
  })
  expect(await collect(pool.responses())).toHaveLength(10)
  await pool.joinAll()
})

test('A pool and a map share the threads of an executor with a short queue', async () => {
  const { url } = await server()
  const threads = openThreads({ maxWorkers: 2, threads: 1, maxQueue: 1 })
  const pool = new Pool({ executor: threads, numProcesses: 4, jobQueue: jobs(10, url) })
  const mapping = new FuturesSession({ executor: threads })
  const seen: number[] = []
  for await (const future of mapping.map(jobs(10, url))) seen.push((await future.result()).status)
  await pool.joinAll()
  await mapping.close()
  expect(seen).toEqual(Array(10).fill(200))
  expect(pool.stats()).toEqual({ submitted: 10, responses: 10, exceptions: 0, cancelled: 0 })
})
