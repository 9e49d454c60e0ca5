import { describe } from '../../checks.ts'
import type { TimeoutOption } from './options.ts'
import { unknownOption } from '../../unknown-option.ts'

/** Milliseconds; Infinity is none. */
export interface ResolvedTimeout {
  readonly connect: number
  readonly read: number
  readonly total: number
  readonly queue: number
}

const keys = ['connect', 'read', 'total', 'queue'] as const
const none: ResolvedTimeout = { connect: Infinity, read: Infinity, total: Infinity, queue: Infinity }

export const defaultTimeout: ResolvedTimeout = { ...none, connect: 10_000, read: 300_000 }

/**
 * Merges a `timeout` option over what holds without it: a number counts for connect and read, `null` is none.
 *
 * @throws {TypeError} no number and no object, NaN, an unknown key
 * @throws {RangeError} zero or less
 */
export function mergeTimeout(option: unknown, base: ResolvedTimeout): ResolvedTimeout {
  if (option === undefined) return base
  if (option === null) return none
  if (typeof option !== 'object') {
    const time = checkTime('timeout', option)
    return { ...base, connect: time, read: time }
  }
  const merged = { ...base }
  for (const [name, value] of Object.entries(option as Exclude<TimeoutOption, number | null>)) {
    const key = keys.find((each) => each === name)
    if (key === undefined) throw new TypeError(`Bad \`timeout\`: ${unknownOption(name, keys)}`)
    if (value !== undefined) merged[key] = checkTime(`timeout.${key}`, value)
  }
  return merged
}

function checkTime(name: string, value: unknown): number {
  if (value === null) return Infinity
  const message = `Expected \`${name}\` to be a positive number of milliseconds or null, got ${describe(value)}`
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(message)
  if (value <= 0) throw new RangeError(message)
  return value
}
