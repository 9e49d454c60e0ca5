import { StreamBody, unrewindable } from '../body/stream-body.ts'
import { dropJarCookie } from '../cookies/request-cookies.ts'
import { type PreparedRequest, addNotes, requestNotes } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import { keepsCredentials, parseUrl, takeCredentials } from '../url.ts'
import { fromLatin1 } from '../header-rules.ts'

/**
 * The request that a redirect asks for.
 *
 * @param hop as it was before cookies, authentication and hooks: they come anew, and only if they belong there
 * @param sent what became of it; its URL, method and body count
 * @returns `undefined` if the response leads nowhere; an empty Location leads nowhere, as in requests
 * @throws {UnrewindableBodyError} the body is needed again and can't be produced again
 * @throws {RequestError} a Location that can't be followed
 */
export function redirectRequest(
  hop: PreparedRequest,
  sent: PreparedRequest,
  { status, headers, isRedirect }: Response,
): PreparedRequest | undefined {
  const location = headers.get('location')
  if (!isRedirect || location === undefined || location === '') return undefined
  const url = resolveLocation(location, sent.url)
  const next = hop.copy()
  next.url = url
  next.method = methodAfter(status, sent.method)
  const keepsBody = status !== 303 && next.method === sent.method
  next.body = keepsBody ? sent.body : undefined
  if (next.body instanceof StreamBody && next.body.isSpent) {
    throw unrewindable(`Could not follow the redirect of ${sent.method} ${sent.url}`)
  }
  const keepsSecrets = keepsCredentials(new URL(sent.url), url)
  dropHeaders(next, { keepsBody, keepsSecrets })
  if (!keepsSecrets) dropOptions(next)
  return next
}

/** Leaves the request of a redirect that is not followed in `response.next`. One that can't be followed leaves nothing. */
export function showNext(response: Response, hop: PreparedRequest | undefined): void {
  try {
    const next = hop && redirectRequest(hop, response.request, response)
    if (next !== undefined) Object.assign(response, { next } satisfies Pick<Response, 'next'>)
  } catch {
    // There is no next request.
  }
}

function methodAfter(status: number, method: string): string {
  if (status === 303 && method !== 'HEAD') return 'GET'
  return (status === 301 || status === 302) && method === 'POST' ? 'GET' : method
}

/** Headers that describe a body: they are dropped with it. */
const bodyHeaders = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'content-language',
  'content-location',
]
/** Headers that are meant for one origin. */
export const originHeaders = ['authorization', 'cookie', 'proxy-authorization', 'host']

function dropHeaders(
  request: PreparedRequest,
  { keepsBody, keepsSecrets }: { keepsBody: boolean; keepsSecrets: boolean },
): void {
  if (!keepsBody) for (const name of bodyHeaders) request.headers.delete(name)
  if (!keepsSecrets) for (const name of originHeaders) request.headers.delete(name)
  dropJarCookie(request)
}

/** For whoever sends `response.next`: another origin gets no `auth` and no `cookies`, unless they are given anew. */
function dropOptions(request: PreparedRequest): void {
  const { options } = request[requestNotes]
  request[addNotes]({ options: { ...options, auth: null, cookies: undefined } })
}

/**
 * Where a Location header leads (RFC 9110, 10.2.2): its bytes are read as UTF-8, as browsers and requests do, and the
 * fragment of `base` is kept unless it has its own. Credentials in it are dropped. Throws as `parseUrl` does.
 */
export function resolveLocation(location: string, base: string): URL {
  // No host at all is that of the base, as in requests; to browsers `///path` names a host.
  const text = fromLatin1(location).replace(/^\s*(?:https?:)?\/\/(?=[/?#]|$)/i, '')
  const url = parseUrl(text.startsWith('//') ? base.slice(0, base.indexOf(':') + 1) + text : text, base)
  if (url.hash === '') url.hash = new URL(base).hash
  takeCredentials(url, text)
  return url
}
