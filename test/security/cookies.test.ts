/** SECURITY.md, "Cookies": a server sets cookies for itself, its site and nobody else, and what only TLS may say. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createJar } from '../../src/session/cookies/cookie-jar.ts'
import { cookieHeader, storeCookies } from '../../src/session/cookies/cookies.ts'
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
