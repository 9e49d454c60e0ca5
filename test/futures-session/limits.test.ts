import { afterEach, describe, expect, test } from 'vitest'
import { Future, FuturesSession, InProcessExecutor } from '../../src/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function open(inner: GatedSession, options: object): FuturesSession<string> {
  const session = new FuturesSession<string>({ session: inner, ...options })
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

const originsOf = (inner: GatedSession): string[] => inner.requests.map(({ url }) => new URL(url).host)

describe('FuturesSession limits', () => {
  test('maxWorkersPerOrigin: a slow origin never starves another', async () => {
    const inner = new GatedSession()
    const session = open(inner, { maxWorkers: 4, maxWorkersPerOrigin: 2 })
    for (let i = 0; i < 5; i++) session.get(`http://slow/${i}`)
    for (let i = 0; i < 5; i++) session.get(`http://fast/${i}`)
    await turn()
    expect(originsOf(inner)).toEqual(['slow', 'slow', 'fast', 'fast'])
    inner.answer(2)
    inner.answer(3)
    await turn()
    expect(originsOf(inner).slice(4)).toEqual(['fast', 'fast'])
    session.cancelAll()
  })

  test('maxWorkersPerOrigin knows an origin by any spelling, and through baseUrl', async () => {
    const inner = Object.assign(new GatedSession(), { baseUrl: 'http://one:80/api/' })
    const session = open(inner, { maxWorkersPerOrigin: 1 })
    session.get('http://ONE/a')
    session.get('relative')
    session.get(new URL('http://one:80/b'))
    session.get('http://two/')
    await turn()
    expect(inner.requests.map(({ url }) => url)).toEqual(['http://ONE/a', 'http://two/'])
    session.cancelAll()
  })

  test('two sessions on one executor with maxPerGroup share its limit per origin', async () => {
    const inner = new GatedSession()
    const executor = new InProcessExecutor({ maxPerGroup: 1 })
    cleanups.push(() => executor.shutdown({ cancelPending: true, cancelRunning: true }))
    const one = open(inner, { executor })
    const two = open(inner, { executor })
    one.get('http://x/1')
    two.get('http://x/2')
    one.get('http://y/3')
    await turn()
    expect(inner.requests.map(({ url }) => url)).toEqual(['http://x/1', 'http://y/3'])
  })

  test('rateLimit with perGroup counts each origin by itself', async () => {
    const inner = new GatedSession()
    const session = open(inner, { rateLimit: { limit: 1, interval: 60_000, perGroup: true } })
    for (const host of ['a', 'b', 'a', 'c', 'b']) session.get(`http://${host}/`)
    await turn()
    expect(originsOf(inner)).toEqual(['a', 'b', 'c'])
    session.cancelAll()
  })

  test('priority: higher first, equal first in, first out', async () => {
    const inner = new GatedSession()
    const session = open(inner, { maxWorkers: 1 })
    session.get('http://x/first')
    await turn()
    const futures = [
      session.get('http://x/low1'),
      session.get('http://x/high1', { priority: 5 }),
      session.get('http://x/low2'),
      session.get('http://x/high2', { priority: 5 }),
    ]
    const all = Future.all(futures)
    while (inner.requests.length < 5 || inner.active > 0) {
      inner.answerAll()
      await turn()
    }
    await all
    expect(inner.requests.map(({ url }) => url.slice(9))).toEqual(['first', 'high1', 'high2', 'low1', 'low2'])
  })

  test('sequential requests reuse one connection, many at once take as many as there are workers', async () => {
    const server = await startServer()
    cleanups.push(() => server.close())
    const session = new FuturesSession({ maxWorkers: 5 })
    cleanups.push(() => session.close())
    for (let i = 0; i < 50; i++) await session.get(server.url).result()
    for (let i = 0; i < 5; i++) await session.head(server.url).result()
    expect(server.connections).toBe(1)
    await Future.all(Array.from({ length: 200 }, () => session.get(server.url)))
    expect(server.connections).toBeLessThanOrEqual(5)
    expect(server.peak).toBeLessThanOrEqual(5)
    await session.close()
    await until(() => server.openSockets.size === 0)
  })
})

describe('FuturesSession.maxWorkersPerOrigin and redirects', () => {
  test('a request that is redirected to another origin waits its turn there, as the same attempt', async () => {
    const held: (() => void)[] = []
    const target = await startServer((_request, response) => held.push(() => response.end('there')))
    const source = await startServer((request, response) => {
      response.writeHead(302, { location: `${target.url}${request.url ?? ''}` }).end()
    })
    cleanups.push(
      () => target.close(),
      () => source.close(),
    )
    const session = new FuturesSession({ maxWorkers: 8, maxWorkersPerOrigin: 2 })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const log: string[] = []
    session.on('retry', () => log.push('retry'))
    session.on('start', () => log.push('start'))
    session.on('response', ({ attempt }) => log.push(`response ${attempt}`))
    const futures = [
      ...Array.from({ length: 4 }, (_, i) => session.get(`${target.url}/direct${i}`)),
      ...Array.from({ length: 4 }, (_, i) => session.get(`${source.url}/moved${i}`)),
    ]
    const all = Future.all(futures)
    while (futures.some((future) => !future.done())) {
      await until(() => held.length > 0 || futures.every((future) => future.done()))
      for (const release of held.splice(0)) release()
    }
    for (const response of await all) expect(response.text()).toBe('there')
    expect(target.peak).toBeLessThanOrEqual(2)
    expect(target.connections).toBeLessThanOrEqual(2)
    expect(log.filter((line) => line === 'start')).toHaveLength(8)
    expect(log.filter((line) => line === 'response 1')).toHaveLength(8)
    expect(log).not.toContain('retry')
    expect(futures[5]!.resultNow().history).toHaveLength(1)
    expect(session.executor.stats()).toMatchObject({ fulfilled: 8, pending: 0, running: 0 })
  })
})
