import { UnrewindableBodyError } from '../../errors.ts'
import { requestNotes } from '../prepared-request.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import { keepsCredentials } from '../credentials.ts'
import { dropJarCookie } from '../cookies/request-cookies.ts'
import type { Response } from '../response/response.ts'
import { StreamBody } from '../body/stream-body.ts'
import { resolveLocation } from './location.ts'

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
    throw new UnrewindableBodyError(
      `Could not follow the redirect of ${sent.method} ${sent.url}: the body is a stream, read once. ` +
        'Pass a function that makes one for each send',
    )
  }
  const keepsSecrets = keepsCredentials(new URL(sent.url), url)
  dropHeaders(next, { keepsBody, keepsSecrets })
  if (!keepsSecrets) dropOptions(next)
  return next
}

/** Leaves the request of a redirect that is not followed in `response.next`. What can't be followed need not be. */
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

/** What describes a body, and says nothing without one. */
const bodyHeaders = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'content-language',
  'content-location',
]
/** What is meant for one server. */
export const originHeaders = ['authorization', 'cookie', 'proxy-authorization', 'host']

function dropHeaders(
  request: PreparedRequest,
  { keepsBody, keepsSecrets }: { keepsBody: boolean; keepsSecrets: boolean },
): void {
  if (!keepsBody) for (const name of bodyHeaders) request.headers.delete(name)
  if (!keepsSecrets) for (const name of originHeaders) request.headers.delete(name)
  dropJarCookie(request)
}

/** Whoever sends it himself (`response.next`) sends it to somebody that was not asked for: what is left unsaid is no auth. */
function dropOptions(request: PreparedRequest): void {
  const { options } = requestNotes.get(request)
  requestNotes.add(request, { options: { ...options, auth: null, cookies: undefined } })
}
