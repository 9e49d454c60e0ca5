import { Cookie, defaultPath, pathMatch, type CookieJar } from 'tough-cookie'
import { cookieHost } from './cookie-domain.ts'

/** Domain, path, name: how tough-cookie's memory store holds its cookies. */
type Index = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Cookie>>>>>>

/**
 * Whether a jar may have cookies for a host. Looking up costs microseconds (tldts): not for an empty jar, or one that holds
 * cookies of other hosts only.
 */
export function mayHold(jar: CookieJar, host: string): boolean {
  const index = indexOf(jar)
  if (index === undefined) return true
  if (isEmpty(index)) return false
  if (host in index) return true
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    if (host.slice(dot + 1) in index) return true
  }
  return false
}

/** Indexes that have held a domain: they keep its key. Looking takes longer the more domains there are. */
const filled = new WeakSet<Index>()

function isEmpty(index: Index): boolean {
  if (filled.has(index)) return false
  // Its keys are not listed: there may be thousands.
  let isFound = false
  for (const name in index) {
    isFound = name !== ''
    break
  }
  if (isFound) filled.add(index)
  return !isFound
}

/** All cookies that have not expired. */
export function storedCookies({ store }: CookieJar): Cookie[] {
  let stored: Cookie[] = []
  store.getAllCookies((error, cookies) => {
    if (error !== null) throw error
    stored = cookies ?? []
  })
  return stored.filter(isLive)
}

/**
 * Whether a Set-Cookie over http would overwrite, delete or hide a Secure cookie: those are left alone (RFC 6265bis, 5.7), for
 * whoever is on the way could write it.
 */
export function touchesSecureCookie(jar: CookieJar, url: URL, text: string): boolean {
  const cookie = url.protocol === 'https:' ? undefined : Cookie.parse(text, { loose: true })
  if (cookie === undefined) return false
  const path = cookie.path?.startsWith('/') === true ? cookie.path : defaultPath(url.pathname)
  const isTouched = (each: Cookie): boolean =>
    each.secure && each.key === cookie.key && pathMatch(path, each.path ?? '/')
  return cookiesNear(jar, cookie.domain ?? cookieHost(url), cookie.domain === null).some(isTouched)
}

/** Cookies of a domain, of those above it, and of those below it unless it is meant to be a host alone. */
function cookiesNear(jar: CookieJar, domain: string, isHost: boolean): Cookie[] {
  const above = namesAbove(domain)
  const isNear = (name: string): boolean => above.includes(name) || (!isHost && name.endsWith(`.${domain}`))
  const index = indexOf(jar)
  if (index === undefined) return storedCookies(jar).filter((each) => isNear(each.domain ?? ''))
  const names = isHost ? above : Object.keys(index).filter(isNear)
  return names.flatMap((name) => Object.values(index[name] ?? {}).flatMap((path) => Object.values(path).filter(isLive)))
}

/** A host, and the domains that it lies in. */
function namesAbove(host: string): string[] {
  const names = [host]
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) names.push(host.slice(dot + 1))
  return names
}

function isLive(cookie: Cookie): boolean {
  return (cookie.expiryTime() ?? Infinity) > Date.now()
}

/** The index by domain of tough-cookie's memory store; another store has its own ways. */
function indexOf({ store }: CookieJar): Index | undefined {
  const { idx } = store as { idx?: unknown }
  return typeof idx === 'object' && idx !== null && Object.getPrototypeOf(idx) === null ? (idx as Index) : undefined
}
