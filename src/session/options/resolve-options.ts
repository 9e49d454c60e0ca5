import { describe, refusePromise } from '../../checks.ts'
import { InvalidOptionError } from '../../errors.ts'
import { unknownOption } from '../../unknown-option.ts'
import {
  packageDefaults,
  requestOption,
  requestOptionNames,
  type ResolvedOptions,
  sessionOnlyNames,
  sessionOptionNames,
} from './option-table.ts'
import type { SessionOptions } from './options.ts'

/**
 * Merges the options of a request over what holds without them. Own properties count, whatever is on prototypes.
 *
 * @throws {InvalidOptionError} an unknown option (with a hint), or one with a value that can't be used
 */
export function resolveOptions(options: object, defaults: ResolvedOptions): ResolvedOptions {
  let resolved = defaults
  for (const name of Object.keys(options)) {
    if (name === 'method' || name === 'url') continue
    const option = requestOption(name)
    if (option === undefined) throw unknown(name)
    const value = (options as Record<string, unknown>)[name]
    if (value === undefined) continue
    if (resolved === defaults) resolved = { ...defaults }
    try {
      if (name !== 'context') refusePromise(name, value)
      const key = name as keyof ResolvedOptions
      const read = option.read(value, name, resolved[key])
      if (option.kind !== 'driver') resolved[key] = read as never
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error
      throw new InvalidOptionError(error.message, { cause: error, option: name })
    }
  }
  return resolved
}

function unknown(name: string): InvalidOptionError {
  const message = unknownOption(name, requestOptionNames, [['the session', sessionOnlyNames]])
  return new InvalidOptionError(message, { option: name })
}

/** One option of a session. @throws {TypeError | RangeError} a value that can't be used */
export function resolveOption(name: keyof ResolvedOptions, value: unknown, defaults: ResolvedOptions): ResolvedOptions {
  const initial = packageDefaults[name]
  return { ...defaults, [name]: value === undefined ? initial : requestOption(name)?.read(value, name, initial) }
}

/** Of a session that has an executor. */
const futuresNames = ['executor', 'maxWorkers', 'maxWorkersPerOrigin', 'rateLimit', 'maxQueue', 'unobserved']

/**
 * @returns those that are given: own properties that are not `undefined`, on an object without a prototype
 * @throws {TypeError} an unknown option, with a hint; a promise
 */
export function checkSessionOptions(options: unknown): SessionOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`Expected the options of a session to be an object, got ${describe(options)}`)
  }
  checkSessionNames(options)
  const given = Object.create(null) as Record<string, unknown>
  for (const [name, value] of Object.entries(options)) {
    refusePromise(name, value)
    if (value !== undefined) given[name] = value
  }
  return given
}

/**
 * @param more what may be meant besides the options of a session
 * @throws {TypeError} an unknown option, with a hint
 */
export function checkSessionNames(options: object, more: readonly string[] = []): void {
  const stray = Object.keys(options).find((name) => !sessionOptionNames.some((each) => each === name))
  if (stray === undefined) return
  const places = [['each request', requestOptionNames], ['a FuturesSession', futuresNames]] as const // prettier-ignore
  throw new TypeError(
    unknownOption(stray, [...sessionOptionNames, ...more], more.length > 0 ? places.slice(0, 1) : places),
  )
}
