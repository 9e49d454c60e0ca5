import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { getPublicSuffix, type CookieJar } from 'tough-cookie'
import { longestHost, type Location } from '../url.ts'
import { fromLatin1 } from '../header-rules.ts'

/**
 * A URL as jars see it. A dot at the end of a host says that the name is complete, and is no part of it: tough-cookie would
 * store the cookies of such a host, and never find them.
 */
export function cookieUrl(url: string | Location): URL {
  const target = url instanceof URL ? url : new URL(typeof url === 'string' ? url : url.href)
  const { hostname } = target
  if (!hostname.endsWith('.')) return target
  const bare = new URL(target)
  bare.hostname = hostname.slice(0, -1)
  return bare
}

/** The name that a jar stores cookies of this host under. */
export function cookieHost({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

/**
 * A Set-Cookie text whose Domain is spelled as the host of a URL is, for tough-cookie stores it as it came, and looks it up
 * as URLs spell it. Where the Domain is the host itself, and that is an address, one label or a public suffix, there is none:
 * the cookie is for this host only (RFC 6265, 5.3.5). Whatever else the Domain may be is left to the jar.
 *
 * @param url of `cookieUrl`
 * @returns `undefined` for a Domain that no host of a URL is in
 */
export function withOwnDomain(text: string, url: URL, jar: CookieJar): string | undefined {
  if (!/;\s*domain\s*=/i.test(text)) return text
  const kept: string[] = []
  let given = ''
  for (const part of text.split(';')) {
    const [, value] = kept.length === 0 ? [] : (/^\s*domain\s*=(.*)$/i.exec(part) ?? [])
    if (value === undefined) kept.push(part)
    // The last one counts; an empty one says nothing.
    else given = value.trim().replace(/^\./, '') || given
  }
  if (given === '') return kept.join(';')
  const domain = canonical(given)
  if (domain === undefined) return undefined
  // A prefix that asks for no Domain has to see it.
  const mayGo = domain === url.hostname && isSuffix(domain, jar) && !/^\s*__host-/i.test(text)
  if (!mayGo) kept.push(`Domain=${domain}`)
  return !mayGo && isForeignLabel(domain, url, jar) ? undefined : kept.join(';')
}

/** As `URL.hostname` spells it, without the dot at its end; `undefined` for what is no host. */
function canonical(domain: string): string | undefined {
  const name = fromLatin1(domain).replace(/\.$/, '')
  if (name.length > longestHost || name.startsWith('.')) return undefined
  return domainToASCII(isIP(name) === 6 ? `[${name}]` : name) || undefined
}

/** Whether no cookie may be for all that is below this host. */
function isSuffix(host: string, jar: CookieJar): boolean {
  if (isIP(host) !== 0 || host.startsWith('[')) return true
  return refusesSuffixes(jar) && (!host.includes('.') || isPublicSuffix(host))
}

function isPublicSuffix(host: string): boolean {
  return getPublicSuffix(host, { allowSpecialUseDomain: true, ignoreError: true }) === undefined
}

/** tough-cookie lets whatever is below `localhost` and `invalid` set cookies there. */
function isForeignLabel(domain: string, { hostname }: URL, jar: CookieJar): boolean {
  return domain !== hostname && !domain.includes('.') && refusesSuffixes(jar)
}

/** A jar of the caller's own may be told to take them. */
function refusesSuffixes(jar: CookieJar): boolean {
  return (jar as unknown as { rejectPublicSuffixes?: unknown }).rejectPublicSuffixes !== false
}
