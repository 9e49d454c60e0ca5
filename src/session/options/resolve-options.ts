import { checkCount, checkSignal, describe, refusePromise } from '../../checks.ts'
import { InvalidOptionError } from '../../errors.ts'
import type { ProgressListener } from '../../transport/exchange.ts'
import { unknownOption } from '../../unknown-option.ts'
import { type AuthOption, checkAuth } from '../auth/auth-flow.ts'
import { resolveRetry, type RetryPolicy } from '../call/retry-policy.ts'
import type { RequestCookies } from '../cookies/cookies.ts'
import { checkHooks, type HookLists } from '../hooks.ts'
import { checkParams } from '../params.ts'
import type {
  CertOption,
  HeadersOption,
  ParamsOption,
  ProxiesOption,
  RequestOptions,
  SessionOptions,
  VerifyOption,
} from './options.ts'
import { defaultTimeout, mergeTimeout, type ResolvedTimeout } from './timeouts.ts'

/**
 * What one request goes by: its options merged over its session's, except for those that are merged when they are used
 * (headers, params, hooks, proxies, auth). Past this point there are no defaults.
 */
export interface ResolvedOptions {
  timeout: ResolvedTimeout
  /** `undefined`: by the method. */
  allowRedirects: boolean | undefined
  maxRedirects: number
  raiseForStatus: boolean
  stream: boolean
  maxResponseSize: number
  retry: RetryPolicy | undefined
  verify: VerifyOption | undefined
  cert: CertOption | undefined
  params: ParamsOption | undefined
  headers: HeadersOption | undefined
  data: unknown
  json: unknown
  files: unknown
  cookies: RequestCookies | undefined
  auth: AuthOption | null | undefined
  proxies: ProxiesOption | undefined
  hooks: HookLists | undefined
  context: unknown
  onUploadProgress: ProgressListener | undefined
  onDownloadProgress: ProgressListener | undefined
}

export const packageDefaults: ResolvedOptions = {
  timeout: defaultTimeout,
  allowRedirects: undefined,
  maxRedirects: 30,
  raiseForStatus: false,
  stream: false,
  maxResponseSize: Infinity,
  retry: undefined,
  verify: undefined,
  cert: undefined,
  params: undefined,
  headers: undefined,
  data: undefined,
  json: undefined,
  files: undefined,
  cookies: undefined,
  auth: undefined,
  proxies: undefined,
  hooks: undefined,
  context: undefined,
  onUploadProgress: undefined,
  onDownloadProgress: undefined,
}

type Reader = (options: ResolvedOptions, value: unknown) => void

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** Checks each option and puts it where it belongs. A Map: names of properties that every object has are no options. */
const readers = new Map<string, Reader>([
  ['params', (options, value) => (options.params = isGiven(value) ? checkParams(value) : undefined)],
  ['data', (options, value) => (options.data = value)],
  ['json', (options, value) => (options.json = value)],
  ['files', (options, value) => (options.files = value)],
  ['headers', (options, value) => (options.headers = (value ?? undefined) as HeadersOption | undefined)],
  ['context', (options, value) => (options.context = value)],
  [
    'cookies',
    (options, value) => (options.cookies = isGiven(value) ? checkObject<RequestCookies>('cookies', value) : undefined),
  ],
  ['auth', (options, value) => (options.auth = value === null ? null : checkAuth(value))],
  ['timeout', (options, value) => (options.timeout = mergeTimeout(value, options.timeout))],
  ['allowRedirects', (options, value) => (options.allowRedirects = checkBoolean('allowRedirects', value))],
  ['maxRedirects', (options, value) => (options.maxRedirects = checkLimit('maxRedirects', value))],
  ['proxies', (options, value) => (options.proxies = checkObject<ProxiesOption>('proxies', value))],
  ['verify', (options, value) => (options.verify = checkVerify(value))],
  ['cert', (options, value) => (options.cert = checkCert(value))],
  ['hooks', (options, value) => (options.hooks = checkHooks(value))],
  ['stream', (options, value) => (options.stream = checkBoolean('stream', value))],
  ['raiseForStatus', (options, value) => (options.raiseForStatus = checkBoolean('raiseForStatus', value))],
  ['onUploadProgress', (options, value) => (options.onUploadProgress = checkFunction('onUploadProgress', value))],
  ['onDownloadProgress', (options, value) => (options.onDownloadProgress = checkFunction('onDownloadProgress', value))],
  ['signal', (_, value) => checkSignal(value)],
  ['priority', (_, value) => checkPriority(value)],
  ['retry', (options, value) => (options.retry = resolveRetry(value))],
  ['maxResponseSize', (options, value) => (options.maxResponseSize = checkLimit('maxResponseSize', value))],
])

/** Of a session, not of a request. */
const sessionOnly = ['trustEnv', 'baseUrl', 'dispatcher', 'http2', 'poolOptions']

/**
 * Merges the options of a request over what holds without them. Own properties count, whatever is on prototypes.
 *
 * @throws {InvalidOptionError} an unknown option (with a hint), or one with a value that can't be used
 */
export function resolveOptions(options: object, defaults: ResolvedOptions): ResolvedOptions {
  let resolved = defaults
  for (const name of Object.keys(options)) {
    if (name === 'method' || name === 'url') continue
    const reader = readers.get(name)
    if (reader === undefined) throw unknown(name)
    const value = (options as Record<string, unknown>)[name]
    if (value === undefined) continue
    if (resolved === defaults) resolved = { ...defaults }
    try {
      if (name !== 'context') refusePromise(name, value)
      reader(resolved, value)
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error
      throw new InvalidOptionError(error.message, { cause: error, option: name })
    }
  }
  return resolved
}

function unknown(name: string): InvalidOptionError {
  const message = unknownOption(name, requestOptionNames, [['the session', sessionOnly]])
  return new InvalidOptionError(message, { option: name })
}

/** One option of a session. @throws {TypeError | RangeError} a value that can't be used */
export function resolveOption<Name extends keyof ResolvedOptions>(
  name: Name,
  value: unknown,
  defaults: ResolvedOptions,
): ResolvedOptions {
  const resolved = { ...defaults, [name]: packageDefaults[name] }
  if (value !== undefined) readers.get(name)?.(resolved, value)
  return resolved
}

function checkObject<T extends object>(name: string, value: unknown): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T
  // A string is not shown: it may be a cookie or a URL with a password.
  const shown = typeof value === 'string' ? 'a string' : describe(value)
  throw new TypeError(`Expected \`${name}\` to be an object, got ${shown}`)
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new TypeError(`Expected \`${name}\` to be true or false, got ${describe(value)}`)
}

function checkFunction(name: string, value: unknown): ProgressListener {
  if (typeof value === 'function') return value as ProgressListener
  throw new TypeError(`Expected \`${name}\` to be a function, got ${describe(value)}`)
}

/** Its shape; what it names is read when it is needed. */
function checkVerify(value: unknown): VerifyOption {
  if (typeof value === 'boolean' || isPemOrPath(value)) return value
  if (Array.isArray(value) && value.length > 0 && value.every(isPemOrPath)) return value
  throw new TypeError(`Expected \`verify\` to be true, false, a path, PEM or an array of them, got ${describe(value)}`)
}

function checkCert(value: unknown): CertOption {
  if (isPemOrPath(value) || (typeof value === 'object' && value !== null)) return value as CertOption
  throw new TypeError(
    `Expected \`cert\` to be a path or PEM, [cert, key] or { cert, key, passphrase }, got ${describe(value)}`,
  )
}

const isPemOrPath = (value: unknown): value is string | Uint8Array =>
  typeof value === 'string' || value instanceof Uint8Array

function checkPriority(value: unknown): void {
  if (typeof value === 'number' && !Number.isNaN(value)) return
  throw new TypeError(`Expected \`priority\` to be a number, got ${describe(value)}`)
}

const checkLimit = (name: string, value: unknown): number => checkCount(name, value, { minimum: 0, infinite: true })

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
