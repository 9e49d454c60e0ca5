import type { Record_ } from './corpus.ts'

/** Both records in one spelling, where the corpus says that two spellings are the same. */
export function normalize(records: readonly Record_[], canonicalUrl: (text: string) => string): unknown {
  return records.map((record) => {
    const { seen, error, jar } = record
    return {
      ...record,
      ...(seen && { seen: normalizeSeen(seen, canonicalUrl) }),
      ...(error !== undefined && { error: /Error$|^Boom$/.test(error) ? error : `${error}Error` }),
      ...(jar && { jar: normalizeJar(jar as { name: string; domain: string; path: string }[]) }),
    }
  })
}

function normalizeSeen(seen: Record<string, unknown>, canonicalUrl: (text: string) => string): unknown {
  const copy = structuredClone(seen)
  const spell = (url: string): string => withoutCredentials(canonicalUrl(url))
  copy.url = spell(copy.url as string)
  copy.history = (copy.history as [number, string][]).map(([status, url]) => [status, spell(url)])
  copy.request = (copy.request as string[]).map(spell)
  if (Array.isArray(copy.next)) copy.next = (copy.next as string[]).map(spell)
  if ('encoding' in copy) copy.encoding = labelOf(copy.encoding as string | null)
  if (typeof copy.text === 'string') copy.text = copy.text.replace(/^\ufeff/, '')
  return copy
}

function withoutCredentials(url: string): string {
  return url.replace(/^((?:https?:)?(?:\/\/)?)[^/?#@]*@/, '$1')
}

function labelOf(label: string | null): string {
  try {
    return new TextDecoder(label ?? 'utf-8').encoding
  } catch {
    return String(label)
  }
}

function normalizeJar(cookies: readonly { name: string; domain: string; path: string }[]): unknown {
  const key = ({ name, domain, path }: { name: string; domain: string; path: string }): string =>
    [domain, path, name].join()
  return cookies
    .map((cookie) => ({ ...cookie, domain: cookie.domain.replace(/^\./, '') }))
    .sort((one, other) => (key(one) < key(other) ? -1 : 1))
}
