import { CookieJar, MemoryCookieStore } from 'tough-cookie'
import { describe, expect, test } from 'vitest'
import type { FuturesSession } from '../../../src/index.ts'
import { Session } from '../../../src/index.ts'
import { gate } from '../../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import type { Handler, TestServer } from '../../helpers/server.ts'
import { closeExecutorsAfterEach, open } from '../../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

/** `/set?name=value` sets a cookie, `/set?name=` removes it, `/go?to` redirects after setting; everything answers with the cookies it got. */
const cookies: Handler = (request, response) => {
  const { pathname, searchParams } = new URL(request.url!, 'http://x')
  for (const [name, value] of searchParams) {
    if (name === 'to') continue
    const age = value === '' ? '; Max-Age=0' : ''
    response.appendHeader('set-cookie', `${name}=${value}; Path=/${age}`)
  }
  if (pathname === '/go') response.writeHead(302, { location: searchParams.get('to')! })
  response.end(request.headers.cookie ?? '')
}

const openServer = (): Promise<TestServer> => serve(cookies)

function namesIn(session: FuturesSession, url: string): string[] {
  const jar = session.cookies as CookieJar
  return jar
    .getCookiesSync(url)
    .map((cookie) => cookie.cookieString())
    .sort()
}

/** Sends it to every thread. */
async function ask(session: FuturesSession, server: TestServer, count = 4): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => session.get(`${server.url}/`).text()))
}

describe('Cookies of a session on a WorkerThreadExecutor', () => {
  test('that a thread has got are in its jar, and are sent from every thread', async () => {
    const server = await openServer()
    const session = openRemote({}, { threads: 2 })
    await ask(session, server)
    await session.get(`${server.url}/set?a=1`).result()
    expect(namesIn(session, server.url)).toEqual(['a=1'])
    expect(await ask(session, server)).toEqual(Array(4).fill('a=1'))
  })

  test('of two logins at once both survive', async () => {
    const server = await serve((request, response) => {
      if (request.url!.startsWith('/set')) void both.promise.then(() => cookies(request, response))
      else cookies(request, response)
      if (server.seen.length === 2) both.open()
    })
    const both = gate()
    const session = openRemote({}, { threads: 2 })
    await Promise.all([session.get(`${server.url}/set?a=1`).result(), session.get(`${server.url}/set?b=2`).result()])
    expect(namesIn(session, server.url)).toEqual(['a=1', 'b=2'])
    // Which of them came first is nobody's business.
    const sent = (await ask(session, server)).map((line) => line.split('; ').sort().join('; '))
    expect(sent).toEqual(Array(4).fill('a=1; b=2'))
  })

  test('set within redirects are sent on the next hop, and kept', async () => {
    const server = await openServer()
    const session = openRemote()
    expect(await session.get(`${server.url}/go?a=1&to=/`).text()).toBe('a=1')
    expect(namesIn(session, server.url)).toEqual(['a=1'])
  })

  test('that a server removes are gone everywhere', async () => {
    const server = await openServer()
    const session = openRemote({}, { threads: 2 })
    await session.get(`${server.url}/set?a=1&b=2`).result()
    await ask(session, server)
    await session.get(`${server.url}/set?a=`).result()
    expect(namesIn(session, server.url)).toEqual(['b=2'])
    expect(await ask(session, server)).toEqual(Array(4).fill('b=2'))
  })

  test('that are set, changed or removed here count for what starts then', async () => {
    const server = await openServer()
    const session = openRemote({}, { threads: 2 })
    const jar = session.cookies as CookieJar
    jar.setCookieSync('a=1', server.url)
    expect(await ask(session, server)).toEqual(Array(4).fill('a=1'))
    jar.setCookieSync('a=2', server.url)
    expect(await ask(session, server)).toEqual(Array(4).fill('a=2'))
    jar.removeAllCookiesSync()
    jar.setCookieSync('b=3', server.url)
    expect(await ask(session, server)).toEqual(Array(4).fill('b=3'))
  })

  test('that were there before, of a jar with rules and a store of its own', async () => {
    class Store extends MemoryCookieStore {}
    const jar = new CookieJar(new Store(), { looseMode: true, rejectPublicSuffixes: false })
    const server = await openServer()
    for (let index = 0; index < 100; index++) jar.setCookieSync(`c=${index}`, `http://site${index}.example/`)
    jar.setCookieSync('a=1', server.url)
    const session = openRemote({ cookies: jar })
    expect(await session.get(`${server.url}/set?b=2`).text()).toBe('a=1')
    expect(namesIn(session, server.url)).toEqual(['a=1', 'b=2'])
    expect(jar.serializeSync()?.cookies).toHaveLength(102)
  })

  test('are those of the jar that the session has at the submission', async () => {
    const server = await openServer()
    const session = openRemote({}, { threads: 1 })
    await session.get(`${server.url}/set?a=1`).result()
    const early = session.get(`${server.url}/set?b=2`)
    session.cookies = new CookieJar()
    const late = session.get(`${server.url}/`)
    expect([await early.text(), await late.text()]).toEqual(['a=1', ''])
    expect(namesIn(session, server.url)).toEqual([])
  })

  test('that a hook sets or removes are in the jar, too', async () => {
    const server = await openServer()
    const session = openRemote({}, { threads: 2 })
    await session.get(server.url, { hooks: { response: hook('setCookie', 'h=1; Path=/') } }).result()
    expect(namesIn(session, server.url)).toEqual(['h=1'])
    expect(await ask(session, server)).toEqual(Array(4).fill('h=1'))
    await session.get(server.url, { hooks: { response: hook('removeCookies') } }).result()
    expect(namesIn(session, server.url)).toEqual([])
    expect(await ask(session, server)).toEqual(Array(4).fill(''))
  })

  test('of a request that fails are kept', async () => {
    const server = await openServer()
    const session = openRemote()
    await session.get(`${server.url}/go?a=1&to=http://127.0.0.1:1/`).exception()
    expect(namesIn(session, server.url)).toEqual(['a=1'])
  })

  test('of the request itself are sent and not stored', async () => {
    const server = await openServer()
    const session = openRemote()
    expect(await session.get(server.url, { cookies: { own: '1' } }).text()).toBe('own=1')
    expect(namesIn(session, server.url)).toEqual([])
  })

  test('are neither stored nor sent with `cookies: false`', async () => {
    const server = await openServer()
    const session = openRemote({ cookies: false })
    await session.get(`${server.url}/set?a=1`).result()
    expect(session.cookies).toBe(false)
    expect(await ask(session, server)).toEqual(Array(4).fill(''))
  })

  test('are shared by the sessions that share a jar, in threads or here', async () => {
    const server = await openServer()
    const jar = new CookieJar()
    const executor = open({ threads: 2 })
    const one = openRemote({ cookies: jar, executor })
    const other = openRemote({ cookies: jar, executor })
    await using local = new Session({ cookies: jar })
    await one.get(`${server.url}/set?a=1`).result()
    await local.get(`${server.url}/set?b=2`)
    expect(await ask(other, server)).toEqual(Array(4).fill('a=1; b=2'))
  })
})

describe('A cookie that a thread has set', () => {
  test('is not overwritten there by an older one that comes later', async () => {
    const reached = gate()
    const go = gate()
    const server = await serve((request, response) => {
      if (request.url !== '/slow') return cookies(request, response)
      reached.open()
      void go.promise.then(() => {
        response.writeHead(302, { location: '/' }).end()
      })
    })
    const session = openRemote({}, { threads: 1 })
    await session.get(`${server.url}/set?a=old&b=1`).result()
    // In the thread, `a` is new; here it is old until the redirect is told.
    const chain = session.get(`${server.url}/go?a=new&to=/slow`)
    await reached.promise
    // What crosses now has `b`, and may have `a` in the same part.
    ;(session.cookies as CookieJar).setCookieSync('b=2', server.url)
    const other = await session.get(`${server.url}/`).text()
    expect(other).toBe('a=new; b=2')
    go.open()
    expect(await chain.text()).toBe('a=new; b=2')
  })
})
