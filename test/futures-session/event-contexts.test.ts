/** Events run in the AsyncLocalStorage context of whoever submitted the request, like hooks; `progress` and `idle` in the emitter's. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { describe, expect, test } from 'vitest'
import { FuturesSession, InProcessExecutor, type Executor, type FuturesSessionOptions } from '../../src/index.ts'
import { CloningExecutor } from '../helpers/cloning-executor.ts'
import { turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { NarrowExecutor } from '../helpers/narrow-executor.ts'
import { closeRemoteSessionsAfterEach, openHere, serve } from '../helpers/remote-sessions.ts'
import { closeExecutorsAfterEach, open } from '../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

const storage = new AsyncLocalStorage<number | string>()
const requestEvents = ['submit', 'start', 'retry', 'redirect', 'response', 'failure', 'cancel', 'unobserved'] as const

/** Which events were told where: `name own` in the context of the request, `name <context>` in a stranger's. */
function watch(session: FuturesSession<any>): string[] {
  const told: string[] = []
  for (const name of requestEvents) {
    session.on(name, ({ request }: { request: { context?: unknown } }) => {
      const here = storage.getStore()
      told.push(`${name} ${here === request.context ? 'own' : String(here)}`)
    })
  }
  return told
}

/** So often each. */
function tally(told: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const each of told) counts[each] = (counts[each] ?? 0) + 1
  return counts
}

/** Submits requests, each in a context of its own, that its `context` option names. */
function submitAll(session: FuturesSession<any>, urls: readonly string[], options: object = {}) {
  return urls.map((url, index) => storage.run(index, () => session.get(url, { context: index, ...options })))
}

const repeat = (count: number, url: string): string[] => Array<string>(count).fill(url)

const executors: Record<string, () => Executor | undefined> = {
  'of its own': () => undefined,
  'shared with tasks': () => {
    const executor = new InProcessExecutor({ maxWorkers: 2 })
    for (let index = 0; index < 5; index++) storage.run('task', () => executor.submit(() => turn()))
    return executor
  },
  'of threads': () => open({ maxWorkers: 2, threads: 1 }),
  'of somebody else, isolated': () => new CloningExecutor(),
  'of somebody else': () => new NarrowExecutor(2, Infinity),
}

describe.each(Object.keys(executors))('A session on an executor %s', (kind) => {
  function openSession(options: FuturesSessionOptions = {}): FuturesSession {
    const executor = executors[kind]!()
    return openHere({ ...(executor === undefined ? { maxWorkers: 2 } : { executor }), ...options })
  }

  test('tells start, redirect, retry, response and failure in the submitter’s context, however long they wait', async () => {
    const seen = new Set<string>()
    const server = await serve(({ url = '' }, response) => {
      const isNew = !seen.has(url)
      seen.add(url)
      if (url === '/redirect') response.writeHead(302, { location: '/ok' }).end()
      else if (url.startsWith('/retry') && isNew) response.writeHead(503).end()
      else response.writeHead(url === '/bad' ? 400 : 200).end()
    })
    const session = openSession({ raiseForStatus: true, retry: { total: 1, backoff: { base: 1 } } })
    const told = watch(session)
    const paths = [...repeat(6, '/ok'), '/redirect', '/redirect', '/retry/1', '/retry/2', '/bad', '/bad']
    const futures = submitAll(session, paths.map((path) => server.url + path)) // prettier-ignore
    await Promise.all(futures.map((future) => future.exception()))
    expect(tally(told)).toEqual({
      'submit own': 12,
      'start own': 12,
      'redirect own': 2,
      'retry own': 2,
      'response own': 10,
      'failure own': 2,
    })
  })

  test('tells listeners that came later, too', async () => {
    const server = await serve()
    const session = openSession()
    const futures = submitAll(session, repeat(8, server.url))
    const told = await storage.run('listener', async () => {
      const told = watch(session)
      await turn()
      return told
    })
    await Promise.all(futures.map((future) => future.result()))
    expect(Object.keys(tally(told)).sort()).toEqual(['response own', 'start own'])
  })

  test.each(['cancel', 'cancelAll', 'abort', 'dispose'])('tells a cancel by others (%s) likewise', async (how) => {
    const server = await serve((_request, response) => void response.writeHead(200).write('more is to come'))
    const session = openSession()
    const told = watch(session)
    const controller = new AbortController()
    const futures = submitAll(session, repeat(6, server.url), { signal: controller.signal })
    await until(() => server.active >= 2)
    storage.run('canceller', () => {
      if (how === 'cancel') for (const future of futures) future.cancel()
      else if (how === 'cancelAll') session.cancelAll()
      else if (how === 'abort') controller.abort()
      else session[Symbol.dispose]()
    })
    await until(() => session.stats().cancelled === 6)
    expect(tally(told)).toMatchObject({ 'submit own': 6, 'cancel own': 6 })
    expect(Object.keys(tally(told)).filter((name) => !name.endsWith(' own'))).toEqual([])
  })

  test('traces each request in its submitter’s context', async () => {
    const server = await serve(({ url }, response) => void response.writeHead(url === '/bad' ? 400 : 200).end())
    const channel = tracingChannel<unknown, { context: unknown }>('undici-futures:request')
    const told: string[] = []
    const note = (name: string) => (trace: { context: unknown }) => {
      const here = storage.getStore()
      told.push(`${name} ${here === trace.context ? 'own' : String(here)}`)
    }
    const [start, end, asyncStart] = [note('start'), note('end'), note('asyncStart')]
    const listeners = { start, end, asyncStart, asyncEnd: note('asyncEnd'), error: note('error') }
    channel.subscribe(listeners)
    try {
      const session = openSession({ raiseForStatus: true })
      const futures = submitAll(
        session,
        [...repeat(6, '/ok'), ...repeat(3, '/bad')].map((path) => server.url + path),
      )
      await Promise.all(futures.map((future) => future.exception()))
      await until(() => session.stats().done === 9)
    } finally {
      channel.unsubscribe(listeners)
    }
    const counts = { 'start own': 9, 'end own': 9, 'asyncStart own': 9, 'asyncEnd own': 9, 'error own': 3 }
    expect(tally(told)).toEqual(counts)
  })

  test('reports failures that nobody asked for in the context of each', async () => {
    const server = await serve((_request, response) => void response.writeHead(400).end())
    const session = openSession({ raiseForStatus: true })
    const told = watch(session)
    submitAll(session, repeat(5, server.url))
    await session.onIdle()
    await storage.run('closer', () => session.close())
    expect(tally(told)).toMatchObject({ 'failure own': 5, 'unobserved own': 5 })
  })
})

describe('A request', () => {
  test('that waited too long for a worker, or found none, fails in its own context', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner, maxWorkers: 1, maxQueue: 3, unobserved: 'ignore' })
    const told = watch(session)
    storage.run('first', () => session.get('http://x/', { context: 'first' }))
    await until(() => inner.active === 1)
    submitAll(session, repeat(5, 'http://x/'), { timeout: { queue: 1 } })
    await until(() => session.stats().rejected === 5)
    expect(tally(told)).toEqual({ 'submit own': 6, 'start own': 1, 'failure own': 5 })
    storage.run('closer', () => session[Symbol.dispose]())
    expect(tally(told)).toMatchObject({ 'unobserved own': 5, 'cancel own': 1 })
  })

  test('that was cancelled before its submission is told in the submitter’s context, and so is one that its listener cancels', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession(), maxWorkers: 1 })
    const told = watch(session)
    submitAll(session, ['http://x/'], { signal: AbortSignal.abort() })
    session.once('submit', ({ future }) => void future.cancel())
    submitAll(session, ['http://x/'])
    expect(tally(told)).toEqual({ 'submit own': 2, 'cancel own': 2 })
    await session[Symbol.asyncDispose]()
  })

  test('that a listener of `start` cancels is traced neither at its start nor at its end', async () => {
    const channel = tracingChannel('undici-futures:request')
    const names: string[] = []
    const note = (name: string) => () => void names.push(name)
    const listeners = { start: note('start'), end: note('end'), asyncStart: note('asyncStart'), asyncEnd: note('asyncEnd'), error: note('error') } // prettier-ignore
    channel.subscribe(listeners)
    const session = new FuturesSession<string>({ session: new GatedSession(), maxWorkers: 1 })
    session.on('start', ({ future }) => void future.cancel())
    const future = session.get('http://x/')
    await until(() => future.cancelled())
    await session[Symbol.asyncDispose]()
    channel.unsubscribe(listeners)
    expect(names).toEqual([])
  })

  test('has its events within the stores that subscribers bind to its start, as its hooks', async () => {
    const server = await serve()
    const channel = tracingChannel<unknown, { context: unknown }>('undici-futures:request')
    const bound = new AsyncLocalStorage<unknown>()
    channel.start.bindStore(bound, ({ context }: { context: unknown }) => `span ${String(context)}`)
    const session = openHere({ maxWorkers: 1 })
    const told: unknown[] = []
    session.on('response', ({ request }) => void told.push([request.context, bound.getStore()]))
    session.hooks.response.push((_response, { context }) => void told.push([context, bound.getStore()]))
    await Promise.all(submitAll(session, repeat(3, server.url)).map((future) => future.result()))
    channel.start.unbindStore(bound)
    expect(told).toEqual([0, 1, 2].flatMap((index) => [[index, `span ${index}`], [index, `span ${index}`]])) // prettier-ignore
  })

  test('tells progress and idle in the context of whoever ends it', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession(), maxWorkers: 1 })
    const told: unknown[] = []
    session.on('progress', () => void told.push(['progress', storage.getStore()]))
    session.on('idle', () => void told.push(['idle', storage.getStore()]))
    submitAll(session, repeat(2, 'http://x/'))
    storage.run('canceller', () => session.cancelAll())
    await until(() => told.length === 3)
    expect(told).toEqual([['progress', 'canceller'], ['progress', 'canceller'], ['idle', 'canceller']]) // prettier-ignore
    await session[Symbol.asyncDispose]()
  })
})
