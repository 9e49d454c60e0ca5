import { keepsCredentials, type Location } from '../url.ts'
import { cookieHeader } from './cookies.ts'
import type { RequestCookies } from './cookies.ts'
import { hasHeader } from '../headers.ts'
import { flatHeaders, addNotes, requestNotes } from '../prepared-request.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { SessionCore } from '../session-core.ts'

/**
 * Gives a request the Cookie header that belongs to its URL now, in place of the one it got here before. One that was
 * written by hand stays, and silences the jar and the request's own cookies.
 */
export function addCookies(request: PreparedRequest, { jar }: SessionCore, hop: CookieSource | undefined): void {
  const own = hop && ownCookies(request, hop)
  // Also where cookies are off now: the last sending may have had some.
  dropJarCookie(request)
  if (!jar && own === undefined) return
  if (hasHeader(request[flatHeaders], 'cookie')) return
  const { url } = request
  const cookie = cookieHeader(jar || undefined, hop?.location.href === url ? hop.location : url, own)
  if (cookie === undefined) return
  request.headers.set('Cookie', cookie)
  request[addNotes]({ cookie })
}

/** An auth function may send requests to other origins: the cookies of its request are not for those. */
function ownCookies({ url }: PreparedRequest, { location, cookies }: CookieSource): RequestCookies | undefined {
  if (cookies === undefined || url === location.href || keepsCredentials(location, new URL(url))) return cookies
  return undefined
}

/** Takes away the Cookie header that came from here, not one that was written by hand. */
export function dropJarCookie(request: PreparedRequest): void {
  if (request[requestNotes].cookie === undefined) return
  if (hasJarCookie(request)) request.headers.delete('cookie')
  request[addNotes]({ cookie: undefined })
}

/** Whether its Cookie header came from here: whoever sends it again makes a new one. */
export function hasJarCookie(request: PreparedRequest): boolean {
  const { cookie } = request[requestNotes]
  return cookie !== undefined && request.headers.get('cookie') === cookie
}

/** A hop, as far as cookies go. */
interface CookieSource {
  readonly location: Location
  readonly cookies: RequestCookies | undefined
}
