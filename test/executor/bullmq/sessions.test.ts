/** Requests of FuturesSessions that other processes send. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HTTPError, ModuleNotAllowedError, TaskNotCloneableError, TotalTimeoutError } from '../../../src/errors.ts'
import { asCompleted } from '../../../src/future/as-completed.ts'
import { FuturesSession } from '../../../src/futures-session/futures-session.ts'
import { digest } from '../../../src/session/auth/digest.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { eventually, Fleet } from '../../helpers/fleet.ts'
import { hasRedis } from '../../helpers/redis.ts'
import { startServer, type TestServer } from '../../helpers/fleet-server.ts'

describe.skipIf(!hasRedis)('FuturesSession over a fleet', () => {
  let fleet: Fleet
  let server: TestServer

  beforeAll(async () => {
    fleet = await Fleet.open()
    server = await startServer()
    // Their clocks have begun at other times than ours.
    await Promise.all([fleet.worker({ shift: 1_000_000 }), fleet.worker({ shift: -5000 })])
  })

  afterAll(async () => {
    await fleet[Symbol.asyncDispose]()
    await server.close()
  })

  const open = (options: object = {}): FuturesSession =>
    new FuturesSession({ executor: fleet.executor(), baseUrl: server.url, ...options })

  test('sends what a session sends, and brings back what came', async () => {
    const session = open({ headers: { 'x-one': '1' }, params: { q: 'a b' } })
    const response = await session.post('/echo', { json: { a: [1, 'ü'] }, context: { mine: 1 } }).result()
    expect(response.json()).toMatchObject({ method: 'POST', url: '/echo?q=a+b', body: '{"a":[1,"ü"]}' })
    expect(response.json<{ headers: object }>().headers).toMatchObject({
      'x-one': '1',
      'content-type': 'application/json',
    })
    expect(response.request.method).toBe('POST')
  })

  test.each([0, 1, 4095, 4096, 16_384, 16_385, 70_000, 3_000_000])(
    'brings a body of %i bytes both ways',
    async (size) => {
      const body = Buffer.alloc(size, 'abcdefg')
      const response = await open().put('/mirror', { data: body }).result()
      expect(Buffer.compare(response.content, body)).toBe(0)
      expect(response.content.buffer.byteLength).toBe(size)
    },
  )

  test('sends Blobs and forms', async () => {
    const session = open()
    const blob = new Blob(['in a blob'], { type: 'text/x-blob' })
    expect(await session.post('/mirror', { data: blob }).text()).toBe('in a blob')
    const text = await session.post('/mirror', { files: { f: ['name.txt', blob] }, data: { a: '1' } }).text()
    expect(text).toMatch(/name="f"; filename="name.txt"\r\n[^]*in a blob/)
  })

  test('follows redirects, with history and events as they happen', async () => {
    const session = open()
    const redirects: string[] = []
    session.on('redirect', ({ response }) => redirects.push((response as { url: string }).url))
    const response = await session.get('/redirect').result()
    expect(response.history.map(({ status }) => status)).toEqual([302])
    expect(redirects).toEqual([`${server.url}/redirect`])
  })

  test('follows none where the session says so', async () => {
    const session = open({ allowRedirects: false })
    expect((await session.get('/redirect').result()).status).toBe(302)
    expect((await session.get('/redirect', { allowRedirects: true }).result()).status).toBe(200)
  })

  test('merges cookies, from any worker to any worker', async () => {
    const session = open()
    await session.get('/set-cookie?a=1').result()
    await session.get('/set-cookie?b=2').result()
    for (let count = 0; count < 4; count++) {
      const { headers } = await session.get('/echo').json<{ headers: { cookie: string } }>()
      expect(headers.cookie.split('; ').sort()).toEqual(['a=1', 'b=2'])
    }
  })

  test('does digest, and retries, over several workers', async () => {
    const session = open({ auth: digest('user', 'password'), retry: { total: 3, backoff: { base: 1 } } })
    expect(await session.get('/digest').text()).toBe('welcome')
    const response = await session.get(`/fails-twice?${Math.random()}`).result()
    expect([response.status, server.count('/fails-twice')]).toEqual([200, 3])
  })

  test('counts the total timeout from the first attempt, whatever the clocks of workers say', async () => {
    const retry = { total: 50, backoff: { base: 100, jitter: false, factor: 1 } }
    const start = performance.now()
    const error = await open()
      .get('/fails', { retry, timeout: { total: 700 } })
      .exception()
    expect(error).toBeInstanceOf(TotalTimeoutError)
    expect(performance.now() - start).toBeGreaterThan(600)
    const response = await open()
      .get('/fails', { retry: { ...retry, total: 2 }, timeout: { total: 60_000 } })
      .result()
    expect(response.status).toBe(503)
  })

  test('runs hooks that the workers know, and refuses others', async () => {
    const known = open({ hooks: { response: taskReference('fleet-hooks', 'count') } })
    const response = await known.get('/echo').result()
    expect(response.data).toEqual({ status: 200 })
    const code = 'data:text/javascript,export function f(response) { response.data = process.pid }'
    for (const module of [code, 'node:fs', new URL('../../fixtures/fleet-hooks.mjs', import.meta.url).href]) {
      for (const options of [{ hooks: { response: { module, name: 'f' } } }, { auth: { module, name: 'f' } }]) {
        const error = (await open().get('/echo', options).exception()) as Error
        expect(error).toBeInstanceOf(ModuleNotAllowedError)
        expect(error.message).toMatch(/`modules`/)
      }
    }
    const task = await known.executor
      .submit({ module: 'node:fs', name: 'readFileSync', args: ['/etc/passwd'] })
      .exception()
    expect(task).toBeInstanceOf(ModuleNotAllowedError)
  })

  test('brings errors with their requests and responses', async () => {
    const error = (await open({ raiseForStatus: true }).get('/fails').exception()) as HTTPError
    expect(error).toBeInstanceOf(HTTPError)
    expect([error.response.status, error.request.url]).toEqual([503, `${server.url}/fails`])
    expect(await open().get('http://127.0.0.1:1/').exception()).toMatchObject({ code: 'ERR_CONNECTION' })
  })

  test('refuses streams, functions and dispatchers at once', () => {
    const session = open()
    expect(() => session.get('/echo', { stream: true })).toThrow(TaskNotCloneableError)
    expect(() => session.get('/echo', { hooks: { response: () => undefined } })).toThrow(/in another process: `hooks/)
  })

  test('ends the exchange of a running request that is cancelled', async () => {
    const session = open()
    const future = session.get('/hangs')
    await eventually(() => server.count('/hangs') === 1)
    future.cancel()
    await eventually(() => server.aborted === 1)
    expect(session.executor.stats()).toMatchObject({ cancelled: 1, running: 0 })
  })

  test('counts the queue timeout until a worker begins', async () => {
    const executor = fleet.executor({ queueName: 'nobody-is-there' })
    const session = new FuturesSession({ executor, baseUrl: server.url })
    expect(await session.get('/echo', { timeout: { queue: 200 } }).exception()).toMatchObject({ scope: 'queue' })
    await executor.shutdown()
  })

  test('does hundreds at once, each once', async () => {
    const session = open()
    const futures = Array.from({ length: 600 }, (_, index) => session.post('/once', { data: String(index) }))
    for await (const future of asCompleted(futures)) expect((await future.result()).status).toBe(200)
    expect(server.bodies.sort()).toEqual(Array.from({ length: 600 }, (_, index) => String(index)).sort())
  })
})

describe.skipIf(!hasRedis)('FuturesSession over a fleet whose workers have threads', () => {
  test('does the same there, limited as the workers are', async () => {
    await using fleet = await Fleet.open()
    const server = await startServer()
    try {
      await fleet.worker({ threads: 1, entry: new URL('../../../dist/bullmq.js', import.meta.url).pathname })
      const session = new FuturesSession({ executor: fleet.executor(), baseUrl: server.url })
      const response = await session
        .get('/echo', { hooks: { response: taskReference('fleet-hooks', 'count') } })
        .result()
      expect(response.data).toEqual({ status: 200 })
      const data = { module: 'data:text/javascript,export const f = () => {}', name: 'f' }
      const error = await session.get('/echo', { hooks: { response: data } }).exception()
      expect(error).toBeInstanceOf(ModuleNotAllowedError)
    } finally {
      await server.close()
    }
  })
})
