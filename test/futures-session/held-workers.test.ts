/** Requests whose hooks, auth functions or sessions wait for a request that no worker is left for: told, once; busy sessions are not. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  asCompleted,
  basic,
  digest,
  Future,
  FuturesSession,
  InProcessExecutor,
  Session,
  taskReference,
  type AuthFunction,
  type FuturesSessionOptions,
  type RequestOptions,
  type Response,
} from '../../src/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { useTimes } from '../helpers/executor-times.ts'
import { until } from '../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, openHere, serve } from '../helpers/remote-sessions.ts'
import { closeExecutorsAfterEach, open as openThreads } from '../helpers/thread-executors.ts'
import { collectWarnings } from '../helpers/warnings.ts'

// Looked at five times, those that hold all workers are told of.
useTimes({ heldInterval: 50 })
closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()
const warnings = collectWarnings('UNDICI_FUTURES_HELD_WORKERS')

const count = 6

/** A session with two workers, and a server that answers at once. */
async function open(options: FuturesSessionOptions = {}): Promise<FuturesSession> {
  const { url } = await serve(({ url }, response) => {
    if (url === '/redirect') response.writeHead(302, { location: '/' }).end()
    else response.writeHead(url === '/bad' ? 500 : 200).end('{}')
  })
  return openHere({ maxWorkers: 2, baseUrl: url, ...options })
}

/** What waits for a request of its own, on the session that it is part of: a session that is set up so, and the paths to ask for. */
type Nesting = (ask: () => Promise<unknown>) => {
  options?: FuturesSessionOptions
  request?: RequestOptions
  path?: string
}

/** A nested request must not nest again. */
const plain: RequestOptions = { auth: ['user', 'password'], hooks: {} }

const nestings: Record<string, Nesting> = {
  'a request hook': (ask) => ({
    request: {
      hooks: {
        request: async () => {
          await ask()
        },
      },
    },
  }),
  'a response hook': (ask) => ({
    request: {
      hooks: {
        response: async () => {
          await ask()
        },
      },
    },
  }),
  'a redirect hook': (ask) => ({
    request: {
      hooks: {
        redirect: async () => {
          await ask()
        },
      },
    },
    path: '/redirect',
  }),
  'an error hook': (ask) => ({
    request: {
      hooks: {
        error: async () => {
          await ask()
        },
      },
      raiseForStatus: true,
    },
    path: '/bad',
  }),
  'an auth function': (ask) => ({
    options: {
      auth: async () => {
        await ask()
      },
    },
  }),
  'an auth generator, before its request': (ask) => ({
    options: {
      auth: async function* (request) {
        await ask()
        yield request
      },
    },
  }),
  'an auth generator, after its response': (ask) => ({
    options: {
      auth: async function* (request) {
        yield request
        await ask()
        yield request
      },
    },
  }),
  'an auth generator, after a failure': (ask) => ({
    request: { retry: 0 },
    options: {
      auth: async function* (request) {
        request.url = 'http://127.0.0.1:1/'
        try {
          yield request
        } catch {
          await ask()
        }
      },
    },
  }),
  'a hook by reference': (ask) => {
    Object.assign(globalThis, { askMore: ask })
    return {
      request: {
        hooks: {
          response: taskReference(
            'data:text/javascript,export const ask = async () => { await globalThis.askMore() }',
            'ask',
          ),
        },
      },
    }
  },
  'an auth function by reference': (ask) => {
    Object.assign(globalThis, { askMore: ask })
    return {
      options: {
        auth: taskReference(
          'data:text/javascript,export const ask = async (a) => { await globalThis.askMore(a) }',
          'ask',
        ),
      },
    }
  },
}

describe('A deadlock is told once, with maxWorkers and the way out, where it is made by', () => {
  test.each(Object.keys(nestings))('%s', async (kind) => {
    let asked = 0
    const ask = (): Promise<unknown> => session.get('/', { ...plain, params: { nested: asked++ } }).result()
    const { options, request, path = '/' } = nestings[kind]!(ask)
    const session = await open(options)
    for (let index = 0; index < count; index++) session.get(path, request)
    await until(() => warnings.length > 0)
    expect(warnings).toEqual([expect.stringMatching(/`maxWorkers`: 2.*`context\.session`/)])
    expect(asked).toBe(2)
  })

  test('a token that all of them wait for', async () => {
    let token: Promise<string> | undefined
    const auth: AuthFunction = async (request) => {
      token ??= session.post('/token', plain).text()
      request.headers.set('Authorization', `Bearer ${await token}`)
    }
    const session = await open({ auth })
    for (let index = 0; index < count; index++) session.get('/')
    await until(() => warnings.length > 0)
    expect(session.stats()).toMatchObject({ fulfilled: 0, running: 2 })
  })

  test('pagination in a hook: map(), asCompleted() and a pool', async () => {
    const pools: Pool[] = []
    const waits: ((session: FuturesSession) => Promise<unknown>)[] = [
      (session) => session.map(['/1', '/2']).next(),
      (session) => asCompleted([session.get('/1', plain), session.get('/2', plain)]).next(),
      (session) => Future.all([session.get('/1', plain)]),
      ({ executor, session }) => {
        const clone = () => (session as Session).clone()
        const pool = new Pool({ executor, session: clone, jobQueue: [{ url: '/1' }], numProcesses: 1 })
        pools.push(pool)
        return pool.responses().next()
      },
    ]
    for (const wait of waits) {
      warnings.length = 0
      const session = await open()
      const response = async (): Promise<void> => {
        await wait(session)
      }
      for (let index = 0; index < 2; index++) session.get('/', { hooks: { response } })
      await until(() => warnings.length > 0)
      for (const pool of pools) pool.cancel()
    }
  })

  test('a session of somebody else, or a subclass', async () => {
    const server = await serve()
    const asking = (): { request(method: string, url: string | URL): Promise<Response> } => ({
      async request(method, url) {
        if (!String(url).endsWith('nested')) await session.get(`${server.url}/nested`).result()
        return inner.request(method, url)
      },
    })
    const inner = new Session()
    class Asking extends Session {
      override async request(method: string, url: string | URL, options?: RequestOptions): Promise<Response> {
        if (!String(url).endsWith('nested')) await session.get(`${server.url}/nested`).result()
        return super.request(method, url, options)
      }
    }
    let session: FuturesSession
    for (const wrapped of [asking(), new Asking()]) {
      warnings.length = 0
      session = new FuturesSession({ session: wrapped, maxWorkers: 2, unobserved: 'ignore' })
      for (let index = 0; index < 3; index++) session.get(server.url)
      await until(() => warnings.length > 0)
      await session[Symbol.asyncDispose]()
    }
    await inner.close()
  })

  test('sessions that share an executor, and tasks of it', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 3 })
    const [one, other] = [
      await open({ executor, maxWorkers: undefined }),
      await open({ executor, maxWorkers: undefined }),
    ]
    const hooks = (session: FuturesSession) => ({
      response: async () => {
        await session.get('/', plain).result()
      },
    })
    one.get('/', { hooks: hooks(other) })
    other.get('/', { hooks: hooks(one) })
    executor.submit(() => one.get('/', plain).result())
    await until(() => warnings.length > 0)
    one.cancelAll()
    other.cancelAll()
    await executor.shutdown({ cancelRunning: true, cancelPending: true, wait: false })
  })

  test('one origin that has all its workers', async () => {
    const session = await open({ maxWorkers: 8, maxWorkersPerOrigin: 2 })
    const response = async (): Promise<void> => {
      await session.get('/', plain).result()
    }
    for (let index = 0; index < 2; index++) session.get('/', { hooks: { response } })
    await until(() => warnings.length > 0)
    expect(warnings[0]).toMatch(/`maxWorkersPerOrigin` beside `maxWorkers`: 2/)
  })

  test('the next attempt of a request that had a worker before', async () => {
    let attempts = 0
    const { url } = await serve((request, response) => {
      response.statusCode = request.url === '/nested' && attempts++ === 0 ? 503 : 200
      response.end()
    })
    const session = openHere({ maxWorkers: 2, baseUrl: url })
    const retry = { total: 1, backoff: { base: 100, jitter: false } }
    const nested = session.get('/nested', { retry })
    await until(() => session.stats().running === 1 && attempts === 1)
    const response = async (): Promise<void> => {
      await nested.result()
    }
    for (let index = 0; index < 3; index++) session.get('/', { hooks: { response } })
    await until(() => warnings.length > 0)
    expect(attempts).toBe(1)
  })
})

test('A busy session is not told of anything: nothing waits for what its own code has asked for, or it goes on', async () => {
  const slow = await serve((_request, response) => void setTimeout(() => response.end('{}'), 600))
  const streaming = await serve((_request, response) => {
    response.write('first')
    setTimeout(() => response.end('last'), 600)
  })
  const quick = await serve()
  const cases: Promise<unknown>[] = []

  // Slow servers, with hooks and auth functions that wait for requests of theirs as soon as they are answered.
  const busy = openHere({ maxWorkers: 3, auth: basic('user', 'password') })
  const nested = async (): Promise<void> => {
    await busy.get(quick.url, plain).result()
  }
  cases.push(...[slow, slow, slow].map(({ url }) => busy.get(url).result()))
  const two = openHere({ maxWorkers: 3, auth: digest('user', 'password') })
  const askTwo = async (): Promise<void> => {
    await two.get(slow.url, plain).result()
  }
  cases.push(...[quick, quick].map(({ url }) => two.get(url, { hooks: { response: askTwo } }).result()))
  cases.push(busy.get(quick.url, { hooks: { response: nested }, priority: -1 }).result())

  // Hooks that take long and follow up, without waiting for that.
  const crawler = openHere({ maxWorkers: 2 })
  const follow = async (): Promise<void> => {
    crawler.get(quick.url, plain).addDoneCallback(() => {})
    await sleep(600)
  }
  for (let index = 0; index < 2; index++) crawler.get(quick.url, { hooks: { response: follow } })
  cases.push(crawler.onIdle())

  // The inner session needs no worker, however slow its server is.
  const inner = openHere({ maxWorkers: 2 })
  const askInner = async (_response: Response, context: { session: Session }): Promise<void> => {
    await context.session.get(slow.url)
  }
  cases.push(...[1, 2, 3].map(() => inner.get(quick.url, { hooks: { response: askInner } }).result()))

  // Streamed bodies hold their workers while they are read.
  const streams = openHere({ maxWorkers: 2, stream: true })
  const read = async (): Promise<void> => {
    const response = await streams.get(streaming.url).result()
    const next = streams.get(quick.url).result()
    await response.read()
    await (await next).read()
  }
  cases.push(read(), read())

  // A retry that waits, a session that is paused, threads.
  const executor = new InProcessExecutor({ maxWorkers: 1 })
  const paused = openHere({ executor })
  const askPaused = async (): Promise<void> => {
    executor.pause()
    const future = paused.get(quick.url, plain).result()
    setTimeout(() => executor.resume(), 600)
    await Promise.race([future, sleep(600)])
  }
  cases.push(paused.get(quick.url, { hooks: { response: askPaused } }).result())
  const threads = openHere({ executor: openThreads({ maxWorkers: 1, threads: 1 }) })
  const task = new InProcessExecutor({ maxWorkers: 1 })
  cases.push(task.submit(() => Future.all([threads.get(slow.url), threads.get(quick.url)])).result())

  await Promise.all(cases)
  await executor.shutdown()
  expect(warnings).toEqual([])
})
