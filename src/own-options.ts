import { describe } from './checks.ts'

/**
 * A copy with own properties only, and no prototype: what somebody has put on `Object.prototype` is nobody's option. Options
 * say where requests go, whom they trust and what code runs.
 *
 * @throws {TypeError} what is no object
 */
export function ownOptions<T extends object>(options: T): T {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
    throw new TypeError(`Expected options to be an object, got ${describe(options)}`)
  }
  return Object.assign(Object.create(null) as T, options)
}
