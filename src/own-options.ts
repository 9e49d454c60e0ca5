/**
 * A copy with own properties only, and no prototype: what somebody has put on `Object.prototype` is nobody's option. Options
 * say where requests go, whom they trust and what code runs.
 */
export function ownOptions<T extends object>(options: T): T {
  return Object.assign(Object.create(null) as T, options)
}
