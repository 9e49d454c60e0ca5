import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  CancelledError,
  ConnectionError,
  HTTPError,
  ReadTimeoutError,
  ResponseTooLargeError,
  TimeoutError,
  TotalTimeoutError,
  UnrewindableBodyError,
} from '../../src/errors.ts'
import type { HookContext, HooksOption } from '../../src/session/hooks.ts'
import type { RetryOptions } from '../../src/session/options/options.ts'
import type { PreparedRequest } from '../../src/session/prepared-request.ts'
import { Response } from '../../src/session/response/response.ts'
import { Session } from '../../src/session/session.ts'
import { mergeTimeout } from '../../src/session/options/timeouts.ts'
import { fakeTime, realTurn, realUntil } from '../helpers/fake-time.ts'
import { gate, until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'
import type { Handler, TestServer } from '../helpers/server.ts'

let server: TestServer
let session: Session
let handler: Handler

beforeEach(async () => {
  handler = (_, response) => response.end('ok')
  server = await startServer((request, response) => handler(request, response))
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const silent: Handler = () => undefined
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  )

describe('mergeTimeout', () => {
  const base = { connect: 1, read: 2, total: 3, queue: 4 }
  it.each([
    [undefined, base],
    [5, { connect: 5, read: 5, total: 3, queue: 4 }],
    [null, { connect: Infinity, read: Infinity, total: Infinity, queue: Infinity }],
    [{ read: 9 }, { connect: 1, read: 9, total: 3, queue: 4 }],
    [
      { read: undefined, total: null },
      { connect: 1, read: 2, total: Infinity, queue: 4 },
    ],
    [{ connect: Infinity }, { connect: Infinity, read: 2, total: 3, queue: 4 }],
    [{}, base],
  ])('%o over the session gives %o', (option, merged) => {
    expect(mergeTimeout(option, base)).toEqual(merged)
  })
})

describe('timeout', () => {
  it('of the session holds, a request overrides it per key', async () => {
    handler = silent
    session.timeout = { read: 60 }
    expect(await failureOf(session.get(server.url))).toBeInstanceOf(ReadTimeoutError)

    session.timeout = { read: 60_000, total: 60_000 }
    const error = await failureOf(session.get(server.url, { timeout: 60 }))
    expect(error).toBeInstanceOf(ReadTimeoutError)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ scope: 'read', request: { method: 'GET', url: `${server.url}/` } })
  })

  it('total holds over redirects', async () => {
    handler = (_, response) => void setTimeout(() => response.writeHead(302, { location: '/again' }).end(), 20)

    const error = await failureOf(session.get(server.url, { maxRedirects: Infinity, timeout: { total: 150 } }))

    expect(error).toBeInstanceOf(TotalTimeoutError)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ scope: 'total', request: { method: 'GET' } })
    expect((error as Error).message).toContain('150 ms')
  })

  it('total of a request on its way is an error that hooks may recover from', async () => {
    handler = silent
    const response = await session.get(server.url, {
      timeout: { total: 60 },
      hooks: {
        error: (error) => (error instanceof TotalTimeoutError ? new Response({ content: 'cached' }) : undefined),
      },
    })

    expect(response.text()).toBe('cached')
  })

  it('total leaves no timer behind', async () => {
    await session.get(server.url, { timeout: { total: 60_000 } })
    await failureOf(session.get('http://127.0.0.1:1/', { timeout: { total: 60_000 } }))
    await (await session.get(server.url, { stream: true, timeout: { total: 60_000 } })).read()

    await until(() => !process.getActiveResourcesInfo().includes('Timeout'))
  })
})

describe('timeout, in a time that only the test makes pass,', () => {
  const minute = 60_000
  const wait: RetryOptions = { total: 1, backoff: { base: 10 * minute, jitter: false, max: 10 * minute } }
  const never = new Promise<never>(() => undefined)
  const breaking: Handler = (request) => request.socket.destroy()

  beforeEach(() => fakeTime.enable())
  afterEach(() => fakeTime.disable())

  /** What is on its way by then comes in; then the time is over. */
  async function timeOut(promise: Promise<unknown>, hasBegun: () => boolean): Promise<unknown> {
    const failure = failureOf(promise)
    await realUntil(fakeTime, hasBegun)
    for (let turns = 0; turns < 20; turns++) await realTurn()
    fakeTime.tick(minute)
    return failure
  }

  it.each<[string, Handler]>([
    ['a response', (_, response) => response.writeHead(503).end()],
    ['a connection that broke', breaking],
    [
      'a body that broke off',
      (_, response) => response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy()),
    ],
  ])('total holds while a retry waits, after %s', async (_, answer) => {
    handler = answer
    const running = session.get(server.url, { retry: wait, timeout: { total: minute } })

    expect(await timeOut(running, () => server.seen.length === 1)).toBeInstanceOf(TotalTimeoutError)
    expect(server.seen).toHaveLength(1)
  })

  it.each<[string, Handler, keyof HooksOption]>([
    ['a response', (_, response) => response.end(), 'response'],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/' }).end(), 'redirect'],
    ['a connection that broke', breaking, 'error'],
  ])('total holds while a hook works, and aborts its signal: on %s', async (_, answer, kind) => {
    handler = answer
    const entered = gate<AbortSignal>()
    let isAtWork = false
    const hook = (_: unknown, { signal }: HookContext): Promise<never> => {
      isAtWork = true
      entered.open(signal)
      return never
    }
    const running = session.get(server.url, { timeout: { total: minute }, hooks: { [kind]: hook } })

    const error = await timeOut(running, () => isAtWork)

    expect(error).toBeInstanceOf(TotalTimeoutError)
    expect((await entered.promise).reason).toBe(error)
  })

  it.each(['a request hook', 'an auth function', 'an auth generator'])(
    'total holds while %s works after a sending that failed',
    async (kind) => {
      handler = breaking
      let calls = 0
      const linger = (): Promise<void> => (++calls === 2 ? never : Promise.resolve())
      async function* flow(request: PreparedRequest): AsyncGenerator<PreparedRequest> {
        calls++
        try {
          yield request
        } catch {
          await linger()
        }
      }
      const options = {
        'a request hook': { hooks: { request: linger } },
        'an auth function': { auth: linger },
        'an auth generator': { auth: flow as never },
      }[kind]
      const retry = { total: 1, backoff: { base: 1 } }
      const running = session.get(server.url, { ...options, retry, timeout: { total: minute } })

      expect(await timeOut(running, () => (fakeTime.tick(1), calls === 2))).toBeInstanceOf(TotalTimeoutError)
      expect(server.seen).toHaveLength(1)
    },
  )

  it('total holds until a streamed body has ended', async () => {
    handler = (_, response) => response.write('never ends')
    const response = await session.get(server.url, { stream: true, timeout: { total: minute } })

    expect(await timeOut(response.read(), () => true)).toBeInstanceOf(TotalTimeoutError)
    await realUntil(fakeTime, () => server.openSockets.size === 0)
  })
})

describe('signal', () => {
  it('cancels a running request: CancelledError with the reason as its cause', async () => {
    const arrived = gate()
    handler = () => arrived.open()
    const controller = new AbortController()
    const running = session.get(server.url, { signal: controller.signal })
    await arrived.promise

    controller.abort('enough')

    const error = await failureOf(running)
    expect(error).toBeInstanceOf(CancelledError)
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })
    await until(() => server.openSockets.size === 0)
  })

  it('aborted before, nothing is sent', async () => {
    const error = await failureOf(session.get(server.url, { signal: AbortSignal.abort('early') }))

    expect(error).toMatchObject({ name: 'AbortError', cause: 'early' })
    expect(server.seen).toEqual([])
  })

  it('cancels at once, whatever a hook does, and tells it', async () => {
    const controller = new AbortController()
    const entered = gate<AbortSignal>()
    const hook = (_: unknown, { signal }: { signal: AbortSignal }): Promise<void> => {
      entered.open(signal)
      return new Promise(() => undefined)
    }
    const running = session.get(server.url, { signal: controller.signal, hooks: { request: hook } })
    const signal = await entered.promise

    controller.abort()

    expect(await failureOf(running)).toBeInstanceOf(CancelledError)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toBeInstanceOf(CancelledError)
  })

  it('cancels the wait before a retry', async () => {
    handler = (_, response) => response.writeHead(503).end()
    const controller = new AbortController()
    const retry = { total: 1, backoff: { base: 60_000, jitter: false, max: 60_000 } }
    const running = session.get(server.url, { signal: controller.signal, retry })
    await until(() => server.seen.length === 1)

    controller.abort()

    expect(await failureOf(running)).toBeInstanceOf(CancelledError)
    expect(server.seen).toHaveLength(1)
  })

  it('one serves any number of requests with one listener, and none is left', async () => {
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }

    await Promise.all(Array.from({ length: 20 }, () => session.get(server.url, { signal })))

    expect(listeners).toBe(0)
    const stream = await session.get(server.url, { signal, stream: true })
    expect(listeners).toBe(1)
    await stream.read()
    await until(() => listeners === 0)
  })
})

describe('retry', () => {
  const quick: RetryOptions = { backoff: { base: 1 } }
  const flaky =
    (failures: number, status = 503): Handler =>
    (_, response) => {
      response.writeHead(server.seen.length <= failures ? status : 200).end(`attempt ${server.seen.length}`)
    }

  it('tries again until it works', async () => {
    handler = flaky(2)
    const attempts: number[] = []
    const hooks = {
      request: (_: unknown, { attempt }: { attempt: number }) => void attempts.push(attempt),
      response: (_: unknown, { attempt }: { attempt: number }) => void attempts.push(attempt * 10),
    }

    const response = await session.get(server.url, { retry: quick, hooks })

    expect(response.text()).toBe('attempt 3')
    expect(attempts).toEqual([1, 2, 3, 30])
  })

  it('exhausted, gives the last response; with raiseForStatus its error', async () => {
    handler = flaky(99)

    expect((await session.get(server.url, { retry: { total: 1, ...quick } })).text()).toBe('attempt 2')
    expect(await failureOf(session.get(server.url, { retry: quick, raiseForStatus: true }))).toBeInstanceOf(HTTPError)
  })

  it('exhausted, gives the last error', async () => {
    handler = (request) => request.socket.destroy()
    session.retry = { total: 2, ...quick }

    expect(await failureOf(session.get(server.url))).toBeInstanceOf(ConnectionError)
    expect(server.seen.length).toBe(3)
  })

  it('of POST only where told so; a body that can not be sent again is UnrewindableBodyError', async () => {
    handler = (request, response) => {
      request.resume().on('end', () => response.writeHead(server.seen.length === 1 ? 503 : 200).end())
    }
    expect((await session.post(server.url, { retry: quick, data: 'x' })).status).toBe(503)
    server.seen.length = 0
    expect((await session.post(server.url, { retry: { ...quick, methods: ['POST'] }, data: 'x' })).status).toBe(200)
    server.seen.length = 0
    async function* once(): AsyncGenerator<string> {
      yield 'x'
    }
    const error = await failureOf(session.put(server.url, { retry: quick, data: once() }))
    expect(error).toBeInstanceOf(UnrewindableBodyError)
    expect(error).toMatchObject({ response: { status: 503 }, request: { method: 'PUT' } })
  })

  it('goes on at the hop that failed', async () => {
    handler = (request, response) => {
      if (request.url === '/go') response.writeHead(303, { location: '/end' }).end()
      else response.writeHead(server.seen.length < 3 ? 503 : 200).end('end')
    }
    const response = await session.post(`${server.url}/go`, { data: 'x', retry: quick })

    expect(response.text()).toBe('end')
    expect(server.seen).toEqual(['POST /go', 'GET /end', 'GET /end'])
    expect(response.history).toHaveLength(1)
  })

  it('obeys Retry-After, up to its cap', async () => {
    handler = (_, response) => response.writeHead(503, { 'retry-after': '3600' }).end()

    expect((await session.get(server.url, { retry: quick })).status).toBe(503)
    expect(server.seen).toHaveLength(1)
  })

  it('starts each attempt without what hooks did to the one before, and sends the cookies of the moment', async () => {
    const cookies: unknown[] = []
    handler = (request, response) => {
      cookies.push([request.headers.cookie, request.headers['x-a']])
      response.writeHead(cookies.length === 1 ? 503 : 200, { 'set-cookie': `n=${cookies.length}` }).end()
    }
    const hooks = {
      request: (request: { headers: { append(name: string, value: string): void } }) =>
        request.headers.append('X-A', '1'),
    }

    await session.get(server.url, { retry: quick, hooks })

    expect(cookies).toEqual([
      [undefined, '1'],
      ['n=1', '1'],
    ])
  })

  it('does not try again what a hook or an auth function failed with', async () => {
    const broken = (): never => {
      throw new ConnectionError('of a hook')
    }
    await failureOf(session.get(server.url, { retry: quick, hooks: { response: broken } }))
    expect(server.seen).toHaveLength(1)
    await failureOf(session.get(server.url, { retry: quick, auth: broken }))
    expect(server.seen).toHaveLength(1)
  })

  it('releases a streamed response that is tried again', async () => {
    handler = flaky(1)
    const response = await session.get(server.url, { retry: quick, stream: true })

    expect((await response.read()).text()).toBe('attempt 2')
    expect(server.connections).toBe(1)
  })
})

describe('maxResponseSize', () => {
  it('of session and request', async () => {
    handler = (_, response) => response.end('x'.repeat(100))
    session.maxResponseSize = 50

    expect(await failureOf(session.get(server.url))).toBeInstanceOf(ResponseTooLargeError)
    expect((await session.get(server.url, { maxResponseSize: Infinity })).content.byteLength).toBe(100)
  })
})
