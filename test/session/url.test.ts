import fc from '../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { InvalidSchemaError, InvalidURLError, MissingSchemaError } from '../../src/errors.ts'
import {
  parseUrl,
  takeCredentials,
  textOfUrl,
  withoutCredentials,
  locate,
  type Location,
} from '../../src/session/url.ts'
import { resolveLocation } from '../../src/session/call/redirects.ts'

describe('parseUrl', () => {
  it.each([
    ['http://h.test', 'http://h.test/'],
    [' \n\thttp://h.test/x', 'http://h.test/x'],
    ['HTTP://H.test/X', 'http://h.test/X'],
    ['http://h.test/a b?c d#e f', 'http://h.test/a%20b?c%20d#e%20f'],
    ['http://h.test/x ', 'http://h.test/x%20'],
    ['http://h.test/a\tb\nc', 'http://h.test/a%09b%0Ac'],
    ['http://h.test/x\0', 'http://h.test/x%00'],
    ['http://h.test/x\x1f\x7f', 'http://h.test/x%1F%7F'],
    ['http://h.test/x?y\x01', 'http://h.test/x?y%01'],
    ['http://h.test/x#y\x01', 'http://h.test/x#y%01'],
    ['http://h.test/x\r\n', 'http://h.test/x%0D%0A'],
    ['http://h.test/x\u0085\u2028', 'http://h.test/x%C2%85%E2%80%A8'],
    ['http://h.test/a\\b', 'http://h.test/a%5Cb'],
    ['http://h.test\\@evil.test/', 'http://h.test/%5C@evil.test/'],
    ['http://h.test/100%', 'http://h.test/100%25'],
    ['http://h.test/%41%zz', 'http://h.test/%41%25zz'],
    ['http://h.test/a/../b', 'http://h.test/b'],
    ['http://h.test/x?', 'http://h.test/x'],
    ['http://h.test/x?#', 'http://h.test/x'],
    ['http://h.test/x?a=b?', 'http://h.test/x?a=b?'],
    ['http://h.test/x#f', 'http://h.test/x#f'],
    ['http://bücher.test/é', 'http://xn--bcher-kva.test/%C3%A9'],
    ['http://[::1]:80/', 'http://[::1]/'],
  ])('%s is %s', (text, href) => {
    expect(parseUrl(text).href).toBe(href)
  })

  it.each(['example.com', '', '   ', '//x', '/path', '?x', 'httpbin.org:80/get', 'http', 'http//x'])(
    '%j has no scheme',
    (text) => {
      expect(() => parseUrl(text)).toThrow(MissingSchemaError)
    },
  )

  it('control characters in front are part of the scheme, which is a foreign one then', () => {
    for (const text of ['\0http://h.test/', '\x01http://h.test/x', '\x1bhttps://h.test']) {
      expect(() => parseUrl(text)).toThrow(InvalidSchemaError)
    }
  })

  it.each(['ftp://h/', 'mailto:a@b', 'file:///etc/passwd', 'localhost:8080/x', '//x:80/', 'httpx://h/', 'data:,x'])(
    '%j has a foreign scheme',
    (text) => {
      expect(() => parseUrl(text)).toThrow(InvalidSchemaError)
    },
  )

  it.each([
    'http://',
    'http:///x',
    'http:x',
    'http:/x',
    'http://?x',
    'http://#f',
    'http://:80/',
    'http://user:pass@/x',
    'http://*.h.test/',
    'http://.h.test/',
    'http://[::1',
    'http://h:99999/',
    'http://h:x/',
    'http://a b/',
    'http://h.test\0',
    'http://h.test\x1f',
    'http://h.test:80\x01',
    'http://\x01h.test',
  ])('%j has no host, or a bad one', (text) => {
    expect(() => parseUrl(text)).toThrow(InvalidURLError)
  })

  it('never shows credentials of a URL that it refuses', () => {
    const texts = [
      'http://me:s3cret@h:99999/',
      'me:s3cret@h',
      'ftp://me:s3cret@h/',
      'http://me:s3/cret@h/',
      '//me:s3cret@h',
    ]
    for (const text of texts) {
      expect(() => parseUrl(text)).toThrow(/^(?!.*s3).*$/)
    }
  })
})

describe('takeCredentials', () => {
  const take = (text: string) => {
    const url = new URL(text)
    return [takeCredentials(url, text), url.href] as const
  }

  it('takes them out, percent-decoded', () => {
    expect(take('http://us%20er:p%40ss:w@h.test/x')).toEqual([['us er', 'p@ss:w'], 'http://h.test/x'])
  })

  it('counts an empty password, but not a user alone, as in requests', () => {
    expect(take('http://user:@h.test/')).toEqual([['user', ''], 'http://h.test/'])
    expect(take('http://user@h.test/')).toEqual([undefined, 'http://h.test/'])
    expect(take('http://h.test/a:b@c')).toEqual([undefined, 'http://h.test/a:b@c'])
  })

  it('leaves what is no escape as it is', () => {
    expect(take('http://u%zz:p%E9@h.test/')[0]).toEqual(['u%zz', 'p%E9'])
  })
})

describe('resolveLocation', () => {
  const base = 'http://h.test/dir/go?q#frag'
  it.each([
    ['x', 'http://h.test/dir/x#frag'],
    ['../x', 'http://h.test/x#frag'],
    ['/x#own', 'http://h.test/x#own'],
    ['?y', 'http://h.test/dir/go?y#frag'],
    ['//o.test/x', 'http://o.test/x#frag'],
    ['https://o.test/x', 'https://o.test/x#frag'],
    ['/a b', 'http://h.test/a%20b#frag'],
    ['/\\evil.test', 'http://h.test/%5Cevil.test#frag'],
    ['/x\x01', 'http://h.test/x%01#frag'],
    ['http://o.test/x\x02', 'http://o.test/x%02#frag'],
    ['///x', 'http://h.test/x#frag'],
    ['/x?', 'http://h.test/x#frag'],
    ['http:x', 'http://h.test/dir/x#frag'],
    [Buffer.from('/é').toString('latin1'), 'http://h.test/%C3%A9#frag'],
    ['http://me:s3cret@h.test/x', 'http://h.test/x#frag'],
  ])('%j leads to %s', (location, href) => {
    expect(resolveLocation(location, base).href).toBe(href)
  })

  it.each(['ftp://h/x', 'file:///etc/passwd', 'data:,x', 'javascript:1'])('%j is a foreign scheme', (location) => {
    expect(() => resolveLocation(location, base)).toThrow(InvalidSchemaError)
  })

  it('refuses a bad host', () => {
    expect(() => resolveLocation('http://h:99999/', base)).toThrow(InvalidURLError)
  })
})

describe('locate', () => {
  const origins = [
    'http://h.test',
    'https://h.test',
    'http://h.test:8080',
    'http://[::1]:8080',
    'http://127.0.0.1',
    'http://h.test.',
  ]
  const origin = fc.constantFrom(
    ...origins,
    'http://H.test',
    'http://u:p@h.test',
    'http://h.test:80',
    'http://bücher.test',
  )
  const piece = fc.constantFrom(
    ...[
      '/',
      '/a',
      '/.',
      '/..',
      '.',
      '/./',
      '?',
      '?q=1',
      '&b=2',
      '#',
      '#f',
      '@',
      ':',
      '%',
      '%2e',
      '%zz',
      '\\',
      '//',
      ' ',
      '\t',
      '\n',
      '\0',
    ],
    ...[
      "'",
      '"',
      '<',
      '>',
      '`',
      '{',
      '}',
      '^',
      '|',
      '[',
      ']',
      '*',
      '(',
      '!',
      '~',
      '$',
      ';',
      '=',
      '+',
      ',',
      'é',
      '\u{1f600}',
      '\ud800',
    ],
  )
  const text = fc.tuple(origin, fc.array(piece, { maxLength: 6 })).map(([start, pieces]) => start + pieces.join(''))
  const partsOf = (parse: (text: string) => Location, given: string): object => {
    try {
      const { href, origin: itsOrigin, protocol, hostname, port } = parse(given)
      return { href, itsOrigin, protocol, hostname, port }
    } catch (error) {
      return { message: (error as Error).message }
    }
  }

  it('is what parseUrl says, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 6 }), (texts) => {
        for (const each of texts) expect(partsOf(locate, each)).toEqual(partsOf(parseUrl, each))
      }),
      { numRuns: 2_000 },
    )
  })

  it('parses no plain URL of the origin that it has parsed last', () => {
    for (const first of ['http://other.test/', 'http://h.test/a']) expect(locate(first)).toBeInstanceOf(URL)
    for (const plain of ['http://h.test/', 'http://h.test/b.c/d?e=f&g=1', 'http://h.test//x:y;z'])
      expect(locate(plain)).not.toBeInstanceOf(URL)
    for (const other of [
      'http://h.test',
      'http://h.test/.',
      'http://h.test/?',
      'http://h.test/#a',
      "http://h.test/?'",
      'http://h.test:8/',
    ])
      expect(locate(other)).toBeInstanceOf(URL)
  })
})

describe('textOfUrl', () => {
  it('takes strings and URLs, and nothing else', () => {
    expect(textOfUrl('x')).toBe('x')
    expect(textOfUrl(new URL('http://h.test'))).toBe('http://h.test/')
    for (const url of [undefined, null, 1, {}, ['http://h.test']]) expect(() => textOfUrl(url)).toThrow(InvalidURLError)
  })
})

describe('withoutCredentials', () => {
  it.each([
    ['http://u:p@h.test/x?y#z', 'http://h.test/x?y#z'],
    ['http://h.test/a@b', 'http://h.test/a@b'],
    ['u:p@h', 'h'],
    ['http://u:p@h:99999/', 'http://h:99999/'],
    ['http://h.test/', 'http://h.test/'],
  ])('%s is shown as %s', (text, shown) => {
    expect(withoutCredentials(text)).toBe(shown)
  })
})
