import { inspect } from 'node:util'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ContentDecodingError,
  InvalidSchemaError,
  TooManyRedirectsError,
  UnrewindableBodyError,
} from '../../../src/errors.ts'
import type { RequestOptions } from '../../../src/session/options/options.ts'
import { keepsCredentials } from '../../../src/session/url.ts'
import type { Response } from '../../../src/session/response/response.ts'
import { Session } from '../../../src/session/session.ts'
import { readBody, startServer } from '../../helpers/server.ts'
import type { TestServer } from '../../helpers/server.ts'

interface Seen {
  method: string
  url: string
  headers: Record<string, string | undefined>
  body: string
}

let here: TestServer
let there: TestServer
let session: Session
let seen: Seen[]

/** `/STATUS/target` redirects to the target; `/x` answers. */
const start = (): Promise<TestServer> =>
  startServer((request, response) => {
    void readBody(request).then((body) => {
      const { method = '', url = '', headers } = request
      seen.push({ method, url, headers: headers as Seen['headers'], body })
      const [, status, target] = /^\/(\d{3})\/(.*)$/.exec(url) ?? []
      if (status === undefined) return void response.end('end')
      const location = decodeURIComponent(target ?? '')
        .replace('HERE', here.url)
        .replace('AWAY', there.url)
      response.writeHead(Number(status), { location }).end('hop')
    })
  })

beforeEach(async () => {
  seen = []
  here = await start()
  there = await start()
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await Promise.all([here.close(), there.close()])
})

const go = (path: string, options?: RequestOptions, method = 'GET'): Promise<Response> =>
  session.request(method, here.url + path, options)

describe('redirects, method and body', () => {
  const table: [status: number, method: string, after: string, keepsBody: boolean][] = [
    [301, 'POST', 'GET', false],
    [302, 'POST', 'GET', false],
    [303, 'POST', 'GET', false],
    [307, 'POST', 'POST', true],
    [308, 'POST', 'POST', true],
    [301, 'PUT', 'PUT', true],
    [302, 'PATCH', 'PATCH', true],
    [302, 'DELETE', 'DELETE', true],
    [303, 'PUT', 'GET', false],
    [303, 'DELETE', 'GET', false],
    [307, 'PUT', 'PUT', true],
  ]
  it.each(table)('%i after %s is %s, body kept: %s', async (status, method, after, keepsBody) => {
    const headers = { 'Content-Type': 'text/x', 'Content-Language': 'en', 'X-Keep': '1' }

    await go(`/${status}//x`, { data: 'body', headers }, method)

    const last = seen.at(-1)
    expect(seen).toHaveLength(2)
    expect([last?.method, last?.body]).toEqual([after, keepsBody ? 'body' : ''])
    expect(last?.headers['content-type']).toBe(keepsBody ? 'text/x' : undefined)
    expect(last?.headers['content-language']).toBe(keepsBody ? 'en' : undefined)
    expect(last?.headers['x-keep']).toBe('1')
  })

  it.each([301, 302, 303, 307, 308])('HEAD stays HEAD after %i, where redirects are allowed', async (status) => {
    const response = await session.head(`${here.url}/${status}//x`, { allowRedirects: true })

    expect(response.status).toBe(200)
    expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
  })

  it('are followed as the session says, unless the request says otherwise', async () => {
    const hops = async (method: string, allowRedirects?: boolean): Promise<number> =>
      (await go('/302//x', { allowRedirects }, method)).history.length

    session.allowRedirects = false
    expect([await hops('GET'), await hops('HEAD'), await hops('GET', true), await hops('HEAD', true)]).toEqual([
      0, 0, 1, 1,
    ])
    session.allowRedirects = true
    expect([await hops('GET'), await hops('HEAD'), await hops('GET', false)]).toEqual([1, 1, 0])
    session.allowRedirects = undefined
    expect([await hops('GET'), await hops('HEAD')]).toEqual([1, 0])
    expect((await new Session({ allowRedirects: false }).get(`${here.url}/302//x`)).status).toBe(302)
  })

  it.each([201, 300, 304, 305, 306])('%i is not followed', async (status) => {
    expect((await go(`/${status}//x`)).status).toBe(status)
    expect(seen).toHaveLength(1)
  })

  it('a function makes the body anew, a stream is UnrewindableBodyError', async () => {
    await go('/307//x', { data: () => Readable.from(['a', 'b']) }, 'POST')
    expect(seen.at(-1)?.body).toBe('ab')

    const error: unknown = await go('/307//x', { data: Readable.from(['a']) }, 'POST').catch(
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(UnrewindableBodyError)
    expect(error).toMatchObject({ request: { method: 'POST' } })
    expect((await go('/302//x', { data: Readable.from(['a']) }, 'POST')).status).toBe(200)
  })
})

describe('redirects, what the caller sees', () => {
  it('history is oldest first, each entry with its own', async () => {
    const response = await go('/301//302//x#top')

    expect(response.url).toBe(`${here.url}/x#top`)
    expect(response.redirected).toBe(true)
    expect(response.history.map(({ status, url }) => [status, url])).toEqual([
      [301, `${here.url}/301//302//x#top`],
      [302, `${here.url}/302//x#top`],
    ])
    expect(response.history.map(({ history }) => history.length)).toEqual([0, 1])
    expect(response.history[0]?.text()).toBe('hop')
  })

  it('allowRedirects: false leaves the next request prepared', async () => {
    const response = await go('/302//x', { allowRedirects: false, data: 'body', headers: { 'X-A': '1' } }, 'POST')

    expect(response).toMatchObject({ status: 302, isRedirect: true, isPermanentRedirect: false })
    expect(response.next).toMatchObject({ method: 'GET', url: `${here.url}/x`, body: undefined })
    expect(response.next?.headers.get('x-a')).toBe('1')
    if (response.next) expect((await session.send(response.next)).text()).toBe('end')
    expect((await go('/x', { allowRedirects: false })).next).toBeUndefined()
    expect((await go(`/302/${encodeURIComponent('ftp://h')}`, { allowRedirects: false })).next).toBeUndefined()
  })

  it('HEAD is not followed unless asked to', async () => {
    const response = await session.head(`${here.url}/302//x`)

    expect(response.status).toBe(302)
    expect(response.next).toMatchObject({ method: 'HEAD', url: `${here.url}/x` })
  })

  it('over the limit it is TooManyRedirectsError with the last response', async () => {
    const loop = await startServer((_, response) => response.writeHead(302, { location: '/again' }).end())
    session.maxRedirects = 3

    const error: unknown = await session.get(loop.url).catch((reason: unknown) => reason)
    const none: unknown = await session.get(loop.url, { maxRedirects: 0 }).catch((reason: unknown) => reason)
    await loop.close()

    expect(error).toBeInstanceOf(TooManyRedirectsError)
    expect(error).toMatchObject({ response: { status: 302, url: `${loop.url}/again` }, request: { method: 'GET' } })
    expect(none).toMatchObject({ response: { status: 302, url: `${loop.url}/` } })
    expect(loop.seen).toHaveLength(5)
  })

  it('may come back to a URL', async () => {
    const login = await startServer((request, response) => {
      if (request.headers.cookie === 'a=1') response.end('in')
      else response.writeHead(302, { location: '/', 'set-cookie': 'a=1' }).end()
    })
    expect((await session.get(login.url)).text()).toBe('in')
    await login.close()
  })

  it.each(['ftp://h/', 'file:///etc/passwd', 'data:text/plain,x', 'javascript:1'])(
    'to %s is refused',
    async (target) => {
      const error: unknown = await go(`/302/${encodeURIComponent(target)}`).catch((reason: unknown) => reason)

      expect(error).toBeInstanceOf(InvalidSchemaError)
      expect(error).toMatchObject({ request: { method: 'GET', url: expect.stringContaining(here.url) as string } })
    },
  )

  it.each(['/x ', ' /x', '\t/x\t ', 'HERE/x   ', '  HERE/x\t', '/x?'.padEnd(8, ' '), '/x#top '])(
    'blanks around a Location are no part of it: %j',
    async (location) => {
      const response = await go(`/302/${encodeURIComponent(location)}`)
      const unsent = await go(`/302/${encodeURIComponent(location)}`, { allowRedirects: false })

      expect(seen.map(({ url }) => url).slice(1, 2)).toEqual(['/x'])
      expect(response.text()).toBe('end')
      expect(response.history[0]?.headers.get('location')).toBe(unsent.headers.get('location')?.trim())
      expect(unsent.next?.url.replace('#top', '')).toBe(`${here.url}/x`)
    },
  )

  it('a Location of blanks is an empty one, blanks within are escaped, bytes of letters stay', async () => {
    expect((await go('/302/%20%09')).text()).toBe('hop')
    expect((await go(`/302/${encodeURIComponent(' /a b ')}`)).url).toBe(`${here.url}/a%20b`)
    // The last byte of this letter is \xa0.
    const letter = Buffer.from('/\u00e0').toString('latin1')
    expect((await go(`/302/${encodeURIComponent(letter)}`)).url).toBe(`${here.url}/%C3%A0`)
  })

  it('a hop whose body can not be decoded is followed all the same', async () => {
    const broken = await startServer((request, response) => {
      if (request.url === '/end') return void response.end('end')
      response.writeHead(302, { location: '/end', 'content-encoding': 'gzip' }).end('no gzip')
    })

    expect((await session.get(`${broken.url}/go`)).text()).toBe('end')
    await expect(session.get(`${broken.url}/go`, { allowRedirects: false })).rejects.toThrow(ContentDecodingError)
    await broken.close()
  })

  it('without a Location, or with an empty one, it is the response', async () => {
    const odd = await startServer((request, response) => {
      response.writeHead(302, request.url === '/empty' ? { location: '' } : {}).end('here')
    })

    expect((await session.get(`${odd.url}/none`)).status).toBe(302)
    expect((await session.get(`${odd.url}/empty`)).text()).toBe('here')
    await odd.close()
  })
})

describe('redirects, secrets', () => {
  const secrets = {
    Authorization: 'T s3cret',
    Cookie: 'c=s3cret',
    'Proxy-Authorization': 's3cret',
    Host: 'v.test',
    'X-A': '1',
  }

  it('stay within the origin', async () => {
    await go('/302//x', { headers: secrets })

    expect(seen[1]?.headers).toMatchObject({
      authorization: 'T s3cret',
      cookie: 'c=s3cret',
      host: 'v.test',
      'x-a': '1',
    })
  })

  it('are dropped where the origin changes, and do not come back', async () => {
    await go(`/302/${encodeURIComponent(`AWAY/302/${encodeURIComponent('HERE/x')}`)}`, { headers: secrets })

    expect(seen).toHaveLength(3)
    for (const hop of seen.slice(1)) {
      expect(hop.headers).toMatchObject({ 'x-a': '1' })
      expect(hop.headers.host).not.toBe('v.test')
      for (const name of ['authorization', 'cookie', 'proxy-authorization']) expect(hop.headers[name]).toBeUndefined()
    }
  })

  it.each([
    ['auth', { auth: ['u', 's3cret'] }, 'authorization'],
    [
      'an auth function',
      { auth: (request: { headers: Headers }) => request.headers.set('X-Token', 's3cret') },
      'x-token',
    ],
    ['cookies', { cookies: { c: 's3cret' } }, 'cookie'],
  ])('so does %s of the request', async (_what, options, header) => {
    await go('/302//x', options as RequestOptions)
    expect(seen[1]?.headers[header]).toBeDefined()

    await go(`/302/${encodeURIComponent('AWAY/x')}`, options as RequestOptions)
    expect(seen[2]?.headers[header]).toBeDefined()
    expect(seen[3]?.headers[header]).toBeUndefined()
  })

  it('credentials of the URL and of the session too', async () => {
    session.auth = ['s', 's3cret']
    await go(`/302/${encodeURIComponent('AWAY/x')}`)
    session.auth = undefined
    const response = await session.get(`${here.url.replace('//', '//u:s3cret@')}/302/${encodeURIComponent('AWAY/x')}`)

    expect(seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([true, false, true, false])
    expect(inspect(response, { depth: 10, showHidden: true })).not.toContain('s3cret')
  })

  it('those in a Location are dropped', async () => {
    const response = await go(`/302/${encodeURIComponent(there.url.replace('//', '//u:s3cret@'))}`)

    expect(response.url).toBe(`${there.url}/`)
    expect(seen[1]?.headers.authorization).toBeUndefined()
  })

  it.each([
    ['http://h.test/a', 'http://h.test/b', true],
    ['http://h.test/', 'https://h.test/', true],
    ['http://h.test:80/', 'https://h.test:443/', true],
    ['https://h.test/', 'http://h.test/', false],
    ['http://h.test/', 'https://h.test:8443/', false],
    ['http://h.test:8080/', 'https://h.test/', false],
    ['http://h.test/', 'http://h.test:81/', false],
    ['http://h.test/', 'http://sub.h.test/', false],
  ])('from %s to %s: kept %s', (from, to, isKept) => {
    expect(keepsCredentials(new URL(from), new URL(to))).toBe(isKept)
  })
})
