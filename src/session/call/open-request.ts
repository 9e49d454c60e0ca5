import { SessionClosedError } from '../../errors.ts'
import type { AuthFunction, AuthOption } from '../auth/auth-flow.ts'
import { basicValue } from '../auth/basic.ts'
import type { CallInput, ResumedCheckpoint } from './call-input.ts'
import { netrcAuth } from '../auth/netrc.ts'
import type { OrReference } from '../options/options.ts'
import type { RequestCookies } from '../cookies/cookies.ts'
import { prepare } from '../prepare.ts'
import type { Preparation } from '../prepare.ts'
import { flatHeaders, PreparedRequest } from '../prepared-request.ts'
import { keepsCredentials, type Location } from '../url.ts'
import { hasHeader } from '../headers.ts'
import type { ResolvedOptions } from '../options/option-table.ts'
import type { SessionCore } from '../session-core.ts'

/** One request of a redirect chain, before each of its sendings adds to it. */
export interface Hop {
  /** Without cookies, and what auth functions and hooks do. */
  readonly request: PreparedRequest
  readonly location: Location
  /** To be asked before each send. Plain credentials are in the headers already. */
  readonly auth: OrReference<AuthFunction> | undefined
  /** The request's own. */
  readonly cookies: RequestCookies | undefined
}

/**
 * Everything that can be decided before something is sent.
 *
 * @throws {SessionClosedError} after `close()`
 * @throws {RequestError} a request that can't be sent
 */
export function openRequest(
  core: SessionCore,
  { request: asked, checkpoint }: CallInput,
  options: ResolvedOptions,
): Hop {
  if (core.isClosed) throw new SessionClosedError('Could not send the request: the session is closed')
  const preparation =
    asked instanceof PreparedRequest ? reuse(asked) : prepare(core, methodOf(asked), asked.url, options)
  const { request, location } = preparation
  const hop = { request, location, auth: authorize(core, options, preparation), cookies: options.cookies }
  return checkpoint === undefined ? hop : resumedHop(checkpoint, hop)
}

function resumedHop({ request, isHome, keepsBody }: ResumedCheckpoint, first: Hop): Hop {
  if (keepsBody) {
    const { body, headers } = first.request
    // A multipart body that is made anew has another boundary.
    const type = headers.get('content-type')
    if (type !== undefined) request.headers.set('Content-Type', type)
    request.body = body
  }
  const location = new URL(request.url)
  return isHome ? { ...first, request, location } : { request, location, auth: undefined, cookies: undefined }
}

/** The hop after a redirect. What was meant for the origin of the first ends where that is left. */
export function nextHop(core: SessionCore, { auth }: ResolvedOptions, hop: Hop, request: PreparedRequest): Hop {
  const location = new URL(request.url)
  if (keepsCredentials(hop.location, location)) return { ...hop, request, location }
  if (core.trustEnv && auth !== null && !hasHeader(request[flatHeaders], 'authorization'))
    addNetrc(core, hop.location, request)
  return { request, location, auth: undefined, cookies: undefined }
}

/**
 * A server that we come from names the host: it gets no password that is there for any (`default`), and none over http
 * that the caller has not sent there himself.
 */
function addNetrc({ environment }: SessionCore, from: Location, request: PreparedRequest): void {
  const { protocol, hostname } = new URL(request.url)
  if (from.protocol === 'https:' && protocol === 'http:') return
  const pair = netrcAuth(hostname, environment.variables, { mayBeDefault: false })
  if (pair !== undefined) request.headers.set('Authorization', basicValue(...pair))
}

/** One that is left out is GET; any other value is the caller's, to be used or refused. */
const methodOf = ({ method }: { readonly method?: unknown }): unknown => (method === undefined ? 'GET' : method)

/** A copy: a prepared request may be sent any number of times. */
function reuse(prepared: PreparedRequest): Preparation {
  const request = prepared.copy()
  return { request, location: new URL(request.url), credentials: undefined }
}

/** Sets the Authorization header where that is all there is to do. @returns the function that has to be asked, if not */
function authorize(
  core: SessionCore,
  options: ResolvedOptions,
  preparation: Preparation,
): OrReference<AuthFunction> | undefined {
  const auth = chooseAuth(core, options, preparation)
  if (!isPair(auth)) return auth
  preparation.request.headers.set('Authorization', basicValue(...auth))
  return undefined
}

/** A header > the request's `auth` > the URL > the session's > `.netrc`. `null` says that the last two don't count. */
function chooseAuth(
  { auth, trustEnv, environment }: SessionCore,
  options: ResolvedOptions,
  { request, location, credentials }: Preparation,
): AuthOption | undefined {
  if (hasHeader(request[flatHeaders], 'authorization')) return undefined
  const own = options.auth ?? credentials
  if (own !== undefined || options.auth === null) return own
  return auth ?? (trustEnv ? netrcAuth(location.hostname, environment.variables) : undefined)
}

const isPair = (auth: AuthOption | undefined): auth is readonly [string, string] => Array.isArray(auth)
