import { inspect } from 'node:util'
import { CookieJar } from 'tough-cookie'
import { MockAgent } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { InvalidOptionError, MissingSchemaError, SessionClosedError } from '../../src/errors.ts'
import { HeaderMap } from '../../src/session/headers.ts'
import { PreparedRequest } from '../../src/session/prepared-request.ts'
import type { RequestOptions } from '../../src/session/options/options.ts'
import { Session } from '../../src/session/session.ts'
import { gate } from '../helpers/gate.ts'
import { readBody, startServer } from '../helpers/server.ts'
import type { TestServer } from '../helpers/server.ts'
import { hasUndici8, undici8 } from '../helpers/undici-8.ts'

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await startServer((request, response) => {
    void readBody(request).then((body) => {
      const { method, url, rawHeaders, headers } = request
      if (url === '/set') response.setHeader('set-cookie', 'a=1; Path=/')
      response.end(JSON.stringify({ method, url, rawHeaders, headers, body }))
    })
  })
})
afterAll(() => server.close())
beforeEach(() => (session = new Session()))
afterEach(() => session.close())

interface Echo {
  method: string
  url: string
  headers: Record<string, string>
  rawHeaders: string[]
  body: string
}

const echo = async (path: string, options?: RequestOptions): Promise<Echo> =>
  (await session.get(server.url + path, options)).json<Echo>()

describe('Session, its verbs', () => {
  it.each(['get', 'options', 'head', 'delete', 'post', 'put', 'patch'] as const)(
    '%s() sends its method',
    async (verb) => {
      const response = await session[verb](`${server.url}/x`, { headers: { 'X-A': '1' } })

      expect(response.status).toBe(200)
      expect(response.request.method).toBe(verb.toUpperCase())
      if (verb !== 'head') expect(response.json()).toMatchObject({ method: verb.toUpperCase(), url: '/x' })
    },
  )

  it('all go through request(), so that a subclass overrides only that', async () => {
    const calls: string[] = []
    class Counting extends Session {
      override request(...args: Parameters<Session['request']>): ReturnType<Session['request']> {
        calls.push(args[0])
        return super.request(...args)
      }
    }
    await using counting = new Counting()

    for (const verb of ['get', 'options', 'head', 'delete', 'post', 'put', 'patch'] as const)
      await counting[verb](server.url)

    expect(calls).toEqual(['GET', 'OPTIONS', 'HEAD', 'DELETE', 'POST', 'PUT', 'PATCH'])
  })

  it('methods are written in capitals', async () => {
    expect((await session.request('patch', server.url)).json()).toMatchObject({ method: 'PATCH' })
  })

  it.each([null, 5, '', 'GET it', {}])('refuses what is no method: %j', async (method) => {
    const error = await session.request(method as string, server.url).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'InvalidOptionError', option: 'method' })
    expect((error as Error).message).toContain('Expected `method` to be a token such as GET')
  })

  it('takes URL objects', async () => {
    expect((await session.get(new URL('/u?x=1#f', server.url))).url).toBe(`${server.url}/u?x=1#f`)
  })
})

describe('Session.headers', () => {
  it('starts with User-Agent, Accept-Encoding and Accept', async () => {
    const { headers } = await echo('/')

    expect(headers['user-agent']).toMatch(/^undici-futures\/\d/)
    expect(headers['accept-encoding']).toMatch(/^gzip, deflate, br/)
    expect(headers.accept).toBe('*/*')
    expect([...session.headers.keys()]).toEqual(['User-Agent', 'Accept-Encoding', 'Accept'])
  })

  it('is live, and a request may replace or remove what is there', async () => {
    session.headers.set('X-S', 's')
    session.headers.delete('Accept')
    session.headers.set('X-T', 't')

    const { headers } = await echo('/', { headers: { 'x-s': 'r', 'X-T': null, 'User-Agent': null, 'X-N': 5 } })
    const after = (await echo('/')).headers

    expect(headers).toMatchObject({ 'x-s': 'r', 'x-n': '5' })
    expect([headers['x-t'], headers['user-agent'], headers.accept]).toEqual([undefined, undefined, undefined])
    expect(after).toMatchObject({ 'x-s': 's', 'x-t': 't' })
    expect(after['x-n']).toBeUndefined()
  })

  it('of the constructor go over the defaults, null removes one', async () => {
    session = new Session({ headers: { accept: 'a/b', 'Accept-Encoding': null, 'X-A': '1' } })

    const { headers } = await echo('/')

    expect(headers).toMatchObject({ accept: 'a/b', 'x-a': '1' })
    expect(headers['accept-encoding']).toBeUndefined()
  })

  it('can be replaced as a whole', async () => {
    session.headers = { 'X-Only': '1' }
    expect(session.headers).toBeInstanceOf(HeaderMap)
    expect((await echo('/')).rawHeaders.slice(-2)).toEqual(['X-Only', '1'])
  })

  it('keeps case and order on the wire', async () => {
    session.headers = [
      ['x-B', '1'],
      ['X-a', '2'],
    ]
    const { rawHeaders } = await echo('/', { headers: { 'X-C': '3', 'X-A': '4' } })

    expect(rawHeaders.filter((_, index) => index % 2 === 0).filter((name) => /^x-/i.test(name))).toEqual([
      'x-B',
      'X-A',
      'X-C',
    ])
  })
})

describe('Session attributes', () => {
  it('params are merged per key with those of a request', async () => {
    session = new Session({ params: { a: '1', b: '2' } })

    expect((await echo('/q?u=0')).url).toBe('/q?u=0&a=1&b=2')
    expect((await echo('/q', { params: { b: null, c: '3' } })).url).toBe('/q?a=1&c=3')
    session.params = { z: '9' }
    expect((await echo('/q')).url).toBe('/q?z=9')
    Object.assign(session.params, { y: '8' })
    expect((await echo('/q')).url).toBe('/q?z=9&y=8')
  })

  it('baseUrl is joined with one slash; an absolute URL wins', async () => {
    session = new Session({ baseUrl: `${server.url}/v1/` })
    const path = async (url: string): Promise<string> => (await session.get(url)).json<Echo>().url

    expect(await path('users')).toBe('/v1/users')
    expect(await path('/users')).toBe('/v1/users')
    expect(await path('//users')).toBe('/v1/users')
    expect(await path('')).toBe('/v1/')
    expect(await path('?x=1')).toBe('/v1/?x=1')
    expect(await path('a:b')).toBe('/v1/a:b')
    expect(await path(`${server.url}/abs`)).toBe('/abs')
    session.baseUrl = undefined
    await expect(session.get('users')).rejects.toThrow(MissingSchemaError)
  })

  it('cookies is a jar that is made when it is first needed', async () => {
    await echo('/set')
    expect((await echo('/x')).headers.cookie).toBe('a=1')
    expect(session.cookies && session.cookies.getCookieStringSync(server.url)).toBe('a=1')
  })

  it('cookies can be filled before the first request, and be a jar of the caller', async () => {
    if (session.cookies) session.cookies.setCookieSync('b=2', server.url)
    expect((await echo('/x')).headers.cookie).toBe('b=2')

    const jar = new CookieJar()
    session.cookies = jar
    await echo('/set')
    expect(jar.getCookieStringSync(server.url)).toBe('a=1')
    expect(session.cookies).toBe(jar)
  })

  it('cookies: false stores none and sends none', async () => {
    session = new Session({ cookies: false })

    await echo('/set')

    expect((await echo('/x')).headers.cookie).toBeUndefined()
    expect(session.cookies).toBe(false)
    expect((await echo('/x', { cookies: { own: '1' } })).headers.cookie).toBe('own=1')
  })

  it('cookies of a request replace those of the same name in the jar, and are not stored', async () => {
    await echo('/set')

    expect((await echo('/x', { cookies: { a: '2', b: '3' } })).headers.cookie).toBe('a=2; b=3')
    expect((await echo('/x')).headers.cookie).toBe('a=1')
    expect((await echo('/x', { headers: { Cookie: 'h=1' }, cookies: { b: '3' } })).headers.cookie).toBe('h=1')
  })

  it('hooks start as empty lists; push onto one, or put a function there', async () => {
    expect(session.hooks).toEqual({ request: [], response: [], redirect: [], error: [] })
    const seen: string[] = []

    session.hooks.response = () => void seen.push('first')
    session.hooks.response.push(() => void seen.push('second'))
    await session.get(server.url)

    expect(seen).toEqual(['first', 'second'])
    expect(() => (session.hooks.response = 'x' as never)).toThrow(TypeError)
    expect(() => ((session.hooks as unknown as Record<string, unknown>).respnse = () => undefined)).toThrow(TypeError)
    session.hooks = { error: () => undefined }
    expect(session.hooks.response).toEqual([])
  })

  it('are read as they were set, or as their defaults', () => {
    expect(session).toMatchObject({
      verify: true,
      cert: undefined,
      auth: undefined,
      allowRedirects: undefined,
      maxRedirects: 30,
      trustEnv: true,
      baseUrl: undefined,
      retry: 0,
      raiseForStatus: false,
      proxies: {},
      params: {},
      timeout: { connect: 10_000, read: 300_000 },
    })
    session.timeout = 5
    session.retry = { total: 2 }
    session.verify = false
    session.maxRedirects = 0
    expect(session).toMatchObject({ timeout: 5, retry: { total: 2 }, verify: false, maxRedirects: 0 })
  })

  it('that can be changed in place tell when that would be lost', () => {
    expect(() => ((session.timeout as { read: number }).read = 5)).toThrow(TypeError)
    session.timeout = { read: 5 }
    expect(() => ((session.timeout as { read: number }).read = 6)).toThrow(TypeError)
  })

  it('setters throw TypeError or RangeError, and leave what was there', () => {
    session.maxRedirects = 3
    expect(() => (session.maxRedirects = -1)).toThrow(RangeError)
    expect(() => (session.timeout = 'x' as never)).toThrow(TypeError)
    expect(() => (session.timeout = 0)).toThrow(RangeError)
    expect(() => (session.retry = 'x' as never)).toThrow(TypeError)
    expect(() => (session.auth = 'x' as never)).toThrow(TypeError)
    expect(() => (session.cookies = {} as never)).toThrow(TypeError)
    expect(() => (session.baseUrl = 'x')).toThrow(TypeError)
    expect(session).toMatchObject({ maxRedirects: 3, retry: 0, timeout: { connect: 10_000 } })
  })

  it('shows no secret when a session is inspected', () => {
    session = new Session({
      auth: ['me', 's3cret'],
      headers: { Authorization: 's3cret' },
      baseUrl: 'http://u:s3cret@h.test/',
    })

    expect(inspect(session, { depth: 5 })).not.toContain('s3cret')
  })

  it('raiseForStatus of the session holds unless the request says otherwise', async () => {
    await using failing = await startServer((_, response) => response.writeHead(404).end()).then(disposable)
    session.raiseForStatus = true

    await expect(session.get(failing.url)).rejects.toThrow('404 Client Error: Not Found')
    expect((await session.get(failing.url, { raiseForStatus: false })).status).toBe(404)
  })
})

describe('Session.prepareRequest() and send()', () => {
  it('prepares what request() would send', async () => {
    session = new Session({ params: { s: '1' }, headers: { 'X-S': '1' }, auth: ['user', 'pass'] })

    const request = session.prepareRequest({
      method: 'post',
      url: `${server.url}/p`,
      params: { a: '2' },
      json: { b: 3 },
    })

    expect(request).toBeInstanceOf(PreparedRequest)
    expect(request).toMatchObject({ method: 'POST', url: `${server.url}/p?s=1&a=2`, body: '{"b":3}' })
    expect(Object.fromEntries(request.headers)).toMatchObject({
      'X-S': '1',
      'Content-Type': 'application/json',
      Authorization: 'Basic dXNlcjpwYXNz',
    })
    expect((await session.send(request)).json()).toMatchObject({ method: 'POST', url: '/p?s=1&a=2', body: '{"b":3}' })
  })

  it('sends what was changed in between', async () => {
    const request = session.prepareRequest({ url: `${server.url}/p` })

    request.method = 'PUT'
    request.url = `${server.url}/changed`
    request.headers.set('X-A', '1')
    request.body = 'text'

    const { method, url, headers, body } = (await session.send(request)).json<Echo>()
    expect({ method, url, body, a: headers['x-a'] }).toEqual({ method: 'PUT', url: '/changed', body: 'text', a: '1' })
  })

  it('remembers the options it was prepared with; those of send() win', async () => {
    const seen: unknown[] = []
    const request = session.prepareRequest({
      url: `${server.url}/p`,
      context: 'prepared',
      hooks: { response: (_, { context }) => void seen.push(context) },
      auth: (prepared) => prepared.headers.set('X-Auth', 'asked'),
    })

    expect((await session.send(request)).json<Echo>().headers['x-auth']).toBe('asked')
    await session.send(request, { context: 'sent' })

    expect(seen).toEqual(['prepared', 'sent'])
    expect(request.headers.has('x-auth')).toBe(false)
  })

  it('shows cookies, and still sends those of the moment', async () => {
    if (session.cookies) session.cookies.setCookieSync('a=1', server.url)
    const request = session.prepareRequest({ url: `${server.url}/p`, cookies: { r: '2' } })
    expect(request.headers.get('cookie')).toBe('a=1; r=2')

    session.cookies = new CookieJar()

    expect((await session.send(request)).json<Echo>().headers.cookie).toBe('r=2')
  })

  it('throws what is wrong, carrying the request', () => {
    expect(() => session.prepareRequest({ url: 'example.com' })).toThrow(MissingSchemaError)
    try {
      session.prepareRequest({ method: 'PUT', url: server.url, timeout: -1 })
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidOptionError)
      expect(error).toMatchObject({ request: { method: 'PUT', url: server.url } })
    }
  })

  it('send() refuses what belongs to prepareRequest(), and what is no prepared request', async () => {
    const request = session.prepareRequest({ url: server.url })

    await expect(session.send(request, { data: 'x' } as never)).rejects.toThrow(/prepareRequest/)
    await expect(session.send({ url: server.url } as never)).rejects.toThrow(TypeError)
  })

  it('send() of a request made by hand', async () => {
    const request = new PreparedRequest({
      method: 'POST',
      url: `${server.url}/hand`,
      headers: { 'X-A': '1' },
      body: 'b',
    })

    expect((await session.send(request)).json()).toMatchObject({ method: 'POST', url: '/hand', body: 'b' })
  })
})

describe('Session.mount() and dispatcher', () => {
  async function answersForItsPrefix(Mock: typeof MockAgent): Promise<void> {
    const outer = new Mock()
    const inner = new Mock()
    for (const agent of [outer, inner]) agent.disableNetConnect()
    outer.get('http://mock.test').intercept({ path: '/x' }).reply(200, 'outer')
    inner.get('http://mock.test').intercept({ path: '/deep/x', method: 'POST', body: 'b' }).reply(201, 'inner')
    session.mount('http://mock.test/deep', inner)
    session.mount('http://mock.test/', outer)

    expect((await session.get('http://mock.test/x')).text()).toBe('outer')
    expect((await session.post('http://MOCK.test/deep/x', { data: 'b' })).text()).toBe('inner')
    expect((await echo('/real')).url).toBe('/real')
    await outer.close()
    await inner.close()
  }

  it('a MockAgent of undici 7 answers for its prefix, the longest one first', () => answersForItsPrefix(MockAgent))
  it.skipIf(!hasUndici8)('a MockAgent of undici 8 answers for its prefix, the longest one first', () =>
    answersForItsPrefix(undici8.MockAgent),
  )

  it('`dispatcher` answers for everything, and is not closed with the session', async () => {
    const agent = new MockAgent()
    agent.disableNetConnect()
    agent.get('http://mock.test').intercept({ path: '/x' }).reply(200, 'mocked').times(2)
    session = new Session({ dispatcher: agent })

    expect((await session.get('http://mock.test/x')).text()).toBe('mocked')
    await session.close()
    await using other = new Session({ dispatcher: agent })
    expect((await other.get('http://mock.test/x')).text()).toBe('mocked')
    await agent.close()
  })

  it('refuses what is no dispatcher', () => {
    expect(() => session.mount('http://x', {} as never)).toThrow(TypeError)
    expect(() => session.mount(5 as never, new MockAgent())).toThrow(TypeError)
  })
})

describe('Session.clone()', () => {
  it.each<[string, () => unknown, (params: never) => void]>([
    ['an object', () => ({ a: '1' }), (params: { b: string }) => void (params.b = '2')],
    ['pairs', () => [['a', '1']], (params: string[][]) => void params.push(['b', '2'])],
    ['a Map', () => new Map([['a', '1']]), (params: Map<string, string>) => void params.set('b', '2')],
    ['URLSearchParams', () => new URLSearchParams('a=1'), (params: URLSearchParams) => params.set('b', '2')],
    ['a Set of pairs', () => new Set([['a', '1']]), (params: Set<string[]>) => void params.add(['b', '2'])],
  ])('has params of its own: %s', (_, make, add) => {
    const original = new Session({ params: make() as never })
    const copy = original.clone()
    add(original.params as never)

    expect(original.prepareRequest({ url: 'http://h.test/' }).url).toBe('http://h.test/?a=1&b=2')
    expect(copy.prepareRequest({ url: 'http://h.test/' }).url).toBe('http://h.test/?a=1')
  })

  it('has the same settings and a copy of the jar, and shares the connections', async () => {
    await using quiet = await startServer().then(disposable)
    session = new Session({
      headers: { 'X-A': '1' },
      params: { p: '1' },
      timeout: 5000,
      auth: ['u', 'p'],
      baseUrl: quiet.url,
    })
    if (session.cookies) session.cookies.setCookieSync('a=1', quiet.url)
    session.hooks.response.push((response) => void (response.data = 'hooked'))
    await session.get('/')

    const clone = session.clone()
    clone.headers.set('X-A', '2')
    Object.assign(clone.params, { q: '2' })
    clone.hooks.response.push(() => undefined)
    if (clone.cookies) clone.cookies.setCookieSync('b=2', quiet.url)
    const response = await clone.get('/')

    expect(response.data).toBe('hooked')
    expect(response.request.headers.get('cookie')).toBe('a=1; b=2')
    expect(response.request.url).toBe(`${quiet.url}/?p=1&q=2`)
    expect(clone.timeout).toBe(5000)
    expect(quiet.connections).toBe(1)
    expect(session.headers.get('x-a')).toBe('1')
    expect(session.params).toEqual({ p: '1' })
    expect(session.hooks.response.length).toBe(1)
    expect(session.cookies && session.cookies.getCookieStringSync(quiet.url)).toBe('a=1')
    await clone.close()
    expect((await session.get('/')).status).toBe(200)
  })

  it('keeps cookies off, and works on when the first session is closed', async () => {
    session = new Session({ cookies: false })
    const clone = session.clone()

    await session.close()

    expect(clone.cookies).toBe(false)
    expect((await clone.get(server.url)).status).toBe(200)
    await clone.close()
    await expect(clone.get(server.url)).rejects.toThrow(SessionClosedError)
  })
})

describe('Session.close()', () => {
  it('refuses requests from then on, each through its promise', async () => {
    const request = session.prepareRequest({ url: server.url })
    const closing = session.close()

    await expect(session.get(server.url)).rejects.toThrow(SessionClosedError)
    await expect(session.send(request)).rejects.toThrow(SessionClosedError)
    await closing
    expect(session.close()).toBe(session.close())
  })

  it('lets what runs go on, and waits for it', async () => {
    const answer = gate()
    await using slow = await startServer((_, response) => {
      void answer.promise.then(() => response.end('late'))
    }).then(disposable)
    const running = session.get(slow.url)
    const closing = session.close()

    answer.open()

    expect((await running).text()).toBe('late')
    await closing
    expect(slow.openSockets.size).toBeLessThanOrEqual(1)
  })

  it('lets redirects and retries of what runs go on too', async () => {
    const answer = gate()
    await using slow = await startServer((request, response) => {
      if (request.url === '/end') return void response.end('end')
      const status = slow.seen.length === 1 ? 503 : 302
      void answer.promise.then(() => response.writeHead(status, { location: '/end' }).end())
    }).then(disposable)
    const running = session.get(slow.url, { retry: { backoff: { base: 1 } } })
    const closing = session.close()

    answer.open()

    expect((await running).text()).toBe('end')
    await closing
    expect(slow.seen).toEqual(['GET /', 'GET /', 'GET /end'])
  })

  it('`await using` closes', async () => {
    let leaked: Session
    {
      await using short = new Session()
      leaked = short
      await short.get(server.url)
    }
    await expect(leaked.get(server.url)).rejects.toThrow(SessionClosedError)
  })
})

function disposable(running: TestServer): TestServer & AsyncDisposable {
  return Object.assign(Object.create(running) as TestServer, { [Symbol.asyncDispose]: () => running.close() })
}
