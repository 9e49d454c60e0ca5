/** SECURITY.md, "Credentials across origins": what is meant for one origin is not sent to another, whoever asks for it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { basic, bearer } from '../../src/session/auth/basic.ts'
import { digest } from '../../src/session/auth/digest.ts'
import type { RequestOptions, SessionOptions } from '../../src/session/options/options.ts'
import { PreparedRequest } from '../../src/session/prepared-request.ts'
import type { Response } from '../../src/session/response/response.ts'
import { Session } from '../../src/session/session.ts'
import { taskReference } from '../../src/task-reference.ts'
import { Origins, pathTo } from '../helpers/origins.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'
import type { TestServer } from '../helpers/server.ts'

let origins: Origins
/** The same host, another port. */
let a: TestServer
let b: TestServer
let session: Session

beforeEach(async () => {
  origins = new Origins()
  a = await origins.open('A')
  b = await origins.open('B')
  session = new Session({ trustEnv: false })
})
afterEach(async () => {
  await session.close()
  await origins.close()
})

const secret = 's3cret'
const encoded = Buffer.from(`user:${secret}`).toString('base64')
const holdsSecret = (text: string): boolean => text.includes(secret) || text.includes(encoded)
const hooks = new URL('../fixtures/request-hooks.mjs', import.meta.url)

interface Way {
  session?: SessionOptions
  request?: RequestOptions
  inUrl?: boolean
}

const ways: [string, Way][] = [
  ['an Authorization header of the request', { request: { headers: { Authorization: `Bearer ${secret}` } } }],
  ['one of the session', { session: { headers: { authorization: `Bearer ${secret}` } } }],
  ['a Cookie header of the request', { request: { headers: { Cookie: `c=${secret}` } } }],
  ['one of the session', { session: { headers: { COOKIE: `c=${secret}` } } }],
  ['a Proxy-Authorization header', { request: { headers: { 'Proxy-Authorization': `Basic ${secret}` } } }],
  ['auth: [user, password]', { request: { auth: ['user', secret] } }],
  ['auth of the session', { session: { auth: ['user', secret] } }],
  ['basic()', { request: { auth: basic('user', secret) } }],
  ['bearer() of the session', { session: { auth: bearer(secret) } }],
  ['an auth function', { request: { auth: (request) => request.headers.set('X-Key', secret) } }],
  [
    'an auth generator',
    {
      request: {
        *auth(request: PreparedRequest): Generator<PreparedRequest, undefined, Response> {
          request.headers.set('X-Key', secret)
          yield request
        },
      },
    },
  ],
  ['an auth function by reference', { request: { auth: taskReference(hooks, 'setHeader', 'X-Key', secret) } }],
  ['cookies of the request', { request: { cookies: { c: secret } } }],
  ['the URL', { inUrl: true }],
]

describe('Credentials in', () => {
  it.each(ways)('%s stay within the origin: A -> A -> B -> A sends them to the first two', async (_name, way) => {
    await using own = new Session({ trustEnv: false, ...way.session })
    const back = `${a.url}/home`
    const start = `${a.url}${pathTo(`${a.url}${pathTo(`${b.url}${pathTo(back)}`)}`)}`

    await own.get(way.inUrl === true ? start.replace('//', `//user:${secret}@`) : start, way.request)

    expect(origins.visits.map(({ at }) => at)).toEqual(['A', 'A', 'B', 'A'])
    expect(origins.visits.map((visit) => holdsSecret(JSON.stringify(visit)))).toEqual([true, true, false, false])
  })

  it.each(ways)('%s are dropped from https to http, of one host', async (_name, way) => {
    const handler = origins.handlerOf('secure')
    const secure = await startTlsServer(handler)
    const ca = tlsFixture('ca.pem')
    await using own = new Session({ trustEnv: false, verify: ca, ...way.session })
    const start = `${secure.url}${pathTo(a.url.replace('127.0.0.1', 'localhost'))}`

    await own.get(way.inUrl === true ? start.replace('//', `//user:${secret}@`) : start, way.request)
    await own.close()
    await secure.close()

    expect(origins.visits.map((visit) => holdsSecret(JSON.stringify(visit)))).toEqual([true, false])
  })

  it.each([307, 308])('headers are dropped where %i takes method and body along', async (status) => {
    const data = { field: 'value' }
    await session.post(`${a.url}${pathTo(b.url, status)}`, { auth: ['user', secret], cookies: { c: secret }, data })

    const [, last] = origins.visits
    expect(last).toMatchObject({ at: 'B', method: 'POST', body: 'field=value' })
    expect(holdsSecret(origins.textOf('B'))).toBe(false)
  })

  it('a Location are not used, neither at another origin nor at the same', async () => {
    const target = (url: string): string => url.replace('//', `//user:${secret}@`)
    const response = await session.get(`${a.url}${pathTo(target(`${a.url}${pathTo(target(b.url))}`))}`)

    expect(origins.visits.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined])
    expect(response.url).toBe(`${b.url}/`)
  })
})

describe('A redirect', () => {
  it('tells nobody where it comes from: there is no Referer', async () => {
    await session.get(`${a.url}${pathTo(`${b.url}${pathTo(a.url)}`)}`)

    expect(origins.visits).toHaveLength(3)
    expect(origins.visits.filter(({ headers }) => 'referer' in headers || 'origin' in headers)).toEqual([])
  })

  it('is followed with the cookies of the jar that belong there, and no others', async () => {
    const named = b.url.replace('127.0.0.1', 'localhost')
    const jar = session.cookies as Exclude<Session['cookies'], false>
    jar.setCookieSync('mine=127', a.url)
    jar.setCookieSync('other=localhost', named)

    await session.get(`${a.url}${pathTo(`${named}${pathTo(a.url)}`)}`)

    expect(origins.visits.map(({ headers }) => headers.cookie)).toEqual(['mine=127', 'other=localhost', 'mine=127'])
  })

  it('that is not followed leaves no credentials in `next`, and none are added when that is sent', async () => {
    await using own = new Session({ trustEnv: false, auth: ['user', secret] })
    const prepared = own.prepareRequest({
      url: `${a.url}${pathTo(b.url)}`,
      auth: ['user', secret],
      cookies: { secret },
    })
    for (const response of [
      await own.get(`${a.url}${pathTo(b.url)}`, { allowRedirects: false, cookies: { secret } }),
      await own.send(prepared, { allowRedirects: false }),
    ]) {
      await own.send(response.next as PreparedRequest)
    }

    expect(origins.visits.map(({ at }) => at)).toEqual(['A', 'A', 'B', 'B'])
    expect(holdsSecret(origins.textOf('A'))).toBe(true)
    expect(holdsSecret(origins.textOf('B'))).toBe(false)
  })

  it('that is not followed keeps them in `next` within the origin, and takes new ones for another', async () => {
    await using own = new Session({ trustEnv: false, auth: ['user', secret] })
    const home = await own.get(`${a.url}${pathTo(a.url)}`, { allowRedirects: false })
    const away = await own.get(`${a.url}${pathTo(b.url)}`, { allowRedirects: false })
    await own.send(home.next as PreparedRequest)
    await own.send(away.next as PreparedRequest, { auth: ['user', secret] })

    expect(origins.visits.map((visit) => holdsSecret(JSON.stringify(visit)))).toEqual([true, true, true, true])
  })
})

describe('Auth functions', () => {
  it('that send requests to another origin send it neither the cookies nor the headers of theirs', async () => {
    const auth = async function* (request: PreparedRequest): AsyncGenerator<PreparedRequest, undefined, Response> {
      yield new PreparedRequest({ url: `${b.url}/token` })
      yield request
    }
    await session.get(a.url, { auth, cookies: { c: secret }, headers: { Authorization: secret } })
    await session.get(a.url, { auth, cookies: { c: secret } })

    expect(origins.visits.map(({ at }) => at)).toEqual(['A', 'B', 'A'])
    expect(holdsSecret(origins.textOf('A'))).toBe(true)
    expect(holdsSecret(origins.textOf('B'))).toBe(false)
  })

  it('digest() never answers the challenge of an origin that a redirect has led to', async () => {
    const challenging = await origins.open('C', (_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Digest realm="r", nonce="n", qop="auth"' }).end()
    })
    const auth = digest('user', secret)
    const redirected = await session.get(`${a.url}${pathTo(challenging.url)}`, { auth })
    expect(redirected.status).toBe(401)
    expect(origins.visits.map(({ at, headers }) => [at, headers.authorization])).toEqual([
      ['A', undefined],
      ['C', undefined],
    ])

    // Asked there by the caller, it does; and then still says nothing of it to the next.
    await session.get(challenging.url, { auth })
    await session.get(`${a.url}${pathTo(b.url)}`, { auth })
    expect(origins.visits.at(3)?.headers.authorization).toMatch(/^Digest username="user"/)
    expect(origins.visits.slice(4).map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
  })
})
