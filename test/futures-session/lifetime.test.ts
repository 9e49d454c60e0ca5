import { afterEach, describe, expect, test } from 'vitest'
import { CancelledError, type Future, FuturesSession, InProcessExecutor, SessionClosedError } from '../../src/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { cpuTime } from '../helpers/growth.ts'
import { startServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('FuturesSession, leaving it', () => {
  test('close() with a signal that is aborted already cancels what is left, for its reason', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession() })
    const future = session.get('http://x/1')
    await until(() => future.running())
    await session.close({ signal: AbortSignal.abort('enough') })
    expect(((await future.result().catch((error: unknown) => error)) as Error).cause).toBe('enough')
  })

  test('dispose cancels waiting and running requests, keeps done ones, and closes every socket', async () => {
    const server = await startServer((request, response) => {
      if (request.url === '/done') response.end('done')
    })
    cleanups.push(() => server.close())
    const session = new FuturesSession({ maxWorkers: 2 })
    const done = session.get(`${server.url}/done`)
    await done.result()
    const futures = Array.from({ length: 10 }, (_, i) => session.get(`${server.url}/${i}`))
    await until(() => server.active === 2)
    session[Symbol.dispose]()
    expect(futures.map((future) => future.state)).toEqual(futures.map(() => 'cancelled'))
    expect(done.state).toBe('fulfilled')
    const error = await futures[0]!.result().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(CancelledError)
    expect((error as Error).cause).toBeInstanceOf(SessionClosedError)
    await until(() => server.openSockets.size === 0)
    expect(server.seen).toHaveLength(3)
  })

  test('asyncDispose resolves when the work has really stopped', async () => {
    const inner = new GatedSession({ isStubborn: true })
    const session = new FuturesSession<string>({ session: inner, maxWorkers: 2 })
    const futures = [1, 2, 3].map((i) => session.get(`http://x/${i}`))
    await turn()
    let isOver = false
    const disposed = session[Symbol.asyncDispose]().then(() => (isOver = true))
    expect(futures.every((future) => future.cancelled())).toBe(true)
    await turn()
    expect(isOver).toBe(false)
    inner.answerAll()
    await disposed
    expect(inner.requests).toHaveLength(2)
  })

  test('leaving a session that borrowed an executor cancels its own futures and leaves the executor usable', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    cleanups.push(() => executor.shutdown())
    const inner = new GatedSession()
    const one = new FuturesSession<string>({ session: inner, executor })
    const two = new FuturesSession<string>({ session: inner, executor })
    const mine = [one.get('http://x/1'), one.get('http://x/2')]
    const other = two.get('http://x/3')
    await turn()
    await one[Symbol.asyncDispose]()
    expect(mine.every((future) => future.cancelled())).toBe(true)
    await until(() => inner.requests.length === 2)
    inner.answerAll()
    expect(await other.result()).toBe('http://x/3')
    expect(await executor.submit(() => 'usable').result()).toBe('usable')
    await two.close()
  })

  test('close() lets everything finish first, follow-ups of callbacks included, and is idempotent', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner, maxWorkers: 1 })
    const first = session.get('http://x/1')
    let followUp: Future<string> | undefined
    first.addDoneCallback(() => (followUp = session.get('http://x/2')))
    await turn()
    const closing = session.close()
    expect(session.close()).toBeInstanceOf(Promise)
    inner.answer(0)
    await until(() => inner.requests.length === 2)
    inner.answer(1)
    await closing
    expect(followUp?.state).toBe('fulfilled')
    expect(() => session.get('http://x/3')).toThrow(SessionClosedError)
    await session.close()
  })

  test('close({ cancel: true }) cancels instead of waiting', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner, maxWorkers: 1 })
    const futures = [session.get('http://x/1'), session.get('http://x/2')]
    await turn()
    await session.close({ cancel: true })
    expect(futures.every((future) => future.cancelled())).toBe(true)
  })

  test('close({ signal }) cancels what is left when it aborts', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner, maxWorkers: 1 })
    const futures = [session.get('http://x/1'), session.get('http://x/2')]
    await turn()
    const controller = new AbortController()
    const closing = session.close({ signal: controller.signal })
    await turn()
    expect(futures[0]!.state).toBe('running')
    controller.abort('late')
    await closing
    expect(futures.every((future) => future.cancelled())).toBe(true)
    await expect(session.close({ signal: 'x' as never })).rejects.toThrow(TypeError)
  })

  test('onIdle() includes follow-ups that an awaiting caller submits', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner })
    cleanups.push(() => session[Symbol.asyncDispose]())
    await session.onIdle()
    const chain = (async () => {
      for (let i = 0; i < 3; i++) await session.get(`http://x/${i}`).result()
    })()
    let isIdle = false
    const idle = session.onIdle().then(() => (isIdle = true))
    for (let i = 0; i < 3; i++) {
      await until(() => inner.requests.length === i + 1)
      expect(isIdle).toBe(false)
      inner.answer(i)
    }
    await chain
    await idle
    expect(session.stats()).toMatchObject({ submitted: 3, fulfilled: 3 })
  })

  test('cancelAll() stops everything, says how many, and the session goes on', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner, maxWorkers: 2 })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const done = session.get('http://x/0')
    await turn()
    inner.answer(0)
    await done.result()
    const futures = Array.from({ length: 5 }, (_, i) => session.get(`http://x/${i}`))
    await turn()
    expect(session.cancelAll('all of them')).toBe(5)
    expect(session.cancelAll()).toBe(0)
    expect(futures.every((future) => future.cancelled())).toBe(true)
    const next = session.get('http://x/next')
    await until(() => inner.requests.some((request) => request.url.endsWith('next')))
    inner.answerAll()
    expect(await next.result()).toBe('http://x/next')
  })

  test('100 000 waiting requests are all settled by dispose, quickly', async () => {
    const inner = new GatedSession()
    const session = new FuturesSession<string>({ session: inner })
    const futures = Array.from({ length: 100_000 }, (_, i) => session.get(`http://x/${i}`))
    await turn()
    const start = cpuTime()
    session[Symbol.dispose]()
    const time = cpuTime() - start
    expect(futures.every((future) => future.cancelled())).toBe(true)
    expect(time).toBeLessThan(3000)
    expect(session.stats()).toMatchObject({ submitted: 100_000, cancelled: 100_000, pending: 0, running: 0 })
  })
})
