import { inspect } from 'node:util'
import fc from '../../helpers/fast-check.ts'
import { Cookie, CookieJar, MemoryCookieStore, Store } from 'tough-cookie'
import { describe, expect, it, vi } from 'vitest'
import { InvalidHeaderError } from '../../../src/errors.ts'
import {
  checkJar,
  cookieHeader,
  createJar,
  responseCookies,
  storeCookies,
} from '../../../src/session/cookies/cookies.ts'

const url = 'http://127.0.0.1:8080/in/x'

function jarWith(setCookie: string | string[], at = url): CookieJar {
  const jar = createJar()
  storeCookies(jar, at, setCookie)
  return jar
}

const stored = (jar: CookieJar): string[] =>
  jar.serializeSync()!.cookies.map(({ key, value }) => `${key ?? ''}=${value ?? ''}`)

describe('storeCookies() and cookieHeader()', () => {
  it('what was set is sent back, longer paths first, then in the order of creation', () => {
    const jar = jarWith(['b=1; Path=/', 'a=2; Path=/', 'c=3; Path=/in'])

    expect(cookieHeader(jar, url, undefined)).toBe('c=3; b=1; a=2')
    expect(cookieHeader(jar, new URL(url), undefined)).toBe('c=3; b=1; a=2')
    expect(cookieHeader(jar, 'http://127.0.0.1:9090/', undefined)).toBe('b=1; a=2')
  })

  it.each([
    ['the default path', 'a=1', 'http://h.test/in/set', ['/in', '/in/y'], ['/', '/inner']],
    [
      'a host',
      'a=1; Path=/',
      'http://h.test/',
      ['http://h.test/', 'http://h.test:81/'],
      ['http://x.h.test/', 'http://other.test/'],
    ],
    [
      'a domain',
      'a=1; Domain=h.test',
      'http://w.h.test/',
      ['http://h.test/', 'http://a.w.h.test/'],
      ['http://xh.test/'],
    ],
    ['localhost', 'a=1', 'http://localhost/', ['http://localhost:1/'], ['http://127.0.0.1/']],
    ['an IPv6 host', 'a=1', 'http://[::1]/', ['http://[::1]:81/'], ['http://[::2]/']],
    [
      'an IP address as domain',
      'a=1; Domain=127.0.0.1',
      'http://127.0.0.1/',
      ['http://127.0.0.1/'],
      ['http://127.0.0.2/'],
    ],
    ['an IDN host', 'a=1', 'http://ö.test/', ['http://xn--nda.test/'], ['http://o.test/']],
  ])('%s', (_, setCookie, at, there, elsewhere) => {
    const jar = jarWith(setCookie, at)

    for (const path of there) expect(cookieHeader(jar, new URL(path, at), undefined)).toBe('a=1')
    for (const path of elsewhere) expect(cookieHeader(jar, new URL(path, at), undefined)).toBeUndefined()
  })

  it.each([
    ['a foreign domain', 'a=1; Domain=example.com'],
    ['a public suffix', 'a=1; Domain=co.uk'],
    ['a top-level domain', 'a=1; Domain=uk'],
    ['a domain that is none', 'a=1; Domain=ö ö'],
    ['a __Host- cookie with a domain', '__Host-a=1; Secure; Path=/; Domain=shop.co.uk'],
    ['no name', '=1'],
    ['a control character', 'a=\x01'],
    ['nothing', ''],
  ])('%s is refused in silence', (_, setCookie) => {
    expect(stored(jarWith(setCookie, 'https://shop.co.uk/'))).toEqual([])
  })

  it('what cannot be stored does not keep the others out', () => {
    expect(stored(jarWith(['', 'a=1; Domain=ö ö', 'b=2']))).toEqual(['b=2'])
  })

  it('Secure cookies go over TLS only, whoever set them', () => {
    for (const host of ['127.0.0.1', 'localhost', 'h.test']) {
      const jar = jarWith('a=1; Secure; Path=/', `http://${host}/`)

      expect(stored(jar)).toEqual(['a=1'])
      expect(cookieHeader(jar, `http://${host}/`, undefined)).toBeUndefined()
      expect(cookieHeader(jar, `https://${host}/`, undefined)).toBe('a=1')
      expect(cookieHeader(jar.cloneSync(), `http://${host}/`, undefined)).toBeUndefined()
    }
  })

  it.each([['Max-Age=0'], ['Max-Age=-5'], ['Expires=Thu, 01 Jan 1970 00:00:00 GMT']])(
    '%s deletes at once',
    (expiry) => {
      const jar = jarWith(['a=1; Path=/', 'b=2; Path=/', `a=; Path=/; ${expiry}`])

      expect(stored(jar)).toEqual(['b=2'])
    },
  )

  it('Max-Age counts from when it was set, not from when it was used last', () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['Date'] })
    try {
      const jar = jarWith('a=1; Max-Age=60')
      vi.setSystemTime(1_050_000)
      expect(cookieHeader(jar, url, undefined)).toBe('a=1')
      vi.setSystemTime(1_061_000)
      expect(cookieHeader(jar, url, undefined)).toBeUndefined()
    } finally {
      vi.useRealTimers()
    }
  })

  it('a Max-Age beyond all time is far in the future', () => {
    expect(cookieHeader(jarWith('a=1; Max-Age=99999999999999999999'), url, undefined)).toBe('a=1')
  })

  it('a cookie without = is sent as it came, as in requests', () => {
    expect(cookieHeader(jarWith('a'), url, undefined)).toBe('a')
  })

  it('bytes beyond ASCII come back as they came', () => {
    expect(cookieHeader(jarWith('a=\xc3\xa9'), url, undefined)).toBe('a=\xc3\xa9')
  })

  it('takes whatever a server sends', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
        const jar = jarWith(texts)
        storeCookies(
          jar,
          url,
          texts.map((text) => `a=1; ${text}`),
        )
      }),
    )
  })

  it("another jar's store is not looked into", () => {
    class OwnStore extends MemoryCookieStore {
      constructor() {
        super()
        ;(this as { idx: unknown }).idx = Object.assign({}, this.idx)
      }
    }
    const jar = new CookieJar(new OwnStore())
    jar.setCookieSync('a=1', url)

    expect(cookieHeader(jar, url, undefined)).toBe('a=1')
  })

  it('an empty jar, and one of other hosts, is not asked', () => {
    const jar = createJar()
    const ask = vi.spyOn(jar, 'getCookiesSync')

    expect(cookieHeader(jar, url, undefined)).toBeUndefined()
    storeCookies(jar, 'http://other.test/', ['a=1', 'b=1; Domain=other.test'])
    expect(cookieHeader(jar, 'http://another.test/', undefined)).toBeUndefined()
    expect(ask).not.toHaveBeenCalled()
    expect(cookieHeader(jar, 'http://x.other.test/', undefined)).toBe('b=1')
  })
})

describe('cookieHeader(), cookies of the request', () => {
  it("replace the jar's of the same name, and follow the others", () => {
    const jar = jarWith(['s=1; Path=/', 's=2; Path=/in', 't=3; Path=/'])

    expect(cookieHeader(jar, url, { s: 'over', n: 5 })).toBe('t=3; s=over; n=5')
    expect(cookieHeader(undefined, url, { a: 'x y', b: '"q"' })).toBe('a=x y; b="q"')
    expect(stored(jar)).toHaveLength(3)
  })

  it('null sends none of that name', () => {
    expect(cookieHeader(jarWith(['s=1', 't=2']), url, { s: null })).toBe('t=2')
    expect(cookieHeader(jarWith('s=1'), url, { s: undefined })).toBeUndefined()
  })

  it('no cookie is no header', () => {
    expect(cookieHeader(undefined, url, {})).toBeUndefined()
    expect(cookieHeader(undefined, url, undefined)).toBeUndefined()
  })

  it.each<[Record<string, unknown>]>([
    [{ a: 'sesame\r\nX-Evil: 1' }],
    [{ a: 'sesame\0' }],
    [{ a: 'sesame; admin=1' }],
    [{ a: 'sesame☃' }],
    [{ a: { toString: () => 'sesame' } }],
    [{ 'a=b': 'sesame' }],
    [{ '': 'sesame' }],
    [{ 'a\n': 'sesame' }],
  ])('what can not be sent is an InvalidHeaderError that does not show the value', (cookies) => {
    let error: unknown
    try {
      cookieHeader(undefined, url, cookies as Record<string, string>)
    } catch (thrown) {
      error = thrown
    }

    expect(error).toBeInstanceOf(InvalidHeaderError)
    expect(inspect(error)).not.toContain('sesame')
  })

  it('a cookie that somebody put into the jar is checked too', () => {
    const jar = createJar()
    jar.setCookieSync(new Cookie({ key: 'a', value: 'sesame\r\nX-Evil: 1' }), url)

    expect(() => cookieHeader(jar, url, undefined)).toThrow(InvalidHeaderError)
  })
})

describe('responseCookies()', () => {
  it('holds what one response has set', () => {
    expect(stored(responseCookies(url, ['a=1', 'b=2', 'a=; Max-Age=0']))).toEqual(['b=2'])
    expect(stored(responseCookies(url, undefined))).toEqual([])
  })
})

describe('checkJar()', () => {
  it('takes false, a jar, and a jar of the CommonJS twin', async () => {
    const { createRequire } = await import('node:module')
    const twin = createRequire(import.meta.url)('tough-cookie') as { CookieJar: typeof CookieJar }
    const jar = checkJar(new twin.CookieJar()) as CookieJar
    storeCookies(jar, url, 'a=1; Max-Age=60')

    expect(jar).not.toBeInstanceOf(CookieJar)
    expect(cookieHeader(jar, url, undefined)).toBe('a=1')
    expect(checkJar(false)).toBe(false)
  })

  it.each([[null], [undefined], [true], ['a=1'], [{}], [new Map()]])('%j is a TypeError', (value) => {
    expect(() => checkJar(value)).toThrow(TypeError)
  })

  it('says so when a store answers asynchronously', () => {
    expect(() => checkJar(new CookieJar(new Store()))).toThrow(/synchronous store/)
  })
})
