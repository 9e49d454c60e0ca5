import { tracingChannel } from 'node:diagnostics_channel'
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test } from 'vitest'
import { FuturesSession, type Progress, type RequestTrace } from '../../src/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function open(inner: GatedSession, options: object = {}): FuturesSession<string> {
  const session = new FuturesSession<string>({ session: inner, ...options })
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

describe('FuturesSession events', () => {
  test('tell the life of a request, each with its future and request', async () => {
    const inner = new GatedSession()
    const session = open(inner, { maxWorkers: 1, unobserved: 'ignore' })
    const log: string[] = []
    session.on('submit', ({ future, request }) => log.push(`submit ${request.url} ${future.state}`))
    session.on('start', ({ future }) => log.push(`start ${future.state}`))
    session.on('response', ({ response, attempt, future }) =>
      log.push(`response ${response} ${attempt} ${future.state}`),
    )
    session.on('failure', ({ error, attempt }) => log.push(`failure ${String(error)} ${attempt}`))
    session.on('cancel', ({ reason }) => log.push(`cancel ${String(reason)}`))
    session.on('idle', ({ submitted }) => log.push(`idle ${submitted}`))
    const good = session.get('http://x/1')
    await turn()
    inner.answer(0)
    await good.result()
    const bad = session.get('http://x/2')
    await turn()
    inner.requests[1]!.fail('broken')
    await bad.exception()
    session.get('http://x/3').cancel('no')
    await session.onIdle()
    await turn()
    expect(log.filter((line) => !line.startsWith('idle'))).toEqual([
      'submit http://x/1 pending',
      'start running',
      'response http://x/1 1 fulfilled',
      'submit http://x/2 pending',
      'start running',
      'failure broken 1',
      'submit http://x/3 pending',
      'cancel no',
    ])
    expect(log.at(-1)).toBe('idle 3')
  })

  test('progress comes once per settlement and adds up', async () => {
    const inner = new GatedSession()
    const session = open(inner, { maxWorkers: 2 })
    const seen: Progress[] = []
    session.on('progress', (progress) => seen.push(progress))
    const futures = Array.from({ length: 5 }, (_, i) => session.get(`http://x/${i}`))
    while (!futures.every((future) => future.done())) {
      inner.answerAll()
      await turn()
    }
    expect(seen.map((progress) => progress.done)).toEqual([1, 2, 3, 4, 5])
    for (const { submitted, done, fulfilled, rejected, cancelled, pending, running } of seen) {
      expect(fulfilled + rejected + cancelled).toBe(done)
      expect(done + pending + running).toBe(submitted)
    }
  })

  test('a listener that throws reaches neither the others nor the request', async () => {
    const inner = new GatedSession()
    const session = open(inner)
    const uncaught: unknown[] = []
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    cleanups.push(() => {
      process.removeAllListeners('uncaughtException')
      for (const listener of before) process.on('uncaughtException', listener)
    })
    const log: string[] = []
    session.on('response', () => {
      throw new Error('listener')
    })
    session.on('response', () => log.push('second'))
    const future = session.get('http://x/')
    await turn()
    inner.answerAll()
    expect(await future.result()).toBe('http://x/')
    await until(() => uncaught.length > 0)
    expect(log).toEqual(['second'])
    expect(String(uncaught[0])).toBe('Error: listener')
  })

  test('off() and once() work on the functions that were given', async () => {
    const inner = new GatedSession()
    const session = open(inner)
    const log: string[] = []
    const gone = () => log.push('gone')
    session.on('submit', gone)
    expect(session.listeners('submit')).toEqual([gone])
    session.off('submit', gone)
    session.once('submit', () => log.push('once'))
    session.get('http://x/1')
    session.get('http://x/2')
    expect(log).toEqual(['once'])
    expect(session.listenerCount('submit')).toBe(0)
    session.cancelAll()
  })

  test('redirect and bytes are told by our own session', async () => {
    const server = await startServer((request, response) => {
      if (request.url === '/a') response.writeHead(302, { location: '/b' }).end('moved')
      else response.end('0123456789')
    })
    cleanups.push(() => server.close())
    const session = new FuturesSession()
    cleanups.push(() => session.close())
    const hops: string[] = []
    session.on('redirect', ({ response, next }) =>
      hops.push(`${(response as { status: number }).status} ${(next as { url: string }).url}`),
    )
    await session.get(`${server.url}/a`).result()
    expect(hops).toEqual([`302 ${server.url}/b`])
    expect(session.stats().bytes).toBe(15)
  })
})

describe('tracing channel undici-futures:request', () => {
  test('spans a request from its start to its settlement, without credentials', async () => {
    const channel = tracingChannel<unknown, RequestTrace>('undici-futures:request')
    const storage = new AsyncLocalStorage<string>()
    const log: string[] = []
    const note = (name: string) => (trace: unknown) => {
      const { method, url, error, context } = trace as RequestTrace
      log.push(
        [name, method, url, context, error]
          .filter((part) => part !== undefined)
          .map(String)
          .join(' '),
      )
    }
    const subscribers = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    }
    channel.subscribe(subscribers)
    channel.start.bindStore(storage, () => 'span')
    cleanups.push(() => {
      channel.unsubscribe(subscribers)
      channel.start.unbindStore(storage)
    })
    let seen: string | undefined
    const session = new FuturesSession<string>({
      unobserved: 'ignore',
      session: {
        request: async (_method, url) => {
          seen = storage.getStore()
          if (String(url).endsWith('bad')) throw new Error('bad')
          return 'ok'
        },
      },
    })
    cleanups.push(() => session.close())
    await session.get('http://me:secret@x/good', { context: 7 }).result()
    expect(seen).toBe('span')
    expect(log.splice(0)).toEqual([
      'start GET http://x/good 7',
      'end GET http://x/good 7',
      'asyncStart GET http://x/good 7',
      'asyncEnd GET http://x/good 7',
    ])
    await session.get('http://x/bad').exception()
    expect(log).toEqual([
      'start GET http://x/bad',
      'end GET http://x/bad',
      'error GET http://x/bad Error: bad',
      'asyncStart GET http://x/bad Error: bad',
      'asyncEnd GET http://x/bad Error: bad',
    ])
  })
})
