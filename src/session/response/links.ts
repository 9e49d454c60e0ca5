/** A link of a Link header: its URL as written, and its parameters by name in lower case. */
export interface Link {
  /** As it is written; it may be relative to the URL of the response. */
  url: string
  /** The relation, such as `next`. */
  rel?: string
  /** Any other parameter. */
  [parameter: string]: string | undefined
}

/**
 * The links of a `Link` header (RFC 8288) by their relation, as `response.links` of requests: a link without `rel` is
 * found by its URL, the last of several with one relation counts. A link with several relations (`rel="next last"`) or
 * with capitals in them is listed as it is written, and found by each relation in lower case too, where no link has that
 * one for itself.
 *
 * Empty elements of the list are ignored (RFC 9110, 5.6.1.2), names of parameters have no case, and the first of several
 * with one name counts. Takes any text, in linear time.
 */
export function parseLinks(header: string | undefined): Record<string, Link> {
  const links = header === undefined ? [] : new LinkScanner(header).links()
  // Own properties whatever they are called, `__proto__` included.
  const byRelation = Object.fromEntries(links.map((link) => [link.rel || link.url, link]))
  for (const link of links) addRelations(byRelation, link)
  return byRelation
}

/** Not enumerable, so that each link is listed once. */
function addRelations(links: Record<string, Link>, link: Link): void {
  for (const relation of (link.rel ?? '').toLowerCase().split(/[\s,]+/)) {
    const isListed = Object.prototype.propertyIsEnumerable.call(links, relation)
    if (relation === '' || isListed) continue
    Object.defineProperty(links, relation, { value: link, configurable: true, writable: true })
  }
}

/** Every step moves on, whatever the text is. */
class LinkScanner {
  readonly #text: string
  #at = 0
  /** A quote is never closed: it, and each one after it, is a character like others. */
  #hasOpenQuote = false

  constructor(text: string) {
    this.#text = text
  }

  links(): Link[] {
    const links: Link[] = []
    for (;;) {
      this.#skip(/[\s,]*/y)
      if (this.#at >= this.#text.length) return links
      const link = this.#link()
      if (link !== undefined) links.push(link)
    }
  }

  /** @returns `undefined` where there is no target */
  #link(): Link | undefined {
    const isBracketed = this.#text.charAt(this.#at) === '<'
    const url = this.#skip(/<[^<>]*>/y) || this.#raw()
    const parameters = new Map([['url', strip(url, '<> \t\'"')]])
    if (isBracketed) this.#raw()
    while (this.#text.charAt(this.#at) === ';') {
      this.#at++
      this.#parameter(parameters)
    }
    // `<>` is this document (RFC 3986, 4.4).
    if (parameters.get('url') === '' && !isBracketed) return undefined
    return Object.fromEntries(parameters) as Link
  }

  /** One without a value says nothing. */
  #parameter(parameters: Map<string, string>): void {
    const name = strip(this.#skip(/[^=;,]*/y), ' \t\'"').toLowerCase()
    const hasValue = this.#text.charAt(this.#at) === '='
    if (hasValue) this.#at++
    const value = this.#quoted() ?? strip(this.#raw(), ' \t\'",')
    if (hasValue && name !== '' && !parameters.has(name)) parameters.set(name, value)
  }

  /** A quoted string without its escapes; `undefined` where none begins. What stands behind it is dropped. */
  #quoted(): string | undefined {
    if (this.#hasOpenQuote) return undefined
    this.#skip(/\s*(?=")/y)
    if (this.#text.charAt(this.#at) !== '"') return undefined
    const text = this.#skip(/"[^"\\]*(?:\\[^][^"\\]*)*"/y)
    this.#hasOpenQuote = text === ''
    if (this.#hasOpenQuote) return undefined
    this.#raw()
    return strip(text.slice(1, -1).replace(/\\([^])/g, '$1'), ' \t')
  }

  /** Up to a semicolon, or to a comma that ends the link. Other commas belong to a value that should be in quotes. */
  #raw(): string {
    const start = this.#at
    for (;;) {
      this.#skip(/[^;,]*/y)
      const end = this.#at
      if (this.#skip(/,[\s,]*/y) === '') return this.#text.slice(start, end)
      const next = this.#text.charAt(this.#at)
      if (next !== '<' && next !== '') continue
      this.#at = end
      return this.#text.slice(start, end)
    }
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const [skipped] = pattern.exec(this.#text) ?? ['']
    this.#at += skipped.length
    return skipped
  }
}

function strip(text: string, chars: string): string {
  let start = 0
  let end = text.length
  while (start < end && chars.includes(text.charAt(start))) start++
  while (end > start && chars.includes(text.charAt(end - 1))) end--
  return text.slice(start, end)
}
