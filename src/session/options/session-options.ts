import { describe, refusePromise } from '../../checks.ts'
import type { SessionOptions } from './options.ts'
import { unknownOption } from '../../unknown-option.ts'

const sessionNames = [
  'headers',
  'params',
  'auth',
  'cookies',
  'hooks',
  'proxies',
  'verify',
  'cert',
  'timeout',
  'maxRedirects',
  'trustEnv',
  'baseUrl',
  'retry',
  'raiseForStatus',
  'stream',
  'maxResponseSize',
  'dispatcher',
  'poolOptions',
] as const satisfies readonly (keyof SessionOptions)[]

const requestNames = [
  'data',
  'json',
  'files',
  'allowRedirects',
  'onUploadProgress',
  'onDownloadProgress',
  'signal',
  'context',
]

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
  const stray = Object.keys(options).find((name) => !sessionNames.some((each) => each === name))
  if (stray === undefined) return
  throw new TypeError(unknownOption(stray, [...sessionNames, ...more], [['each request', requestNames]]))
}
