import { describe } from '../checks.ts'
import { InvalidSchemaError, InvalidURLError, MissingSchemaError } from '../errors.ts'

/** A URL that a URL parser and requests read alike. */
const undisputed = /^https?:\/\/[a-z0-9[][^\0-\x1f\s\\%@?#]*(?:\?[^\0-\x1f\s\\%?#]+)?(?:#[^\0-\x1f\s\\%#]+)?$/i

/**
 * A URL of http or https, by the rules of requests where they differ from those of the web: no `http:host`, no host that
 * begins with a star or a dot, blanks are dropped in front, they and control characters are escaped elsewhere, also at the
 * end, a backslash is a character like others, an empty query is none.
 *
 * @param base what a relative URL is relative to; without it there are none
 * @throws {MissingSchemaError} without a scheme
 * @throws {InvalidSchemaError} another scheme
 * @throws {InvalidURLError} no host, a bad host or port
 */
export function parseUrl(text: string, base?: string): URL {
  if (undisputed.test(text)) return construct(text, text)
  const trimmed = text.trimStart()
  if (base === undefined || !isRelative(trimmed, base)) checkAbsolute(trimmed, text)
  const url = construct(escapeOddities(trimmed), text, base)
  // Assigning nothing also removes the lone mark.
  if (url.search === '') url.search = ''
  if (url.hash === '') url.hash = ''
  return url
}

/** What is read from the URL of a request. A URL has it. */
export type Location = Pick<URL, 'href' | 'origin' | 'protocol' | 'hostname' | 'port'>

/** The location of a text that is its own `href`. It was not parsed: its parts are those of another URL of its origin. */
export class PlainLocation implements Location {
  readonly href: string
  readonly origin: string
  readonly protocol: string
  readonly hostname: string
  readonly port: string

  constructor(href: string, { origin, protocol, hostname, port }: Location) {
    this.href = href
    this.origin = origin
    this.protocol = protocol
    this.hostname = hostname
    this.port = port
  }
}

/** Of the URL that was parsed last. Most requests of a program go to few origins, one after the other. */
let lastOrigin: Location | undefined
/** A path and a query that no parser changes, unless there are dot segments. */
const plainPath = /\/[\w\-.~!$&()*+,;=:/]*(?:\?[\w\-.~!$&()*+,;=:/]+)?$/y

/**
 * The URL of a request, parsed only as far as it has to be.
 *
 * @throws {RequestError} what `parseUrl` throws
 */
export function locate(text: string): URL | PlainLocation {
  if (lastOrigin !== undefined && text.startsWith(lastOrigin.href)) {
    plainPath.lastIndex = lastOrigin.href.length - 1
    if (plainPath.test(text) && !text.includes('/.')) return new PlainLocation(text, lastOrigin)
  }
  const url = parseUrl(text)
  const { href, origin, hostname } = url
  if (origin !== lastOrigin?.origin && href.startsWith(`${origin}/`) && !hostname.endsWith('.'))
    lastOrigin = new PlainLocation(`${origin}/`, url)
  return url
}

/**
 * The text of what a caller calls a URL.
 *
 * @throws {InvalidURLError} neither a string nor a URL
 */
export function textOfUrl(url: unknown): string {
  if (typeof url === 'string') return url
  if (url instanceof URL) return url.href
  throw new InvalidURLError(`Expected \`url\` to be a string or a URL, got ${describe(url)}`)
}

/** For messages: leaves out whatever may be user and password in a text, be it a URL or not. */
export function withoutCredentials(text: string): string {
  const at = text.lastIndexOf('@')
  if (at < 0) return text
  const start = /^\s*(?:[a-z][a-z0-9+.-]*:)?[\\/]+/i.exec(text)?.[0] ?? ''
  try {
    // A well-formed one may have an @ in its path.
    const url = new URL(text)
    if (url.username === '' && url.password === '' && url.host !== '') return text
    if (url.host !== '') return `${url.protocol}//${url.host}${url.pathname}${url.search}${url.hash}`
  } catch {
    // Not well-formed: everything up to the last @ may be secret.
  }
  return start + text.slice(at + 1)
}

/** `http:path` is a path too, where the scheme is that of the base. */
function isRelative(text: string, base: string): boolean {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0]
  return scheme === undefined || (base.startsWith(scheme.toLowerCase()) && !text.startsWith('//', scheme.length))
}

function checkAbsolute(text: string, given: string): void {
  checkScheme(text)
  if (!/^https?:\/\/(?:[^\\/?#]*@)?[^\\/?#:@]/i.test(text)) throw invalidUrl(given, 'no host')
  if (/^https?:\/\/(?:[^\\/?#]*@)?[*.]/i.test(text)) throw invalidUrl(given, 'the host has an empty or wild label')
}

function checkScheme(text: string): void {
  const scheme = /^([a-z][a-z0-9+-]*):/i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'http' || scheme === 'https') return
  const shown = describe(withoutCredentials(text))
  // `localhost:8080` and `//host:80` look like a scheme to requests, `httpbin.org:80` does not.
  if (text.includes(':') && (scheme !== undefined || !/^http/i.test(text))) {
    throw new InvalidSchemaError(`Invalid URL ${shown}: expected the scheme http or https`)
  }
  const hint = text === '' ? '' : `, perhaps you meant https://${withoutCredentials(text).replace(/^\/+/, '')}`
  throw new MissingSchemaError(`Invalid URL ${shown}: no scheme${hint}`)
}

/** Escapes what the web's parser would drop or turn around. */
function escapeOddities(text: string): string {
  return text
    .replace(/^(https?:\/\/[^\\/?#]*)\\/i, '$1/\\')
    .replace(/[\0-\x1f\s\\]/g, encodeURIComponent)
    .replace(/%(?![0-9a-f]{2})/gi, '%25')
}

function construct(text: string, given: string, base?: string): URL {
  if (hasLongHost(text)) throw invalidUrl(given, 'the host is too long')
  try {
    return new URL(text, base)
  } catch {
    // Its error is not kept as the cause: it holds the URL with its credentials.
    throw invalidUrl(given, 'the host or port is invalid')
  }
}

function invalidUrl(text: string, problem: string): InvalidURLError {
  return new InvalidURLError(`Invalid URL ${describe(withoutCredentials(text))}: ${problem}`)
}

/**
 * More characters than the name of a host can have (RFC 1035). Converting a long one to ASCII takes time that grows with the
 * square of its length, and a Location may hold any.
 */
export const longestHost = 1000

/** Whether its host is too long to be a name. Such a URL is not parsed. */
export function hasLongHost(url: string): boolean {
  if (url.length <= longestHost) return false
  const authority = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^\\/?#]*)/i.exec(url)?.[1] ?? ''
  return authority.length - authority.lastIndexOf('@') > longestHost
}

/** User and password as the URL spells them out, percent-decoded. */
export type Credentials = readonly [user: string, password: string]

/**
 * Takes user and password out of a URL.
 *
 * @returns them, if there is a password, be it empty: a user alone is no credential, as in requests
 */
export function takeCredentials(url: URL, text: string): Credentials | undefined {
  if (!text.includes('@') || (url.username === '' && url.password === '')) return undefined
  const isPair = /^[^:]*:\/\/[^/?#\\]*:[^/?#\\]*@/.test(text)
  const credentials = isPair ? ([unescape(url.username), unescape(url.password)] as const) : undefined
  url.username = ''
  url.password = ''
  return credentials
}

/** Whether credentials for one URL may go to another: host, port and scheme are the same, or it is http becoming https. */
export function keepsCredentials(from: Location, to: Location): boolean {
  if (from.origin === to.origin) return true
  const isUpgrade = from.protocol === 'http:' && to.protocol === 'https:'
  return isUpgrade && from.hostname === to.hostname && from.port === '' && to.port === ''
}

/** As Python's `unquote`; a text with broken escapes is returned as it is. */
export function unescape(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
