const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * What a Retry-After header asks for (RFC 9110, 10.2.3), in milliseconds; not below 0. Seconds may have a fraction; a date
 * may have any of the three forms of HTTP.
 *
 * @param now milliseconds since 1970
 * @returns `undefined` for what is neither: `Date.parse` would take almost anything for a date
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Math.max(0, Number(text) * 1000)
  const date = parseHttpDate(text)
  return date === undefined ? undefined : Math.max(0, date - now)
}

function parseHttpDate(text: string): number | undefined {
  const fixed = /^[a-z]+, (\d{1,2})[ -]([a-z]{3})[ -](\d{4}|\d{2}) (\d{2}):(\d{2}):(\d{2}) (?:gmt|utc|[+-]0000)$/i.exec(
    text,
  )
  if (fixed !== null) {
    const [, day, month, year, hour, minute, second] = fixed
    return utc(year, month, day, hour, minute, second)
  }
  // asctime
  const [, month, day, hour, minute, second, year] =
    /^[a-z]{3} ([a-z]{3}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i.exec(text) ?? []
  return year === undefined ? undefined : utc(year, month, day, hour, minute, second)
}

function utc(year = '', month = '', day = '', hour = '', minute = '', second = ''): number | undefined {
  const index = months.indexOf(month.toLowerCase())
  // Two digits are a year of this century: RFC 9110 wants the nearest, and nobody retries in the past.
  const full = year.length === 2 ? 2000 + Number(year) : Number(year)
  return index < 0 ? undefined : Date.UTC(full, index, Number(day), Number(hour), Number(minute), Number(second))
}
