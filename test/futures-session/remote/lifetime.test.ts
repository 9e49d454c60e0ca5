import { describe, expect, test } from 'vitest'
import {
  asCompleted,
  CancelledError,
  FuturesSession,
  QueueTimeoutError,
  SessionClosedError,
  taskReference,
  WorkerCrashedError,
} from '../../../src/index.ts'
import { gate, until } from '../../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

describe('Cancelling a request in a thread', () => {
  test('closes its socket, and nothing else: neighbours and warm connections stay', async () => {
    const go = gate()
    const server = await serve((request, response) => {
      if (request.url === '/stuck') return
      if (request.url === '/slow') void go.promise.then(() => response.end('slow'))
      else response.end('quick')
    })
    const session = openRemote({}, { threads: 1 })
    await Promise.all([1, 2, 3].map(() => session.get(server.url).result()))
    const opened = server.connections
    const stuck = session.get(`${server.url}/stuck`)
    const slow = session.get(`${server.url}/slow`)
    await until(() => server.seen.includes('GET /slow') && server.seen.includes('GET /stuck'))
    const open = server.openSockets.size
    expect(stuck.cancel('no longer wanted')).toBe(true)
    const error = await stuck.result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CancelledError)
    expect((error as Error).cause).toBe('no longer wanted')
    await until(() => server.openSockets.size === open - 1)
    go.open()
    expect(await slow.text()).toBe('slow')
    await session.get(server.url).result()
    expect(server.connections).toBe(opened)
  })

  test('before its turn never leaves this isolate', async () => {
    const server = await serve(() => undefined)
    const session = openRemote({}, { maxWorkers: 1 })
    const running = session.get(`${server.url}/running`)
    const waiting = session.get(`${server.url}/waiting`)
    await until(() => server.seen.length === 1)
    waiting.cancel()
    running.cancel()
    await session.onIdle()
    expect(server.seen).toEqual(['GET /running'])
    expect(session.stats()).toMatchObject({ cancelled: 2, running: 0, pending: 0 })
  })

  test('by its signal, and while it waits for another attempt', async () => {
    const server = await serve((_, response) => response.writeHead(503).end())
    const session = openRemote()
    const controller = new AbortController()
    const retry = { total: 3, backoff: { base: 60_000, jitter: false } }
    const future = session.get(server.url, { signal: controller.signal, retry })
    await new Promise((resolve) => session.once('retry', resolve))
    controller.abort('changed my mind')
    expect(future.cancelled()).toBe(true)
    expect((future.signal.reason as Error).cause).toBe('changed my mind')
  })

  test('a hook that hears nothing ends its thread, with its neighbours', async () => {
    const server = await serve((request, response) => {
      if (request.url !== '/neighbour') response.end()
    })
    const session = openRemote({}, { threads: 1 })
    const neighbour = session.get(`${server.url}/neighbour`)
    await until(() => server.seen.length === 1)
    const spinning = new ThreadGate()
    const stuck = session.get(server.url, { hooks: { response: hook('spin', spinning.memory) } })
    await spinning.arrived()
    stuck.cancel()
    expect(stuck.cancelled()).toBe(true)
    expect(await neighbour.exception()).toBeInstanceOf(WorkerCrashedError)
    expect((await session.get(server.url).result()).status).toBe(200)
  })

  test('leaves a queue timeout to the parent', async () => {
    const server = await serve(() => undefined)
    const session = openRemote({}, { maxWorkers: 1 })
    const running = session.get(server.url)
    const error = await session.get(server.url, { timeout: { queue: 20 } }).exception()
    expect(error).toBeInstanceOf(QueueTimeoutError)
    running.cancel()
  })
})

describe('A thread that dies', () => {
  test('rejects the requests that it had; the next has another one', async () => {
    const server = await serve((request, response) => {
      if (request.url !== '/stuck') response.end('fine')
    })
    const session = openRemote({}, { threads: 1 })
    const stuck = session.get(`${server.url}/stuck`)
    await until(() => server.seen.length === 1)
    const gate = new ThreadGate()
    gate.open()
    session.executor.submit(fixture('gate-tasks.mjs', 'passAndExit', gate.memory, 3))
    const error = await stuck.exception()
    expect(error).toBeInstanceOf(WorkerCrashedError)
    expect((error as WorkerCrashedError).exitCode).toBe(3)
    expect(await session.get(server.url).text()).toBe('fine')
    expect(session.stats()).toMatchObject({ rejected: 1, fulfilled: 1, running: 0 })
  })

  test('before a hook module is found rejects with what the import said', async () => {
    const server = await serve()
    const missing = taskReference(new URL('./nowhere.mjs', import.meta.url), 'hook')
    const error = await openRemote()
      .get(server.url, { hooks: { response: missing as never } })
      .exception()
    expect(error).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' })
  })
})

describe('The end of a session on a borrowed WorkerThreadExecutor', () => {
  test('close() closes its connections in the threads, and leaves those of others', async () => {
    const server = await serve()
    const executor = open({ threads: 2 })
    const one = openRemote({ executor })
    const other = openRemote({ executor })
    await Promise.all([1, 2, 3, 4].map(() => one.get(server.url).result()))
    await other.get(server.url).result()
    const all = server.openSockets.size
    expect(all).toBeGreaterThan(1)
    await one.close()
    await until(() => server.openSockets.size === 1)
    const before = server.connections
    await other.get(server.url).result()
    expect(server.connections).toBeLessThanOrEqual(before + 1)
    await other.close()
    await until(() => server.openSockets.size === 0)
    expect(() => one.get(server.url)).toThrow(SessionClosedError)
    expect(await executor.submit(fixture('arithmetic-tasks.mjs', 'add', 1, 2)).result()).toBe(3)
  })

  test('`await using` cancels what is left, and waits until it has stopped there', async () => {
    const server = await serve(() => undefined)
    const executor = open()
    const futures = []
    {
      await using session = new FuturesSession({ executor })
      for (let index = 0; index < 10; index++) futures.push(session.get(server.url))
      await until(() => server.seen.length === 8)
    }
    expect(futures.map(({ state }) => state)).toEqual(Array(10).fill('cancelled'))
    await until(() => server.openSockets.size === 0)
    expect(executor.stats()).toMatchObject({ pending: 0, running: 0, cancelled: 10 })
  })

  test('connections are kept from request to request, in each thread', async () => {
    const server = await serve()
    const session = openRemote({}, { threads: 1 })
    for (let index = 0; index < 20; index++) {
      session.headers.set('X-Count', index)
      await session.get(server.url).result()
    }
    expect(server.connections).toBe(1)
  })
})

describe('Many requests in threads', () => {
  test('stay within the bounds, and come as they complete', async () => {
    const server = await serve((_, response) => setImmediate(() => response.end('x')))
    const session = openRemote({ maxWorkersPerOrigin: 3 }, { threads: 2 })
    const futures = Array.from({ length: 100 }, (_, index) => Object.assign(session.get(server.url), { index }))
    const seen = new Set<number>()
    for await (const future of asCompleted(futures)) seen.add(future.index)
    expect(seen.size).toBe(100)
    expect(server.peak).toBeLessThanOrEqual(3)
    expect(session.stats()).toMatchObject({ submitted: 100, fulfilled: 100, bytes: 100 })
  })

  test('by map() too', async () => {
    const server = await serve()
    const session = openRemote()
    const urls = Array.from({ length: 50 }, (_, index) => `${server.url}/${index}`)
    const paths: unknown[] = []
    for await (const future of session.map(urls, { ordered: true }))
      paths.push((await future.json<{ url: string }>()).url)
    expect(paths).toEqual(urls.map((_, index) => `/${index}`))
  })
})
