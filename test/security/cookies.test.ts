/** SECURITY.md, "Cookies": a server sets cookies for itself, its site and nobody else, and what only TLS may say. */
import { CookieJar, MemoryCookieStore } from 'tough-cookie'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FuturesSession, InProcessExecutor, WorkerThreadExecutor } from '../../src/index.ts'
import { cookieHeader, createJar, storeCookies } from '../../src/session/cookies/cookies.ts'
import { Session } from '../../src/session/session.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'

/** The Cookie header for `asked` after `from` has set this. */
function sent(from: string, setCookie: string | string[], asked = from): string | undefined {
  const jar = createJar()
  storeCookies(jar, from, setCookie)
  return cookieHeader(jar, asked, undefined)
}

describe('A cookie is not taken', () => {
  it.each([
    ['a public suffix', 'https://shop.co.uk/', 'co.uk', 'https://other.co.uk/'],
    ['a public suffix that is the host', 'https://github.io/', 'github.io', 'https://a.github.io/'],
    ['a private public suffix', 'https://a.github.io/', 'github.io', 'https://b.github.io/'],
    ['a storage provider', 'https://a.s3.amazonaws.com/', 's3.amazonaws.com', 'https://b.s3.amazonaws.com/'],
    ['a top-level domain', 'https://a.example/', 'example', 'https://b.example/'],
    ['a wildcard rule', 'https://a.city.ck/', 'city.ck', 'https://b.city.ck/'],
    ['a local suffix', 'http://a.local/', 'local', 'http://b.local/'],
    ['all of localhost', 'http://a.localhost/', 'localhost', 'http://b.localhost/'],
    ['a part of an address', 'http://127.0.0.1/', '0.0.1', 'http://9.0.0.1/'],
    ['another address', 'http://127.0.0.1/', '127.0.0.2', 'http://127.0.0.2/'],
    ['an address from a name', 'https://a.example.com/', '127.0.0.1', 'http://127.0.0.1/'],
    ['a sibling', 'https://a.example.com/', 'b.example.com', 'https://b.example.com/'],
    ['a child', 'https://example.com/', 'a.example.com', 'https://a.example.com/'],
    ['another site', 'https://a.example.com/', 'example.org', 'https://example.org/'],
    ['a name that only ends alike', 'https://evilexample.com/', 'example.com', 'https://example.com/'],
    ['everything', 'https://a.example.com/', '.', 'https://b.example.com/'],
  ])('for %s', (_what, from, domain, asked) => {
    expect(sent(from, `a=1; Domain=${domain}`, asked)).toBeUndefined()
  })

  it('for a subdomain, if it says no Domain; for the whole site, if it does', () => {
    expect(sent('https://a.example.com/', 'a=1', 'https://b.a.example.com/')).toBeUndefined()
    expect(sent('https://a.example.com/', 'a=1; Domain=example.com', 'https://b.example.com/')).toBe('a=1')
  })

  it.each([
    ['__Host- without Secure', '__Host-a=1; Path=/'],
    ['__Host- with a Domain', '__Host-a=1; Secure; Path=/; Domain=example.com'],
    ['__Host- with another path', '__Host-a=1; Secure; Path=/p'],
    ['__Secure- without Secure', '__Secure-a=1'],
    ['a prefix in another spelling', '__host-a=1; Path=/; Domain=example.com'],
    ['a prefix that is the value', '__Host-a'],
    ['a prefix behind an empty name', '=__Secure-a=1'],
    ['a character that none could send back', 'a=\x7f'],
  ])('with %s', (_what, setCookie) => {
    expect(sent('https://a.example.com/', [setCookie, 'good=1'])).toBe('good=1')
  })

  it.each(['__Host-a=1; Secure; Path=/', '__Secure-a=1; Secure'])('over http if it is %s', (setCookie) => {
    expect(sent('http://a.example.com/', setCookie, 'https://a.example.com/')).toBeUndefined()
    expect(sent('https://a.example.com/', setCookie)).toBe(setCookie.slice(0, setCookie.indexOf(';')))
  })
})

describe('A Secure cookie that came over https', () => {
  const site = 'https://app.example.com/in/'

  /** What goes over https after http has answered with this. */
  function after(secure: string, plain: string, from = 'http://app.example.com/in/', jar = createJar()): unknown {
    storeCookies(jar, site, secure)
    storeCookies(jar, from, plain)
    return cookieHeader(jar, `${site}deep`, undefined)
  }

  it.each([
    ['overwritten', 'a=evil; Path=/in'],
    ['overwritten by a Secure one', 'a=evil; Path=/in; Secure'],
    ['deleted', 'a=; Path=/in; Max-Age=0'],
    ['deleted by an old date', 'a=; Path=/in; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure'],
    ['hidden by a longer path', 'a=evil; Path=/in/deep'],
    ['hidden by the default path', 'a=evil'],
    ['doubled for the whole site', 'a=evil; Domain=example.com; Path=/in'],
    ['overwritten from above', 'a=evil; Domain=example.com; Path=/in', 'http://example.com/in/'],
    ['overwritten by a sibling', 'a=evil; Domain=example.com; Path=/in/deep', 'http://evil.example.com/in/'],
    ['overwritten from another port', 'a=evil; Path=/in', 'http://app.example.com:8080/'],
    ['overwritten with a dot at the end', 'a=evil; Path=/in', 'http://app.example.com./'],
    ['overwritten in capitals', 'a=evil; Path=/in; domain=APP.example.com', 'http://APP.example.com/'],
  ])('is not %s over http', (_what, plain, from?: string) => {
    expect(after('a=secret; Secure; Path=/in', plain, from)).toBe('a=secret')
    expect(after('a=secret; Secure; Path=/in', plain, from, new CookieJar())).toBe('a=secret')
  })

  it('is not overwritten over http where it is for the whole site', () => {
    expect(after('a=secret; Secure; Path=/in; Domain=example.com', 'a=evil; Path=/in')).toBe('a=secret')
  })

  it.each([
    ['of another name', 'b=2; Path=/in', 'a=1; b=2'],
    ['of a name in another case', 'A=2; Path=/in', 'a=1; A=2'],
    ['of a wider path, behind it', 'a=2; Path=/', 'a=1; a=2'],
  ])('lets http set one %s', (_what, plain, both) => {
    expect(after('a=1; Secure; Path=/in', plain)).toBe(both)
  })

  it('lets http set one for another host', () => {
    const jar = createJar()
    expect(after('a=1; Secure; Path=/', 'a=2; Path=/', 'http://b.example.com/', jar)).toBe('a=1')
    expect(after('a=1; Secure; Path=/', 'a=3; Path=/', 'http://x.app.example.org/', jar)).toBe('a=1')
    expect(cookieHeader(jar, 'http://b.example.com/', undefined)).toBe('a=2')
  })

  it('protects nothing any more once it has expired, or https has deleted it', () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['Date'] })
    try {
      const jar = createJar()
      storeCookies(jar, site, 'a=1; Secure; Path=/in; Max-Age=60')
      vi.setSystemTime(1_061_000)
      expect(after('b=1; Secure', 'a=2; Path=/in', undefined, jar)).toBe('a=2; b=1')
      storeCookies(jar, site, ['b=; Secure; Max-Age=0'])
      expect(after('c=1; Secure', 'b=2; Path=/in', undefined, jar)).toBe('a=2; c=1; b=2')
    } finally {
      vi.useRealTimers()
    }
  })

  it('that is not Secure may be set over http', () => {
    expect(after('a=1; Path=/in', 'a=2; Path=/in')).toBe('a=2')
  })

  it('is safe in a jar with a store of its own', () => {
    class OwnStore extends MemoryCookieStore {
      constructor() {
        super()
        ;(this as { idx: unknown }).idx = Object.assign({}, this.idx)
      }
    }
    const jar = new CookieJar(new OwnStore())
    expect(after('a=1; Secure; Path=/in', 'a=2; Path=/in; Domain=example.com', undefined, jar)).toBe('a=1')
    expect(after('a=1; Secure; Path=/in', 'a=2', 'http://other.example/', jar)).toBe('a=1')
  })
})

describe('Cookies of a session', () => {
  let plain: TestServer
  let seen: (string | undefined)[]
  let session: Session

  beforeEach(async () => {
    seen = []
    session = new Session({ trustEnv: false, verify: tlsFixture('ca.pem') })
    plain = await startServer((request, response) => {
      seen.push(request.headers.cookie)
      response.setHeader('Set-Cookie', request.url === '/set' ? ['bad=\x80; Domain=co.uk', 'mine=1; Secure'] : [])
      response.end()
    })
  })
  afterEach(async () => {
    await session.close()
    await plain.close()
  })

  it('that are Secure go over TLS only, this machine included', async () => {
    const secure = await startTlsServer((request, response) => {
      seen.push(request.headers.cookie)
      response.setHeader('Set-Cookie', 'a=1; Secure').end()
    })
    const url = plain.url.replace('127.0.0.1', 'localhost')
    await session.get(secure.url)
    await session.get(url)
    await session.get(secure.url)
    await session.close()
    await secure.close()

    expect(seen).toEqual([undefined, undefined, 'a=1'])
  })

  it.each(['here', 'in a thread'])('that are Secure are left alone by the http server beside it, %s', async (place) => {
    const secure = await startTlsServer((request, response) => {
      seen.push(request.headers.cookie)
      response.setHeader('Set-Cookie', request.url === '/login' ? 'mine=secret; Secure; Path=/' : []).end()
    })
    const executor = place === 'here' ? new InProcessExecutor() : new WorkerThreadExecutor({ threads: 1 })
    const futures = new FuturesSession({ executor, trustEnv: false, verify: tlsFixture('ca.pem') })
    const url = plain.url.replace('127.0.0.1', 'localhost')
    await futures.get(`${secure.url}/login`).result()
    await futures.get(`${url}/set`, { retry: 1 }).result()
    await futures.get(secure.url).result()
    await futures.close()
    await executor.shutdown()
    await secure.close()

    expect(seen).toEqual([undefined, undefined, 'mine=secret'])
  })

  it('that a server may not set do not keep it from being asked again', async () => {
    await session.get(`${plain.url}/set`)
    const response = await session.get(plain.url)

    expect(response.status).toBe(200)
    expect(seen).toEqual([undefined, undefined])
  })

  it('are neither kept nor sent with `cookies: false`', async () => {
    session.cookies = false
    await session.get(`${plain.url}/set`)
    await session.get(plain.url)

    expect(seen).toEqual([undefined, undefined])
  })
})
