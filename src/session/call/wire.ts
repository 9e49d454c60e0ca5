import type { ExchangeRequest, HeadersListener, WireBody } from '../../transport/exchange.ts'
import { prepareBody } from '../body/body.ts'
import { flatHeaders } from '../prepared-request.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import { resolveProxy } from '../network/proxies.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { SessionCore } from '../session-core.ts'
import { StreamBody } from '../body/stream-body.ts'
import { resolveTls } from '../network/tls.ts'

const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/**
 * One sending of a request, as the transport wants it.
 *
 * @param headersListener told of the headers of the response
 * @param location its URL, parsed, if that is at hand
 * @throws {RequestError} a proxy, a certificate or a body that can't be used
 */
export function toExchange(
  core: SessionCore,
  options: ResolvedOptions,
  request: PreparedRequest,
  headersListener: HeadersListener,
  location: URL = new URL(request.url),
): ExchangeRequest {
  const { method, url } = request
  const body = wireBody(request)
  const headers = wireHeaders(flatHeaders(request))
  const dispatcher = core.hasDispatchers ? core.dispatcherFor(url) : undefined
  const proxy = dispatcher === undefined ? proxyFor(core, options, location) : undefined
  const needsTls = dispatcher === undefined && (url.startsWith('https:') || proxy?.protocol === 'https:')
  const pathStart = url.indexOf('/', 8)
  const pathEnd = url.indexOf('#', pathStart)
  return {
    method,
    origin: url.slice(0, pathStart),
    path: pathEnd < 0 ? url.slice(pathStart) : url.slice(pathStart, pathEnd),
    // Somebody else's code may write to the array, and it may be the session's.
    headers: dispatcher === undefined ? headers : [...headers],
    body,
    proxy,
    tls: needsTls
      ? resolveTls(options.verify, options.cert, core.trustEnv ? core.environment.variables : undefined)
      : undefined,
    dispatcher,
    connectTimeout: options.timeout.connect,
    readTimeout: options.timeout.read,
    maxResponseSize: options.maxResponseSize,
    stream: options.stream,
    resend: idempotentMethods.has(method) && !(body instanceof StreamBody && !body.isReplayable),
    onUploadProgress: options.onUploadProgress,
    onDownloadProgress: options.onDownloadProgress,
    headersListener,
  }
}

function proxyFor(core: SessionCore, options: ResolvedOptions, location: URL): ExchangeRequest['proxy'] {
  const { proxies, trustEnv, environment } = core
  const isGiven = proxies !== undefined || options.proxies !== undefined
  if (!isGiven && !(trustEnv && environment.namesProxy)) return undefined
  const sources = { request: options.proxies, session: proxies, trustEnv, environment: environment.variables }
  return resolveProxy(location, sources)
}

/** Not the caller's to say: the body tells how it is framed, and the connection how it is kept. */
function wireHeaders(flat: readonly string[]): string[] {
  for (let index = 0; index < flat.length; index += 2) {
    if (isOurs(flat[index] as string)) return flat.filter((_, each) => !isOurs(flat[each - (each % 2)] as string))
  }
  return flat as string[]
}

function isOurs(name: string): boolean {
  const { length } = name
  if (length !== 10 && length !== 14 && length !== 17) return false
  return /^(?:keep-alive|content-length|transfer-encoding)$/i.test(name)
}

/** What a hook has put there may be anything that `data` may be. */
function wireBody(request: PreparedRequest): WireBody | undefined {
  const { body } = request
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array || body instanceof StreamBody)
    return body
  request.body = prepareBody({ data: body })?.body
  return request.body
}
