import { release, type } from 'node:os'
import { describe } from '../checks.ts'

/** Of this package; a test compares it with package.json. */
const version = '0.1.0'

/** The User-Agent of a session. */
export const defaultUserAgent = `undici-futures/${version}`

/**
 * A User-Agent value with the caller's own name in front, as the helper of requests-toolbelt builds it:
 * `my-crawler/1.2.0 undici-futures/0.1.0 Node.js/20.20.2 Linux/6.1.0`.
 *
 * @throws {TypeError} a name or a version that is empty or holds blanks, slashes or what can't stand in a header
 */
export function userAgent(name: string, ownVersion: string): string {
  const own = `${checkPart('name', name)}/${checkPart('version', ownVersion)}`
  return `${own} ${defaultUserAgent} Node.js/${process.versions.node} ${type()}/${release()}`
}

function checkPart(what: string, value: unknown): string {
  if (typeof value === 'string' && /^[\x21-\x2e\x30-\x7e]+$/.test(value)) return value
  throw new TypeError(`Expected the ${what} to be printable ASCII without blanks and slashes, got ${describe(value)}`)
}
