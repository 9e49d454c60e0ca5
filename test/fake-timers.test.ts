/** Whoever tests a program that uses this package has its timers faked; what is timed here must follow. */
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asCompleted, FutureController, FuturesSession, InProcessExecutor, Session, wait } from '../src/index.ts'
import type { SessionOptions } from '../src/index.ts'
import { openBlackHole } from './helpers/black-hole.ts'
import { fakeTimes, realTurn, realUntil } from './helpers/fake-time.ts'
import { gate } from './helpers/gate.ts'
import { startServer, type Handler, type TestServer } from './helpers/server.ts'
import { closeExecutorsAfterEach, open as openThreads } from './helpers/thread-executors.ts'

const minute = 60_000
const cleanups: (() => unknown)[] = []

closeExecutorsAfterEach()

describe.each(fakeTimes)('With the fake timers of $name', (time) => {
  beforeEach(() => time.enable())
  afterEach(async () => {
    time.disable()
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  const serve = async (handler?: Handler): Promise<TestServer> => {
    const server = await startServer(handler)
    cleanups.push(() => server.close())
    return server
  }

  const openSession = (options?: SessionOptions): Session => {
    const session = new Session(options)
    cleanups.push(() => session.close())
    return session
  }

  /** What a promise rejects with; `undefined` as long as it has not. */
  const watch = (promise: Promise<unknown>): { error: unknown } => {
    const seen: { error: unknown } = { error: undefined }
    promise.catch((error: unknown) => (seen.error = error))
    return seen
  }

  /** Nothing happens before the last millisecond of `delay`; then it has failed. */
  const expectToFail = async (promise: Promise<unknown>, delay: number, error: object): Promise<void> => {
    const seen = watch(promise)
    time.tick(delay - 1)
    for (let count = 0; count < 3; count++) await realTurn()
    expect(seen.error).toBeUndefined()
    time.tick(1)
    await realUntil(time, () => seen.error !== undefined)
    expect(seen.error).toMatchObject(error)
  }

  test('waits for futures end', async () => {
    const { future } = new FutureController<number>()
    await expectToFail(future.result({ timeout: minute }), minute, { scope: 'wait' })
    await expectToFail(asCompleted([future], { timeout: minute }).next(), minute, { scope: 'wait' })
    const waiting = wait([future], { timeout: minute })
    time.tick(minute)
    expect((await waiting).notDone.size).toBe(1)
  })

  test('a read timeout counts from the last byte', async () => {
    let response!: ServerResponse
    const server = await serve((_request, each) => (response = each))
    const received = gate()
    const promise = openSession().get(server.url, {
      timeout: { read: minute },
      onDownloadProgress: ({ transferredBytes }) => transferredBytes > 0 && received.open(),
    })
    const seen = watch(promise)
    await realUntil(time, () => server.seen.length === 1)
    time.tick(minute - 1)
    response.write('a part')
    await received.promise
    time.tick(minute - 1)
    await realTurn()
    expect(seen.error).toBeUndefined()
    time.tick(1)
    await realUntil(time, () => seen.error !== undefined)
    expect(seen.error).toMatchObject({ name: 'ReadTimeoutError' })
  })

  test('a read timeout and a total timeout end a request that nobody answers', async () => {
    const server = await serve(() => {})
    const session = openSession()
    for (const [timeout, scope] of [
      [{ read: minute }, 'read'],
      [{ read: null, total: minute }, 'total'],
    ] as const) {
      const before = server.seen.length
      const promise = session.get(server.url, { timeout })
      await realUntil(time, () => server.seen.length > before)
      await expectToFail(promise, minute, { scope })
    }
  })

  test('a connect timeout ends the attempt', async () => {
    time.disable()
    const hole = await openBlackHole()
    cleanups.push(() => hole.close())
    time.enable()
    await expectToFail(openSession().get(hole.url, { timeout: { connect: minute } }), minute, { scope: 'connect' })
  })

  test('a session waits before each retry', async () => {
    const retry = { total: 2, backoff: { base: minute, max: minute, factor: 1, jitter: false } }
    const server = await serve((_request, response) => void response.writeHead(503, { connection: 'close' }).end())
    let status: number | undefined
    const promise = openSession({ retry, timeout: null }).get(server.url)
    void promise.then((response) => (status = response.status))
    let seconds = 0
    for (; status === undefined; seconds++) {
      time.tick(1_000)
      await realTurn()
    }
    expect(status).toBe(503)
    expect(server.seen).toHaveLength(3)
    expect(seconds).toBeGreaterThanOrEqual(120)
  })

  test('a retry on the connection that is there needs no second tick', async () => {
    let busy = 1
    const server = await serve((_request, response) => void response.writeHead(busy-- > 0 ? 503 : 200).end())
    const retry = { total: 1, backoff: { base: minute, max: minute, jitter: false } }
    const session = new FuturesSession()
    cleanups.push(() => session[Symbol.asyncDispose]())
    const isRetrying = gate()
    session.once('retry', () => isRetrying.open())
    const future = session.get(server.url, { retry })
    await isRetrying.promise
    time.tick(minute)
    expect((await future.result()).status).toBe(200)
  })

  test('a queue timeout, and a total timeout that counts the wait before a retry, reject futures', async () => {
    let busy = 2
    const server = await serve((request, response) => {
      if (request.url === '/busy' && busy-- > 0) response.writeHead(503, { connection: 'close' }).end()
    })
    const retry = { total: 5, backoff: { base: minute, max: minute, factor: 1, jitter: false } }
    const session = new FuturesSession({ maxWorkers: 1, unobserved: 'ignore' })
    cleanups.push(() => session[Symbol.asyncDispose]())
    session.get(`${server.url}/held`)
    await realUntil(time, () => server.seen.length === 1)
    await expectToFail(session.get(server.url, { timeout: { queue: minute } }).result(), minute, { scope: 'queue' })
    session.cancelAll()
    let retries = 0
    session.on('retry', () => retries++)
    const future = session.get(`${server.url}/busy`, { retry, timeout: { read: null, total: 2.5 * minute } })
    for (let count = 1; count <= 2; count++) {
      await realUntil(time, () => retries === count)
      time.tick(minute)
      await realUntil(time, () => server.seen.filter((each) => each === 'GET /busy').length === count + 1)
    }
    await expectToFail(future.result(), minute / 2, { scope: 'total' })
  })

  test('a retry and a total timeout of a request in a thread are timed here', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/busy') response.writeHead(503, { connection: 'close' }).end()
    })
    const retry = { total: 1, backoff: { base: minute, max: minute, jitter: false } }
    const session = new FuturesSession({ executor: openThreads({ threads: 1 }), unobserved: 'ignore' })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const held = session.get(`${server.url}/held`, { timeout: { read: null, total: 5 * minute } })
    await realUntil(time, () => server.seen.length === 1)
    let retries = 0
    session.on('retry', () => retries++)
    session.get(`${server.url}/busy`, { retry })
    await realUntil(time, () => retries === 1)
    time.tick(minute)
    await realUntil(time, () => server.seen.filter((each) => each === 'GET /busy').length === 2)
    // The thread has its own clock; it is given a second more to see to the timeout itself.
    time.tick(4 * minute + 1_000)
    await realUntil(time, () => held.done())
    expect(held.exceptionNow()).toMatchObject({ scope: 'total' })
  })

  test.each([false, true])('a rate limit lets start what its interval allows (perGroup: %o)', async (perGroup) => {
    const executor = new InProcessExecutor({ rateLimit: { limit: 2, interval: minute, perGroup } })
    let started = 0
    const submit = (): unknown => executor.submit(() => ++started)
    const expectStarted = async (count: number): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) await realTurn()
      expect(started).toBe(count)
    }
    for (let count = 0; count < 5; count++) submit()
    await expectStarted(2)
    time.tick(minute - 1)
    await expectStarted(2)
    time.tick(1)
    await expectStarted(4)
    time.tick(minute)
    await expectStarted(5)
    submit()
    await expectStarted(6)
    await executor.shutdown()
  })

  test('what is no matter of time goes on without a tick', async () => {
    const server = await serve((_request, response) => void response.end('here'))
    const session = new FuturesSession({ maxWorkers: 2 })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const futures = Array.from({ length: 6 }, () => session.get(server.url))
    for await (const future of asCompleted(inTurn(futures))) expect((await future.result()).text()).toBe('here')
    await session.onIdle()
    for (let count = 0; count < 3; count++) expect((await session.session.get(server.url)).status).toBe(200)
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    expect(await executor.submit(() => 1).result()).toBe(1)
  })
})

async function* inTurn<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const each of values) {
    await realTurn()
    yield each
  }
}
