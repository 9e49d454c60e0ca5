/**
 * Every option of requests and of sessions, one a row. Made of it: the defaults, the checks, the names (for hints, too), the
 * attributes of sessions and what crosses to threads. The types, for users, are in `options.ts`.
 */
import { checkBoolean, checkCount, checkSignal, checkType, describe, isGiven } from '../../checks.ts'
import type { ProgressListener } from '../../transport/exchange.ts'
import { checkAuth } from '../auth/auth-flow.ts'
import { resolveRetry, type RetryPolicy } from '../call/retry-policy.ts'
import type { RequestCookies } from '../cookies/cookies.ts'
import { checkHooks } from '../hooks.ts'
import { checkParams } from '../params.ts'
import type {
  CertOption,
  HeadersOption,
  ProxiesOption,
  RequestOptions,
  SessionOptions,
  VerifyOption,
} from './options.ts'
import { defaultTimeout, mergeTimeout } from './timeouts.ts'

/**
 * - `request`: of a request only.
 * - `driver`: of a request, for whoever drives its call: it is checked, and not kept.
 * - `inherited`: of both; that of the session holds for requests that have none.
 * - `combined`: of both, and both count: they are put together when they are used.
 * - `session`: of a session only, where it is an attribute.
 * - `connection`: of a session only, for good.
 */
type Kind = 'request' | 'driver' | 'inherited' | 'combined' | 'session' | 'connection'

interface Row<K extends Kind, T> {
  readonly kind: K
  /** What holds where nobody has said anything. */
  readonly initial: T
  /**
   * Checks a value that is not `undefined`.
   *
   * @param base what holds without it
   * @returns what requests go by
   * @throws {TypeError | RangeError} a value that can't be used
   */
  readonly read: (value: unknown, name: string, base: T) => T
  /** Whether it crosses to threads as an option. What does not stays behind, or crosses in a way of its own. */
  readonly crosses: boolean
}

/** What kind of option it is by its types: of a request, of a session, or of both. */
type KindOf<Name> = Name extends keyof RequestOptions
  ? Name extends keyof SessionOptions
    ? 'inherited' | 'combined'
    : 'request' | 'driver'
  : 'session' | 'connection'

const optionTable = {
  headers: combined((value) => (value ?? undefined) as HeadersOption | undefined),
  params: combined((value) => (isGiven(value) ? checkParams(value) : undefined)),
  data: apart(request(asGiven)),
  json: apart(request(asGiven)),
  files: apart(request(asGiven)),
  context: request(asGiven),
  auth: combined((value) => (value === null ? null : checkAuth(value))),
  cookies: combined((value, name) => (isGiven(value) ? checkObject<RequestCookies>(value, name) : undefined)),
  hooks: combined(checkHooks),
  proxies: combined<ProxiesOption>(checkObject),
  verify: inherited<VerifyOption | undefined>(undefined, checkVerify),
  cert: inherited<CertOption | undefined>(undefined, checkCert),
  timeout: inherited(defaultTimeout, (value, _, base) => mergeTimeout(value, base)),
  allowRedirects: inherited<boolean | undefined>(undefined, checkFlag),
  maxRedirects: inherited(30, checkLimit),
  trustEnv: ofSession('session'),
  baseUrl: ofSession('session'),
  retry: inherited<RetryPolicy | undefined>(undefined, resolveRetry),
  raiseForStatus: inherited(false, checkFlag),
  stream: apart(inherited(false, checkFlag)),
  maxResponseSize: inherited(Infinity, checkLimit),
  onUploadProgress: request(checkListener),
  onDownloadProgress: request(checkListener),
  signal: driver(checkSignal),
  priority: driver((value, name) => checkType(name, value, 'number')),
  dispatcher: ofSession('connection'),
  http2: ofSession('connection'),
  poolOptions: ofSession('connection'),
} satisfies { [Name in keyof RequestOptions | keyof SessionOptions]: { kind: KindOf<Name> } }

type OptionTable = typeof optionTable
export type OptionName = keyof OptionTable
type NameOf<K extends Kind> = { [Name in OptionName]: OptionTable[Name]['kind'] extends K ? Name : never }[OptionName]
export type RequestOptionName = NameOf<'request' | 'driver' | 'inherited' | 'combined'>
export type AttributeName = NameOf<'inherited' | 'combined' | 'session'>

/**
 * What one request goes by: its options over its session's, except for those that are combined when they are used. Past
 * this point there are no defaults.
 */
export type ResolvedOptions = {
  [Name in NameOf<'request' | 'inherited' | 'combined'>]: OptionTable[Name]['initial']
}

function namesOf<K extends Kind>(...kinds: readonly K[]): readonly NameOf<K>[] {
  const names = Object.keys(optionTable) as OptionName[]
  return names.filter((name) => kinds.some((kind) => kind === optionTable[name].kind)) as NameOf<K>[]
}

/** Of a request; `method` and `url` are arguments of their own. */
export const requestOptionNames = namesOf('request', 'driver', 'inherited', 'combined')
export const sessionOptionNames = namesOf('inherited', 'combined', 'session', 'connection')
export const sessionOnlyNames = namesOf('session', 'connection')
/** What of a session can be read and set. */
export const attributeNames = namesOf('inherited', 'combined', 'session')

const keptNames = namesOf('request', 'inherited', 'combined')
export const packageDefaults = Object.fromEntries(
  keptNames.map((name) => [name, optionTable[name].initial]),
) as unknown as ResolvedOptions

/** A Map: names of properties that every object has are no options. */
const rows = new Map(Object.entries(optionTable)) as ReadonlyMap<string, Row<Kind, unknown>>

/** @returns `undefined` for what is no option of a request */
export function requestOption(name: string): Row<Kind, unknown> | undefined {
  const row = rows.get(name)
  return row?.kind === 'session' || row?.kind === 'connection' ? undefined : row
}

/** Whether an option crosses to threads among the others. */
export function crosses(name: string): boolean {
  return rows.get(name)?.crosses === true
}

function request<T = unknown>(read: (value: unknown, name: string) => T): Row<'request', T | undefined> {
  return { kind: 'request', initial: undefined, read, crosses: true }
}

function driver(check: (value: unknown, name: string) => void): Row<'driver', undefined> {
  const read = (value: unknown, name: string): undefined => {
    check(value, name)
  }
  return { kind: 'driver', initial: undefined, read, crosses: false }
}

function inherited<T>(initial: T, read: Row<Kind, T>['read']): Row<'inherited', T> {
  return { kind: 'inherited', initial, read, crosses: true }
}

function combined<T>(read: (value: unknown, name: string) => T): Row<'combined', T | undefined> {
  return { kind: 'combined', initial: undefined, read, crosses: true }
}

/** One that does not cross to threads among the others. */
function apart<K extends Kind, T>(row: Row<K, T>): Row<K, T> {
  return { ...row, crosses: false }
}

/** What is of a session only is checked where the session keeps it. */
function ofSession<K extends 'session' | 'connection'>(kind: K): Row<K, unknown> {
  return { kind, initial: undefined, read: asGiven, crosses: kind === 'session' }
}

function asGiven(value: unknown): unknown {
  return value
}

function checkObject<T extends object>(value: unknown, name: string): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T
  // A string is not shown: it may be a cookie or a URL with a password.
  const shown = typeof value === 'string' ? 'a string' : describe(value)
  throw new TypeError(`Expected \`${name}\` to be an object, got ${shown}`)
}

function checkListener(value: unknown, name: string): ProgressListener {
  if (typeof value === 'function') return value as ProgressListener
  throw new TypeError(`Expected \`${name}\` to be a function, got ${describe(value)}`)
}

function checkFlag(value: unknown, name: string): boolean {
  return checkBoolean(name, value)
}

function checkLimit(value: unknown, name: string): number {
  return checkCount(name, value, { minimum: 0, infinite: true })
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

function isPemOrPath(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}
