import { CookieJar } from 'tough-cookie'
import { afterAll, describe, expect, test } from 'vitest'
import type { FuturesSession } from '../../src/index.ts'
import {
  digest,
  PreparedRequest,
  WorkerThreadExecutor,
  type FuturesSessionOptions,
  type Response,
  type RetryOptions,
} from '../../src/index.ts'
import { closeRemoteSessionsAfterEach, hook, openHere, openRemote, serve } from '../helpers/remote-sessions.ts'
import type { Handler, TestServer } from '../helpers/server.ts'

/** One for all tests: threads take longer to start than any of them. */
const executor = new WorkerThreadExecutor({ threads: 2 })

afterAll(() => executor.shutdown())
closeRemoteSessionsAfterEach()

const retry: RetryOptions = { total: 3, backoff: { base: 1, jitter: false } }

/** Answers one after the other, whatever is asked for; `sent` are the Cookie headers that came. */
async function script(...answers: Handler[]): Promise<TestServer & { readonly sent: (string | undefined)[] }> {
  const sent: (string | undefined)[] = []
  const server = await serve((request, response) => {
    sent.push(request.headers.cookie)
    const answer = answers[sent.length - 1] ?? good
    answer(request, response)
  })
  return Object.assign(server, { sent })
}

const good: Handler = (_, response) => response.end('good')

const failing =
  (...setCookie: string[]): Handler =>
  (_, response) =>
    response.writeHead(503, { 'set-cookie': setCookie }).end()

const leading =
  (location: string, ...setCookie: string[]): Handler =>
  (_, response) =>
    response.writeHead(307, { location, 'set-cookie': setCookie }).end()

/** Ends the connection: the attempt fails with an error. */
const dropping: Handler = ({ socket }) => socket.destroy()

function jarWith(url: string, ...cookies: string[]): CookieJar {
  const jar = new CookieJar(undefined, { looseMode: true })
  for (const each of cookies) jar.setCookieSync(each, url)
  return jar
}

/** How a request is made: by its options, or prepared before. */
type Make = (session: FuturesSession, url: string, options?: object) => Promise<Response>

const ways: [string, Make][] = [
  ['request()', (session, url, options) => session.get(url, { retry, ...options }).result()],
  ['send()', (session, url, options) => session.send(session.prepareRequest({ url, ...options }), { retry }).result()],
]

const places: [string, (options?: FuturesSessionOptions) => FuturesSession][] = [
  ['in process', (options) => openHere(options)],
  ['in threads', (options) => openRemote({ executor, ...options })],
]

const cases = places.flatMap(([place, open]) => ways.map(([way, make]) => [place, way, open, make] as const))

describe.each(cases)('Cookies of later sendings, %s, by %s', (_place, _way, open, make) => {
  test('that the failed attempt has changed, deleted and added', async () => {
    const server = await script(failing('a=2; Path=/', 'b=; Path=/; Max-Age=0', 'c=3; Path=/'), failing('c=4; Path=/'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/', 'b=1; Path=/') })
    expect((await make(session, server.url)).text()).toBe('good')
    expect(server.sent).toEqual(['a=1; b=1', 'a=2; c=3', 'a=2; c=4'])
  })

  test('that an attempt has deleted, which leaves none', async () => {
    const server = await script(failing('a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    await make(session, server.url)
    expect(server.sent).toEqual(['a=1', undefined])
  })

  test('that come and go while it waits after an error', async () => {
    const server = await script(dropping, dropping)
    const jar = jarWith(server.url, 'a=1; Path=/')
    const session = open({ cookies: jar })
    session.on('retry', ({ attempt }) => {
      if (attempt === 1) jar.setCookieSync('a=refreshed; Path=/', server.url)
      else jar.removeAllCookiesSync()
    })
    // A keep-alive connection that dies may be resent to by itself: each of these is a fresh one.
    await make(session, server.url, { headers: { Connection: 'close' } })
    expect(server.sent).toEqual(['a=1', 'a=refreshed', undefined])
  })

  test('of a path go to what is below it only', async () => {
    const server = await script(failing('admin=2; Path=/admin'), leading('/public'), failing(), leading('/admin/end'))
    const session = open({ cookies: jarWith(server.url, 'admin=1; Path=/admin', 'all=1; Path=/') })
    await make(session, `${server.url}/admin/start`)
    expect(server.seen).toEqual([
      'GET /admin/start',
      'GET /admin/start',
      'GET /public',
      'GET /public',
      'GET /admin/end',
    ])
    expect(server.sent).toEqual(['admin=1; all=1', 'admin=2; all=1', 'all=1', 'all=1', 'admin=2; all=1'])
  })

  test('that are Secure stay behind on http', async () => {
    const server = await script(failing('a=secret; Path=/; Secure', 'b=2; Path=/'), leading('/next'))
    const session = open({ cookies: jarWith(server.url, 'b=1; Path=/') })
    await make(session, server.url)
    expect(server.sent).toEqual(['b=1', 'b=2', 'b=2'])
  })

  test('written by hand stay as they are, whatever the jar says', async () => {
    const server = await script(failing('a=2; Path=/'), leading('/next', 'a=3; Path=/'), failing())
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    await make(session, server.url, { headers: { cookie: 'mine=1; a=0' } })
    expect(server.sent).toEqual(Array(4).fill('mine=1; a=0'))
  })

  test('of the request itself go along, and replace those of the same name', async () => {
    const server = await script(failing('a=2; Path=/', 'own=0; Path=/'), leading('/next', 'b=2; Path=/'), failing())
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    await make(session, server.url, { cookies: { own: '1', b: null } })
    expect(server.sent).toEqual(['a=1; own=1', 'a=2; own=1', 'a=2; own=1', 'a=2; own=1'])
  })

  test('of another jar, and of none', async () => {
    const server = await script(failing('a=2; Path=/'), failing('a=4; Path=/'), failing('a=5; Path=/'))
    const first = jarWith(server.url, 'a=1; Path=/')
    const second = jarWith(server.url, 'a=3; Path=/')
    const session = open({ cookies: first })
    session.on('retry', ({ attempt }) => {
      if (attempt === 1) session.cookies = second
      if (attempt === 2) session.cookies = false
      if (attempt === 3) session.cookies = first
    })
    await make(session, server.url)
    expect(server.sent).toEqual(['a=1', 'a=3', undefined, 'a=2'])
    expect(second.getCookieStringSync(server.url)).toBe('a=4')
  })

  test('with digest, its 401 and its answers included', async () => {
    const challenge =
      (...setCookie: string[]): Handler =>
      (_, response) => {
        const digest = 'Digest realm="r", nonce="n", qop="auth"'
        response.writeHead(401, { 'www-authenticate': digest, 'set-cookie': setCookie }).end()
      }
    const server = await script(challenge('a=2; Path=/'), failing('a=3; Path=/'), leading('/next', 'b=1; Path=/next'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    await make(session, server.url, { auth: digest('user', 'password') })
    expect(server.sent).toEqual(['a=1', 'a=2', 'a=3', 'b=1; a=3'])
  })

  test('with an auth generator that sends its request several times', async () => {
    const refusing: Handler = (_, response) => response.writeHead(401, { 'set-cookie': 'a=2; Path=/' }).end()
    const server = await script(refusing, failing('a=3; Path=/'), refusing, good)
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    await make(session, server.url, { auth: hook('authorizeAgain', 'token') })
    expect(server.sent).toEqual(['a=1', 'a=2', 'a=3', 'a=2'])
  })

  test('that a request hook has changed are anew those of the jar', async () => {
    const server = await script(failing('a=2; Path=/'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    await make(session, server.url, { hooks: { request: hook('setHeader', 'Cookie', 'hooked=1') } })
    expect(server.sent).toEqual(['hooked=1', 'hooked=1'])
    await make(session, server.url)
    expect(server.sent[2]).toBe('a=2')
  })

  test('where redirects to another origin wait their turn', async () => {
    const target = await script(
      failing('a=3; Path=/'),
      leading('/deep/er', 'deep=1; Path=/deep'),
      failing('a=4; Path=/'),
    )
    const server = await script(leading(`${target.url}/start`, 'a=2; Path=/', 'start=1; Path=/start'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/'), maxWorkersPerOrigin: 1 })
    await make(session, server.url, { cookies: { own: '1' } })
    expect(server.sent).toEqual(['a=1; own=1'])
    expect(target.sent).toEqual(['start=1; a=2', 'start=1; a=3', 'deep=1; a=3', 'deep=1; a=4'])
  })

  test('that a response shows are those that its own attempt has sent', async () => {
    const server = await script(failing('a=2; Path=/'), leading('/next', 'a=3; Path=/'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    const failed: Response[] = []
    session.on('retry', ({ response }) => failed.push(response as Response))
    const response = await make(session, server.url)
    const shown = [...failed, ...response.history, response].map(({ request }) => request.headers.get('cookie'))
    expect(shown).toEqual(['a=1', 'a=2', 'a=3'])
  })

  test('of a request that a response brings back are made anew, unless they were written by hand', async () => {
    const server = await script()
    const jar = jarWith(server.url, 'a=1; Path=/')
    const session = open({ cookies: jar })
    const { request } = await make(session, server.url)
    const byHand = await make(session, server.url, { headers: { Cookie: 'mine=1' } })
    jar.setCookieSync('a=2; Path=/', server.url)
    await session.send(request).result()
    await session.send(byHand.request).result()
    expect(server.sent).toEqual(['a=1', 'mine=1', 'a=2', 'mine=1'])
  })
})

describe.each(places)('A prepared request, sent %s', (_place, open) => {
  test('goes by the jar of each sending, and by its own cookies', async () => {
    const server = await script(good, failing('a=2; Path=/'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    const prepared = session.prepareRequest({ url: server.url, cookies: { own: '1' } })
    const { request } = await session.send(prepared).result()
    await session.send(prepared, { retry }).result()
    // It carries the options that it was prepared with, wherever it has been.
    await session.send(request).result()
    expect(server.sent).toEqual(['a=1; own=1', 'a=1; own=1', 'a=2; own=1', 'a=2; own=1'])
  })

  test('keeps a Cookie header that was written after its preparation', async () => {
    const server = await script(failing('a=2; Path=/'), leading('/next'))
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    const prepared = session.prepareRequest({ url: server.url })
    prepared.headers.set('Cookie', 'mine=1')
    await session.send(prepared, { retry }).result()
    await session.send(new PreparedRequest({ url: server.url, headers: { cookie: 'bare=1' } }), { retry }).result()
    expect(server.sent).toEqual(['mine=1', 'mine=1', 'mine=1', 'bare=1'])
  })

  test('sends no cookie of the jar once the session has none', async () => {
    const server = await script(failing())
    const session = open({ cookies: jarWith(server.url, 'a=1; Path=/') })
    const prepared = session.prepareRequest({ url: server.url })
    session.cookies = false
    await session.send(prepared, { retry }).result()
    expect(server.sent).toEqual([undefined, undefined])
  })
})
