import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  FuturesSession,
  InvalidOptionError,
  QueueFullError,
  Session,
  SessionClosedError,
  TaskNotCloneableError,
} from '../../../src/index.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import { closeExecutorsAfterEach, open } from '../../helpers/thread-executors.ts'
import { madeThreads } from '../../helpers/thread-watch.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

const fn = () => undefined
const url = 'http://127.0.0.1:1/'
const dispatcher = { dispatch: () => true } as never

/** What a call throws synchronously. */
function thrownBy(call: () => unknown): TaskNotCloneableError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(TaskNotCloneableError)
    expect((error as Error).message).toContain('README, "Executors: which one, when"')
    return error as TaskNotCloneableError
  }
  throw new Error('Nothing was thrown')
}

async function* chunks(): AsyncGenerator<string> {
  yield 'a'
}

describe('A request that can not leave this isolate is refused at the call, by path:', () => {
  test.each<[string, object]>([
    ['hooks.response[0]', { hooks: { response: fn } }],
    ['hooks.response[1]', { hooks: { response: [hook('parse'), fn] } }],
    ['hooks.request[0]', { hooks: { request: [fn] } }],
    ['hooks.redirect[0]', { hooks: { redirect: fn } }],
    ['hooks.error[0]', { hooks: { error: fn } }],
    ['hooks.response[0].args[1].deep', { hooks: { response: hook('append', 1, { deep: fn }) } }],
    ['auth', { auth: fn }],
    ['auth.args[0]', { auth: hook('authorize', fn) }],
    ['data', { data: () => 'body' }],
    ['data', { data: Readable.from(['a']) }],
    ['data', { data: new Blob(['a']).stream() }],
    ['data', { data: chunks() }],
    ['data', { data: new Set(['a']) }],
    ['files.a', { files: { a: Readable.from(['a']) } }],
    ['files.a[1]', { files: [['a', ['name', chunks()]]] }],
    ['onDownloadProgress', { onDownloadProgress: fn }],
    ['onUploadProgress', { onUploadProgress: fn }],
    ['context.callback', { context: { callback: fn } }],
    ['context', { context: Symbol('a') }],
    ['stream', { stream: true }],
  ])('%s', (path, options) => {
    const session = openRemote()
    const before = madeThreads()
    const error = thrownBy(() => session.post(url, options))
    expect(error.path).toBe(path)
    expect(error.message).toContain(`\`${path}\``)
    expect(session.stats()).toMatchObject({ submitted: 0, pending: 0, rejected: 0 })
    expect(session.executor.stats()).toMatchObject({ pending: 0, running: 0, rejected: 0 })
    expect(madeThreads()).toBe(before)
  })

  test.each<[string, (session: FuturesSession) => unknown]>([
    ['hooks.response[0]', (session) => session.hooks.response.push(fn)],
    ['hooks.error[0]', (session) => (session.hooks.error = fn as never)],
    ['auth', (session) => (session.auth = fn)],
    ['stream', (session) => (session.stream = true)],
    ['dispatcher', (session) => session.mount('http://elsewhere/', dispatcher)],
  ])('%s of the session', async (path, spoil) => {
    const server = await serve()
    const session = openRemote()
    const early = session.get(server.url)
    spoil(session)
    expect(thrownBy(() => session.get(server.url)).path).toBe(path)
    expect((await early.result()).status).toBe(200)
    expect(session.stats()).toMatchObject({ submitted: 1, fulfilled: 1 })
  })

  test.each<[string, object]>([
    ['dispatcher', { dispatcher }],
    ['poolOptions.lookup', { poolOptions: { lookup: fn } }],
    ['poolOptions.connect', { poolOptions: { connect: fn } }],
    ['hooks.request[0]', { hooks: { request: fn } }],
  ])('%s that the session was made with', (path, options) => {
    expect(thrownBy(() => openRemote(options).get(url)).path).toBe(path)
  })

  test("session, somebody else's", () => {
    const session = new FuturesSession({ executor: open(), session: { request: async () => 'answer' } })
    expect(thrownBy(() => session.get(url)).path).toBe('session')
    expect(session.stats().submitted).toBe(0)
  })

  test('session.request of a subclass, which must not be passed by', () => {
    class Own extends Session {
      override request(...args: Parameters<Session['request']>): ReturnType<Session['request']> {
        return super.request(...args)
      }
    }
    const session = new FuturesSession({ executor: open(), session: new Own() })
    expect(thrownBy(() => session.get(url)).path).toBe('session.request')
  })

  test('in map(), where the iterator rejects', async () => {
    const session = openRemote()
    const requests = session.map([{ url, hooks: { response: fn } }])
    await expect(requests.next()).rejects.toBeInstanceOf(TaskNotCloneableError)
  })
})

describe('A session on a WorkerThreadExecutor', () => {
  test('goes on after a refusal, without the request in its books', async () => {
    const server = await serve()
    const session = openRemote()
    const events: string[] = []
    for (const event of ['submit', 'failure', 'idle'] as const) session.on(event, () => events.push(event))
    thrownBy(() => session.get(server.url, { auth: fn }))
    expect((await session.get(server.url).result()).status).toBe(200)
    await session.onIdle()
    expect(events).toEqual(['submit', 'idle'])
    expect(session.stats()).toMatchObject({ submitted: 1, done: 1 })
  })

  test('lets a request say no to the stream that the session asks for', async () => {
    const server = await serve()
    const session = openRemote()
    session.stream = true
    expect((await session.get(server.url, { stream: false }).text()).length).toBeGreaterThan(0)
  })

  test.each<[string, object, RegExp]>([
    ['an unknown option', { body: 'a' }, /did you mean `data`/],
    ['a bad timeout', { timeout: 'long' }, /timeout/],
    ['a body that is none', { data: 5 }, /data/],
    ['no JSON', { json: 5n }, /json/],
    ['a bad signal', { signal: 'no' }, /signal/],
    ['a bad priority', { priority: 'high' }, /priority/],
  ])('makes %s the error of the future', async (_, options, message) => {
    const session = openRemote()
    const error = await session.post(url, options).exception()
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect((error as InvalidOptionError).message).toMatch(message)
    expect((error as InvalidOptionError).request).toMatchObject({ method: 'POST', url })
    expect(session.stats()).toMatchObject({ submitted: 1, rejected: 1, pending: 0 })
  })

  test('rejects what comes after the inner session was closed, and refuses after its own end', async () => {
    const inner = new Session()
    const session = new FuturesSession({ executor: open(), session: inner, unobserved: 'ignore' })
    await inner.close()
    expect(await session.get(url).exception()).toBeInstanceOf(SessionClosedError)
    await session.close()
    expect(() => session.get(url)).toThrow(SessionClosedError)
  })

  test('makes a full queue the error of the future', async () => {
    const server = await serve(() => undefined)
    const session = openRemote({}, { maxWorkers: 1, maxQueue: 1 })
    const first = session.get(server.url)
    const second = session.get(server.url)
    expect(await second.exception()).toBeInstanceOf(QueueFullError)
    first.cancel()
  })

  test('cancels a request whose signal is aborted already', async () => {
    const session = openRemote()
    const future = session.get(url, { signal: AbortSignal.abort('why') })
    expect(future.cancelled()).toBe(true)
  })
})
