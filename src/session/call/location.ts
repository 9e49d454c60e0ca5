import { takeCredentials } from '../credentials.ts'
import { parseUrl } from '../url.ts'

/**
 * Where a Location header leads (RFC 9110, 10.2.2): its bytes are read as UTF-8, as browsers and requests do, and the
 * fragment of `base` is kept unless it has its own. Credentials in it are dropped. Throws as `parseUrl` does.
 */
export function resolveLocation(location: string, base: string): URL {
  // No host at all is that of the base, as in requests; to browsers `///path` names a host.
  const text = fromLatin1(location).replace(/^\s*(?:https?:)?\/\/(?=[/?#]|$)/i, '')
  const url = parseUrl(text.startsWith('//') ? base.slice(0, base.indexOf(':') + 1) + text : text, base)
  if (url.hash === '') url.hash = new URL(base).hash
  takeCredentials(url, text)
  return url
}

function fromLatin1(text: string): string {
  const decoded = Buffer.from(text, 'latin1').toString()
  return decoded.includes('\ufffd') ? text : decoded
}
