import { checkBoolean, checkCount, describe, ownOptions } from '../../checks.ts'
import { unknownOption } from '../../unknown-option.ts'
import type { BackoffOptions, RetryOptions } from '../options/options.ts'

/** Which of a policy's budgets a failure uses. */
export type RetryClass = 'connect' | 'read' | 'status'

/** `retry` with every default filled in. Times are milliseconds. */
export interface RetryPolicy {
  readonly total: number
  readonly limits: Readonly<Record<RetryClass, number>>
  readonly methods: ReadonlySet<string>
  readonly statusCodes: ReadonlySet<number>
  readonly backoff: Readonly<Record<'base' | 'factor' | 'max', number>> & { readonly jitter: boolean }
  readonly retryAfter: boolean
  readonly maxRetryAfter: number
}

/** Sending such a request twice is like sending it once (RFC 9110, 9.2.2). */
export const idempotentMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']
const transientStatusCodes = [408, 429, 500, 502, 503, 504]

const countRange = { minimum: 0, infinite: true }

/**
 * The policy that `retry` describes.
 *
 * @returns `undefined` for no retries: nothing given, or a total of 0
 * @throws {TypeError} an unknown option, or one of another type
 * @throws {RangeError} a number that can't be
 */
export function resolveRetry(option: unknown): RetryPolicy | undefined {
  if (option === undefined || option === null) return undefined
  const options: RetryOptions =
    typeof option === 'number'
      ? { total: checkCount('retry', option, countRange) }
      : recordOf('retry', option, retryKeys)
  const { total = 3, connect = total, read = total, status = total } = options
  const { methods = idempotentMethods, statusCodes = transientStatusCodes, backoff = {} } = options
  const { retryAfter = true, maxRetryAfter = 60_000 } = options
  if (checkCount('retry.total', total, countRange) === 0) return undefined
  return {
    total,
    limits: {
      connect: checkCount('retry.connect', connect, countRange),
      read: checkCount('retry.read', read, countRange),
      status: checkCount('retry.status', status, countRange),
    },
    methods: new Set(checkList('retry.methods', methods, 'method names', isMethod).map(toUpperCase)),
    statusCodes: new Set(checkList('retry.statusCodes', statusCodes, 'status codes', isStatus)),
    backoff: resolveBackoff(backoff),
    retryAfter: checkBoolean('retry.retryAfter', retryAfter),
    maxRetryAfter: checkNumber('retry.maxRetryAfter', maxRetryAfter),
  }
}

/**
 * Whether a policy would repeat this method, be it told to retry at all or not.
 *
 * @param options what stands for `retry`: the first that is given counts
 */
export function isRepeatable(method: string, ...options: readonly unknown[]): boolean {
  const option = options.find((each) => each !== undefined && each !== null) as object | number | undefined
  const { methods = idempotentMethods }: RetryOptions = typeof option === 'object' ? option : {}
  return methods.some((each) => each.toUpperCase() === method.toUpperCase())
}

function resolveBackoff(option: unknown): RetryPolicy['backoff'] {
  const options: BackoffOptions = recordOf('retry.backoff', option, backoffKeys)
  const { base = 300, factor = 2, max = 30_000, jitter = true } = options
  return {
    base: checkNumber('retry.backoff.base', base),
    factor: checkNumber('retry.backoff.factor', factor),
    max: checkNumber('retry.backoff.max', max),
    jitter: checkBoolean('retry.backoff.jitter', jitter),
  }
}

const retryKeys = [
  'total',
  'connect',
  'read',
  'status',
  'methods',
  'statusCodes',
  'backoff',
  'retryAfter',
  'maxRetryAfter',
]
const backoffKeys = ['base', 'factor', 'max', 'jitter']

function recordOf(name: string, value: unknown, keys: readonly string[]): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(
      `Expected \`${name}\` to be ${name === 'retry' ? 'a number or ' : ''}an object, got ${describe(value)}`,
    )
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) throw new TypeError(`Bad \`${name}\`: ${unknownOption(unknown, keys)}`)
  return ownOptions(value)
}

function checkList<T>(name: string, value: unknown, what: string, isItem: (item: unknown) => item is T): T[] {
  if (!Array.isArray(value))
    throw new TypeError(`Expected \`${name}\` to be an array of ${what}, got ${describe(value)}`)
  const items = value as unknown[]
  const wrong = items.findIndex((item) => !isItem(item))
  if (wrong < 0) return items as T[]
  const ErrorClass = typeof items[wrong] === 'number' ? RangeError : TypeError
  throw new ErrorClass(`Expected \`${name}\` to hold ${what}, got ${describe(items[wrong])}`)
}

function isMethod(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isStatus(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 999
}

function toUpperCase(text: string): string {
  return text.toUpperCase()
}

/** Infinity is allowed. */
function checkNumber(name: string, value: unknown): number {
  const expected = `Expected \`${name}\` to be a number of at least 0`
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${expected}, got ${describe(value)}`)
  if (value < 0) throw new RangeError(`${expected}, got ${describe(value)}`)
  return value
}
