import { afterEach, describe, expect, test } from 'vitest'
import {
  CancelledError,
  ConnectionError,
  ExecutorClosedError,
  FuturesSession,
  InProcessExecutor,
  TotalTimeoutError,
  type Executor,
  type Future,
  type FuturesSessionOptions,
  type SubmitOptions,
  type Task,
} from '../../src/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Fails so many times for each path, then answers. */
async function serveFailures(failures: number, headers: Record<string, string> = {}): Promise<TestServer> {
  const hits = new Map<string, number>()
  const server = await startServer((request, response) => {
    const url = request.url ?? ''
    const hit = (hits.get(url) ?? 0) + 1
    hits.set(url, hit)
    if (url.startsWith('/good') || hit > failures) response.end('good')
    else response.writeHead(503, headers).end('bad')
  })
  cleanups.push(() => server.close())
  return server
}

function open(options?: FuturesSessionOptions): FuturesSession {
  const session = new FuturesSession({ unobserved: 'ignore', ...options })
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

const quick = { backoff: { base: 1, jitter: false } }

describe('FuturesSession with `retry`', () => {
  test('tries again, tells of it, and stays running meanwhile', async () => {
    const server = await serveFailures(2)
    const session = open({ retry: { total: 3, ...quick } })
    const log: string[] = []
    session.on('retry', ({ attempt, delay, response, future }) => {
      log.push(`${attempt} ${delay} ${(response as { status: number }).status} ${future.state}`)
    })
    session.on('start', () => log.push('start'))
    session.on('response', ({ attempt }) => log.push(`response ${attempt}`))
    const response = await session.get(server.url).result()
    expect(response.text()).toBe('good')
    expect(log).toEqual(['start', '1 1 503 running', '2 2 503 running', 'response 3'])
    expect(server.seen).toHaveLength(3)
    expect(session.executor.stats()).toMatchObject({ fulfilled: 1, pending: 0, running: 0 })
    expect(session.stats()).toMatchObject({ submitted: 1, fulfilled: 1, running: 0 })
  })

  test('exhausted: the last response, or the last error', async () => {
    const server = await serveFailures(9)
    const session = open({ retry: { total: 1, ...quick } })
    expect((await session.get(server.url).result()).status).toBe(503)
    await server.close()
    expect(await session.get(server.url).exception()).toBeInstanceOf(ConnectionError)
  })

  test('a wait holds no worker, and the next attempt goes to the front', async () => {
    const server = await serveFailures(1, { 'retry-after': '1' })
    const session = open({ maxWorkers: 1, retry: 1 })
    const waiting = session.get(`${server.url}/bad`)
    await until(() => server.seen.length === 1)
    const others = Array.from({ length: 3 }, (_, i) => session.get(`${server.url}/good${i}`))
    for (const other of others) await other.result()
    expect(waiting.state).toBe('running')
    expect(await waiting.text()).toBe('good')
  })

  test('a wait is cancelled at once', async () => {
    const server = await serveFailures(9, { 'retry-after': '30' })
    const session = open({ retry: 5 })
    const future = session.get(server.url)
    await until(() => server.seen.length === 1)
    await turn()
    await turn()
    expect(future.cancel('no more')).toBe(true)
    expect(await future.result().catch((error: unknown) => error)).toBeInstanceOf(CancelledError)
    await session.close()
    expect(server.seen).toHaveLength(1)
  })

  test('a listener of `retry` may cancel: no other attempt is made', async () => {
    const server = await serveFailures(9)
    const session = open({ retry: { total: 3, ...quick } })
    session.on('retry', ({ future }) => future.cancel('enough'))
    await expect(session.get(server.url).result()).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    await session.onIdle()
    await turn()
    expect(server.seen).toHaveLength(1)
    expect(session.stats()).toMatchObject({ cancelled: 1, running: 0 })
  })

  test('an executor that does not take the next attempt fails it: nothing is lost', async () => {
    const server = await serveFailures(9)
    class OnceOnly extends InProcessExecutor {
      #isUsed = false

      override submit<T>(...args: Parameters<Executor['submit']>): Future<T> {
        if (this.#isUsed) throw new ExecutorClosedError('no more')
        this.#isUsed = true
        return super.submit<T>(args[0] as Task<T>, args[1] as SubmitOptions<T>)
      }
    }
    const executor = new OnceOnly()
    cleanups.push(() => executor.shutdown())
    const session = open({ executor, retry: { total: 3, ...quick } })
    expect(await session.get(server.url).exception()).toMatchObject({ name: 'ExecutorClosedError', message: 'no more' })
    expect(session.stats()).toMatchObject({ rejected: 1, running: 0 })
    await executor.onIdle()
  })

  test('the total timeout runs through the waits', async () => {
    const server = await serveFailures(9, { 'retry-after': '30' })
    const session = open({ retry: 5 })
    const error = await session.get(server.url, { timeout: { total: 100 } }).exception()
    expect(error).toBeInstanceOf(TotalTimeoutError)
    expect(session.executor.stats()).toMatchObject({ rejected: 1, running: 0 })
    await session.close()
  })

  test('a borrowed executor that is shut down meanwhile still takes the next attempt', async () => {
    const server = await serveFailures(1, { 'retry-after': '1' })
    const executor = new InProcessExecutor()
    const session = open({ executor, retry: 1 })
    const future = session.get(server.url)
    await until(() => server.seen.length === 1)
    await turn()
    const over = executor.shutdown()
    expect(await session.get(server.url).exception()).toBeInstanceOf(ExecutorClosedError)
    expect(await future.text()).toBe('good')
    await over
  })

  test('the attempt after a wait takes a slot of the rate limit like any other', async () => {
    const server = await serveFailures(1)
    const starts: number[] = []
    const session = open({ rateLimit: { limit: 2, interval: 200 }, retry: { total: 1, ...quick } })
    session.on('start', () => starts.push(performance.now()))
    session.on('retry', () => undefined)
    const begin = performance.now()
    await Promise.all([session.get(`${server.url}/a`).result(), session.get(`${server.url}/b`).result()])
    // Four attempts, two in each window.
    expect(performance.now() - begin).toBeGreaterThan(195)
    expect(server.seen).toHaveLength(4)
  })
})
