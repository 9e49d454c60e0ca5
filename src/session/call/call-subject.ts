import { hush } from '../../checks.ts'
import { InvalidOptionError } from '../../errors.ts'
import type { FailedRequest } from '../../errors.ts'
import type { ResumedPosition } from './call-position.ts'
import type { RequestSpec, SendOptions } from '../options/options.ts'
import { PreparedRequest, requestNotes } from '../prepared-request.ts'
import { resolveOptions } from '../options/resolve-options.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { withoutCredentials } from '../url.ts'

/** What a call is asked to do. */
export interface CallSubject {
  readonly request: RequestSpec | PreparedRequest
  /** Of a prepared request. */
  readonly options?: SendOptions | undefined
  /** Where another call for it has stopped. */
  readonly position?: ResumedPosition | undefined
}

/** What is known of a request that could not be opened. */
export function describeRequest({ request }: CallSubject): FailedRequest {
  if (request instanceof PreparedRequest) return request
  const { method = 'GET', url } = request as { method?: unknown; url: unknown }
  const text = typeof url === 'string' || url instanceof URL ? withoutCredentials(String(url)) : ''
  return { method: String(method).toUpperCase(), url: text }
}

/** Promises that were given instead of values: of a request that could not be opened nobody awaits them. */
export function hushInputs(request: RequestSpec | PreparedRequest): void {
  if (request instanceof PreparedRequest) return
  // A context is not ours, and promises in `json` are refused only where all of it is one.
  for (const [name, value] of Object.entries(request)) if (name !== 'context') hush(value, name === 'json' ? 0 : 3)
}

/** @throws {RequestError} an option that is unknown, or can't be used */
export function optionsOf({ request, options }: CallSubject, defaults: ResolvedOptions): ResolvedOptions {
  const given =
    request instanceof PreparedRequest
      ? { ...requestNotes.get(request).options, ...checkSendOptions(options) }
      : request
  return resolveOptions(given, defaults)
}

function checkSendOptions(options: SendOptions | undefined): SendOptions | undefined {
  for (const name of ['params', 'data', 'json', 'files', 'headers', 'cookies']) {
    if (options === undefined || !Object.hasOwn(options, name)) continue
    throw new InvalidOptionError(`Unknown option \`${name}\`: it belongs to prepareRequest()`, { option: name })
  }
  return options
}
