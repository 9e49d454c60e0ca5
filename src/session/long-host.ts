/**
 * More characters than the name of a host can have (RFC 1035), and then some. To write a long one in ASCII takes time that
 * grows with the square of its length, and a Location may hold any.
 */
export const longestHost = 1000

/** Whether nobody needs to look at this URL. */
export function hasLongHost(url: string): boolean {
  if (url.length <= longestHost) return false
  const authority = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^\\/?#]*)/i.exec(url)?.[1] ?? ''
  return authority.length - authority.lastIndexOf('@') > longestHost
}
