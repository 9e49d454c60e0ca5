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
export function keepsCredentials(from: URL, to: URL): boolean {
  if (from.origin === to.origin) return true
  const isUpgrade = from.protocol === 'http:' && to.protocol === 'https:'
  return isUpgrade && from.hostname === to.hostname && from.port === '' && to.port === ''
}

/** As Python's `unquote`: what is no escape stays. */
function unescape(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
