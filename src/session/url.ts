import { describe } from '../checks.ts'
import { InvalidSchemaError, InvalidURLError, MissingSchemaError } from '../errors.ts'

/** User and password as the URL spells them out, percent-decoded. */
export type Credentials = readonly [user: string, password: string]

/** Nothing in it that a URL parser and requests see differently. */
const undisputed = /^https?:\/\/[a-z0-9[][^\s\\%@?#]*(?:\?[^\s\\%?#]+)?(?:#[^\s\\%#]+)?$/i

/**
 * A URL of http or https, by the rules of requests where they differ from those of the web: no `http:host`, no host that
 * begins with a star or a dot, blanks are dropped in front and escaped elsewhere, a backslash is a character like others,
 * an empty query is none.
 *
 * @throws {MissingSchemaError} without a scheme
 * @throws {InvalidSchemaError} another scheme
 * @throws {InvalidURLError} no host, a bad host or port
 */
export function parseUrl(text: string): URL {
  if (undisputed.test(text)) return construct(text, text)
  const trimmed = text.trimStart()
  checkScheme(trimmed)
  if (!/^https?:\/\/(?:[^\\/?#]*@)?[^\\/?#:@]/i.test(trimmed)) throw invalid(text, 'no host')
  if (/^https?:\/\/(?:[^\\/?#]*@)?[*.]/i.test(trimmed)) throw invalid(text, 'the host has an empty or wild label')
  return withoutLoneMarks(construct(escapeOddities(trimmed), text))
}

/**
 * Where a Location header leads (RFC 9110, 10.2.2): its bytes are read as UTF-8, as browsers and requests do, and the
 * fragment of `base` is kept unless it has its own. Throws as `parseUrl` does.
 */
export function resolveLocation(location: string, base: string): URL {
  // No host at all is that of the base, as in requests; to browsers `///path` names a host.
  const text = fromLatin1(location).replace(/^\s*(?:https?:)?\/\/(?=[/?#]|$)/i, '')
  const isNetworkPath = text.startsWith('//')
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase()
  const isForeign = scheme !== undefined && scheme !== 'http' && scheme !== 'https'
  const url =
    isForeign || isNetworkPath || /^https?:\/\//i.test(text)
      ? parseUrl(isNetworkPath ? base.slice(0, base.indexOf(':') + 1) + text : text)
      : withoutLoneMarks(construct(escapeOddities(text), text, base))
  if (url.hash === '') url.hash = new URL(base).hash
  takeCredentials(url, '')
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

/**
 * Takes user and password out of a URL.
 *
 * @returns them, if there is a password, be it empty: a user alone is no credential, as in requests
 */
export function takeCredentials(url: URL, text: string): Credentials | undefined {
  if (url.username === '' && url.password === '') return undefined
  const isPair = /^[^:]*:\/\/[^/?#\\]*:[^/?#\\]*@/.test(text)
  const credentials = isPair ? ([unescape(url.username), unescape(url.password)] as const) : undefined
  url.username = ''
  url.password = ''
  return credentials
}

/** For messages: whatever may be user and password in a text that may be no URL is left out. */
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

function checkScheme(text: string): void {
  const shown = describe(withoutCredentials(text))
  const scheme = /^([a-z][a-z0-9+-]*):/i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'http' || scheme === 'https') return
  // `localhost:8080` and `//host:80` look like a scheme to requests, `httpbin.org:80` does not.
  if (text.includes(':') && (scheme !== undefined || !/^http/i.test(text))) {
    throw new InvalidSchemaError(`Invalid URL ${shown}: expected the scheme http or https`)
  }
  const hint = text === '' ? '' : `, perhaps you meant https://${withoutCredentials(text).replace(/^\/+/, '')}`
  throw new MissingSchemaError(`Invalid URL ${shown}: no scheme${hint}`)
}

/** What the web's parser would drop or turn around is escaped first. */
function escapeOddities(text: string): string {
  return text
    .replace(/^(https?:\/\/[^\\/?#]*)\\/i, '$1/\\')
    .replace(/[\s\\]/g, encodeURIComponent)
    .replace(/%(?![0-9a-f]{2})/gi, '%25')
}

function withoutLoneMarks(url: URL): URL {
  // Assigning nothing also removes the mark.
  if (url.search === '') url.search = ''
  if (url.hash === '') url.hash = ''
  return url
}

function construct(text: string, given: string, base?: string): URL {
  try {
    return new URL(text, base)
  } catch {
    // Its error is not kept as the cause: it holds the URL with its credentials.
    throw invalid(given, 'the host or the port is none')
  }
}

function invalid(text: string, problem: string): InvalidURLError {
  return new InvalidURLError(`Invalid URL ${describe(withoutCredentials(text))}: ${problem}`)
}

/** As Python's `unquote`: what is no escape stays. */
function unescape(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function fromLatin1(text: string): string {
  const decoded = Buffer.from(text, 'latin1').toString()
  return decoded.includes('\ufffd') ? text : decoded
}
