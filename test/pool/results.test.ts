import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { FuturesSession, Response, type Session, type SessionLike } from '../../src/index.ts'
import { Pool, ThreadException, type Job } from '../../src/pool/index.ts'
import { turn } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer } from '../helpers/server.ts'
import { answering, collect, jobs } from './collect.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** What the pool makes of one answer. */
async function resultOf(answer: unknown): Promise<any> {
  const pool = new Pool({ jobQueue: jobs(1), numProcesses: 1, session: () => answering(() => answer) })
  const [result] = await collect(pool.responses())
  return result
}

describe('ThreadResponse', () => {
  test('is the response itself, with the very job that was queued', async () => {
    const server = await startServer()
    cleanups.push(() => server.close())
    const job: Job = {
      url: `${server.url}/a`,
      hooks: { response: (response) => void (response.data = 'from a hook') },
    }
    const pool = new Pool({ jobQueue: [job] })
    const [response] = await collect(pool.responses())
    expect(response).toBeInstanceOf(Response)
    expect(response!.response).toBe(response)
    expect(response!.requestKwargs).toBe(job)
    expect(response!.attempts).toBe(1)
    expect(response!.data).toBe('from a hook')
    expect(response!.status).toBe(200)
    expect(response!.json()).toEqual({ method: 'GET', url: '/a' })
    expect(response!.text()).toBe('{"method":"GET","url":"/a"}')
    expect(response!.headers.get('Content-Type')).toBe('application/json')
    expect(await response!.read()).toBe(response)
    response!.encoding = 'latin1'
    expect(response!.encoding).toBe('latin1')
    expect(response!.raiseForStatus()).toBe(response)
    // What was added does not show.
    expect(Object.keys(response!)).not.toContain('requestKwargs')
    expect(inspect(response)).not.toContain('requestKwargs')
  })

  test('of one response to several jobs is a view of it each, with its private state', async () => {
    const server = await startServer()
    cleanups.push(() => server.close())
    let cached: Response | undefined
    const caching = (session: Session): unknown => session.hooks.response.push((response) => (cached ??= response))
    const pool = new Pool({ jobQueue: jobs(3, server.url), numProcesses: 1, initializer: caching })
    const responses = await collect(pool.responses())
    expect(responses.map(({ requestKwargs }) => requestKwargs.url)).toEqual(jobs(3, server.url).map(({ url }) => url))
    for (const response of responses) {
      expect(response).toBeInstanceOf(Response)
      expect(response.response).toBe(cached)
      expect(response.json()).toEqual({ method: 'GET', url: '/0' })
      expect(response.headers.get('content-type')).toBe('application/json')
      expect('attempts' in response).toBe(true)
      expect(response.constructor).toBe(Response)
      response.encoding = 'latin1'
      expect(response.encoding).toBe('latin1')
      expect((await response.read()).ok).toBe(true)
    }
  })

  test('of a foreign object is that object; of a frozen one, or one with such names, a view', async () => {
    const plain = { status: 200 }
    expect(await resultOf(plain)).toBe(plain)
    const fetched = new globalThis.Response('text')
    const result = await resultOf(fetched)
    expect(result).toBe(fetched)
    expect(await result.text()).toBe('text')

    const frozen = Object.freeze({ status: 200, headers: new Map([['a', 'b']]), greet: () => 'hello' })
    const view = await resultOf(frozen)
    expect(view).toEqual(frozen)
    expect(view.response).toBe(frozen)
    expect(view.requestKwargs.url).toBe('http://x/0')
    expect(view.greet()).toBe('hello')
    expect(view.headers.get('a')).toBe('b')

    const named = { response: 'its own', attempts: 'too' }
    const other = await resultOf(named)
    expect(other.attempts).toBe(1)
    expect(other.response).toBe(named)
    expect(named).toEqual({ response: 'its own', attempts: 'too' })

    const callable = Object.assign(() => 'called', { status: 200 })
    expect(await resultOf(callable)).toBe(callable)
  })

  test('of what is no object holds it under `response`', async () => {
    for (const answer of ['text', '', 0, null, undefined, false, 10n, Symbol.iterator]) {
      const result = await resultOf(answer)
      expect(result).toEqual({ requestKwargs: { url: 'http://x/0' }, response: answer, attempts: 1 })
    }
  })

  test('of an object that refuses to be looked at holds it likewise', async () => {
    const hostile: object = new Proxy(
      {},
      {
        has: () => {
          throw new Error('has')
        },
        isExtensible: () => {
          throw new Error('isExtensible')
        },
      },
    )
    const result = await resultOf(hostile)
    expect(result.response).toBe(hostile)
    expect(result.attempts).toBe(1)
  })
})

describe('ThreadException', () => {
  test('is an Error with message, code and cause of the exception, and the job', async () => {
    const job: Job = {
      url: 'http://user:secret@127.0.0.1:1/',
      headers: { Authorization: 'secret' },
      auth: ['a', 'secret'],
    }
    const pool = new Pool({ jobQueue: [job] })
    const [exception] = await collect(pool.exceptions())
    const error = exception!.exception as Error & { code: string }
    expect(exception).toBeInstanceOf(Error)
    expect(exception).toBeInstanceOf(ThreadException)
    expect(exception!.name).toBe('ThreadException')
    expect(exception!.message).toBe(error.message)
    expect(exception!.code).toBe('ERR_CONNECTION')
    expect(exception!.cause).toBe(error.cause)
    expect(exception!.requestKwargs).toBe(job)
    expect(exception!.request).toBe(job)
    expect(exception!.attempts).toBe(1)
    for (const shown of [inspect(exception, { depth: 9 }), JSON.stringify(exception), String(exception)]) {
      expect(shown).not.toContain('secret')
    }
  })

  test('is made of whatever was thrown', async () => {
    const hostile = {
      get message(): string {
        throw new Error('no message')
      },
    }
    const thrown: [unknown, string | RegExp][] = [
      ['text', 'text'],
      ['', ''],
      [undefined, /undefined/],
      [null, /null/],
      [0, /`0`/],
      [{ message: 'in an object', code: 7 }, 'in an object'],
      [{ message: 5 }, /object/],
      [Symbol('s'), /Symbol\(s\)/],
      [hostile, /refuses/],
    ]
    for (const [value, message] of thrown) {
      const session: SessionLike<string> = { request: () => Promise.reject(value) }
      const pool = new Pool({ jobQueue: jobs(1), session: () => session })
      const [exception] = await collect(pool.exceptions())
      expect(exception!.exception).toBe(value)
      if (typeof message === 'string') expect(exception!.message).toBe(message)
      else expect(exception!.message).toMatch(message)
      expect(exception!.code).toBe((value as { code?: unknown } | undefined)?.code)
    }
  })

  test('hooks, sync throws, and jobs that can’t even be read end in it, none is lost', async () => {
    const server = await startServer()
    cleanups.push(() => server.close())
    const throwing = {
      get url(): string {
        throw new Error('getter')
      },
    }
    const list: Job[] = [
      { url: server.url, hooks: { response: () => { throw undefined } } }, // prettier-ignore
      { url: server.url, hooks: { request: () => Promise.reject(undefined) } },
      { url: server.url, hooks: { response: () => 5 as never } },
      { url: server.url, auth: () => { throw null } }, // prettier-ignore
      { url: server.url, frob: 1 } as Job,
      { url: server.url, timeout: 'x' as never },
      { url: server.url, signal: 5 as never },
      {} as Job,
      { url: null } as unknown as Job,
      { url: server.url, method: 5 } as unknown as Job,
      { url: 'nonsense' },
      throwing,
      { url: server.url },
    ]
    const pool = new Pool({ jobQueue: list, numProcesses: 2 })
    await pool.joinAll()
    expect(pool.stats()).toEqual({ submitted: 13, responses: 1, exceptions: 12, cancelled: 0 })
    const failed = await collect(pool.exceptions())
    expect(new Set(failed.map(({ requestKwargs }) => requestKwargs))).toEqual(new Set(list.slice(0, -1)))
  })

  test('a job that its own signal cancels is an exception', async () => {
    const own = new AbortController()
    const inner = new GatedSession()
    const pool = new Pool({ jobQueue: [{ url: 'a', signal: own.signal }], session: () => inner })
    await turn()
    own.abort('enough')
    const [exception] = await collect(pool.exceptions())
    expect(exception).toMatchObject({ code: 'ABORT_ERR', cause: 'enough' })
    expect(pool.stats()).toEqual({ submitted: 1, responses: 0, exceptions: 1, cancelled: 0 })
  })

  test('can be made by hand', () => {
    const exception = new ThreadException({ url: 'a' }, new TypeError('t'))
    expect(exception).toMatchObject({ message: 't', attempts: 1, request: { url: 'a' } })
    expect('code' in exception).toBe(false)
    expect('cause' in exception).toBe(false)
  })

  test('the job of a FuturesSession’s future fits', async () => {
    const session = new FuturesSession({ unobserved: 'ignore' })
    const future = session.get('http://127.0.0.1:1/', { headers: { a: '1' } })
    await future.exception()
    const pool = new Pool({ jobQueue: [future.request], session: () => answering() })
    expect((await collect(pool.responses()))[0]!.requestKwargs).toBe(future.request)
    await session.close()
  })
})

describe('readers of a pool', () => {
  test('share the results: each result goes to one of them, and each is told the end', async () => {
    const pool = new Pool({ jobQueue: jobs(100), numProcesses: 3, session: () => answering() })
    const taken = await Promise.all([1, 2, 3].map(() => collect(pool.responses())))
    const urls = taken.flat().map(({ url }) => url)
    expect(new Set(urls).size).toBe(100)
    expect(urls).toHaveLength(100)
    for (const each of taken) expect(each.length).toBeGreaterThan(0)
  })

  test('that leave lose nothing', async () => {
    const inner = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(4), numProcesses: 4, session: () => inner })
    await turn()
    const left = pool.responses()
    const waiting = [left.next(), left.next()]
    await left.return!()
    expect(await Promise.all(waiting)).toEqual(Array(2).fill({ done: true, value: undefined }))
    inner.answerAll()
    for await (const response of pool.responses()) {
      expect(response.response).toBe('http://x/0')
      break
    }
    expect(await left.next()).toEqual({ done: true, value: undefined })
    expect(await collect(pool.responses())).toHaveLength(3)
    expect(await collect(pool.responses())).toHaveLength(0)
  })

  test('serve overlapping next() in order, and can be disposed', async () => {
    const pool = new Pool({ jobQueue: jobs(3), numProcesses: 1, session: () => answering() })
    const responses = pool.responses()
    const results = await Promise.all([responses.next(), responses.next(), responses.next(), responses.next()])
    expect(results.map(({ value }) => value?.url)).toEqual(['http://x/0', 'http://x/1', 'http://x/2', undefined])
    await responses[Symbol.asyncDispose]()
    expect(await responses.next()).toEqual({ done: true, value: undefined })
  })
})
