import { inspect } from 'node:util'
import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError, InvalidProxyURLError } from '../../../src/errors.ts'
import { isDirect, parseProxyUrl, resolveProxy } from '../../../src/session/network/proxies.ts'
import type { ProxiesOption } from '../../../src/session/options/options.ts'
import { superlinear } from '../../helpers/growth.ts'

interface Sources {
  request?: ProxiesOption
  session?: ProxiesOption
  environment?: NodeJS.ProcessEnv
  trustEnv?: boolean
}

/** The host of the proxy. */
const resolve = (url: string, { environment = {}, trustEnv = true, ...sources }: Sources): string | undefined =>
  resolveProxy(new URL(url), { ...sources, environment, trustEnv })?.hostname

describe('resolveProxy()', () => {
  it('the most particular key wins: scheme://host, scheme, all://host, all', () => {
    const keys = [
      ['http://h', 'http://p1'],
      ['http', 'http://p2'],
      ['all://h', 'http://p3'],
      ['all', 'http://p4'],
    ]
    const hosts = keys.map((_, index) =>
      resolve('http://h:81/', { request: Object.fromEntries(keys.slice(index).reverse()) }),
    )

    expect(hosts).toEqual(['p1', 'p2', 'p3', 'p4'])
    expect(resolve('http://h:81/', { request: {} })).toBeUndefined()
  })

  it('an IPv6 host has no brackets in a key', () => {
    expect(resolve('http://[::1]/', { request: { 'http://::1': 'http://p' } })).toBe('p')
  })

  it('request > session > environment', () => {
    const [request, session, environment] = [{ http: 'http://r' }, { http: 'http://s' }, { http_proxy: 'http://e' }]

    expect(resolve('http://h', { request, session, environment })).toBe('r')
    expect(resolve('http://h', { session, environment })).toBe('s')
    expect(resolve('http://h', { environment })).toBe('e')
    expect(resolve('http://h', { request: { all: 'http://r' }, session, environment })).toBe('r')
    expect(resolve('http://h', { request: { https: 'http://r' }, session, environment })).toBe('s')
    expect(resolve('http://h', { environment, trustEnv: false })).toBeUndefined()
  })

  it('null and an empty string switch off what comes later, undefined does not', () => {
    const environment = { http_proxy: 'http://e' }

    for (const nothing of [null, '']) {
      expect(resolve('http://h', { request: { http: nothing }, environment })).toBeUndefined()
      expect(
        resolve('http://h', { request: { all: nothing }, session: { http: 'http://s' }, environment }),
      ).toBeUndefined()
    }
    expect(resolve('http://h', { request: { http: undefined }, environment })).toBe('e')
  })

  it('each scheme has its variable, all_proxy is for both', () => {
    expect(resolve('https://h', { environment: { http_proxy: 'http://e' } })).toBeUndefined()
    expect(resolve('http://h', { environment: { https_proxy: 'http://e' } })).toBeUndefined()
    expect(resolve('https://h', { environment: { https_proxy: 'http://e', all_proxy: 'http://a' } })).toBe('e')
    expect(resolve('https://h', { environment: { http_proxy: 'http://e', ALL_PROXY: 'http://a' } })).toBe('a')
  })

  it('lower case comes first, and an empty variable there hides the one in capitals', () => {
    expect(resolve('http://h', { environment: { http_proxy: 'http://l', HTTP_PROXY: 'http://u' } })).toBe('l')
    expect(resolve('http://h', { environment: { HTTP_PROXY: 'http://u' } })).toBe('u')
    expect(resolve('http://h', { environment: { http_proxy: '', HTTP_PROXY: 'http://u' } })).toBeUndefined()
  })

  it('in a CGI program HTTP_PROXY is a header of somebody else', () => {
    const environment = { REQUEST_METHOD: 'GET', HTTP_PROXY: 'http://evil', HTTPS_PROXY: 'http://s' }

    expect(resolve('http://h', { environment })).toBeUndefined()
    expect(resolve('https://h', { environment })).toBe('s')
    expect(resolve('http://h', { environment: { ...environment, http_proxy: 'http://l' } })).toBe('l')
  })

  it('no_proxy of the environment is for its own proxies', () => {
    const environment = { http_proxy: 'http://e', no_proxy: 'h' }

    expect(resolve('http://h', { environment })).toBeUndefined()
    expect(resolve('http://other', { environment })).toBe('e')
    expect(resolve('http://h', { request: { http: 'http://r' }, environment })).toBe('r')
    expect(
      resolve('http://h', { environment: { http_proxy: 'http://e', no_proxy: '', NO_PROXY: 'h' } }),
    ).toBeUndefined()
  })

  it('the first no_proxy counts, for its source and those after it', () => {
    const environment = { http_proxy: 'http://e', no_proxy: 'h' }

    expect(resolve('http://x', { request: { http: 'http://r', no_proxy: 'x' } })).toBeUndefined()
    expect(resolve('http://x', { request: { no_proxy: 'x' }, session: { http: 'http://s' } })).toBeUndefined()
    expect(resolve('http://x', { session: { no_proxy: 'x' }, environment })).toBeUndefined()
    expect(resolve('http://x', { request: { http: 'http://r' }, session: { no_proxy: 'x' } })).toBe('r')
    expect(resolve('http://h', { request: { no_proxy: 'x' }, environment })).toBe('e')
    expect(resolve('http://h', { request: { no_proxy: null }, environment })).toBe('e')
  })

  it.each([[5], [true], [{}], [[]]])('a value that is no URL at all is an InvalidOptionError: %j', (value) => {
    expect(() => resolve('http://h', { request: { http: value as unknown as string } })).toThrow(InvalidOptionError)
    expect(() => resolve('http://h', { request: { no_proxy: value as unknown as string } })).toThrow(InvalidOptionError)
  })

  it('a bad URL for another scheme harms nobody', () => {
    expect(resolve('http://h', { request: { https: 'no://thing', http: 'http://p' } })).toBe('p')
  })
})

describe('parseProxyUrl()', () => {
  it.each([
    ['http://p', { protocol: 'http:', hostname: 'p', port: 80, url: 'http://p' }],
    ['https://p', { protocol: 'https:', hostname: 'p', port: 443, url: 'https://p' }],
    ['p:3128', { protocol: 'http:', hostname: 'p', port: 3128, url: 'http://p:3128' }],
    ['//p:3128', { protocol: 'http:', hostname: 'p', port: 3128, url: 'http://p:3128' }],
    ['127.0.0.1', { protocol: 'http:', hostname: '127.0.0.1', port: 80, url: 'http://127.0.0.1' }],
    [' HTTP://P:8080/path?x#y ', { protocol: 'http:', hostname: 'p', port: 8080, url: 'http://p:8080' }],
    ['http://[::1]:8080', { protocol: 'http:', hostname: '[::1]', port: 8080, url: 'http://[::1]:8080' }],
    ['socks5://P', { protocol: 'socks5:', hostname: 'p', port: 1080, url: 'socks5://P' }],
    ['socks5h://p:9', { protocol: 'socks5h:', hostname: 'p', port: 9, url: 'socks5h://p:9' }],
    ['socks://p', { protocol: 'socks5:', hostname: 'p', port: 1080, url: 'socks5://p' }],
    [
      'http://u:p%40s%2Fs@p',
      { protocol: 'http:', hostname: 'p', port: 80, username: 'u', password: 'p@s/s', url: 'http://p' },
    ],
    ['u:p@h:1', { protocol: 'http:', hostname: 'h', port: 1, username: 'u', password: 'p', url: 'http://h:1' }],
    ['http://u@p', { protocol: 'http:', hostname: 'p', port: 80, url: 'http://p' }],
    ['http://u:@p', { protocol: 'http:', hostname: 'p', port: 80, username: 'u', password: '', url: 'http://p' }],
    ['u@p:1', { protocol: 'http:', hostname: 'p', port: 1, url: 'http://p:1' }],
    [
      'socks5://u:%ZZ@p',
      { protocol: 'socks5:', hostname: 'p', port: 1080, username: 'u', password: '%ZZ', url: 'socks5://p' },
    ],
  ])('%s', (text, target) => {
    expect(parseProxyUrl('http', text)).toEqual(target)
  })

  it('takes a URL, and gives the same object for the same text', () => {
    expect(parseProxyUrl('http', new URL('http://p:1/'))).toBe(parseProxyUrl('http', 'http://p:1/'))
  })

  it.each([
    'http:///x',
    'http:/x',
    'http:x',
    'http://',
    'https:',
    '://x',
    'http://:80',
    'http://?x',
    'ftp://p',
    'socks4://p',
    'file:///x',
    'http://p:99999',
    'http://p:abc',
    'http://p q',
    'http://p\\q',
    'http://p:80\x01',
    'http://p/x\0',
    '\x02http://p',
    'http://[::1',
    'javascript://x',
    '?',
    '#',
    '/',
  ])('%s is an InvalidProxyURLError that names it', (text) => {
    let error: unknown
    try {
      parseProxyUrl('https', text)
    } catch (thrown) {
      error = thrown
    }

    expect(error).toBeInstanceOf(InvalidProxyURLError)
    expect((error as Error).message).toContain(inspect(text).slice(1, -1))
    expect((error as Error).message).toContain('`https`')
  })

  it('takes SOCKS credentials of 1 to 255 bytes each', () => {
    const [longest, multibyte] = ['x'.repeat(255), `${'ü'.repeat(127)}x`]

    expect(parseProxyUrl('all', `socks5://${longest}:${multibyte}@p`)).toMatchObject({
      username: longest,
      password: multibyte,
    })
    expect(parseProxyUrl('all', 'socks5h://u@p')).not.toHaveProperty('username')
    expect(parseProxyUrl('all', 'socks5h://:@p')).not.toHaveProperty('username')
    // Nothing bounds those of HTTP.
    expect(parseProxyUrl('all', `http://${'x'.repeat(256)}:@p`)).toMatchObject({ password: '' })
  })

  it.each([
    `socks5://${'sesame'.repeat(43)}:p@p`,
    `socks5h://u:${'sesame'.repeat(43)}@p`,
    `socks://u:${'sesame'.repeat(43)}@p`,
    `SOCKS5://u:${'s%C3%A4same'.repeat(37)}@p`,
    `socks5://u:${'säsame'.repeat(37)}@p`,
    `socks5://sesame:@p`,
    `socks5h://:sesame@p`,
    'ftp://user:sesame@p',
    'http://user:sesame@p:99999',
    'http://user:ses#ame@p:x',
    'user:sesame@',
    'http://user:sesame@:80',
    '://user:sesame@p',
    'user:sesame@/p@q r',
  ])('no message shows the credentials of %s', (text) => {
    let error: unknown
    try {
      parseProxyUrl('http', text)
    } catch (thrown) {
      error = thrown
    }

    expect(error).toBeInstanceOf(InvalidProxyURLError)
    expect(inspect(error)).not.toMatch(/s[eä]same|s%C3%A4same|user:|ses#ame/)
  })

  it('takes any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('http', 'socks5', ':', '/', '@', '[', ']', '%', 'a', '1', '.', ' ', '?') }),
        (text) => {
          try {
            parseProxyUrl('http', text)
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidProxyURLError)
          }
        },
      ),
    )
  })
})

describe('isDirect()', () => {
  it.each<[string, string[], string[]]>([
    [
      'example.com',
      ['http://example.com', 'https://a.b.example.com:81', 'http://EXAMPLE.com.'],
      ['http://notexample.com', 'http://example.com.evil'],
    ],
    ['.example.com', ['http://example.com', 'http://a.example.com'], ['http://xexample.com']],
    ['*.example.com', ['http://a.example.com'], ['http://xexample.com']],
    ['example.com.', ['http://example.com'], []],
    ['EXAMPLE.com', ['http://example.com'], []],
    ['ö.example', ['http://xn--nda.example', 'http://a.ö.example'], ['http://o.example']],
    ['localhost', ['http://localhost:1'], ['http://127.0.0.1']],
    ['host:81', ['http://host:81', 'http://a.host:81'], ['http://host', 'http://host:82']],
    ['host:80, host:443', ['http://host', 'https://host'], ['http://host:81']],
    ['a , b\tc', ['http://a', 'http://b', 'http://c'], ['http://ab']],
    ['*', ['http://x', 'http://1.2.3.4', 'http://[::1]'], []],
    ['x,*', ['http://y'], []],
    ['127.0.0.1', ['http://127.0.0.1:1'], ['http://127.0.0.2', 'http://localhost']],
    ['127.0.0.1:81', ['http://127.0.0.1:81'], ['http://127.0.0.1']],
    ['10.0.0.0/8', ['http://10.1.2.3', 'http://10.255.255.255'], ['http://11.0.0.1', 'http://10.example.com']],
    ['0.0.0.0/0', ['http://1.2.3.4'], ['http://[::1]', 'http://x']],
    ['10.1.2.3/33, 10.1.2.3/x, 10.1.2.3/', [], ['http://10.1.2.3']],
    ['::1', ['http://[::1]', 'http://[0:0:0:0:0:0:0:1]'], ['http://[::2]']],
    ['[::1]', ['http://[::1]:81'], ['http://[::2]']],
    ['[::1]:81', ['http://[::1]:81'], ['http://[::1]']],
    ['fe80::/10', ['http://[fe80::1]', 'http://[febf::1]'], ['http://[fec0::1]']],
    ['10.0.0.0/8', ['http://[::ffff:10.0.0.1]'], ['http://[::ffff:11.0.0.1]']],
    ['fe80::1%eth0, a:b:c, [x, ]:, :80, ...', [], ['http://[fe80::1]', 'http://x']],
    ['', [], ['http://x']],
    [' , ,', [], ['http://x']],
    ['<local>', [], ['http://x']],
  ])('%s', (noProxy, direct, proxied) => {
    for (const url of direct) expect(isDirect(new URL(url), noProxy), url).toBe(true)
    for (const url of proxied) expect(isDirect(new URL(url), noProxy), url).toBe(false)
  })

  it('takes any text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '.', '*', ':', '/', '[', ']', ',', ' ', '1', '0', '%', 'ö') })
    fc.assert(fc.property(text, (noProxy) => void isDirect(new URL('http://a.b/'), noProxy)))
  })

  it.each(['.', '*.', ':', '[', '1.', 'a,', '/', ' '])('takes linear time: %j', (text) => {
    const host = new URL('http://h/')

    expect(
      superlinear(
        (list) => isDirect(host, list),
        (size) => text.repeat(size / text.length),
      ),
    ).toBeUndefined()
  })
})
