import { describe, refusePromise } from '../../checks.ts'
import type { RequestOptions, SessionOptions } from './options.ts'
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
  'allowRedirects',
  'maxRedirects',
  'trustEnv',
  'baseUrl',
  'retry',
  'raiseForStatus',
  'stream',
  'maxResponseSize',
  'dispatcher',
  'http2',
  'poolOptions',
] as const satisfies readonly (keyof SessionOptions)[]

/** Of a session that has an executor. */
const futuresNames = ['executor', 'maxWorkers', 'maxWorkersPerOrigin', 'rateLimit', 'maxQueue', 'unobserved']

/** Of a request; `method` and `url` are arguments of their own. */
export const requestOptionNames = [
  'params', 'data', 'json', 'files', 'headers', 'context', 'cookies', 'auth', 'timeout', 'allowRedirects', 'maxRedirects',
  'proxies', 'verify', 'cert', 'hooks', 'stream', 'raiseForStatus', 'onUploadProgress', 'onDownloadProgress', 'signal',
  'priority', 'retry', 'maxResponseSize',
] as const satisfies readonly (keyof RequestOptions)[] // prettier-ignore

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
  const places = [['each request', requestOptionNames], ['a FuturesSession', futuresNames]] as const // prettier-ignore
  throw new TypeError(unknownOption(stray, [...sessionNames, ...more], more.length > 0 ? places.slice(0, 1) : places))
}
