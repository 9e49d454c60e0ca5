/** A link of a Link header: its URL as written, and its parameters. */
export interface Link {
  url: string
  rel?: string
  [parameter: string]: string | undefined
}

/**
 * The links of a `Link` header (RFC 8288) by their relation, as `response.links` of requests: a link without `rel` is
 * found by its URL, the last of several with one relation counts. Takes any text, in linear time.
 */
export function parseLinks(header: string | undefined): Record<string, Link> {
  const links = split(header ?? '', /,(?=\s*<)/y).flatMap((text) => parseLink(text))
  // Own properties whatever they are called, `__proto__` included.
  return Object.fromEntries(links.map((link) => [link.rel || link.url, link]))
}

function parseLink(text: string): Link[] {
  const [target = '', ...parameters] = split(text, /;/y)
  const url = strip(target, '<> \'"')
  // `<>` is this document (RFC 3986, 4.4).
  if (url === '' && !target.includes('<')) return []
  const entries: [string, string][] = [['url', url]]
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=')
    const name = strip(parameter.slice(0, equals), ' \'"')
    if (equals >= 0 && name !== 'url') entries.push([name, strip(parameter.slice(equals + 1), ' \'"')])
  }
  return [Object.fromEntries(entries) as Link]
}

/** Where the (sticky) separator matches outside of `<...>` and quotes. */
function split(text: string, separator: RegExp): string[] {
  const pieces: string[] = []
  let start = 0
  let closing = ''
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    separator.lastIndex = at
    if (closing !== '') {
      if (char === '\\' && closing === '"') at++
      else if (char === closing) closing = ''
    } else if (char === '<') closing = '>'
    else if (char === '"') closing = '"'
    else if (separator.test(text)) {
      pieces.push(text.slice(start, at))
      start = at + 1
    }
  }
  pieces.push(text.slice(start))
  return pieces
}

function strip(text: string, chars: string): string {
  let start = 0
  let end = text.length
  while (start < end && chars.includes(text.charAt(start))) start++
  while (end > start && chars.includes(text.charAt(end - 1))) end--
  return text.slice(start, end)
}
