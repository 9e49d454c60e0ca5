import { afterEach, describe, expect, test } from 'vitest'
import {
  ConnectionError,
  InProcessExecutor,
  taskReference,
  TaskNotCloneableError,
  userAgent,
  type SessionLike,
} from '../../src/index.ts'
import { Pool, type PoolOptions } from '../../src/pool/index.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { PretendIsolatedExecutor } from '../testing/pretend-isolated-executor.ts'
import { answering, collect, collectBoth, isBalanced, jobs, type Answer } from './collect.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Answers with the headers that it got, and sets a cookie that counts the requests of each client. */
async function serveEcho(): Promise<TestServer> {
  const server = await startServer(({ headers }, response) => {
    const count = Number(/count=(\d+)/.exec(headers.cookie ?? '')?.[1] ?? 0) + 1
    response.setHeader('set-cookie', `count=${count}`)
    response.end(JSON.stringify({ headers, count }))
  })
  cleanups.push(() => server.close())
  return server
}

const setup = new URL('../fixtures/session-setup.mjs', import.meta.url)

/** Sessions that count how many of them are open. */
class CountedSessions {
  made = 0
  open = 0
  readonly requested: string[] = []

  readonly make = (): SessionLike<Answer> => {
    this.made++
    this.open++
    return {
      request: async (_method, url) => {
        this.requested.push(String(url))
        return { url: String(url) }
      },
      close: () => this.open--,
    }
  }
}

describe('a pool’s sessions', () => {
  test('are one for each worker, made in the order constructor, initializer, auth generator', async () => {
    const log: string[] = []
    const sessions: SessionLike<Answer>[] = []
    const pool = new Pool({
      jobQueue: jobs(5),
      numProcesses: 2,
      session: () => {
        log.push('session')
        sessions.push(answering())
        return sessions.at(-1)!
      },
      initializer: (session, key: string, n: number) => {
        log.push(`initializer ${sessions.indexOf(session)} ${key} ${n}`)
      },
      initargs: ['key', 7],
      authGenerator: (session) => log.push(`auth ${sessions.indexOf(session)}`),
    })
    expect(log).toEqual([])
    await pool.joinAll()
    expect(log).toEqual(['session', 'initializer 0 key 7', 'auth 0', 'session', 'initializer 1 key 7', 'auth 1'])
    expect(pool.stats().responses).toBe(5)
  })

  test('are used even if initializer and auth generator return nothing, or something that is no session', async () => {
    const server = await serveEcho()
    const initializers: PoolOptions['initializer'][] = [
      (session) => {
        session.timeout = 30_000
        session.headers.set('User-Agent', userAgent('my-scraper', '0.1'))
      },
      (session) => session.headers.set('User-Agent', userAgent('my-scraper', '0.1')),
      (session) => {
        session.headers.set('User-Agent', userAgent('my-scraper', '0.1'))
        return session
      },
      async (session) => {
        await turn()
        session.headers.set('User-Agent', userAgent('my-scraper', '0.1'))
      },
      (session) =>
        Promise.resolve(session.clone()).then((clone) => {
          session.headers.set('User-Agent', 'the wrong one')
          clone.headers.set('User-Agent', userAgent('my-scraper', '0.1'))
          return clone
        }),
    ]
    for (const initializer of initializers) {
      const pool = new Pool({
        jobQueue: jobs(3, server.url),
        numProcesses: 2,
        initializer,
        authGenerator: (session) => (session.auth = ['user', 'password']),
      })
      const seen = (await collect(pool.responses())).map((response) => response.json<{ headers: object }>().headers)
      expect(seen).toHaveLength(3)
      for (const headers of seen) {
        expect(headers).toMatchObject({
          'user-agent': /^my-scraper\/0.1 /,
          authorization: /^Basic /,
        })
      }
    }
    await until(() => server.openSockets.size === 0)
  })

  test('share connections, but neither cookies nor headers nor auth', async () => {
    const server = await serveEcho()
    let made = 0
    const pool = new Pool({
      jobQueue: jobs(12, server.url),
      numProcesses: 3,
      initializer: (session) => session.headers.set('X-Worker', made++),
    })
    const counts = new Map<string, number[]>()
    for await (const response of pool.responses()) {
      const { headers, count } = response.json<{ headers: Record<string, string>; count: number }>()
      counts.set(headers['x-worker']!, [...(counts.get(headers['x-worker']!) ?? []), count])
    }
    expect([...counts.values()].flat()).toHaveLength(12)
    // Each worker's own cookie counts that worker's requests only.
    for (const each of counts.values()) expect(each.sort((a, b) => a - b)).toEqual(each.map((_, index) => index + 1))
    expect(server.connections).toBeLessThanOrEqual(3)
  })

  test('share a connection that is free', async () => {
    const server = await serveEcho()
    const pool = new Pool({ numProcesses: 4 })
    const responses = pool.responses()
    for (const job of jobs(8, server.url)) {
      pool.put(job)
      await responses.next()
    }
    await pool.joinAll()
    expect(server.connections).toBe(1)
  })

  test('may be fetch in five lines', async () => {
    const server = await serveEcho()
    const session = {
      request: (method: string, url: string | URL, { signal }: { signal?: AbortSignal | undefined } = {}) =>
        fetch(url, { method, ...(signal && { signal }) }),
    }
    const pool = new Pool({ jobQueue: [...jobs(3, server.url), { url: 'http://127.0.0.1:1' }], session: () => session })
    const { responses, exceptions } = await collectBoth(pool.responses(), pool.exceptions())
    for (const response of responses) {
      expect(response).toBeInstanceOf(globalThis.Response)
      expect(await response.json()).toMatchObject({ count: 1 })
      expect(response.requestKwargs.url).toBe(response.url)
    }
    expect(exceptions.map(({ message }) => message)).toEqual(['fetch failed'])
  })

  test('made by the caller are closed with the pool, and so is what took their place', async () => {
    const sessions = new CountedSessions()
    const pool = new Pool({
      jobQueue: jobs(10),
      numProcesses: 3,
      session: sessions.make,
      initializer: () => sessions.make(),
    })
    await pool.joinAll()
    expect(sessions).toMatchObject({ made: 6, open: 0 })
    expect(sessions.requested).toHaveLength(10)
  })

  test('that can’t be closed make joinAll() reject, and lose nothing', async () => {
    const error = new Error('close')
    const pool = new Pool({
      jobQueue: jobs(2),
      numProcesses: 1,
      session: () => ({ ...answering(), close: () => Promise.reject(error) }),
    })
    expect(await collect(pool.responses())).toHaveLength(2)
    await expect(pool.joinAll()).rejects.toBe(error)
  })
})

describe('an initializer or auth generator that fails', () => {
  const failures: Record<string, PoolOptions<SessionLike<Answer>>> = {
    'session()': { session: () => { throw undefined } }, // prettier-ignore
    'async session()': { session: () => Promise.reject(undefined) },
    initializer: { initializer: () => { throw undefined } }, // prettier-ignore
    'async initializer': { initializer: () => Promise.reject(undefined) },
    authGenerator: { authGenerator: () => { throw undefined } }, // prettier-ignore
    'async authGenerator': { authGenerator: async () => turn().then(() => Promise.reject(undefined)) },
  }

  test.each(Object.keys(failures))(
    'fails the pool, starts no job, leaves nothing open: %s, with undefined',
    async (name) => {
      const sessions = new CountedSessions()
      const options = { session: sessions.make, ...failures[name], jobQueue: jobs(5), numProcesses: 3 }
      const pool = new Pool(options)
      const outcomes = await Promise.allSettled([
        pool.responses().next(),
        pool.responses().next(),
        pool.exceptions().next(),
        pool.joinAll(),
      ])
      expect(outcomes).toEqual(outcomes.map(() => ({ status: 'rejected', reason: undefined })))
      expect(sessions.open).toBe(0)
      expect(sessions.requested).toEqual([])
      expect(isBalanced(pool)).toBe(true)
      expect(() => pool.put({ url: 'x' })).toThrow('closed')
      await pool[Symbol.asyncDispose]()
    },
  )

  test('in one worker of several stops all, when the others have answered', async () => {
    const sessions = new CountedSessions()
    const slow = gate()
    const error = new Error('the second')
    let calls = 0
    const pool = new Pool({
      jobQueue: jobs(5),
      numProcesses: 3,
      session: sessions.make,
      initializer: async () => {
        if (++calls === 2) throw error
        await slow.promise
      },
    })
    let isOver = false
    const next = expect(pool.responses().next()).rejects.toBe(error)
    void next.then(() => (isOver = true))
    await turn()
    expect(isOver).toBe(false)
    slow.open()
    await next
    expect(sessions.open).toBe(0)
    expect(sessions.requested).toEqual([])
    await expect(pool.joinAll()).rejects.toBe(error)
  })

  test('that nobody asks for is no unhandled rejection', async () => {
    new Pool({ jobQueue: jobs(1), initializer: () => Promise.reject(new Error('unheard')) })
    await turn()
    await turn()
  })

  test('a factory that makes no session is a TypeError', async () => {
    const pool = new Pool({ jobQueue: jobs(1), session: () => 5 as unknown as SessionLike<Answer> })
    await expect(pool.joinAll()).rejects.toThrow(/session\(\)/)
  })

  test('requests of an initializer leave no socket', async () => {
    const server = await serveEcho()
    const pool = new Pool({
      jobQueue: jobs(1, server.url),
      numProcesses: 2,
      initializer: async (session) => {
        await session.get(`${server.url}/login`)
        throw new Error('wrong password')
      },
    })
    await expect(pool.joinAll()).rejects.toThrow('wrong password')
    await until(() => server.openSockets.size === 0)
    expect(server.seen).toEqual(['GET /login', 'GET /login'])
  })
})

describe('a borrowed executor', () => {
  test('runs the jobs, and is left as it is', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 2 })
    const session = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(6), numProcesses: 4, session: () => session, executor })
    for (let index = 0; index < 6; index++) {
      await until(() => session.requests.length > index)
      session.answer(index)
    }
    await pool.joinAll()
    expect(session.peak).toBe(2)
    expect(executor.stats()).toMatchObject({ fulfilled: 6 })
    expect(await executor.submit(() => 'still there').result()).toBe('still there')
  })

  test('that is shut down makes exceptions of the jobs', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    const session = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(5), numProcesses: 2, session: () => session, executor })
    await until(() => session.requests.length === 1)
    void executor.shutdown({ cancelPending: true })
    await turn()
    session.answer(0)
    await pool.joinAll()
    expect(pool.stats()).toEqual({ submitted: 5, responses: 1, exceptions: 4, cancelled: 0 })
    const codes = (await collect(pool.exceptions())).map(({ code }) => code)
    expect(codes.sort()).toEqual(['ABORT_ERR', ...Array<string>(3).fill('ERR_EXECUTOR_CLOSED')])
  })

  test('that is isolated takes task references only', () => {
    const executor = new PretendIsolatedExecutor({ maxWorkers: 2 })
    for (const name of ['initializer', 'authGenerator'] as const) {
      const make = (): unknown => new Pool({ jobQueue: jobs(1), executor, [name]: () => undefined })
      expect(make).toThrow(TaskNotCloneableError)
      expect(make).toThrow(new RegExp(`\`${name}\`.*Pool and map`))
    }
  })
})

describe('task references', () => {
  test('are initializers and auth generators: their own args first, then the session, then initargs', async () => {
    const server = await serveEcho()
    const pool = new Pool({
      jobQueue: jobs(2, server.url),
      numProcesses: 2,
      initializer: taskReference(setup, 'setHeader', 'X-Key'),
      initargs: ['k'],
      authGenerator: taskReference(setup, 'useBasicAuth', 'me'),
    })
    for await (const response of pool.responses()) {
      const { headers } = response.json<{ headers: Record<string, string> }>()
      expect(headers).toMatchObject({ 'x-key': 'k', authorization: `Basic ${btoa('me:secret')}` })
    }
    expect(pool.stats().responses).toBe(2)
  })

  test('that fail, fail the pool', async () => {
    const failing = new Pool({ jobQueue: jobs(1), initializer: taskReference(setup, 'fail') })
    await expect(failing.joinAll()).rejects.toThrow('the reference failed')
    const missing = new Pool({ jobQueue: jobs(1), authGenerator: taskReference(setup, 'nothing') })
    await expect(missing.joinAll()).rejects.toThrow('nothing')
  })
})

describe('Pool options', () => {
  test('that can’t be used are refused at the call', () => {
    const refused = (options: object): unknown => {
      try {
        new Pool(options)
        return undefined
      } catch (error) {
        return (error as Error).constructor
      }
    }
    for (const numProcesses of [0, -1, 1.5, Infinity]) expect(refused({ numProcesses })).toBe(RangeError)
    for (const numProcesses of ['4', NaN, null]) expect(refused({ numProcesses })).toBe(TypeError)
    for (const maxBuffered of [0, 0.5]) expect(refused({ maxBuffered })).toBe(RangeError)
    for (const name of ['initializer', 'authGenerator', 'session', 'executor', 'initargs', 'raiseForStatus']) {
      expect(refused({ [name]: 'x' }), name).toBe(TypeError)
      expect(refused({ [name]: null }), name).toBe(TypeError)
    }
    expect(() => new Pool({ job_queue: [] } as object)).toThrow(/`jobQueue`/)
  })

  test('that are undefined are not given', async () => {
    const pool = new Pool({
      jobQueue: [{ url: 'http://127.0.0.1:1' }],
      ...{ numProcesses: undefined, initializer: undefined, initargs: undefined, authGenerator: undefined },
      ...{ session: undefined, executor: undefined, maxBuffered: undefined, raiseForStatus: undefined },
    })
    const [exception] = await collect(pool.exceptions())
    expect(exception!.exception).toBeInstanceOf(ConnectionError)
  })
})
