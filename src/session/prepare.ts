import { describe } from '../checks.ts'
import { InvalidHeaderError, InvalidOptionError } from '../errors.ts'
import { prepareBody } from './body/body.ts'
import type { PreparedBody, TypedBody } from './body/body.ts'
import type { HeaderMap } from './headers.ts'
import { encodeParams } from './params.ts'
import { PreparedRequest } from './prepared-request.ts'
import type { ResolvedOptions } from './options/option-table.ts'
import type { SessionCore } from './session-core.ts'
import { StreamBody } from './body/stream-body.ts'
import { locate, takeCredentials, textOfUrl, type Credentials, type Location } from './url.ts'
import { isToken } from './header-rules.ts'

export interface Preparation {
  readonly request: PreparedRequest
  /** The URL of the request, parsed. */
  readonly location: Location
  /** Taken out of the URL. */
  readonly credentials: Credentials | undefined
}

/**
 * Makes the request that options and session ask for together. Cookies and authentication come with each sending.
 *
 * @throws {RequestError} a URL, a header or a body that can't be sent
 */
export function prepare(core: SessionCore, method: unknown, url: unknown, options: ResolvedOptions): Preparation {
  const text = urlText(core, url, options)
  const location = locate(text)
  const credentials = location instanceof URL ? takeCredentials(location, text) : undefined
  const typed = bodyOf(options)
  const headers = headersFor(core, options, typed)
  const body = typed && withOwnLength(typed.body, headers)
  const request = new PreparedRequest({ method: checkMethod(method), url: location as URL, headers, body })
  return { request, location, credentials }
}

function urlText({ baseUrl, params }: SessionCore, url: unknown, options: ResolvedOptions): string {
  const text = baseUrl === undefined ? textOfUrl(url) : join(baseUrl, textOfUrl(url))
  if (params === undefined && options.params === undefined) return text
  const query = encodeParams(params, options.params)
  return query === '' ? text : addQuery(text, query)
}

/** With one slash between; an absolute URL wins. */
function join(baseUrl: string, url: string): string {
  if (/^\s*[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url
  const relative = url.trimStart().replace(/^\/+/, '')
  return /^[?#]|^$/.test(relative) ? baseUrl + relative : `${withoutSlashes(baseUrl)}/${relative}`
}

/** Without slashes at its end. (A regular expression would begin anew at each slash of a run.) */
function withoutSlashes(url: string): string {
  let end = url.length
  while (url.charAt(end - 1) === '/') end--
  return url.slice(0, end)
}

function addQuery(text: string, query: string): string {
  const hash = text.indexOf('#')
  const start = hash < 0 ? text : text.slice(0, hash)
  const fragment = hash < 0 ? '' : text.slice(hash)
  const separator = start.includes('?') ? (start.endsWith('?') ? '' : '&') : '?'
  return start + separator + query + fragment
}

const usualMethods: ReadonlySet<unknown> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

function checkMethod(method: unknown): string {
  if (usualMethods.has(method)) return method as string
  if (isToken(method)) return method.toUpperCase()
  throw new InvalidOptionError(`Expected \`method\` to be a token such as GET, got ${describe(method)}`, {
    option: 'method',
  })
}

function bodyOf({ data, json, files }: ResolvedOptions): TypedBody | undefined {
  return data === undefined && json === undefined && files === undefined
    ? undefined
    : prepareBody({ data, json, files })
}

/** A stream of unknown length takes the caller's Content-Length. Any other body knows its length. */
function withOwnLength(body: PreparedBody, headers: HeaderMap): PreparedBody {
  const length = headers.get('content-length')
  if (!(body instanceof StreamBody) || length === undefined || body.length !== undefined) return body
  if (/^\d{1,15}$/.test(length)) return body.withLength(Number(length))
  throw new InvalidHeaderError(`Invalid value of header \`Content-Length\`: expected a number, got ${describe(length)}`)
}

function headersFor(core: SessionCore, options: ResolvedOptions, typed: TypedBody | undefined): HeaderMap {
  const contentType = typed?.contentType
  if (options.headers === undefined && contentType === undefined) return core.headers
  const headers = core.headers.copy()
  if (options.headers !== undefined) headers.apply(options.headers)
  if (contentType !== undefined && !headers.has('content-type')) headers.set('Content-Type', contentType)
  return headers
}
