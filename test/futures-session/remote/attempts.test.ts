import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test } from 'vitest'
import type { Response } from '../../../src/index.ts'
import { bearer, ConnectionError, HTTPError, TotalTimeoutError, type FuturesSession } from '../../../src/index.ts'
import { fakeTime } from '../../helpers/fake-time.ts'
import { gate, turn, until } from '../../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import { readBody, type Handler, type TestServer } from '../../helpers/server.ts'
import { closeExecutorsAfterEach, fixture } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'
import { liveThreads } from '../../helpers/thread-watch.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

const quick = { backoff: { base: 1, jitter: false } }

/** Fails so many times for each path, then answers. */
function failing(failures: number, answer: Handler = (_, response) => response.end('good')): Handler {
  const hits = new Map<string, number>()
  return (request, response) => {
    const url = request.url!
    const hit = (hits.get(url) ?? 0) + 1
    hits.set(url, hit)
    if (hit > failures) answer(request, response)
    else response.writeHead(503).end(`bad ${hit}`)
  }
}

/** `/r/<n>` redirects n times, to `/end`. */
const redirecting: Handler = (request, response) => {
  const count = Number(/\/r\/(\d+)/.exec(request.url!)?.[1])
  if (!count) return void response.end('end')
  response.writeHead(302, { location: count === 1 ? '/end' : `/r/${count - 1}` }).end(`to ${count - 1}`)
}

function logOf(session: FuturesSession): string[] {
  const log: string[] = []
  session.on('start', ({ future }) => log.push(`start ${future.state}`))
  session.on('retry', ({ attempt, response, error, future }) => {
    const what = (response as Response | undefined)?.text() ?? (error as Error).name
    log.push(`retry ${attempt} ${what} ${future.state}`)
  })
  session.on('redirect', ({ attempt, response, next }) => {
    log.push(`redirect ${attempt} ${(response as Response).text()} ${new URL((next as Response).url).pathname}`)
  })
  session.on('response', ({ attempt }) => log.push(`response ${attempt}`))
  session.on('failure', ({ attempt, error }) => log.push(`failure ${attempt} ${(error as Error).name}`))
  return log
}

describe('Redirects in a thread', () => {
  test('are followed there, and told live, with the responses that are in the history then', async () => {
    const reached = gate()
    const go = gate()
    const server = await serve((request, response) => {
      if (request.url === '/end') {
        reached.open()
        void go.promise.then(() => redirecting(request, response))
      } else redirecting(request, response)
    })
    const session = openRemote()
    const log = logOf(session)
    const told: unknown[] = []
    session.on('redirect', ({ response }) => told.push(response))
    const future = session.get(`${server.url}/r/2`)
    await reached.promise
    await expect.poll(() => log).toEqual(['start running', 'redirect 1 to 1 /r/1', 'redirect 1 to 0 /end'])
    go.open()
    const { history, url, redirected } = await future.result()
    expect(log.at(-1)).toBe('response 1')
    expect([url, redirected]).toEqual([`${server.url}/end`, true])
    expect(history).toHaveLength(2)
    expect(history[0]).toBe(told[0])
    expect(history[1]).toBe(told[1])
    expect(history[1]!.history).toEqual([history[0]])
    expect(session.stats().bytes).toBe('to 1to 0end'.length)
  })

  test('are not followed where that is not wanted, and `next` is there', async () => {
    const server = await serve(redirecting)
    const response = await openRemote().get(`${server.url}/r/1`, { allowRedirects: false }).result()
    expect([response.status, response.next?.url]).toEqual([302, `${server.url}/end`])
  })

  test('to another origin wait their turn there, and drop what is not meant for it', async () => {
    const seen: Record<string, unknown>[] = []
    const target = await serve((request, response) => {
      seen.push({ authorization: request.headers.authorization, cookie: request.headers.cookie })
      setImmediate(() => response.end('target'))
    })
    const sources = await Promise.all(
      [1, 2, 3, 4].map(() =>
        serve((_, response) => {
          response.writeHead(307, { location: target.url }).end()
        }),
      ),
    )
    const session = openRemote({ maxWorkersPerOrigin: 1, auth: bearer('secret') }, { threads: 2 })
    const log = logOf(session)
    const responses = await Promise.all(
      sources.map(({ url }) => session.post(url, { data: 'body', cookies: { own: '1' } }).result()),
    )
    expect(responses.map((response) => response.text())).toEqual(Array(4).fill('target'))
    expect(responses.map(({ request }) => [request.method, request.body])).toEqual(Array(4).fill(['POST', 'body']))
    expect(responses.map(({ history }) => history.length)).toEqual([1, 1, 1, 1])
    expect(target.peak).toBe(1)
    expect(seen).toEqual(Array(4).fill({}))
    expect(log.filter((line) => line.startsWith('response'))).toEqual(Array(4).fill('response 1'))
  })
})

describe('Retries in threads', () => {
  test('are told as they happen, counted in hooks and events, and hold no worker while they wait', async () => {
    const attempts: unknown[] = []
    const server = await serve((request, response) => {
      attempts.push(request.headers['x-attempt'])
      handler(request, response)
    })
    const handler = failing(2)
    const session = openRemote({ hooks: { request: hook('noteAttempt') as never } }, { threads: 2 })
    const log = logOf(session)
    const response = await session.get(server.url, { retry: { total: 3, ...quick } }).result()
    expect(response.text()).toBe('good')
    expect(log).toEqual(['start running', 'retry 1 bad 1 running', 'retry 2 bad 2 running', 'response 3'])
    expect(attempts).toEqual(['1', '2', '3'])
    expect(session.stats()).toMatchObject({ submitted: 1, fulfilled: 1, running: 0 })
    expect(session.executor.stats()).toMatchObject({ fulfilled: 1, pending: 0, running: 0 })
  })

  test('hold no worker while they wait', async () => {
    const server = await serve(failing(1))
    const session = openRemote({}, { maxWorkers: 1 })
    const retried = session.get(`${server.url}/a`, { retry: { total: 1, backoff: { base: 60_000, jitter: false } } })
    await new Promise((resolve) => session.once('retry', resolve))
    expect((await session.get(`${server.url}/b`).result()).status).toBe(503)
    expect(retried.state).toBe('running')
    expect(retried.cancel()).toBe(true)
  })

  test('exhausted: the last response, or the last error with what it knows', async () => {
    const server = await serve(failing(9))
    const session = openRemote({ retry: { total: 1, ...quick } })
    const log = logOf(session)
    expect((await session.get(server.url).result()).text()).toBe('bad 2')
    const error = await session.get('http://127.0.0.1:1/').exception()
    expect(error).toBeInstanceOf(ConnectionError)
    expect((error as ConnectionError).request).toMatchObject({ method: 'GET', url: 'http://127.0.0.1:1/' })
    expect(log.slice(3)).toEqual(['start running', 'retry 1 ConnectionError running', 'failure 2 ConnectionError'])
  })

  test('go on from the hop that failed, with its method, its history and its headers', async () => {
    const bodies: string[] = []
    const server = await serve((request, response) => {
      void readBody(request).then((body) => {
        bodies.push(`${request.method!} ${request.url!} ${body} ${request.headers.authorization!}`)
        if (request.url === '/form') response.writeHead(303, { location: '/result' }).end('see other')
        else handler(request, response)
      })
    })
    const handler = failing(2)
    const session = openRemote({ auth: hook('authorize', 'x') as never }, { threads: 2 })
    const log = logOf(session)
    const response = await session
      .post(`${server.url}/form`, {
        data: { a: 1 },
        retry: { total: 2, ...quick },
        hooks: { response: hook('describeContext') },
      })
      .result()
    expect(bodies).toEqual(['POST /form a=1 Ref x', ...Array<string>(3).fill('GET /result  Ref x')])
    expect(response.history.map((each) => each.text())).toEqual(['see other'])
    expect(response.data).toMatchObject({ attempt: 3, history: ['see other'] })
    expect(log).toEqual([
      'start running',
      'redirect 1 see other /result',
      'retry 1 bad 1 running',
      'retry 2 bad 2 running',
      'response 3',
    ])
  })

  test.each<[string, object, string]>([
    ['text', { data: 'text' }, 'text'],
    ['JSON', { json: { a: 1 } }, '{"a":1}'],
    ['a form', { data: { a: 1 } }, 'a=1'],
    ['bytes', { data: Buffer.alloc(70_000, 'x') }, 'x'.repeat(70_000)],
    ['a Blob', { data: new Blob(['blob']) }, 'blob'],
  ])('send %s again', async (_, options, body) => {
    const bodies: string[] = []
    const handler = failing(1)
    const server = await serve((request, response) => {
      void readBody(request).then((text) => {
        bodies.push(text)
        handler(request, response)
      })
    })
    const response = await openRemote()
      .put(server.url, { ...options, retry: { total: 1, ...quick } })
      .result()
    expect(bodies).toEqual([body, body])
    expect(response.status).toBe(200)
  })

  test('send a multipart body again, with the boundary that its header names', async () => {
    const seen: [string, string][] = []
    const handler = failing(1)
    const server = await serve((request, response) => {
      void readBody(request).then((text) => {
        seen.push([request.headers['content-type']!, text])
        handler(request, response)
      })
    })
    await openRemote()
      .put(server.url, { files: { a: new Blob(['blob']) }, retry: { total: 1, ...quick } })
      .result()
    expect(seen).toHaveLength(2)
    for (const [type, text] of seen) expect(text).toContain(/boundary=(\w+)/.exec(type)![1])
  })

  test('obey the policy: what is not to be retried is not', async () => {
    const server = await serve(failing(9))
    const session = openRemote({ retry: { total: 5, status: 1, ...quick } })
    await session.get(server.url).result()
    await session.post(server.url).result()
    expect(server.seen).toHaveLength(3)
  })
})

describe('The total timeout of a request in a thread', () => {
  const minute = 60_000
  afterEach(() => fakeTime.disable())

  test('ends an exchange there, with its hooks', async () => {
    const server = await serve(() => undefined)
    const session = openRemote()
    await session.get(`${server.url}/warm`, { timeout: { total: 400 } }).exception()
    const error = await session.get(`${server.url}/a`, { timeout: { total: 50 } }).exception()
    expect(error).toBeInstanceOf(TotalTimeoutError)
    expect(error).toMatchObject({ message: `GET ${server.url}/a: not done within 50 ms`, scope: 'total' })
    expect((error as TotalTimeoutError).request).toMatchObject({ method: 'GET', url: `${server.url}/a` })
    await expect.poll(() => server.openSockets.size).toBe(0)
  })

  test('counts from the first attempt, and ends a wait', async () => {
    fakeTime.enable()
    const server = await serve(failing(9))
    const session = openRemote()
    const retry = { total: 1, backoff: { base: 10 * minute, max: 10 * minute, jitter: false } }
    const isWaiting = gate()
    session.on('retry', () => isWaiting.open())
    const future = session.get(server.url, { retry, timeout: { total: minute } })
    await isWaiting.promise
    const outcome = future.exception()
    fakeTime.tick(minute)
    expect(await outcome).toBeInstanceOf(TotalTimeoutError)
    expect(session.executor.stats()).toMatchObject({ running: 0, rejected: 1 })
  })

  test('counts from the first attempt, and ends a later one', async () => {
    fakeTime.enable()
    const again = gate()
    const server = await serve(failing(1, () => again.open()))
    const session = openRemote({}, { threads: 1 })
    const isWaiting = gate()
    session.on('retry', () => isWaiting.open())
    const retry = { total: 1, backoff: { base: minute, max: minute, jitter: false } }
    const future = session.get(server.url, { retry, timeout: { read: null, total: 1.5 * minute } })
    await isWaiting.promise
    fakeTime.tick(minute)
    await again.promise
    const outcome = future.exception()
    // The thread has a clock of its own, by which the first attempt took some time.
    fakeTime.tick(minute / 3)
    await turn()
    expect(future.state).toBe('running')
    fakeTime.tick(minute / 3)
    expect(await outcome).toBeInstanceOf(TotalTimeoutError)
    expect(server.seen).toEqual(['GET /', 'GET /'])
  })

  test('leaves the error to error hooks, which may recover', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/recovered') response.end('instead')
    })
    const session = openRemote({ hooks: { error: hook('recover') } })
    expect(await session.get(server.url, { timeout: { total: 100 } }).text()).toBe('instead')
  })

  test('waits for error hooks, however long they take, once they are asked', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/recovered') response.end('instead')
    })
    const session = openRemote({}, { threads: 1, maxWorkers: 2 })
    fakeTime.enable()
    const waiting = new ThreadGate()
    const hooks = { error: [hook('waitAtGate', waiting.memory), hook('recover')] }
    const future = session.get(server.url, { timeout: { total: 100 }, hooks })
    await waiting.arrived()
    // Whatever the thread has said by then is here.
    await session.executor.submit(fixture('arithmetic-tasks.mjs', 'add', 1, 2)).result()
    fakeTime.tick(10 * minute)
    await turn()
    expect(future.state).toBe('running')
    waiting.open()
    expect(await future.text()).toBe('instead')
  })

  test('does not wait for error hooks of a thread that hears nothing', async () => {
    const server = await serve()
    const session = openRemote({}, { threads: 1 })
    fakeTime.enable()
    const spinning = new ThreadGate()
    const hooks = { response: hook('spin', spinning.memory), error: hook('recover') }
    const stuck = session.get(server.url, { timeout: { total: minute }, hooks })
    await spinning.arrived()
    fakeTime.tick(minute + 9_999)
    await turn()
    expect(stuck.state).toBe('running')
    fakeTime.tick(1)
    expect(stuck.exceptionNow()).toBeInstanceOf(TotalTimeoutError)
    // Its thread is ended, and another one started.
    fakeTime.tick(1_000)
    await until(() => liveThreads() === 0)
    expect((await session.get(server.url).result()).status).toBe(200)
  })

  test('does not wait for a hook, nor for a thread that hears nothing', async () => {
    const server = await serve()
    const session = openRemote({}, { threads: 2 })
    const waiting = new ThreadGate()
    const timeout = { total: 200 }
    const slow = session.get(server.url, { timeout, hooks: { response: hook('waitAtGate', waiting.memory) } })
    expect(await slow.exception()).toBeInstanceOf(TotalTimeoutError)
    waiting.open()
    const spinning = new ThreadGate()
    const stuck = session.get(server.url, { timeout, hooks: { response: hook('spin', spinning.memory) } })
    expect(await stuck.exception()).toBeInstanceOf(TotalTimeoutError)
    expect((await session.get(server.url).result()).status).toBe(200)
  })
})

describe('On the side of the submitter', () => {
  test('events and callbacks are in the async context of the submission', async () => {
    const storage = new AsyncLocalStorage<string>()
    const server = await serve((request, response) => {
      if (request.url === '/end') handler(request, response)
      else redirecting(request, response)
    })
    const handler = failing(2)
    const session = openRemote()
    const seen: unknown[] = []
    session.on('redirect', () => seen.push(['redirect', storage.getStore()]))
    session.on('retry', ({ attempt }) => seen.push([`retry ${attempt}`, storage.getStore()]))
    await storage.run('mine', async () => {
      const future = session.get(`${server.url}/r/1`, { retry: { total: 2, ...quick } })
      future.addDoneCallback(() => seen.push(['done', storage.getStore()]))
      await storage.run('other', () => future.result())
    })
    expect(seen).toEqual([
      ['redirect', 'mine'],
      ['retry 1', 'mine'],
      ['retry 2', 'mine'],
      ['done', 'mine'],
    ])
  })

  test('a request is traced from its start to its settlement', async () => {
    const server = await serve(failing(1))
    const channel = tracingChannel('undici-futures:request')
    const log: string[] = []
    const note = (name: string) => (trace: object) => void log.push(`${name} ${(trace as { url: string }).url}`)
    const subscribers = Object.fromEntries(
      ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((name) => [name, note(name)]),
    ) as unknown as Parameters<typeof channel.subscribe>[0]
    channel.subscribe(subscribers)
    try {
      await openRemote()
        .get(server.url, { retry: { total: 1, ...quick } })
        .result()
    } finally {
      channel.unsubscribe(subscribers)
    }
    expect(log).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'].map((name) => `${name} ${server.url}`))
  })

  test('raiseForStatus rejects with the response, after retries and hooks', async () => {
    const server: TestServer = await serve(failing(9))
    const error = await openRemote()
      .get(server.url, { raiseForStatus: true, retry: { total: 1, ...quick } })
      .exception()
    expect(error).toBeInstanceOf(HTTPError)
    expect((error as HTTPError).response.text()).toBe('bad 2')
  })
})
