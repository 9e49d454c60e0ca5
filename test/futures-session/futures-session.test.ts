import { AsyncLocalStorage } from 'node:async_hooks'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import {
  asCompleted,
  CancelledError,
  ExecutorClosedError,
  Future,
  FuturesSession,
  InProcessExecutor,
  InvalidOptionError,
  QueueFullError,
  RequestError,
  Response,
  ResponseFuture,
  Session,
  SessionClosedError,
  type Executor,
  type RequestOptions,
  type SubmitOptions,
  type Task,
  type TaskReference,
} from '../../src/index.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { turn, until } from '../helpers/gate.ts'
import { readBody, startServer, type TestServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(...args: Parameters<typeof startServer>): Promise<TestServer> {
  const server = await startServer(...args)
  cleanups.push(() => server.close())
  return server
}

function open<R = Response>(options?: ConstructorParameters<typeof FuturesSession<R>>[0]): FuturesSession<R> {
  const session = new FuturesSession<R>(options)
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

describe('FuturesSession on an executor of the caller', () => {
  /** Calls what it is given as a plain function. */
  const wrap = <T>(task: Task<T> | TaskReference<T>): Task<T> => {
    const call = task as Task<T>
    return (context) => call(context)
  }

  test.each<[string, () => Executor]>([
    [
      'that wraps tasks in a subclass',
      () =>
        new (class extends InProcessExecutor {
          override submit<T>(task: Task<T> | TaskReference<T>, options?: SubmitOptions<T>): Future<T> {
            return super.submit(wrap(task), options)
          }
        })(),
    ],
    [
      'that wraps tasks in a method of its own',
      () => {
        const executor = new InProcessExecutor()
        const submit = executor.submit.bind(executor)
        executor.submit = (task, options) => submit(wrap(task), options)
        return executor
      },
    ],
    [
      'that hands tasks on behind a Proxy',
      () =>
        new Proxy(new InProcessExecutor(), {
          get(executor, name) {
            if (name === 'submit') return (task: Task<unknown>, options?: SubmitOptions) => executor.submit(wrap(task), options) // prettier-ignore
            const value: unknown = Reflect.get(executor, name)
            return typeof value === 'function' ? (value.bind(executor) as unknown) : value
          },
        }),
    ],
    ['that is a plain subclass', () => new (class extends InProcessExecutor {})()],
  ])('%s sends requests', async (_, makeExecutor) => {
    const server = await serve((_request, response) => void response.end('fine'))
    const session = open({ executor: makeExecutor() })
    expect(await session.get(server.url).text()).toBe('fine')
  })
})

describe('FuturesSession', () => {
  test('get() returns a pending future, that is no thenable, of a Response', async () => {
    const server = await serve()
    const session = open()
    const future = session.get(`${server.url}/a`)
    expect(future).toBeInstanceOf(ResponseFuture)
    expect(future).toBeInstanceOf(Future)
    expect(future.state).toBe('pending')
    expect('then' in future).toBe(false)
    const response = await future.result()
    expect(response).toBeInstanceOf(Response)
    expect(response.status).toBe(200)
    expect(response.json()).toEqual({ method: 'GET', url: '/a' })
    expect(future.state).toBe('fulfilled')
  })

  test('every verb sends its method', async () => {
    const server = await serve()
    const session = open({ baseUrl: server.url })
    await Future.all([
      session.get('/'),
      session.options('/'),
      session.head('/'),
      session.post('/'),
      session.put('/'),
      session.patch('/'),
      session.delete('/'),
      session.request('report', '/'),
    ])
    expect(server.seen.map((line) => line.split(' ')[0]).sort()).toEqual(
      ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'REPORT'].sort(),
    )
  })

  test('every verb goes through request(), so a subclass overrides only it', async () => {
    const server = await serve()
    class Timed extends FuturesSession {
      readonly began = new Map<ResponseFuture, string>()
      override request(method: string, url: string | URL, options?: RequestOptions): ResponseFuture {
        const future = super.request(method, url, options)
        this.began.set(future, method)
        return future
      }
    }
    const session = new Timed({ baseUrl: server.url })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const futures = [session.get('/'), session.post('/'), session.delete('/')]
    expect([...session.began.values()]).toEqual(['GET', 'POST', 'DELETE'])
    for await (const future of session.map(['/x'])) expect(session.began.has(future)).toBe(true)
    await Future.all(futures)
  })

  test('its future knows the request, before and after it failed, and the request fits again', async () => {
    const session = open()
    const future = session.post('nowhere', { json: { a: 1 }, context: { id: 7 } })
    expect(future.request).toEqual({ method: 'POST', url: 'nowhere', json: { a: 1 }, context: { id: 7 } })
    await future.exception()
    expect(future.request.url).toBe('nowhere')
    expect(future.request.context).toEqual({ id: 7 })
    expect(session.get('http://x/').request).toEqual({ method: 'GET', url: 'http://x/' })
    session.cancelAll()
  })

  test('options are copied: the caller may change his object', async () => {
    const server = await serve()
    const session = open()
    const options: RequestOptions = { params: { i: 1 } }
    const first = session.get(server.url, options)
    options.params = { i: 2 }
    expect((await first.json<{ url: string }>()).url).toBe('/?i=1')
  })

  test('json(), text() and bytes() are result() and then reading', async () => {
    const server = await serve()
    const session = open()
    expect(await session.get(`${server.url}/j`).json()).toEqual({ method: 'GET', url: '/j' })
    expect(await session.get(`${server.url}/t`).text()).toBe('{"method":"GET","url":"/t"}')
    expect(Buffer.from(await session.get(`${server.url}/b`).bytes()).toString()).toBe('{"method":"GET","url":"/b"}')
  })

  test('attributes read and write those of the wrapped session', async () => {
    const server = await serve((request, response) => response.end(request.headers['x-key'] ?? 'none'))
    const inner = new Session()
    const session = open({ session: inner })
    session.headers.set('X-Key', 'secret')
    expect(inner.headers.get('x-key')).toBe('secret')
    session.timeout = 1234
    session.maxRedirects = 3
    session.params = { a: '1' }
    session.raiseForStatus = true
    expect([inner.timeout, inner.maxRedirects, inner.raiseForStatus]).toEqual([session.timeout, 3, true])
    expect(await session.get(server.url).text()).toBe('secret')
    await inner.close()
  })

  test('unhappy arguments are the future’s error and carry the request; nothing is thrown', async () => {
    const session = open()
    const cases: [RequestOptions | undefined, unknown][] = [
      [undefined, 'example.com'],
      [undefined, 'ftp://example.com/'],
      [undefined, 'http://'],
      [undefined, 42],
      [undefined, null],
      [{ body: 'x' } as never, 'http://127.0.0.1:1/'],
      [{ timeout: Number.NaN }, 'http://127.0.0.1:1/'],
      [{ timeout: { queue: -1 } }, 'http://127.0.0.1:1/'],
      [{ headers: { a: 'b\r\nc' } }, 'http://127.0.0.1:1/'],
      [{ data: Symbol('x') as never }, 'http://127.0.0.1:1/'],
      [{ signal: 'now' as never }, 'http://127.0.0.1:1/'],
      [{ priority: 'high' as never }, 'http://127.0.0.1:1/'],
    ]
    for (const [options, url] of cases) {
      const error = await session.get(url as string, options).exception()
      expect(error, inspect([options, url])).toBeInstanceOf(RequestError)
      expect((error as RequestError).request.method).toBe('GET')
    }
    expect(((await session.get('http://127.0.0.1:1/', { body: 'x' } as never).exception()) as Error).message).toContain(
      'data',
    )
    expect(session.stats()).toMatchObject({ submitted: 13, rejected: 13, pending: 0, running: 0 })
  })

  test.each([
    ['maxWorker', 'did you mean `maxWorkers`?'],
    ['max_workers', 'did you mean `maxWorkers`?'],
    ['concurrency', 'did you mean `maxWorkers`?'],
    ['ratelimit', 'did you mean `rateLimit`?'],
    ['sesion', 'did you mean `session`?'],
    ['header', 'did you mean `headers`?'],
    ['json', 'it belongs to each request'],
    [
      'colour',
      /one of headers, .*, session, executor, maxWorkers, maxWorkersPerOrigin, rateLimit, maxQueue, unobserved$/,
    ],
  ])('new FuturesSession({ %s }) is refused with a hint, around a given session too', (name, hint) => {
    expect(() => new FuturesSession({ [name]: undefined })).toThrow(hint)
    expect(() => new FuturesSession({ session: new Session(), [name]: 1 })).toThrow(hint)
    expect(() => new FuturesSession({ [name]: 1 })).toThrow(TypeError)
  })

  test('constructor refuses bad options at once', () => {
    const executor = new InProcessExecutor()
    expect(() => new FuturesSession({ maxWorkers: 0 })).toThrow(RangeError)
    expect(() => new FuturesSession(null as never)).toThrow(TypeError)
    expect(() => new FuturesSession({ maxWorkers: '8' as never })).toThrow(TypeError)
    expect(() => new FuturesSession({ maxWorkers: Number.NaN })).toThrow(TypeError)
    expect(() => new FuturesSession({ maxWorkers: 1.5 })).toThrow(RangeError)
    expect(() => new FuturesSession({ maxWorkersPerOrigin: 0 })).toThrow(RangeError)
    expect(() => new FuturesSession({ rateLimit: { limit: 0, interval: 1 } })).toThrow(RangeError)
    expect(() => new FuturesSession({ session: {} as never })).toThrow(TypeError)
    expect(() => new FuturesSession({ executor: {} as never })).toThrow(TypeError)
    expect(() => new FuturesSession({ session: new Session(), headers: { a: '1' } })).toThrow(/headers/)
    expect(() => new FuturesSession({ executor, rateLimit: { limit: 1, interval: 1 } })).toThrow(/rateLimit/)
    expect(() => new FuturesSession({ executor, maxQueue: 1 })).toThrow(/maxQueue/)
    expect(() => new FuturesSession({ unobserved: 'loud' as never })).toThrow(/unobserved/)
    expect(() => new FuturesSession({ timeouts: 3 } as never)).toThrow(/timeout/)
  })

  test('a given executor wins over maxWorkers; 8 is the default', () => {
    expect(open().executor.maxWorkers).toBe(8)
    expect(open({ maxWorkers: 3 }).executor.maxWorkers).toBe(3)
    expect(open({ maxWorkers: 3, executor: new InProcessExecutor({ maxWorkers: 5 }) }).executor.maxWorkers).toBe(5)
  })

  test('never more than maxWorkers requests are at work', async () => {
    const inner = new GatedSession()
    const session = open<string>({ session: inner, maxWorkers: 3 })
    const futures = Array.from({ length: 10 }, (_, i) => session.get(`http://x/${i}`))
    await turn()
    expect(inner.requests.length).toBe(3)
    expect(session.stats()).toMatchObject({ pending: 7, running: 3 })
    while (inner.active > 0) {
      inner.answerAll()
      await turn()
    }
    expect(inner.peak).toBe(3)
    expect(await Future.all(futures)).toEqual(futures.map((future) => future.request.url))
  })

  test('Object.assign keeps the future, and asCompleted its type', async () => {
    const server = await serve()
    const session = open()
    const futures = [0, 1, 2].map((i) => Object.assign(session.get(`${server.url}/${i}`), { i }))
    const seen: number[] = []
    for await (const future of asCompleted(futures)) {
      const { i } = future
      seen.push(i)
    }
    expect(seen.sort()).toEqual([0, 1, 2])
  })

  test('send() sends what prepareRequest() made', async () => {
    const server = await serve((request, response) => {
      void readBody(request).then((body) => response.end(`${request.method} ${String(request.headers['x-a'])} ${body}`))
    })
    const session = open({ headers: { 'X-A': '1' } })
    const prepared = session.prepareRequest({ method: 'post', url: server.url, data: 'hello' })
    prepared.headers.set('X-A', '2')
    const future = session.send(prepared)
    expect(await future.text()).toBe('POST 2 hello')
    expect(future.request).toMatchObject({ method: 'POST', data: 'hello' })
  })

  test('a URL object is taken as it is now', async () => {
    const server = await serve((request, response) => response.end(request.url))
    const session = open({ maxWorkers: 1 })
    const url = new URL(server.url)
    const futures = ['/1', '/2', '/3'].map((path) => {
      url.pathname = path
      return session.get(url)
    })
    expect(await Promise.all(futures.map((future) => future.text()))).toEqual(['/1', '/2', '/3'])
    expect(futures[0]!.request.url).toBe(`${server.url}/1`)
  })

  test('send() goes by what a request was prepared with, unless it is told otherwise', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/slow') response.write('begin')
      else response.end('end')
    })
    const session = open({ maxWorkers: 1, unobserved: 'ignore', baseUrl: server.url })
    const { signal } = new AbortController()
    const prepared = session.prepareRequest({
      url: '/',
      context: { id: 7 },
      priority: 1,
      signal: AbortSignal.abort('no'),
    })
    const cancelled = session.send(prepared)
    expect(cancelled.request).toMatchObject({ context: { id: 7 }, priority: 1 })
    expect(cancelled.cancelled()).toBe(true)
    const other = session.send(prepared, { context: 'other', signal })
    expect(other.request.context).toBe('other')
    expect(await other.text()).toBe('end')

    const slow = session.prepareRequest({ url: '/slow', stream: true, timeout: { queue: 20 } })
    const response = await session.send(slow).result()
    expect((await session.send(slow).exception()) as Error).toMatchObject({ name: 'QueueTimeoutError' })
    await response.close()
  })

  test('send() takes a prepared request as it is now; what is none fails the future', async () => {
    const server = await serve((request, response) => response.end(request.headers['x-n']))
    const session = open({ maxWorkers: 1, unobserved: 'ignore' })
    const prepared = session.prepareRequest({ url: server.url })
    const futures = ['1', '2', '3'].map((text) => {
      prepared.headers.set('X-N', text)
      return session.send(prepared)
    })
    expect(await Promise.all(futures.map((future) => future.text()))).toEqual(['1', '2', '3'])
    for (const wrong of [{ url: server.url }, null, undefined, 5]) {
      expect(await session.send(wrong as never).exception()).toBeInstanceOf(TypeError)
    }
  })

  test('hooks, callbacks and work run in the async context of whoever submitted', async () => {
    const server = await serve()
    const storage = new AsyncLocalStorage<string>()
    const seen: string[] = []
    const session = open({
      maxWorkers: 1,
      hooks: {
        response: () => {
          seen.push(`hook ${storage.getStore()}`)
        },
      },
    })
    const futures = ['a', 'b', 'c'].map((name) =>
      storage.run(name, () => {
        const future = session.get(server.url)
        future.addDoneCallback(() => seen.push(`done ${storage.getStore()}`))
        return future
      }),
    )
    await Future.all(futures)
    expect(seen).toEqual(['hook a', 'done a', 'hook b', 'done b', 'hook c', 'done c'])
  })

  test('so do the hooks of a retry and of a hop that waits for its origin', async () => {
    const hits = new Map<string, number>()
    const other = await serve()
    const server = await serve((request, response) => {
      const hit = (hits.get(request.url ?? '') ?? 0) + 1
      hits.set(request.url ?? '', hit)
      if (hit === 1) response.writeHead(503).end()
      else response.writeHead(302, { location: other.url }).end()
    })
    const storage = new AsyncLocalStorage<string>()
    const seen: string[] = []
    const session = open({
      maxWorkers: 1,
      maxWorkersPerOrigin: 1,
      retry: { total: 1, backoff: { base: 1 } },
      hooks: {
        request: (_, { context }) => void seen.push(`${String(context)}${storage.getStore()}`),
        response: (_, { context }) => void seen.push(`${String(context)}${storage.getStore()}`),
      },
    })
    const names = ['a', 'b', 'c']
    await Future.all(
      names.map((name) => storage.run(name, () => session.get(`${server.url}/${name}`, { context: name }))),
    )
    expect(seen.sort()).toEqual(names.flatMap((name) => Array.from({ length: 4 }, () => name + name)))
  })

  test('a full queue, a closed executor reject the future with their own error', async () => {
    const inner = new GatedSession()
    const session = open<string>({ session: inner, maxWorkers: 1, maxQueue: 1, unobserved: 'ignore' })
    session.get('http://x/1')
    await turn()
    session.get('http://x/2')
    const refused = session.get('http://x/3')
    expect(refused.exceptionNow()).toBeInstanceOf(QueueFullError)
    const executor = new InProcessExecutor()
    const borrowing = open<string>({ session: inner, executor })
    await executor.shutdown()
    expect(await borrowing.get('http://x/4').exception()).toBeInstanceOf(ExecutorClosedError)
    expect(borrowing.stats()).toMatchObject({ submitted: 1, rejected: 1, pending: 0 })
    session.cancelAll()
  })

  test('a session that was closed or disposed throws SessionClosedError', async () => {
    const closed = open()
    await closed.close()
    expect(() => closed.get('http://x/')).toThrow(SessionClosedError)
    expect(() => closed.send(new Session().prepareRequest({ url: 'http://x/' }))).toThrow(SessionClosedError)
    expect(() => closed.map([])).toThrow(SessionClosedError)
    const disposed = open()
    disposed[Symbol.dispose]()
    expect(() => disposed.get('http://x/')).toThrow(SessionClosedError)
    const immediately = open()
    const closing = immediately.close()
    expect(() => immediately.get('http://x/')).toThrow(SessionClosedError)
    await closing
  })

  test('cancel() of a waiting request never reaches the server, that of a running one closes its exchange', async () => {
    const server = await serve(() => {})
    const session = open({ maxWorkers: 1 })
    const running = session.get(`${server.url}/running`)
    const waiting = session.get(`${server.url}/waiting`)
    await until(() => server.active === 1)
    expect(waiting.cancel('no')).toBe(true)
    expect(running.cancel('stop')).toBe(true)
    expect(running.state).toBe('cancelled')
    const error = (await running.result().catch((reason: unknown) => reason)) as CancelledError
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.cause).toBe('stop')
    expect(running.signal.reason).toBe(error)
    await until(() => server.active === 0)
    expect(server.seen).toEqual(['GET /running'])
    expect(session.stats()).toMatchObject({ submitted: 2, cancelled: 2, done: 2 })
  })

  test('a signal cancels any number of requests, with its reason as the cause', async () => {
    const server = await serve(() => {})
    const session = open({ maxWorkers: 2 })
    const controller = new AbortController()
    const futures = Array.from({ length: 5 }, () => session.get(server.url, { signal: controller.signal }))
    await until(() => server.active === 2)
    controller.abort('enough')
    expect(futures.every((future) => future.cancelled())).toBe(true)
    const error = (await futures[4]!.result().catch((reason: unknown) => reason)) as CancelledError
    expect(error.cause).toBe('enough')
    const late = session.get(server.url, { signal: controller.signal })
    expect(late.cancelled()).toBe(true)
    expect(session.stats()).toMatchObject({ submitted: 6, cancelled: 6 })
  })

  test('inspect(future) shows state, method and URL, without credentials, and the type of the outcome', async () => {
    const server = await serve()
    const session = open()
    const future = session.get(`${server.url.replace('//', '//user:secret@')}/a?b=1`, { auth: ['user', 'secret'] })
    expect(inspect(future)).toBe(`ResponseFuture { <pending> GET ${server.url}/a?b=1 }`)
    await future.result()
    expect(inspect(future)).toBe(`ResponseFuture { <fulfilled> Response GET ${server.url}/a?b=1 }`)
    expect(inspect([session.post('/\u001b[31m', { json: 1 })])).toContain('<pending> POST /\ufffd[31m }')
    session.cancelAll()
  })

  test('the CancelledError of a request names method, URL and reason, without credentials', async () => {
    const server = await serve()
    const session = open()
    const url = `${server.url}/a`
    const cancelled = async (reason?: unknown): Promise<CancelledError> => {
      const future = session.request('put', url.replace('//', '//user:secret@'))
      future.cancel(reason)
      expect(future.signal.reason).toBe(await future.result().catch((error: unknown) => error))
      return (await future.result().catch((error: unknown) => error)) as CancelledError
    }
    const timeout = new DOMException('The operation timed out', 'TimeoutError')
    for (const [reason, text] of [
      ['the user left', ': the user left'],
      [new Error('too late'), ': too late'],
      [new Error(), ': Error'],
      [timeout, ': The operation timed out'],
      ['http://user:secret@h/ is gone', ': http://h/ is gone'],
      [5, ': `5` (number)'],
      [{ secret: 1 }, ': an object (Object)'],
      [null, ': `null`'],
      [undefined, ''],
    ] as const) {
      const error = await cancelled(reason)
      expect(error).toMatchObject({ name: 'AbortError', message: `PUT ${url} was cancelled${text}` })
      expect(error.cause).toBe(reason)
    }

    const bare = new Session()
    const signal = AbortSignal.abort('no time')
    await expect(bare.get(url, { signal })).rejects.toThrow(`GET ${url} was cancelled: no time`)
    const streamed = await session.get(url, { stream: true }).result()
    session.cancelAll('all of them')
    await streamed.read().then(
      () => {},
      (error: unknown) => expect(error).toMatchObject({ message: `GET ${url} was cancelled: all of them` }),
    )
    await bare.close()
  })

  test('InvalidOptionError names the option with a hint', async () => {
    const session = open()
    const error = await session.get('http://127.0.0.1:1/', { timeouts: 1 } as never).exception()
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect((error as Error).message).toContain('timeouts')
  })
})
