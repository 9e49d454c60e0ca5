import { describe } from '../checks.ts'
import { InvalidHeaderError } from '../errors.ts'

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const notOfToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const unsendableChar = /[^\t\x20-\x7e\x80-\xff]/
const secret = /authorization|cookie|token|secret|passw|api[-_]?key|auth[-_]?key/i

/** Whether it can be the name of a header or a method (RFC 9110, 5.6.2). */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && token.test(text)
}

/** Whether a header's value must not be shown to whoever reads a log. */
export function isSecretHeader(name: string): boolean {
  return secret.test(name)
}

/** @throws {InvalidHeaderError} what is no token of RFC 9110 */
export function checkHeaderName(name: unknown): string {
  if (isToken(name)) return name
  throw new InvalidHeaderError(`Invalid header name: expected letters, digits and dashes, got ${shownName(name)}`)
}

/** Of a whole line that was taken for a name, what follows the mistake is not shown: it may be a secret value. */
function shownName(name: unknown): string {
  if (typeof name !== 'string' || !(name.includes(':') || isSecretHeader(name))) return describe(name)
  const end = name.search(notOfToken)
  return `${describe(name.slice(0, end))} followed by ${describe(name.slice(end, end + 1))}`
}

/** What a header holds beyond ASCII, read as UTF-8 where it is that; its bytes came as latin1. */
export function fromLatin1(text: string): string {
  const decoded = Buffer.from(text, 'latin1').toString()
  return decoded.includes('\ufffd') ? text : decoded
}

/**
 * Numbers become text. A leading blank is refused, as in requests: it would be lost on the way.
 *
 * @throws {InvalidHeaderError} naming the header; its value is shown unless it may be a secret
 */
export function checkHeaderValue(name: string, value: unknown): string {
  if (typeof value === 'string') {
    const problem = valueProblem(value)
    if (problem === undefined) return value
    throw invalidValue(name, problem, value)
  }
  if (typeof value === 'number') return String(value)
  const hint = Array.isArray(value)
    ? 'expected one string (repeat the header as pairs)'
    : 'expected a string or a number'
  throw invalidValue(name, hint, value)
}

function valueProblem(value: string): string | undefined {
  const first = value.charCodeAt(0)
  if (first === 32 || first === 9) return 'it starts with a blank'
  const at = value.search(unsendableChar)
  if (at < 0) return undefined
  const code = value.charCodeAt(at)
  if (code === 13 || code === 10) return 'it holds a line break'
  return code > 255 ? 'it goes beyond latin-1' : 'it holds a control character'
}

function invalidValue(name: string, problem: string, value: unknown): InvalidHeaderError {
  const shown = isSecretHeader(name) ? 'a value that is not shown' : describe(value)
  return new InvalidHeaderError(`Invalid value of header \`${name}\`: ${problem}, got ${shown}`)
}
