/** What `paginate` asks for: options, queries and credentials, from page to page. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { basic, FuturesSession, type PaginateOptions, type RequestSpec, type SessionOptions } from '../../src/index.ts'
import { turn } from '../helpers/gate.ts'
import { Origins, pathTo, type Visit } from '../helpers/origins.ts'
import type { Handler, TestServer } from '../helpers/server.ts'

let origins: Origins
let here: TestServer
let away: TestServer
/** By path: where the page leads, `HERE` and `AWAY` filled in. */
let links: Record<string, string>

const answer: Handler = (request, response) => {
  const link = links[request.url!.replace(/\?.*/, '')]
  const url = link?.replaceAll('HERE', here.url).replaceAll('AWAY', away.url)
  if (url !== undefined) response.setHeader('link', `<${url}>; rel="next"`)
  response.end()
}

beforeEach(async () => {
  links = {}
  origins = new Origins()
  here = await origins.open('here', answer)
  away = await origins.open('away', answer)
})
afterEach(() => origins.close())

/** @returns who was asked for what */
async function walk(
  path: string,
  options: PaginateOptions = {},
  sessionOptions: SessionOptions = {},
): Promise<Visit[]> {
  await using session = new FuturesSession({ trustEnv: false, ...sessionOptions })
  for await (const page of session.paginate(path.replace('HERE', here.url), options)) page.raiseForStatus()
  return origins.visits
}

const targets = (visits: readonly Visit[]): string[] => visits.map(({ at, method, path }) => `${at} ${method} ${path}`)
const header = (visits: readonly Visit[], name: string): unknown[] => visits.map(({ headers }) => headers[name])
const basicOf = (user: string): string => `Basic ${Buffer.from(`${user}:pw`).toString('base64')}`

describe('A link', () => {
  test('is relative to the page, wherever redirects have led, not to the base URL', async () => {
    links = { '/api/list': 'page?n=2', '/api/page': '/last?n=3', '/last': '?n=4' }
    const visits = await walk('list', { next: limited(4) }, { baseUrl: `${here.url}/api` })
    expect(targets(visits)).toEqual(
      ['/api/list', '/api/page?n=2', '/last?n=3', '/last?n=4'].map((path) => `here GET ${path}`),
    )
  })

  test("has its own query: `params` are the first page's", async () => {
    links = { '/a': '/b?size=5&cursor=x%2By', '/b': '/c' }
    const visits = await walk('HERE/a', { params: { size: 5, sort: 'id' } })
    expect(targets(visits)).toEqual(['here GET /a?size=5&sort=id', 'here GET /b?size=5&cursor=x%2By', 'here GET /c'])
  })

  test.each<SessionOptions['params']>([
    { key: 'k', lang: 'en' },
    [
      ['key', 'k'],
      ['lang', 'en'],
    ],
    new URLSearchParams({ key: 'k', lang: 'en' }),
    'key=k&lang=en',
  ])('gets those of the session that it does not name: %o', async (params) => {
    // prettier-ignore
    links = { '/a': '/b?cursor=2&lang=en', '/b': '/c?key=k&lang=de', '/c': 'AWAY/d?cursor=4', '/d': 'HERE/e' }
    expect(targets(await walk('HERE/a', {}, { params: params! }))).toEqual([
      'here GET /a?key=k&lang=en',
      'here GET /b?cursor=2&lang=en&key=k',
      'here GET /c?key=k&lang=de',
      'away GET /d?cursor=4',
      'here GET /e',
    ])
  })

  test('is asked for with the same method, body and options', async () => {
    links = { '/a': '/b' }
    const headers = { 'X-A': '1', Authorization: 'token' }
    const visits = await walk('HERE/a', { method: 'POST', json: { q: 1 }, headers, cookies: { c: '1' } })
    expect(targets(visits)).toEqual(['here POST /a', 'here POST /b'])
    expect(visits.map(({ body }) => body)).toEqual(['{"q":1}', '{"q":1}'])
    for (const name of ['x-a', 'authorization', 'cookie', 'content-type']) {
      const [first, second] = header(visits, name)
      expect(second).toBe(first)
      expect(first).toBeDefined()
    }
  })

  test('within the origin goes on with the user and password of the first URL', async () => {
    links = { '/a': '/b', '/b': 'HERE/c', '/c': `${here.url.replace('//', '//eve:pw@')}/d` }
    const visits = await walk(`${here.url.replace('//', '//me:pw@')}/a`)
    expect(header(visits, 'authorization')).toEqual(Array(4).fill(basicOf('me')))
  })
})

/** Follows links; at most so many pages, for links that lead in a circle. */
function limited(count: number): NonNullable<PaginateOptions['next']> {
  let pages = 1
  return ({ links: { next } }) => (pages++ < count ? next?.url : undefined)
}

const secrets: [string, PaginateOptions, SessionOptions][] = [
  ['auth of the request', { auth: ['me', 'pw'] }, {}],
  ['auth of the session', {}, { auth: basic('me', 'pw') }],
  ['a header of the request', { headers: { authorization: 'secret', 'X-A': '1' } }, {}],
  ['pairs of the request', { headers: [['AUTHORIZATION', 'secret'], ['X-A', '1']] }, {}],
  ['a header of the session', {}, { headers: { Authorization: 'secret' } }],
  ['a cookie written by hand', { headers: { Cookie: 'a=secret' } }, {}],
  ['cookies of the request', { cookies: { a: 'secret' } }, {}],
  ['a proxy\'s header of the session', {}, { headers: { 'Proxy-Authorization': 'secret' } }],
  ['params of the session', {}, { params: { key: 'secret' } }],
] // prettier-ignore

const secretsOf = ({ path, headers }: Visit): unknown[] =>
  [headers.authorization, headers.cookie, headers['proxy-authorization'], path.includes('key=') || undefined].filter(
    (each) => each !== undefined,
  )

describe.each(secrets)('Another origin gets no %s', (_, options, sessionOptions) => {
  const expectSecrets = (visits: readonly Visit[], at: string[]): void => {
    expect(visits.map((visit) => visit.at)).toEqual(at)
    const [first, ...others] = visits
    expect(secretsOf(first!)).toHaveLength(1)
    for (const visit of others) expect(secretsOf(visit)).toEqual([])
  }

  test('by a link, nor does what comes after', async () => {
    links = { '/a': 'AWAY/b', '/b': '/c', '/c': 'HERE/d' }
    expectSecrets(await walk('HERE/a', options, sessionOptions), ['here', 'away', 'away', 'here'])
  })

  test('by what `next` makes of a page', async () => {
    const urls = [`${away.url}/b`, new URL(`${here.url}/c`), { url: `${here.url}/d` }]
    const visits = await walk('HERE/a', { ...options, next: () => urls.shift() }, sessionOptions)
    expectSecrets(visits, ['here', 'away', 'here', 'here'])
  })

  test('by a link of a page that a redirect has led to', async () => {
    links = { '/b': 'HERE/c' }
    const visits = await walk(`HERE${pathTo(`${away.url}/b`)}`, options, sessionOptions)
    // Of a query this server makes a part of where it leads.
    if (sessionOptions.params === undefined) expectSecrets(visits, ['here', 'away', 'here'])
    else expect(secretsOf(visits[2]!)).toEqual([])
  })
})

describe('A request that `next` returns', () => {
  const after = async (
    spec: RequestSpec,
    options: PaginateOptions = {},
    sessionOptions: SessionOptions = {},
  ): Promise<Visit> => {
    const steps = [spec]
    const visits = await walk(
      'HERE/a',
      { ...options, next: async () => turn().then(() => steps.shift()) },
      sessionOptions,
    )
    return visits.at(-1)!
  }

  test('has its own options over those of the pages', async () => {
    const options = { method: 'POST', json: { q: 1 }, headers: { 'X-A': '1' }, params: { p: 1 }, cookies: { c: '1' } }
    const own = { url: '/b', headers: { 'X-B': '2' }, params: { cursor: 'x' }, timeout: undefined }
    const visit = await after(own, options)
    expect(visit).toMatchObject({ method: 'POST', path: '/b?cursor=x', body: '{"q":1}' })
    expect(visit.headers).toMatchObject({ 'x-b': '2', cookie: 'c=1' })
    expect(visit.headers['x-a']).toBeUndefined()
  })

  test('says all about its body where it says something', async () => {
    const options = { method: 'POST', json: { q: 1 } }
    expect(await after({ url: '/b', json: { cursor: 2 } }, options)).toMatchObject({
      method: 'POST',
      body: '{"cursor":2}',
    })
    expect(await after({ url: '/b', method: 'GET' }, options)).toMatchObject({ method: 'GET', body: '' })
    expect(await after({ url: '/b', data: 'text' }, options)).toMatchObject({ method: 'POST', body: 'text' })
  })

  test('brings its own credentials to another origin', async () => {
    const session = { headers: { Authorization: 'mine' }, params: { key: 'k' } }
    const url = `${away.url}/b`
    const visit = await after({ url, headers: { Authorization: 'theirs' }, params: { p: '1' } }, {}, session)
    expect([visit.at, visit.path, visit.headers.authorization]).toEqual(['away', '/b?p=1', 'theirs'])
    expect((await after({ url, auth: ['you', 'pw'] }, {}, session)).headers.authorization).toBe(basicOf('you'))
    expect((await after({ url, params: 'p=1' }, {}, session)).path).toBe('/b?p=1')
    const signed = await after({ url: url.replace('//', '//you:pw@') }, { auth: ['me', 'pw'] })
    expect(signed.headers.authorization).toBe(basicOf('you'))
  })
})

describe("A session of somebody else's", () => {
  const page = (url: string | undefined, next?: string) => ({
    url,
    links: next === undefined ? {} : { next: { url: next } },
  })

  test('is asked with options that it understands', async () => {
    const asked: unknown[] = []
    const pages = [page('http://x/1', '2?n=2'), page('http://x/2', 'http://y/3'), page('http://y/3')]
    const session = new FuturesSession<ReturnType<typeof page>>({
      session: {
        request: async (method, url, { headers, auth, params } = {}) => {
          asked.push([method, url, headers, auth, params])
          return pages.shift()!
        },
      },
    })
    const headers = { Authorization: 'secret', A: '1' }
    const count = []
    for await (const each of session.paginate('http://x/1', { headers, auth: ['me', 'pw'], params: { p: 1 } }))
      count.push(each)
    expect(count).toHaveLength(3)
    expect(asked).toEqual([
      ['GET', 'http://x/1', headers, ['me', 'pw'], { p: 1 }],
      ['GET', 'http://x/2?n=2', headers, ['me', 'pw'], undefined],
      ['GET', 'http://y/3', [['A', '1']], undefined, undefined],
    ])
    await session.close()
  })

  test('may answer without URLs, as long as links have them', async () => {
    const asked: unknown[] = []
    const pages = [page(undefined, 'http://x/2'), page(undefined, 'http://user:pw@x/3'), page(undefined)]
    const session = new FuturesSession<ReturnType<typeof page>>({
      session: { request: async (_, url, { auth } = {}) => (asked.push([url, auth]), pages.shift()!) },
    })
    for await (const each of session.paginate('1', { auth: ['me', 'pw'] })) expect(each.url).toBeUndefined()
    expect(asked).toEqual([['1', ['me', 'pw']], ['http://x/2', undefined], ['http://x/3', undefined]]) // prettier-ignore
    await session.close()
  })
})
