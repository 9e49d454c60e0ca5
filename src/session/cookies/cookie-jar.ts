import { CookieJar } from 'tough-cookie'
import { describe } from '../../checks.ts'
import { cookieUrl } from './cookie-domain.ts'

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
