import { keepsCredentials } from '../credentials.ts'
import { cookieHeader } from './cookies.ts'
import type { RequestCookies } from './cookies.ts'
import { flatHeaders, requestNotes } from '../prepared-request.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { SessionCore } from '../session-core.ts'

/** Whether a flat list of headers has one of that name. */
export function hasHeader(request: PreparedRequest, name: string): boolean {
  const flat = flatHeaders(request)
  for (let index = 0; index < flat.length; index += 2) {
    const each = flat[index] ?? ''
    if (each.length === name.length && each.toLowerCase() === name) return true
  }
  return false
}

/**
 * Gives a request the Cookie header that belongs to its URL now, in place of the one it got here before. One that was
 * written by hand stays, and silences the jar and the request's own cookies.
 */
export function addCookies(request: PreparedRequest, { jar }: SessionCore, hop: CookieSource | undefined): void {
  const own = hop && ownCookies(request, hop)
  if (!jar && own === undefined) return
  dropJarCookie(request)
  if (hasHeader(request, 'cookie')) return
  const { url } = request
  const cookie = cookieHeader(jar || undefined, hop?.location.href === url ? hop.location : url, own)
  if (cookie === undefined) return
  request.headers.set('Cookie', cookie)
  requestNotes.add(request, { cookie })
}

/** An auth function may send requests to other origins: the cookies of its request are not for those. */
function ownCookies({ url }: PreparedRequest, { location, cookies }: CookieSource): RequestCookies | undefined {
  if (cookies === undefined || url === location.href || keepsCredentials(location, new URL(url))) return cookies
  return undefined
}

/** Takes away the Cookie header that came from here, not one that was written by hand. */
export function dropJarCookie(request: PreparedRequest): void {
  const { cookie } = requestNotes.get(request)
  if (cookie === undefined) return
  if (request.headers.get('cookie') === cookie) request.headers.delete('cookie')
  requestNotes.add(request, { cookie: undefined })
}

/** A hop, as far as cookies go. */
interface CookieSource {
  readonly location: URL
  readonly cookies: RequestCookies | undefined
}
