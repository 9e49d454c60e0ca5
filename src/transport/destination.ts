import type { ProxyTarget, TlsIdentity } from './exchange.ts'

/** The host and port that a socket connects to. */
export interface Endpoint {
  readonly isSecure: boolean
  /** IPv6 addresses without brackets. */
  readonly hostname: string
  readonly port: number
}

/** Tells connections apart: by origin, proxy and TLS identity. */
export interface Destination {
  readonly key: string
  readonly origin: string
  readonly target: Endpoint
  /** Where the socket goes: to the proxy, if there is one. */
  readonly firstHop: Endpoint
  /** The origin of undici's Client. */
  readonly clientOrigin: string
  readonly proxy: ProxyTarget | undefined
  readonly tls: TlsIdentity | undefined
  /** Proxy-Authorization, for an HTTP proxy. */
  readonly proxyAuthorization: string | undefined
  /** http through an HTTP proxy: the request line holds the whole URL, and there is no tunnel. */
  readonly isAbsoluteForm: boolean
}

/** Destinations with equal keys share connections. For most requests this is the origin itself, so that nothing is built. */
export function destinationKey(origin: string, proxy: ProxyTarget | undefined, tls: TlsIdentity | undefined): string {
  if (proxy === undefined && tls === undefined) return origin
  const identity = origin.startsWith('https:') || proxy?.protocol === 'https:' ? tls?.id : undefined
  if (proxy === undefined && identity === undefined) return origin
  return JSON.stringify([origin, identity, proxy?.url, proxy?.username, proxy?.password])
}

export function destinationOf(
  key: string,
  origin: string,
  proxy: ProxyTarget | undefined,
  tls: TlsIdentity | undefined,
): Destination {
  const { protocol, hostname, port } = new URL(origin)
  const isSecure = protocol === 'https:'
  const ownPort = port === '' ? (isSecure ? 443 : 80) : Number(port)
  const target = { isSecure, hostname: withoutBrackets(hostname), port: ownPort }
  const isHttpProxy = proxy?.protocol === 'http:' || proxy?.protocol === 'https:'
  const isAbsoluteForm = isHttpProxy && !isSecure
  return {
    key,
    origin,
    target,
    firstHop: proxy === undefined ? target : endpointOf(proxy),
    clientOrigin: isAbsoluteForm ? originOf(proxy) : origin,
    proxy,
    tls,
    proxyAuthorization: isHttpProxy ? basicAuthorization(proxy) : undefined,
    isAbsoluteForm,
  }
}

/**
 * Adapts the headers to a proxy. A request in absolute form gets the target's Host and the proxy's credentials. One that
 * goes through a tunnel, or to no proxy, loses a Proxy-Authorization of the caller's: the origin must not see it.
 */
export function proxiedHeaders(headers: string[], to: Destination): string[] {
  if (!to.isAbsoluteForm) {
    const index = indexOfHeader(headers, 'proxy-authorization')
    return index === -1 ? headers : headers.toSpliced(index, 2)
  }
  const added: string[] = []
  if (indexOfHeader(headers, 'host') === -1) added.push('host', to.origin.slice(to.origin.indexOf('//') + 2))
  if (to.proxyAuthorization !== undefined && indexOfHeader(headers, 'proxy-authorization') === -1) {
    added.push('proxy-authorization', to.proxyAuthorization)
  }
  return [...headers, ...added]
}

function indexOfHeader(headers: string[], name: string): number {
  return headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name)
}

function endpointOf({ protocol, hostname, port }: ProxyTarget): Endpoint {
  return { isSecure: protocol === 'https:', hostname: withoutBrackets(hostname), port }
}

function originOf(proxy: ProxyTarget): string {
  const hostname = withoutBrackets(proxy.hostname)
  return `${proxy.protocol}//${hostname.includes(':') ? `[${hostname}]` : hostname}:${proxy.port}`
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

function basicAuthorization({ username, password }: ProxyTarget): string | undefined {
  if (username === undefined && password === undefined) return undefined
  return `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}`
}
