import { type Cookie, cookieCompare, CookieJar, pathMatch } from 'tough-cookie'
import { describe, hush } from '../../checks.ts'
import { InvalidHeaderError } from '../../errors.ts'
import { checkHeaderValue } from '../header-rules.ts'
import { PlainLocation, type Location } from '../url.ts'
import { cookieHost, cookieUrl, withOwnDomain } from './cookie-domain.ts'
import { mayHold, storedCookies, touchesSecureCookie } from './stored-cookies.ts'

/** Cookies of one request. `null` and `undefined` send none of that name, not the jar's either. */
export type RequestCookies = Readonly<Record<string, string | number | null | undefined>>

/**
 * What the Cookie header of a request says: the jar's cookies for its URL, longer paths first, then the request's own,
 * which replace those of the same name. Secure cookies go over TLS only, loopback included, as in requests.
 *
 * @returns `undefined` for no header
 * @throws {InvalidHeaderError} a cookie that can't be sent; its value is not shown
 */
export function cookieHeader(
  jar: CookieJar | undefined,
  url: string | Location,
  requestCookies: RequestCookies | undefined,
): string | undefined {
  const stored = jar === undefined ? [] : cookiesFor(jar, url)
  if (stored.length === 0 && requestCookies === undefined) return undefined
  const own = requestCookies === undefined ? [] : Object.entries(requestCookies)
  const names = new Set(own.map(([name]) => name))
  const kept = stored.filter((cookie) => !names.has(cookie.key))
  const texts = kept.map((cookie) => cookie.cookieString())
  for (const [name, value] of own) {
    if (value !== null && value !== undefined) texts.push(pairOf(name, value))
  }
  return texts.length === 0 ? undefined : checkHeaderValue('Cookie', texts.join('; '))
}

function pairOf(name: string, value: unknown): string {
  const end = name.search(/[\0-\x20=;,\x7f]/)
  if (end >= 0 || name === '') {
    // What follows the mistake is not shown: it may be the value.
    const [start, mistake] = [name.slice(0, Math.max(0, end)), name.charAt(end)]
    throw new InvalidHeaderError(`Invalid name of a cookie: got ${describe(start)} followed by ${describe(mistake)}`)
  }
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text === 'string' && !/[\0-\x08\x0a-\x1f;\x7f]/.test(text)) return `${name}=${text}`
  hush(value)
  throw new InvalidHeaderError(`Invalid value of cookie \`${name}\`: expected text without line breaks and semicolons`)
}

/** Keeps what the server of `url` may set; the rest is passed over in silence, as browsers and requests do. */
export function storeCookies(
  jar: CookieJar,
  url: string | URL,
  setCookie: string | readonly string[] | undefined,
): void {
  if (setCookie === undefined) return
  const target = cookieUrl(url)
  for (const text of typeof setCookie === 'string' ? [setCookie] : setCookie) storeCookie(jar, target, text)
}

/** The cookies that one response has set, in a jar of their own. */
export function responseCookies(url: string | URL, setCookie: string | readonly string[] | undefined): CookieJar {
  const jar = createJar()
  storeCookies(jar, url, setCookie)
  return jar
}

function storeCookie(jar: CookieJar, url: URL, text: string): void {
  // Loose jars would make a name of the value; requests drops it.
  if (/^\s*=/.test(text)) return
  // Such a cookie could not be sent, nor any other beside it.
  if (/[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/.test(text) || !mayHavePrefix(url, text)) return
  const own = withOwnDomain(text, url, jar)
  if (own === undefined || touchesSecureCookie(jar, url, own)) return
  let cookie: Cookie | undefined
  try {
    cookie = jar.setCookieSync(own, url, { ignoreError: true })
  } catch {
    // A store of the caller's own does not take it.
    return
  }
  if (cookie === undefined) return
  fixExpiry(cookie)
  const { domain, path, key } = cookie
  // Set to be deleted: tough-cookie itself would leave it in the jar until somebody asks for it.
  if ((cookie.expiryTime() ?? Infinity) <= Date.now())
    jar.store.removeCookie(domain ?? '', path ?? '', key, () => undefined)
}

/**
 * `__Host-` and `__Secure-` say that the cookie came over TLS (RFC 6265bis, 4.1.3): over http nobody may say so, nor in
 * another spelling, or without a value, that servers may take for it. The attributes are looked at by the jar.
 */
function mayHavePrefix({ protocol }: URL, text: string): boolean {
  const [, prefix, equals] = /^\s*(__(?:host|secure)-)[^=;]*(=)?/i.exec(text) ?? []
  if (prefix === undefined) return true
  return (prefix === '__Host-' || prefix === '__Secure-') && equals === '=' && protocol === 'https:'
}

/** tough-cookie counts Max-Age from the last time the cookie was *sent*: in use it would never expire (RFC 6265, 5.3.3). */
function fixExpiry(cookie: Cookie): void {
  if (typeof cookie.maxAge !== 'number') return
  cookie.expires = new Date(Math.min(Date.now() + Math.max(cookie.maxAge, 0) * 1000, 8.64e15))
  cookie.maxAge = null
}

function cookiesFor(jar: CookieJar, url: string | Location): Cookie[] {
  // Its host has no dot at its end.
  if (url instanceof PlainLocation && !mayHold(jar, cookieHost(url))) return []
  const target = cookieUrl(url)
  if (!mayHold(jar, cookieHost(target))) return []
  // tough-cookie also sends Secure cookies to http://localhost and 127.0.0.1.
  return lookUp(jar, target).filter((cookie) => !cookie.secure || target.protocol === 'https:')
}

function lookUp(jar: CookieJar, url: URL): Cookie[] {
  try {
    return jar.getCookiesSync(url, { sort: true })
  } catch {
    // There are names that it does not look up (`test`, `local`, `example`: RFC 6761), and services have them all the same.
    const host = cookieHost(url)
    const isForUrl = ({ domain, path }: Cookie): boolean => domain === host && pathMatch(url.pathname, path ?? '/')
    return storedCookies(jar).filter(isForUrl).sort(cookieCompare)
  }
}

/** Whoever asks it for a host with a dot at its end means the host without. */
class SessionJar extends CookieJar {
  static {
    const places = { setCookie: 1, getCookies: 0 }
    for (const [name, place] of Object.entries(places)) {
      const original = Reflect.get(this.prototype, name) as (...args: unknown[]) => unknown
      const value = function (this: CookieJar, ...args: unknown[]): unknown {
        const url = args[place]
        // What is no URL is tough-cookie's to refuse.
        if (url instanceof URL || (typeof url === 'string' && URL.canParse(url))) args[place] = cookieUrl(url)
        return original.apply(this, args)
      }
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true })
    }
  }
}

/**
 * The jar of a session. As in requests, and other than tough-cookie's default, it keeps a Secure cookie that came over
 * plain HTTP (`cookieHeader` sends it over TLS only) and a cookie without `=`. Public suffixes are refused.
 */
export function createJar(): CookieJar {
  return new SessionJar(undefined, { looseMode: true, enforceSecureOriginOnStorage: false })
}

/**
 * A jar of the caller's own, by what it does: tough-cookie's CommonJS twin has other classes.
 *
 * @throws {TypeError} what is neither a jar nor `false`, or a jar whose store answers asynchronously
 */
export function checkJar(value: unknown): CookieJar | false {
  if (value === false) return false
  const jar = value as Partial<CookieJar> | null | undefined
  if (typeof jar !== 'object' || typeof jar?.getCookiesSync !== 'function' || typeof jar.setCookieSync !== 'function') {
    // A string is not shown: it may be a cookie.
    const shown = typeof value === 'string' ? 'a string' : describe(value)
    throw new TypeError(`Expected \`cookies\` to be a CookieJar of tough-cookie or false, got ${shown}`)
  }
  if (jar.store?.synchronous === true) return jar as CookieJar
  throw new TypeError(
    'Expected `cookies` to be a CookieJar with a synchronous store, got one that answers asynchronously',
  )
}
