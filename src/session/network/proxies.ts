import { describe } from '../../checks.ts'
import { InvalidOptionError } from '../../errors.ts'
import type { ProxyTarget } from '../../transport/exchange.ts'
import { ownOptions } from '../../own-options.ts'
import { isDirect } from './no-proxy.ts'
import type { ProxiesOption } from '../options/options.ts'
import { parseProxyUrl } from './proxy-url.ts'

export interface ProxySources {
  readonly request?: ProxiesOption | undefined
  readonly session?: ProxiesOption | undefined
  /** Whether the environment counts. */
  readonly trustEnv: boolean
  /** Default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv | undefined
}

/**
 * The proxy for a URL: the first of request, session and environment that says something decides. Each is asked for
 * `scheme://host`, `scheme`, `all://host` and `all`, as in requests; `null` or `''` there means directly. The first
 * `no_proxy` counts, for its source and those after it: a request's list takes the place of the environment's, and the
 * environment's does not touch proxies that were given.
 *
 * The environment has `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case or capitals, lower case
 * first. `HTTP_PROXY` is not believed in a CGI program, where it is a header of the request being served.
 *
 * @returns `undefined` for none
 * @throws {InvalidProxyURLError} a URL that names no proxy; shown without credentials
 * @throws {InvalidOptionError} a value that is no URL at all
 */
export function resolveProxy(url: URL, sources: ProxySources): ProxyTarget | undefined {
  const { request, session, trustEnv, environment = process.env } = sources
  let noProxy: string | undefined
  for (const given of [request, session]) {
    if (given === undefined) continue
    const proxies = ownOptions(given)
    noProxy ??= noProxyOf(proxies)
    if (noProxy !== undefined && isDirect(url, noProxy)) return undefined
    const key = keysFor(url).find((name) => proxies[name] !== undefined)
    if (key !== undefined) return targetOf(key, proxies[key])
  }
  return trustEnv ? environmentProxy(url, environment, noProxy) : undefined
}

function keysFor({ protocol, hostname }: URL): string[] {
  const scheme = protocol.slice(0, -1)
  const host = hostname.replace(/^\[|\]$/g, '')
  return [`${scheme}://${host}`, scheme, `all://${host}`, 'all']
}

function targetOf(key: string, value: unknown): ProxyTarget | undefined {
  return value === null || value === '' ? undefined : parseProxyUrl(key, value)
}

function noProxyOf({ no_proxy: list }: ProxiesOption): string | undefined {
  if (list === undefined || typeof list === 'string') return list
  if (list === null) return ''
  throw new InvalidOptionError(`Expected \`proxies.no_proxy\` to be a string, got ${describe(list)}`, {
    option: 'proxies',
  })
}

function environmentProxy(
  url: URL,
  environment: NodeJS.ProcessEnv,
  noProxy: string | undefined,
): ProxyTarget | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const own = variable(environment, name)
  const value = own ?? variable(environment, 'all_proxy')
  if (value === undefined) return undefined
  const list = noProxy ?? (environment.no_proxy || environment.NO_PROXY || '')
  return isDirect(url, list) ? undefined : parseProxyUrl(own === undefined ? 'all_proxy' : name, value)
}

/** An empty variable is none; an empty one in lower case hides the one in capitals, as in Python. */
function variable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  let value = environment[name]
  if (value === undefined && !(name === 'http_proxy' && environment.REQUEST_METHOD !== undefined)) {
    value = environment[name.toUpperCase()]
  }
  return value === '' ? undefined : value
}
