/** `FuturesSession.paginate()`: order, how far ahead, leaving, failing. What the requests are is in page-trail.test.ts. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import {
  CancelledError,
  FuturesSession,
  HTTPError,
  InProcessExecutor,
  RequestError,
  SessionClosedError,
  type PaginateOptions,
  type Response,
} from '../../src/index.ts'
import { ManualExecutor } from '../../src/testing/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { closeRemoteSessionsAfterEach, openHere, openRemote, serve } from '../helpers/remote-sessions.ts'
import type { Handler, TestServer } from '../helpers/server.ts'
import { closeExecutorsAfterEach } from '../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

/** Pages `/1` to `/count`, each with a link to the next one. */
const book =
  (count: number): Handler =>
  (request, response) => {
    const page = parseInt(request.url!.slice(1))
    if (page < count) response.setHeader('link', `<${page + 1}>; rel="next", <1>; rel="first"`)
    response.end(`page ${page}`)
  }

/** Pages of a session whose answers the test gives. */
function gated(options: PaginateOptions<string> = {}, sessionOptions: object = {}) {
  const inner = new GatedSession()
  const session = new FuturesSession<string>({ session: inner, maxWorkers: 2, unobserved: 'ignore', ...sessionOptions })
  const next = (page: string): string => `http://x/${Number(page.slice(-1)) + 1}`
  return { inner, session, pages: session.paginate('http://x/1', { next, ...options }) }
}

const textsOf = async (pages: AsyncIterable<Response>): Promise<string[]> => {
  const texts: string[] = []
  for await (const page of pages) texts.push(page.text())
  return texts
}

async function failureOf(promise: Promise<unknown>): Promise<Error & { cause?: unknown }> {
  return promise.then(
    () => expect.unreachable(),
    (error: unknown) => error as Error,
  )
}

describe('FuturesSession.paginate() yields', () => {
  test('the pages that links lead to, in order, and ends', async () => {
    const server = await serve(book(4))
    const pages = openHere().paginate(`${server.url}/1`)
    expect(await textsOf(pages)).toEqual(['page 1', 'page 2', 'page 3', 'page 4'])
    expect(server.seen).toEqual(['GET /1', 'GET /2', 'GET /3', 'GET /4'])
    expect(await pages.next()).toEqual({ done: true, value: undefined })
  })

  test('one page where there is no link', async () => {
    const server = await serve(book(1))
    expect(await textsOf(openHere({ baseUrl: server.url }).paginate('/1', {}))).toEqual(['page 1'])
  })

  test('from threads, too', async () => {
    const server = await serve(book(3))
    const session = openRemote({ params: { key: 'k' } }, { threads: 1 })
    expect(await textsOf(session.paginate(`${server.url}/1`, { context: { id: 1 } }))).toHaveLength(3)
    expect(server.seen).toEqual(['GET /1?key=k', 'GET /2?key=k', 'GET /3?key=k'])
  })

  test('from threads without credentials for another origin', async () => {
    const seen: unknown[] = []
    const away = await serve(({ headers }, response) => {
      seen.push([headers.authorization, headers['x-a']])
      response.end('away')
    })
    const here = await serve(({ headers }, response) => {
      seen.push([headers.authorization, headers['x-a']])
      response.setHeader('link', `<${away.url}/2>; rel="next"`).end('here')
    })
    const session = openRemote({ headers: { Authorization: 'secret' } }, { threads: 1 })
    const options = { auth: ['me', 'pw'] as const, headers: { 'X-A': '1' } }
    expect(await textsOf(session.paginate(`${here.url}/1`, options))).toEqual(['here', 'away'])
    expect(seen).toEqual([['secret', '1'], [undefined, '1']]) // prettier-ignore
  })

  test('what `next` says: URLs, requests, promises of them; nothing is the end', async () => {
    const server = await serve((request, response) => response.end(`${request.method ?? ''} ${request.url ?? ''}`))
    const steps = [
      new URL(`${server.url}/b`),
      'c',
      { url: '/d', method: 'POST', data: 'x' },
      Promise.resolve('e'),
      null,
    ]
    const seen: string[] = []
    const next: PaginateOptions['next'] = (page) => {
      seen.push(page.text())
      return steps.shift()
    }
    const texts = await textsOf(openHere().paginate(`${server.url}/a`, { next }))
    expect(texts).toEqual(['GET /a', 'GET /b', 'GET /c', 'POST /d', 'GET /e'])
    expect(seen).toEqual(texts)
    for (const end of [undefined, null, Promise.resolve(undefined)]) {
      expect(await textsOf(openHere().paginate(`${server.url}/a`, { next: () => end }))).toEqual(['GET /a'])
    }
  })

  test('a page of status 400 or more as the last one', async () => {
    const server = await serve((request, response) => {
      response.writeHead(request.url === '/2' ? 404 : 200, { link: '<2>; rel="next"' }).end()
    })
    const statuses: number[] = []
    for await (const { status } of openHere().paginate(`${server.url}/1`)) statuses.push(status)
    expect(statuses).toEqual([200, 404])
    const next = (): never => expect.unreachable()
    for await (const { status } of openHere().paginate(`${server.url}/2`, { next })) expect(status).toBe(404)
  })

  test('through a `request` of a subclass, with hooks and events', async () => {
    const server = await serve(book(3))
    const asked: string[] = []
    class Counting extends FuturesSession {
      override request(...args: Parameters<FuturesSession['request']>) {
        asked.push(`${args[0]} ${String(args[1])}`)
        return super.request(...args)
      }
    }
    const session = new Counting()
    const contexts: unknown[] = []
    session.hooks.response.push((response, { context }) => {
      contexts.push(context)
      response.data = 'seen'
    })
    for await (const page of session.paginate(`${server.url}/1`, { context: 7 })) expect(page.data).toBe('seen')
    expect(asked).toEqual([1, 2, 3].map((page) => `GET ${server.url}/${page}`))
    expect(contexts).toEqual([7, 7, 7])
    await session.close()
  })
})

describe('FuturesSession.paginate() asks', () => {
  test('for nothing before the first next(), and for one page ahead', async () => {
    const { inner, pages } = gated()
    await turn()
    expect(inner.requests).toHaveLength(0)
    const first = pages.next()
    await until(() => inner.requests.length === 1)
    await turn()
    inner.answer(0)
    expect(await first).toEqual({ done: false, value: 'http://x/1' })
    await until(() => inner.requests.length === 2)
    inner.answer(1)
    for (let count = 0; count < 5; count++) await turn()
    expect(inner.requests).toHaveLength(2)
    expect((await pages.next()).value).toBe('http://x/2')
    await until(() => inner.requests.length === 3)
    await pages.return?.()
  })

  test('as often as somebody waits, one after the other', async () => {
    const { inner, pages } = gated()
    const all = [pages.next(), pages.next(), pages.next()]
    for (let page = 0; page < 3; page++) {
      await until(() => inner.requests.length === page + 1)
      inner.answer(page)
    }
    expect((await Promise.all(all)).map(({ value }) => value as string)).toEqual([1, 2, 3].map((n) => `http://x/${n}`))
    await pages.return?.()
  })

  test('in the async context of whoever called paginate()', async () => {
    const storage = new AsyncLocalStorage<string>()
    const server = await serve(book(3))
    const session = openHere()
    const seen: unknown[] = []
    session.on('submit', () => seen.push(storage.getStore()))
    const next = async (page: Response): Promise<string | undefined> => {
      seen.push(storage.getStore())
      await turn()
      return page.links.next?.url
    }
    const pages = storage.run('caller', () => session.paginate(`${server.url}/1`, { next }))
    await storage.run('reader', () => textsOf(pages))
    expect(seen).toEqual(Array(6).fill('caller'))
  })

  test('again where the queue of the executor is full', async () => {
    const server = await serve(book(3))
    const executor = new InProcessExecutor({ maxWorkers: 1, maxQueue: 1 })
    const session = openHere({ executor })
    const blocker = executor.submit(({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)))
    await turn()
    const waiting = executor.submit(() => 'done')
    const texts = textsOf(session.paginate(`${server.url}/1`))
    for (let count = 0; count < 5; count++) await turn()
    expect(server.seen).toEqual([])
    blocker.cancel()
    expect(await waiting.result()).toBe('done')
    expect(await texts).toEqual(['page 1', 'page 2', 'page 3'])
    await executor.shutdown()
  })

  test('once, whatever listeners do meanwhile', async () => {
    const { inner, session, pages } = gated()
    const answers: Promise<unknown>[] = []
    session.once('submit', () => answers.push(pages.next()))
    answers.unshift(pages.next())
    await until(() => inner.requests.length === 1)
    inner.answer(0)
    await until(() => inner.requests.length === 2)
    inner.answer(1)
    expect(await Promise.all(answers)).toMatchObject([{ value: 'http://x/1' }, { value: 'http://x/2' }])
    await pages.return?.()
  })
})

describe('Leaving FuturesSession.paginate()', () => {
  test('by break cancels the page that is on its way', async () => {
    const { inner, session, pages } = gated()
    const reasons: unknown[] = []
    session.on('cancel', ({ reason }) => reasons.push(reason))
    setImmediate(() => inner.answer(0))
    for await (const page of pages) {
      expect(page).toBe('http://x/1')
      await until(() => inner.requests.length === 2)
      break
    }
    expect(session.stats()).toMatchObject({ submitted: 2, fulfilled: 1, cancelled: 1, running: 0, pending: 0 })
    expect(inner.requests[1]!.options.signal?.aborted).toBe(true)
    expect(reasons).toEqual([new Error('The iteration of `paginate` was left')])
    expect(await pages.next()).toEqual({ done: true, value: undefined })
  })

  test('by an error, `await using`, or while somebody waits', async () => {
    const { inner, session, pages } = gated()
    const waiting = pages.next()
    await until(() => inner.requests.length === 1)
    await pages[Symbol.asyncDispose]()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(session.stats()).toMatchObject({ submitted: 1, cancelled: 1 })

    const server = await serve(book(9))
    const own = openHere()
    const loop = async (): Promise<void> => {
      for await (const page of own.paginate(`${server.url}/1`)) throw new Error(page.text())
    }
    expect((await failureOf(loop())).message).toBe('page 1')
    await own.onIdle()
    expect(server.seen.length).toBeLessThanOrEqual(2)
  })

  test('from within a listener of its own request', async () => {
    const { inner, session, pages } = gated()
    session.once('submit', () => void pages.return?.())
    expect(await pages.next()).toEqual({ done: true, value: undefined })
    expect(session.stats()).toMatchObject({ submitted: 1, cancelled: 1 })
    expect(inner.requests).toHaveLength(0)
  })

  test('while `next` is asked ends it; what that says or throws then is nothing', async () => {
    for (const say of [() => 'http://x/2', () => Promise.reject(new Error('late'))]) {
      let answer!: () => void
      const asked = new Promise<void>((resolve) => (answer = resolve))
      const { inner, session, pages } = gated({ next: () => asked.then(say) })
      const first = pages.next()
      await until(() => inner.requests.length === 1)
      inner.answer(0)
      await first
      await pages.return?.()
      answer()
      await turn()
      expect(session.stats().submitted).toBe(1)
    }
  })

  test('closes the streamed page ahead, which nobody has seen', async () => {
    const server = await serve((request, response) => {
      response.setHeader('link', '<2>; rel="next"')
      response.write('begin')
      if (request.url === '/1') response.end()
    })
    const session = openHere({ maxWorkers: 2 })
    const pages = session.paginate(`${server.url}/1`, { stream: true })
    const { value: first } = await pages.next()
    await (first as Response).read()
    await until(() => session.stats().fulfilled === 2)
    await pages.return?.()
    await until(() => server.active === 0)
    await session.close()
  })

  test('by a signal rejects with what names the request, and drops the page ahead', async () => {
    const controller = new AbortController()
    const server = await serve(book(9))
    const session = openHere()
    const pages = session.paginate(`${server.url}/1`, { signal: controller.signal })
    await pages.next()
    await until(() => session.stats().fulfilled === 2)
    controller.abort('enough')
    const error = await failureOf(pages.next())
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.cause).toBe('enough')
    expect(error.message).toMatch(/^GET http:.* was cancelled: enough$/)
    expect(await pages.next()).toEqual({ done: true, value: undefined })
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)

    const { inner, pages: slow } = gated({ signal: AbortSignal.timeout(20) })
    expect((await failureOf(slow.next())).cause).toMatchObject({ name: 'TimeoutError' })
    await until(() => inner.active === 0)
    const { inner: never, pages: late } = gated({ signal: AbortSignal.abort() })
    expect(await failureOf(late.next())).toBeInstanceOf(CancelledError)
    expect(never.requests).toHaveLength(0)
  })

  test('leaves no listener on the signal, however it ends', async () => {
    const { signal } = new AbortController()
    const server = await serve(book(2))
    await textsOf(openHere().paginate(`${server.url}/1`, { signal }))
    await openHere().paginate(`${server.url}/1`, { signal }).return?.()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('by cancelAll(), close() and disposal of the session', async () => {
    const { inner, session, pages } = gated()
    const first = pages.next()
    await until(() => inner.requests.length === 1)
    session.cancelAll('all')
    expect((await failureOf(first)).cause).toBe('all')

    const closed = gated()
    await closed.session.close()
    expect(await failureOf(closed.pages.next())).toBeInstanceOf(SessionClosedError)
    expect(() => closed.session.paginate('http://x/')).toThrow(SessionClosedError)

    const disposed = gated()
    const waiting = disposed.pages.next()
    await until(() => disposed.inner.requests.length === 1)
    disposed.session[Symbol.dispose]()
    expect(await failureOf(waiting)).toBeInstanceOf(CancelledError)
  })
})

describe('FuturesSession.paginate() fails', () => {
  const failing = (server: TestServer, options: PaginateOptions = {}) => openHere().paginate(`${server.url}/1`, options)

  test('where the request of a page fails, after the pages before it', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/3') response.destroy()
      else book(9)(request, response)
    })
    const pages = failing(server)
    expect(((await pages.next()).value as Response).text()).toBe('page 1')
    expect(((await pages.next()).value as Response).text()).toBe('page 2')
    expect(await failureOf(pages.next())).toBeInstanceOf(RequestError)
    expect(await pages.next()).toEqual({ done: true, value: undefined })
  })

  test('with HTTPError where `raiseForStatus` asks for that', async () => {
    const server = await serve((request, response) => {
      response.writeHead(request.url === '/2' ? 500 : 200, { link: '<2>; rel="next"' }).end()
    })
    const pages = failing(server, { raiseForStatus: true })
    await pages.next()
    expect(await failureOf(pages.next())).toBeInstanceOf(HTTPError)
  })

  test.each<[string, PaginateOptions['next'], string]>([
    [
      'throws',
      () => {
        throw new Error('mine')
      },
      'mine',
    ],
    ['rejects', () => Promise.reject(new Error('mine')), 'mine'],
    ['returns no URL', () => 5 as never, 'Expected `next` to return a URL, a request or nothing, got `5`'],
    ['promises no URL', () => Promise.resolve(true as never), 'Expected `next` to return a URL'],
    ['returns a bad URL', () => 'ftp://x/', 'scheme'],
    ['promises a bad URL', () => Promise.resolve('ftp://x/'), 'scheme'],
    ['returns a request without a URL', () => ({ method: 'GET' }) as never, 'Expected `url`'],
    ['returns an unknown option', () => ({ url: '/2', body: 'x' }) as never, 'did you mean `data`'],
  ])('after the page for which `next` %s', async (_, next, message) => {
    // prettier-ignore
    const pages = failing(await serve(book(9)), { next })
    expect((await pages.next()).done).toBe(false)
    expect((await failureOf(pages.next())).message).toContain(message)
    expect(await pages.next()).toEqual({ done: true, value: undefined })
  })

  test('after a page whose link leads to itself', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/old') response.writeHead(302, { location: '/1' }).end()
      else response.writeHead(200, { link: `<${request.headers['x-to'] as string}>; rel="next"` }).end()
    })
    for (const [path, to] of [
      ['/1', '1#top'],
      ['/old', '/old'],
      ['/old', ''],
    ] as const) {
      // prettier-ignore
      const pages = openHere().paginate(server.url + path, { headers: { 'X-To': to } })
      await pages.next()
      const error = await failureOf(pages.next())
      expect(error).toBeInstanceOf(RequestError)
      expect(error.message).toContain('leads to the page itself')
    }
  })

  test('after a page that says nothing of links', async () => {
    const inner = new GatedSession()
    const pages = new FuturesSession<string>({ session: inner }).paginate('http://x/')
    const first = pages.next()
    await until(() => inner.requests.length === 1)
    inner.answer(0)
    await first
    expect((await failureOf(pages.next())).message).toContain('has no `links`, pass `next`')
  })

  test('at the call, of bad options', () => {
    const session = openHere()
    expect(() => session.paginate('http://x/', { next: 'link' as never })).toThrow('Expected `next` to be a function')
    expect(() => session.paginate('http://x/', { next: null as never })).toThrow(TypeError)
    expect(() => session.paginate('http://x/', 5 as never)).toThrow(TypeError)
    expect(() => session.paginate('http://x/', { body: 'x' } as never)).toThrow('did you mean `data`')
    expect(() => session.paginate('http://x/', { pagination: {} } as never)).toThrow('did you mean `next`')
    expect(() => session.paginate('http://x/', { url: 'http://y/' } as never)).toThrow('an argument of its own')
  })

  test('with the error of the first request, of a URL or an option that it can not take', async () => {
    const session = openHere()
    expect((await failureOf(session.paginate('nowhere').next())).message).toContain('Invalid URL')
    expect((await failureOf(session.paginate('http://x/', { timeout: -1 }).next())).message).toContain('timeout')
    const executor = new ManualExecutor()
    await executor.shutdown()
    expect((await failureOf(openHere({ executor }).paginate('http://x/').next())).name).toBe('ExecutorClosedError')
  })
})
