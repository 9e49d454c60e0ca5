import { describe, expect, it } from 'vitest'
import {
  ContentDecodingError,
  InvalidProxyURLError,
  InvalidSchemaError,
  InvalidURLError,
  MissingSchemaError,
} from '../../src/errors.ts'
import { parseParameters, strongestChallenge } from '../../src/session/auth/challenges.ts'
import { parseNetrc } from '../../src/session/auth/netrc.ts'
import { resolveLocation } from '../../src/session/call/redirects.ts'
import { parseRetryAfter } from '../../src/session/call/retry.ts'
import { cookieHeader, responseCookies } from '../../src/session/cookies/cookies.ts'
import { isDirect, parseProxyUrl } from '../../src/session/network/proxies.ts'
import { decodeText, encodingFrom } from '../../src/session/response/charset.ts'
import { parseLinks } from '../../src/session/response/links.ts'
import { Session } from '../../src/session/session.ts'
import { parseUrl, withoutCredentials } from '../../src/session/url.ts'
import { parseCodings } from '../../src/transport/decoding/content-encoding.ts'
import { superlinear } from '../helpers/growth.ts'
import { randomTexts, seed } from '../helpers/random-text.ts'

interface Parser {
  readonly name: string
  readonly parse: (text: string) => unknown
  /** What its texts are made of. */
  readonly words: readonly string[]
  /** What of it may cost more than it should, when there is much of it, ... */
  readonly repeated: readonly string[]
  /** ... and behind what. */
  readonly starts?: readonly string[]
  /** How many texts it is tried on, if not 100 000: it is not just a parser. */
  readonly count?: number
  /** What it may throw. */
  readonly throws?: readonly (new (...args: never[]) => Error)[]
}

const urlErrors = [MissingSchemaError, InvalidSchemaError, InvalidURLError]
const base = 'http://user.example.org:8080/a/b?c#d'
const home = new URL('http://www.example.org/a/b')
const hosts = [home, new URL('https://[::1]:8443/'), new URL('http://10.1.2.3/')]
const text = ['"', '\\', ',', ' ', '\t', '=', 'a', 'é', "'", ';', '\n']
// prettier-ignore
const url = {
  words: ['http:', 'https:', 'HTTP:', 'ftp:', 'data:', '/', '//', '///', '\\', '@', ':', '::', '[', ']', '[::1]', '?', '#', '%', '%2', '%00', '%2f', '..', '.', '*', 'h', 'h.x', ':80', ':99999', 'u:p@', ' ', '\t', '\n', 'é', '例', 'xn--', '\u00ad'],
  repeated: ['@', ':', '/', '\\', ' ', '%', '../', '[', 'a', '?', 'é', 'a.'],
  starts: ['', 'http://', 'http://h/'],
}

// prettier-ignore
const parsers: readonly Parser[] = [
  { ...url, name: 'parseUrl()', parse: (text) => parseUrl(text), throws: urlErrors },
  { ...url, name: 'parseUrl() with a base', parse: (text) => parseUrl(text, base), throws: urlErrors, starts: ['', '//'] },
  { ...url, name: 'withoutCredentials()', parse: withoutCredentials },
  { ...url, name: 'resolveLocation()', parse: (text) => resolveLocation(text, base), throws: urlErrors, starts: ['', '//'] },
  { ...url, name: 'parseProxyUrl()', parse: (text) => parseProxyUrl('http', text), throws: [InvalidProxyURLError] },
  { ...url, name: 'new Session({ baseUrl })', parse: prepare, count: 10_000, throws: [TypeError, ...urlErrors], repeated: ['/', '@', 'a/'], starts: ['http://h/'] },
  { name: 'isDirect()', parse: (list) => hosts.map((url) => isDirect(url, list)),
    words: ['*', ',', ' ', '.', 'example.org', 'org', ':80', ':', '/', '8', '/8', '10.0.0.0', '::1', '[::1]', '[', ']', 'fe80::1%e', '%', 'é', '-'],
    repeated: [',', 'a,', 'a', '.', ':', '[', '1,', '10.0.0.0/8,', '/', 'é'] },
  { name: 'parseLinks()', parse: parseLinks, words: [...text, '<', '>', '<a>', 'rel=', '; rel="next"', ', <b>', '__proto__'],
    repeated: ['<', '<>,', '<a>,', ', ', ',', ' ', '"', '\\', ';', ';=', '<a>;'], starts: ['', '<a>;x="', '<a>,'] },
  { name: 'strongestChallenge()', parse: strongestChallenge,
    words: [...text, 'Digest ', 'Basic ', 'nonce=', 'nonce="n"', 'realm="', 'qop="auth, auth-int"', 'algorithm=', 'MD5-sess', 'SHA-256', '-sess', 'charset=UTF-8', '__proto__='],
    repeated: ['"', '\\', '"\\', ',', ' ', '= ', 'a=', 'a ', 'Digest nonce=a,', 'a="'], starts: ['', 'Digest nonce=a, qop="', 'Digest x="'] },
  { name: 'parseParameters()', parse: parseParameters, words: [...text, 'nextnonce=', 'Digest '], repeated: ['"', '\\', ',', ' ', '=', 'a=,'] },
  { name: 'parseNetrc()', parse: parseNetrc,
    words: ['machine ', 'default ', 'login ', 'password ', 'account ', 'macdef x\n', '#', '"', '\\', ' ', '\n', '\n\n', '\r\n', '\t', 'h', '__proto__ '],
    repeated: ['"', '\\', '#\n', 'macdef x\n', 'machine x ', '\n', '\r', ' ', 'a'], starts: ['', 'machine x login "'] },
  { name: 'parseRetryAfter()', parse: (header) => parseRetryAfter(header, 0),
    words: ['0', '9', '120', '.', '-', ' ', 'Mon, ', '01 Jan 2030 ', '01-Jan-30 ', '00:00:00 ', '99:99:99 ', 'GMT', 'Jan  1 ', '+0000', 'e', ':'],
    repeated: ['1', ' ', 'a', '1.', '-'], starts: ['', '1.', 'Mon, ', 'Mon Jan '] },
  { name: 'encodingFrom()', parse: encodingFrom, words: [...text, 'text/html', 'charset', 'charset=', ';charset=utf-8', '*=', '/'],
    repeated: [';', ' ', ';charset=', '"', '=', 'a'], starts: ['', 'text/html;', 'text/html; charset='] },
  { name: 'decodeText()', parse: (label) => decodeText(Buffer.from([0xff, 0xfe, 0x41]), label),
    words: ['utf', '-', '_', '8', '16', '32', 'le', 'be', 'iso-8859-', '1', 'windows-', '1252', 'latin1', ' ', 'x', '\0', 'constructor'], repeated: ['_', ' ', 'a'] },
  { name: 'Set-Cookie', parse: rememberCookie,
    words: ['a=b', 'a', '=', ';', '; ', ',', ' ', '"', 'Domain=', 'example.org', 'org', '.', 'Path=', '/', 'Expires=', 'Mon, 01 Jan 2030 00:00:00 GMT', 'Max-Age=', '-1', '99999999999999999999', 'Secure', 'HttpOnly', 'SameSite=', '__Host-', '__proto__', 'constructor', '\0', 'é', '\x7f'],
    repeated: [';', '; ', '=', ' ', '"', 'a', '.', '/', 'Path=/;', '1 '], starts: ['', 'a=b; Domain=', 'a=b; Path=/', 'a=b; Expires='] },
  { name: 'Content-Encoding', parse: (text) => parseCodings(text, 'http://h'), words: ['gzip', 'br', 'deflate', 'zstd', 'x-gzip', 'identity', ',', ' ', '\t', ';', 'GZIP', '__proto__'],
    repeated: [',', ' ', 'gzip,', 'identity,', 'a'], throws: [ContentDecodingError] },
]

function prepare(baseUrl: string): unknown {
  const session = new Session({ baseUrl, trustEnv: false, headers: { 'User-Agent': null } })
  return session.prepareRequest({ url: 'x' }).url
}

/** As it goes through the jar and comes back as a header: what a server has set must not fail the next request. */
function rememberCookie(header: string): unknown {
  return cookieHeader(responseCookies(home, header), home, undefined)
}

describe.each(parsers)('$name', ({ parse, words, repeated, throws = [], starts = [''], count = 100_000 }) => {
  it('takes any texts, and throws nothing but its own errors', () => {
    for (const each of randomTexts(words, count, seed)) {
      try {
        parse(each)
      } catch (error) {
        if (throws.some((type) => error instanceof type)) continue
        throw new Error(`It threw at ${JSON.stringify(each)} (SEED=${seed})`, { cause: error })
      }
    }
  })

  it('takes time that grows with the size of a text, not with its square', () => {
    const attempt = (text: string): void => {
      try {
        parse(text)
      } catch {
        // What it throws is the business of the other test.
      }
    }
    for (const start of starts) {
      for (const word of repeated) {
        const make = (size: number): string => `${start}${word.repeat(size / word.length)}!`
        expect(superlinear(attempt, make), JSON.stringify([start, word])).toBe(undefined)
      }
      const make = (size: number): string => start + differentLetters(size)
      expect(superlinear(attempt, make), `${start} and many different letters`).toBe(undefined)
    }
  }, 120_000)
})

/** Thousands of them, over and over. */
function differentLetters(size: number): string {
  return Array.from({ length: size }, (_, index) => String.fromCharCode(0x4e00 + (index % 20_000))).join('')
}
