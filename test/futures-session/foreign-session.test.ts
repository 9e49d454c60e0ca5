import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import {
  FuturesSession,
  InvalidOptionError,
  PreparedRequest,
  QueueTimeoutError,
  type Response,
  Session,
  TimeoutError,
  TotalTimeoutError,
  type RequestOptions,
  type SessionLike,
} from '../../src/index.ts'
import { turn } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function open<R>(options: ConstructorParameters<typeof FuturesSession<R>>[0]): FuturesSession<R> {
  const session = new FuturesSession<R>({ unobserved: 'ignore', ...options })
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

describe('FuturesSession around somebody else’s session', () => {
  test('wraps fetch in five lines', async () => {
    const server = await startServer()
    cleanups.push(() => server.close())
    const fetching = {
      request: (method: string, url: string | URL, options: RequestOptions = {}) =>
        fetch(url, { method, ...(options.signal && { signal: options.signal }) }),
    }
    const session = open({ session: fetching })
    const future = session.get(`${server.url}/f`)
    const response: globalThis.Response = await future.result()
    expect(response.status).toBe(200)
    expect(await future.json()).toEqual({ method: 'GET', url: '/f' })
  })

  test('passes options on untouched, unknown ones too, with a signal of its own', async () => {
    const inner = new GatedSession()
    const session = open<string>({ session: inner })
    const given = new AbortController()
    const options = { headers: { a: '1' }, frob: { nested: true }, signal: given.signal, priority: 2 }
    session.get('http://x/', options)
    await turn()
    const { signal, ...rest } = inner.requests[0]!.options
    expect(rest).toEqual({ headers: { a: '1' }, frob: { nested: true }, priority: 2 })
    expect(signal).toBeInstanceOf(AbortSignal)
    given.abort('x')
    expect(signal!.aborted).toBe(true)
    expect(getEventListeners(given.signal, 'abort')).toHaveLength(0)
  })

  test('cancel() aborts the signal; the worker is free when the work has stopped', async () => {
    const inner = new GatedSession({ isStubborn: true })
    const session = open<string>({ session: inner, maxWorkers: 1 })
    const first = session.get('http://x/1')
    session.get('http://x/2')
    await turn()
    first.cancel('why')
    expect(inner.requests[0]!.options.signal!.aborted).toBe(true)
    await turn()
    expect(inner.requests).toHaveLength(1)
    inner.requests[0]!.fail(new Error('late'))
    await turn()
    expect(inner.requests).toHaveLength(2)
    inner.answerAll()
  })

  test('does queue timeouts', async () => {
    const inner = new GatedSession()
    const session = open<string>({ session: inner, maxWorkers: 1 })
    const first = session.get('http://x/1')
    const second = session.get('http://u:secret@x/2', { timeout: { queue: 20 } })
    const error = (await second.exception()) as QueueTimeoutError
    expect(error).toBeInstanceOf(QueueTimeoutError)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.scope).toBe('queue')
    expect(error.request).toEqual({ method: 'GET', url: 'http://x/2' })
    expect(error.message).not.toContain('secret')
    await turn()
    inner.answer(0)
    await first.result()
    await turn()
    expect(inner.requests).toHaveLength(1)
    expect(session.stats()).toMatchObject({ fulfilled: 1, rejected: 1, pending: 0, running: 0 })
  })

  test('does total timeouts, and aborts the work', async () => {
    const inner = new GatedSession()
    const session = open<string>({ session: inner })
    const error = await session.get('http://x/', { timeout: { total: 20 } }).exception()
    expect(error).toBeInstanceOf(TotalTimeoutError)
    expect(inner.requests[0]!.options.signal!.reason).toBe(error)
  })

  test('a bad timeout is the error of the future, and its worker is free again', async () => {
    class Plain extends Session {
      override request(...args: Parameters<Session['request']>): Promise<Response> {
        return super.request(...args)
      }
    }
    for (const inner of [new GatedSession(), new Plain()]) {
      const session = open<unknown>({ session: inner, maxWorkers: 1 })
      for (const timeout of [{ total: -1 }, { total: Number.NaN }, { queue: 0 }]) {
        const error = await session.get('http://x/', { timeout }).exception()
        expect(error).toBeInstanceOf(InvalidOptionError)
        expect(error).toMatchObject({ option: 'timeout', request: { method: 'GET', url: 'http://x/' } })
      }
      expect(session.stats()).toMatchObject({ running: 0, rejected: 3 })
    }
  })

  test('a request that throws synchronously, or rejects with nothing, is a rejected future', async () => {
    const throwing: SessionLike<string> = {
      request() {
        throw new RangeError('sync')
      },
    }
    expect(await open({ session: throwing }).get('http://x/').exception()).toBeInstanceOf(RangeError)
    const empty: SessionLike<string> = { request: () => Promise.reject(undefined) }
    const future = open({ session: empty }).get('http://x/')
    expect(await future.exception()).toBe(undefined)
    expect(future.state).toBe('rejected')
  })

  test('without `send` fails prepared requests, each by its future', async () => {
    const session = open({ session: new GatedSession() })
    const prepared = new PreparedRequest({ method: 'GET', url: 'http://x/' })
    const error = await session.send(prepared).exception()
    expect(error).toBeInstanceOf(TypeError)
    expect((error as TypeError).message).toContain('has no `send`')
    expect(session.stats()).toMatchObject({ rejected: 1, running: 0 })
  })

  test('a subclass that overrides Session.request is called, not bypassed', async () => {
    const server = await startServer()
    cleanups.push(() => server.close())
    class Elapsed extends Session {
      calls = 0
      override async request(method: string, url: string | URL, options?: RequestOptions): Promise<Response> {
        this.calls++
        return super.request(method, url, options)
      }
    }
    const inner = new Elapsed()
    cleanups.push(() => inner.close())
    const session = open({ session: inner })
    expect((await session.get(server.url).result()).status).toBe(200)
    expect(inner.calls).toBe(1)
  })

  test('is not closed, nor is a borrowed executor shut down', async () => {
    let closed = 0
    const inner = { request: () => Promise.resolve('ok'), close: () => closed++ }
    const session = open({ session: inner })
    await session.close()
    expect(closed).toBe(0)
  })
})
