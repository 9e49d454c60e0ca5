import { BlockList, isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { describe, ownOptions } from '../../checks.ts'
import { InvalidOptionError, InvalidProxyURLError } from '../../errors.ts'
import type { ProxyTarget } from '../../transport/exchange.ts'
import type { ProxiesOption } from '../options/options.ts'
import { unescape, hasLongHost, longestHost, type Location } from '../url.ts'

interface ProxySources {
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
export function resolveProxy(url: Location, sources: ProxySources): ProxyTarget | undefined {
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

function keysFor({ protocol, hostname }: Location): string[] {
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
  url: Location,
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

/** `socks` is SOCKS 5, as in undici. A proxy's default port is that of its scheme; 1080 for SOCKS. */
const schemes: Readonly<Record<string, readonly [protocol: ProxyTarget['protocol'], port: number]>> = {
  'http:': ['http:', 80],
  'https:': ['https:', 443],
  'socks:': ['socks5:', 1080],
  'socks5:': ['socks5:', 1080],
  'socks5h:': ['socks5h:', 1080],
}

/** The most bytes that a user or a password of SOCKS can have (RFC 1929); it has at least 1. */
const longestSocksField = 255

const maxTargets = 1000
const targets = new Map<string, ProxyTarget>()

/**
 * The proxy that a URL names; without a scheme it is an HTTP proxy. User and password are percent-decoded; a user alone is
 * no credential, as in requests (`user:@` is). Path and query say nothing. Equal URLs give the same object.
 *
 * @param key where it comes from, for the message: `http`, `HTTPS_PROXY` ...
 * @throws {InvalidProxyURLError} no host, a bad port, another scheme, credentials that SOCKS can't carry; shown without them
 * @throws {InvalidOptionError} neither text nor a URL
 */
export function parseProxyUrl(key: string, value: unknown): ProxyTarget {
  const text = value instanceof URL ? value.href : value
  if (typeof text !== 'string') {
    throw new InvalidOptionError(`Expected \`proxies.${key}\` to be a URL or null, got ${describe(value)}`, {
      option: 'proxies',
    })
  }
  const known = targets.get(text)
  if (known !== undefined) return known
  const target = parseTarget(key, text.trim())
  if (targets.size >= maxTargets) targets.clear()
  targets.set(text, target)
  return target
}

function parseTarget(key: string, text: string): ProxyTarget {
  const url = urlOf(text)
  if (url === undefined) throw invalidProxy(key, text, 'expected scheme://host:port')
  const [protocol, defaultPort] = schemes[url.protocol] ?? []
  if (protocol === undefined || defaultPort === undefined) {
    throw invalidProxy(key, text, 'expected the scheme http, https, socks5 or socks5h')
  }
  const isPair = url.password !== '' || (url.username !== '' && text.includes(':@'))
  const credentials = isPair ? { username: unescape(url.username), password: unescape(url.password) } : undefined
  if (credentials !== undefined && protocol.startsWith('socks') && !Object.values(credentials).every(fitsSocks)) {
    throw invalidProxy(key, text, `expected user and password of 1 to ${longestSocksField} bytes for SOCKS`)
  }
  return {
    protocol,
    hostname: url.hostname.toLowerCase(),
    port: url.port === '' ? defaultPort : Number(url.port),
    ...credentials,
    url: `${protocol}//${url.host}`,
  }
}

function fitsSocks(text: string): boolean {
  const size = Buffer.byteLength(text)
  return size > 0 && size <= longestSocksField
}

/** The web's parser would take `http:/x` and `http:///x` for the host x. */
function urlOf(text: string): URL | undefined {
  const isAbsolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
  const hasBareScheme = !isAbsolute && /^(?:https?|socks[0-9a-z]*):/i.test(text)
  const full = isAbsolute ? text : `http:${text.startsWith('//') ? '' : '//'}${text}`
  if (hasBareScheme || !/^[^:]*:\/\/(?:[^/?#]*@)?[^/?#:@\\]/.test(full) || /[\s\\]|[\0-\x1f]$/.test(full))
    return undefined
  if (hasLongHost(full)) return undefined
  try {
    return new URL(full)
  } catch {
    // Its error is not kept as the cause: it holds the credentials.
    return undefined
  }
}

/** The URL is malformed, so everything before the last `@` except a scheme may be credentials. */
function invalidProxy(key: string, text: string, problem: string): InvalidProxyURLError {
  const start = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i.exec(text)?.[0] ?? ''
  const shown = text.includes('@') ? start + text.slice(text.lastIndexOf('@') + 1) : text
  return new InvalidProxyURLError(`Invalid proxy URL for \`${key}\`: ${problem}, got ${describe(shown)}`)
}

/** A `no_proxy` list, parsed. */
interface DirectHosts {
  readonly isAll: boolean
  /** Hosts, which stand for everything below them too; of one port, or of all. */
  readonly hosts: readonly { readonly name: string; readonly port: string | undefined }[]
  /** Addresses and blocks by port; those of all ports under `''`. */
  readonly addresses: ReadonlyMap<string, BlockList>
}

const maxLists = 100
const lists = new Map<string, DirectHosts>()

/**
 * Whether a `no_proxy` list lets a URL be reached directly. The list is separated by commas or blanks and holds host names
 * (with or without a leading dot or `*.`; what is below counts too), `host:port`, addresses, blocks of addresses (CIDR) and
 * `*`. Host names are not looked up. Other entries are ignored.
 */
export function isDirect(url: Location, noProxy: string): boolean {
  if (noProxy === '') return false
  const { isAll, hosts, addresses } = directHosts(noProxy)
  if (isAll) return true
  const hostname = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const version = isIP(hostname)
  if (version === 0) {
    return hosts.some(
      (host) => (host.port ?? port) === port && (hostname === host.name || hostname.endsWith(`.${host.name}`)),
    )
  }
  const family = version === 6 ? 'ipv6' : 'ipv4'
  return ['', port].some((key) => addresses.get(key)?.check(hostname, family) === true)
}

function directHosts(noProxy: string): DirectHosts {
  let list = lists.get(noProxy)
  if (list === undefined) {
    list = parseNoProxy(noProxy)
    if (lists.size >= maxLists) lists.clear()
    lists.set(noProxy, list)
  }
  return list
}

function parseNoProxy(noProxy: string): DirectHosts {
  const hosts: { name: string; port: string | undefined }[] = []
  const addresses = new Map<string, BlockList>()
  const entries = noProxy.split(/[\s,]+/)
  for (const entry of entries) {
    // What does not match may be a bare IPv6 address: it has colons, and no port.
    const [, name, port] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d+))?$/.exec(entry) ?? []
    const host = name?.replace(/^\[|\]$/g, '') ?? entry
    const key = port ?? ''
    if (isIP(host.split('/', 1)[0] ?? '') !== 0) {
      const block = addresses.get(key) ?? new BlockList()
      addBlock(block, host)
      addresses.set(key, block)
    } else if (host.length <= longestHost) {
      const suffix = domainToASCII(host.replace(/^\*?\./, '').replace(/\.$/, ''))
      if (suffix !== '') hosts.push({ name: suffix, port })
    }
  }
  return { isAll: entries.includes('*'), hosts, addresses }
}

function addBlock(block: BlockList, host: string): void {
  const [address = '', prefix] = host.split('/')
  const version = isIP(address)
  const family = version === 6 ? 'ipv6' : 'ipv4'
  // An address with a zone (`fe80::1%eth0`) is in no URL.
  if (address.includes('%')) return
  if (prefix === undefined) block.addAddress(address, family)
  else if (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 6 ? 128 : 32))
    block.addSubnet(address, Number(prefix), family)
}
