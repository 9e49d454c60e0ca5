import { describe } from '../../checks.ts'
import { InvalidOptionError, InvalidProxyURLError } from '../../errors.ts'
import type { ProxyTarget } from '../../transport/exchange.ts'
import { hasLongHost } from '../long-host.ts'

/** `socks` is SOCKS 5, as in undici. A proxy's default port is that of its scheme; 1080 for SOCKS. */
const schemes: Readonly<Record<string, readonly [protocol: ProxyTarget['protocol'], port: number]>> = {
  'http:': ['http:', 80],
  'https:': ['https:', 443],
  'socks:': ['socks5:', 1080],
  'socks5:': ['socks5:', 1080],
  'socks5h:': ['socks5h:', 1080],
}

/** Bytes of a user or a password of SOCKS (RFC 1929); the shortest is 1. */
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
  if (url === undefined) throw invalid(key, text, 'expected scheme://host:port')
  const [protocol, defaultPort] = schemes[url.protocol] ?? []
  if (protocol === undefined || defaultPort === undefined) {
    throw invalid(key, text, 'expected the scheme http, https, socks5 or socks5h')
  }
  const isPair = url.password !== '' || (url.username !== '' && text.includes(':@'))
  const credentials = isPair ? { username: decode(url.username), password: decode(url.password) } : undefined
  if (credentials !== undefined && protocol.startsWith('socks') && !Object.values(credentials).every(fitsSocks)) {
    throw invalid(key, text, `expected user and password of 1 to ${longestSocksField} bytes for SOCKS`)
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

/** Nothing well-formed: what stands before the last @ may be user and password, all of it but a scheme. */
function invalid(key: string, text: string, problem: string): InvalidProxyURLError {
  const start = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i.exec(text)?.[0] ?? ''
  const shown = text.includes('@') ? start + text.slice(text.lastIndexOf('@') + 1) : text
  return new InvalidProxyURLError(`Invalid proxy URL for \`${key}\`: ${problem}, got ${describe(shown)}`)
}

/** What is no escape stays. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
