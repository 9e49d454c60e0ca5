import { CookieJar } from 'tough-cookie'
import { afterAll, describe, expect, it } from 'vitest'
import fc from '../../helpers/fast-check.ts'
import { cookieHeader, createJar, responseCookies, storeCookies } from '../../../src/session/cookies/cookies.ts'
import { Session, WorkerThreadExecutor } from '../../../src/index.ts'
import { closeRemoteSessionsAfterEach, openHere, openRemote, serve } from '../../helpers/remote-sessions.ts'

/** The Cookie header for `asked` after `from` has set this. */
function sent(from: string, setCookie: string, asked = from, jar: CookieJar = createJar()): string | undefined {
  storeCookies(jar, `http://${from}/`, setCookie)
  return cookieHeader(jar, `http://${asked}/`, undefined)
}

const domainOf = (host: string, setCookie: string): unknown => {
  const jar = createJar()
  storeCookies(jar, `http://${host}/`, setCookie)
  return jar.serializeSync()!.cookies.map(({ domain, hostOnly }) => [domain, hostOnly])[0]
}

describe('A host has one spelling, when cookies are stored and when they are looked up:', () => {
  it.each([
    ['with a dot at its end', 'api.svc.cluster.local.', 'api.svc.cluster.local'],
    ['of a site with a dot at its end', 'shop.example.com.', 'shop.example.com'],
    ['of one label with a dot at its end', 'localhost.', 'localhost'],
    ['in capitals', 'API.Example.COM', 'api.example.com'],
    ['in capitals with a dot', 'API.Example.COM.', 'api.example.com'],
    ['beyond ASCII', 'bücher.example.com', 'xn--bcher-kva.example.com'],
    ['beyond ASCII with a dot', 'BÜCHER.example.com.', 'xn--bcher-kva.example.com'],
    ['an IPv4 address', '127.1', '127.0.0.1'],
    ['an IPv4 address with a dot', '127.0.0.1.', '127.0.0.1'],
    ['an IPv6 address', '[2001:DB8:0:0::1]', '[2001:db8::1]'],
  ])('%s', (_, one, other) => {
    for (const [from, asked] of [
      [one, one],
      [one, other],
      [other, one],
    ] as const) {
      expect(sent(from, 'a=1', asked)).toBe('a=1')
      expect(sent(from, `a=1; Domain=${from}`, asked)).toBe('a=1')
    }
  })

  it.each([
    ['shop.example.com.', 'Domain=example.com', 'www.example.com.'],
    ['shop.example.com.', 'Domain=example.com.', 'www.example.com'],
    ['shop.example.com', 'domain = .Example.COM.', 'www.example.com.'],
    ['w.bücher.example', 'Domain=bücher.example', 'xn--bcher-kva.example'],
    ['w.bücher.example', 'Domain=b\xc3\xbccher.example', 'v.xn--bcher-kva.example'],
    ['w.bücher.example', 'Domain=BÜCHER.example', 'bücher.example.'],
    ['w.bücher.example', 'Domain=XN--BCHER-KVA.example', 'bücher.example'],
    ['a.b.example.com', 'Domain=other.example.com; Domain=example.com', 'example.com'],
    ['a.b.example.com', 'Domain=example.com; Domain=; Domain', 'example.com'],
  ])('a cookie of %s with %s goes to %s', (from, domain, asked) => {
    expect(sent(from, `a=1; Path=/; ${domain}`, asked)).toBe('a=1')
  })

  it('the jar of a session and that of a response know it, too', () => {
    const dotted = 'http://api.svc.cluster.local./'
    const jar = responseCookies(dotted, 'a=1')
    expect(jar.getCookieStringSync(dotted)).toBe('a=1')
    expect(jar.getCookieStringSync(new URL('http://api.svc.cluster.local/'))).toBe('a=1')
    jar.setCookieSync('b=2', dotted)
    expect(cookieHeader(jar, 'http://api.svc.cluster.local/', undefined)).toBe('a=1; b=2')
    expect(jar.getCookiesSync(new URL(dotted))).toHaveLength(2)
    expect(() => jar.getCookiesSync('no URL')).toThrow(TypeError)
  })

  it('deleting goes by it, too', () => {
    const jar = createJar()
    expect(sent('api.svc.cluster.local.', 'a=1', undefined, jar)).toBe('a=1')
    expect(sent('api.svc.cluster.local', 'a=; Max-Age=0', undefined, jar)).toBeUndefined()
    expect(sent('api.svc.cluster.local.', 'a=2', undefined, jar)).toBe('a=2')
  })
})

describe('A Domain that is the host itself', () => {
  it.each([
    ['a public suffix', 'github.io'],
    ['a public suffix of two labels', 'co.uk'],
    ['a storage provider', 's3.amazonaws.com'],
    ['a top-level domain', 'com'],
    ['of one label', 'intranet'],
    ['of one label with an underscore', 'my_service'],
    ['this machine', 'localhost'],
    ['a service called test', 'test'],
    ['a service called local', 'local'],
    ['a service called example', 'example'],
    ['a service called invalid', 'invalid'],
    ['a service beyond ASCII', 'bücher'],
    ['an IPv4 address', '127.0.0.1'],
    ['an IPv6 address', '[::1]'],
  ])('makes a host-only cookie where that is %s', (_, host) => {
    const plain = new URL(`http://${host}`).hostname
    const domains = [plain, `.${plain}`, plain.toUpperCase(), `${plain}.`]
    if (plain.startsWith('[')) domains.push(plain.slice(1, -1))
    for (const domain of plain.startsWith('[') ? domains.filter((each) => !each.endsWith('.')) : domains) {
      const jar = createJar()
      expect(sent(host, `a=1; Domain=${domain}; Path=/`, undefined, jar)).toBe('a=1')
      if (!plain.startsWith('[')) expect(sent(`${host}.`, 'b=2', undefined, jar)).toBe('a=1; b=2')
      expect(domainOf(host, `a=1; Domain=${domain}`)).toEqual([plain.replace(/^\[|\]$/g, ''), true])
      if (/^[a-z]/.test(plain)) expect(cookieHeader(jar, `http://sub.${plain}/`, undefined)).toBeUndefined()
    }
  })

  it('is for all that is below it where that is a site', () => {
    expect(domainOf('example.com', 'a=1; Domain=example.com')).toEqual(['example.com', false])
    expect(sent('api.svc.cluster.local', 'a=1; Domain=api.svc.cluster.local', 'x.api.svc.cluster.local')).toBe('a=1')
  })

  it('does not help a __Host- cookie, which must not have one', () => {
    for (const host of ['github.io', 'intranet', '127.0.0.1']) {
      const jar = createJar()
      storeCookies(jar, `https://${host}/`, `__Host-a=1; Secure; Path=/; Domain=${host}`)
      expect(cookieHeader(jar, `https://${host}/`, undefined)).toBeUndefined()
    }
  })
})

describe('A Domain is refused', () => {
  it.each([
    ['a public suffix', 'me.github.io', 'github.io'],
    ['a public suffix with dots around it', 'me.github.io', '.github.io.'],
    ['a public suffix in capitals', 'me.github.io.', 'GitHub.IO'],
    ['a public suffix, from a host with a dot', 'shop.co.uk.', 'co.uk.'],
    ['one label', 'db.intranet', 'intranet'],
    ['all of localhost', 'app.localhost', 'localhost'],
    ['all that is invalid', 'app.invalid', 'invalid'],
    ['all that is local', 'app.local', '.local.'],
    ['a part of an address', '127.0.0.1', '0.0.1'],
    ['another address', '127.0.0.1', '127.0.0.2'],
    ['another IPv6 address', '[::1]', '[::2]'],
    ['a name with an empty label', 'a.example.com', '..example.com'],
    ['a name with a port', 'a.example.com', 'example.com:80'],
    ['a name in quotes', 'a.example.com', '"example.com"'],
    ['a name that is none', 'a.example.com', 'exa mple.com'],
    ['a sibling', 'a.example.com.', 'b.example.com.'],
    ['a name without end', 'a.example.com', `${'ä'.repeat(100_000)}.com`],
  ])('that is %s', (_, host, domain) => {
    const jar = createJar()
    storeCookies(jar, `http://${host}/`, [`a=1; Domain=${domain}`, 'good=1'])
    expect(jar.serializeSync()!.cookies.map(({ key }) => key)).toEqual(['good'])
  })

  it('but by a jar that was told to take suffixes', () => {
    const jar = new CookieJar(undefined, { rejectPublicSuffixes: false })
    expect(sent('me.github.io.', 'a=1; Domain=github.io', 'github.io', jar)).toBe('a=1')
    expect(sent('intranet', 'a=1; Domain=intranet', 'intranet', jar)).toBe('a=1')
    expect(jar.serializeSync()!.cookies.map(({ hostOnly }) => hostOnly)).toEqual([false, false])
  })
})

it('A Domain may be anything', () => {
  const domain = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.domain(),
    fc.ipV6(),
    fc.constantFrom('.', '', '[', '[::', '%00'),
  )
  const host = fc.constantFrom('a.example.com', 'test', '[::1]', '127.0.0.1', 'co.uk.')
  fc.assert(
    fc.property(host, fc.array(domain), (from, domains) => {
      const text = ['a=1', ...domains.map((each) => `Domain=${each}`)].join(';')
      expect([undefined, 'a=1']).toContain(sent(from, text))
    }),
  )
})

describe('A jar that looks up less than others', () => {
  it('knows the cookies of hosts whose names are special', () => {
    const jar = new CookieJar(undefined, { allowSpecialUseDomain: false })
    storeCookies(jar, 'http://localhost/in/', ['b=1; Path=/', 'a=2', 'c=3; Path=/out', 'd=4; Max-Age=0'])
    jar.setCookieSync('e=5; Path=/in; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'http://localhost/in/')
    expect(cookieHeader(jar, 'http://localhost/in/', undefined)).toBe('a=2; b=1')
  })

  it('throws what its store throws', () => {
    const jar = new CookieJar()
    storeCookies(jar, 'http://test/', 'a=1')
    jar.store.getAllCookies = ((done: (error: Error) => void) => done(new RangeError('gone'))) as never
    expect(() => cookieHeader(jar, 'http://test/', undefined)).toThrow('gone')
  })
})

describe('Over the wire', () => {
  const executor = new WorkerThreadExecutor({ threads: 1 })
  afterAll(() => executor.shutdown())
  closeRemoteSessionsAfterEach()

  it.each(['in process', 'in threads'])('hosts get their cookies back, %s', async (place) => {
    // A proxy that answers itself: hosts of any name.
    const proxy = await serve((request, response) => {
      const { hostname } = new URL(request.url!)
      response.setHeader('Set-Cookie', `a=${hostname}; Domain=${hostname}; Path=/`).end(request.headers.cookie)
    })
    const options = { proxies: { http: proxy.url }, trustEnv: false }
    const session = place === 'in process' ? openHere(options) : openRemote({ executor, ...options })
    for (const host of ['api.svc.cluster.local.', 'test', 'intranet', 'github.io', '[::1]']) {
      expect(await session.get(`http://${host}/`).text()).toBe('')
      expect(await session.get(`http://${host}/`).text()).toBe(`a=${host}`)
      expect(await session.get(`http://${host}/`, { retry: 1 }).text()).toBe(`a=${host}`)
    }
    const { cookies, url } = await session.get('http://api.svc.cluster.local./').result()
    expect(cookies.getCookieStringSync(url)).toBe('a=api.svc.cluster.local.')
  })

  it('a clone has them, too', async () => {
    const proxy = await serve((request, response) => {
      response.setHeader('Set-Cookie', 'a=1; Domain=test').end(request.headers.cookie)
    })
    await using session = new Session({ proxies: { http: proxy.url } })
    await session.get('http://test./')
    await using clone = session.clone()
    expect((await clone.get('http://test/')).text()).toBe('a=1')
  })
})
