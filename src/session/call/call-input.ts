import { hush } from '../../checks.ts'
import { type FailedRequest, InvalidOptionError, TotalTimeoutError } from '../../errors.ts'
import type { UserScope } from '../../user-scope.ts'
import type { RequestSpec, SendOptions } from '../options/options.ts'
import { type ResolvedOptions } from '../options/option-table.ts'
import { resolveOptions } from '../options/resolve-options.ts'
import { PreparedRequest, requestNotes } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import { withoutCredentials } from '../url.ts'
import type { RetryCounts } from './retry.ts'

/** What a call is asked to do. */
export interface CallInput {
  readonly request: RequestSpec | PreparedRequest
  /** Of a prepared request. */
  readonly options?: SendOptions | undefined
  /** Where another call for it has stopped. */
  readonly checkpoint?: ResumedCheckpoint | undefined
}

/** What is known of a request that could not be opened. */
export function describeRequest({ request }: CallInput): FailedRequest {
  if (request instanceof PreparedRequest) return request
  const { method = 'GET', url } = request as { method?: unknown; url: unknown }
  const text = typeof url === 'string' || url instanceof URL ? withoutCredentials(String(url)) : ''
  return { method: String(method).toUpperCase(), url: text }
}

/** The error of a request whose total timeout has run out. */
export function totalTimeout(request: FailedRequest, total: number): TotalTimeoutError {
  return new TotalTimeoutError(`${request.method} ${request.url}: not done within ${total} ms`, { request })
}

/** Promises that were given instead of values: of a request that could not be opened nobody awaits them. */
export function hushInputs(request: RequestSpec | PreparedRequest): void {
  if (request instanceof PreparedRequest) return
  // A context is not ours, and promises in `json` are refused only where all of it is one.
  for (const [name, value] of Object.entries(request)) if (name !== 'context') hush(value, name === 'json' ? 0 : 3)
}

/** @throws {RequestError} an option that is unknown, or can't be used */
export function resolvedOptionsOf({ request, options }: CallInput, defaults: ResolvedOptions): ResolvedOptions {
  const given =
    request instanceof PreparedRequest ? { ...request[requestNotes].options, ...checkSendOptions(options) } : request
  return resolveOptions(given, defaults)
}

function checkSendOptions(options: SendOptions | undefined): SendOptions | undefined {
  for (const name of ['params', 'data', 'json', 'files', 'headers', 'cookies']) {
    if (options === undefined || !Object.hasOwn(options, name)) continue
    throw new InvalidOptionError(`Unknown option \`${name}\`: it belongs to prepareRequest()`, { option: name })
  }
  return options
}

/** Where a call stands between two attempts. */
export interface Checkpoint {
  /** Of the hop that failed, as it was before cookies, auth functions and hooks. */
  readonly request: PreparedRequest
  /** The redirects have not left the origin of the first request: its `auth` and `cookies` belong to this one, too. */
  readonly isHome: boolean
  readonly history: readonly Response[]
  readonly redirects: number
  /** Of the attempt that goes on from here, from 1: that of a redirect that waits has begun already. */
  readonly nextNumber: number
  readonly counts: RetryCounts | undefined
}

/** The same for the Call that goes on from there. */
export interface ResumedCheckpoint extends Checkpoint {
  /** The body is that of the first request, which is prepared anew. */
  readonly keepsBody: boolean
  /** Milliseconds of the total timeout that have passed. */
  readonly elapsed: number
}

/** What whoever drives a call is told on the way. */
export interface CallObserver {
  /** A hook or an auth function is about to be called. @returns the scope that it shall run in, for whoever wants to know of it */
  enterUserCode?(): UserScope
  /** A redirect is about to be followed. */
  redirected?(response: Response, next: PreparedRequest): void
  /** Whether the attempt is to stop, and be taken up anew, before a redirect leads it to this origin: where these are counted. */
  stopsBefore?(origin: string): boolean
  /** Cookies of a response were stored, before its body is in. */
  cookiesStored?(): void
  /** Wire bytes of a body, once it is in, and whose it is. */
  received?(bytes: number, response: Response): void
  /**
   * The total timeout has run out, and nothing was on its way that could fail with this error: it was waiting for another
   * attempt, or for a hook. An attempt that runs rejects with it as soon as its hooks let it.
   */
  abandoned?(error: unknown): void
  /** The total timeout has made the sending fail, and error hooks are asked, however long they take. */
  recovering?(): void
}
