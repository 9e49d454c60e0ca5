import { AsyncContext } from '../../async-context.ts'
import {
  ChunkedEncodingError,
  ConnectionError,
  ConnectTimeoutError,
  ProxyError,
  ReadTimeoutError,
  SSLError,
} from '../../errors.ts'
import { StreamBody, unrewindable } from '../body/stream-body.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import type { RetryClass, RetryPolicy } from './retry-policy.ts'

/** How many retries a call has had, by class. */
export type RetryCounts = Readonly<Record<RetryClass, number>>

/** How an attempt ended: with a response or with an error. */
export interface AttemptOutcome {
  readonly method: string
  readonly response?:
    { readonly status: number; readonly headers: { get(name: string): string | undefined } } | undefined
  /** Counts where there is no response. */
  readonly error?: unknown
}

/** When to retry. */
export interface RetryPlan {
  /** Milliseconds to wait first. */
  readonly delay: number
  /** For the decision after that attempt. */
  readonly counts: RetryCounts
}

/** A call begins with these. */
export const noRetries: RetryCounts = Object.freeze({ connect: 0, read: 0, status: 0 })

/**
 * What to do after an attempt. Only methods of the policy are retried, also after failures to connect: "idempotent unless
 * told otherwise" (urllib3 retries those for any method). A failed TLS handshake, a body that can't be decoded, a timeout
 * of the whole call and a cancellation are never retried.
 *
 * @returns `undefined`: this outcome is the last one
 */
export function planRetry(
  policy: RetryPolicy,
  counts: RetryCounts,
  outcome: AttemptOutcome,
  random: () => number = Math.random,
  now: () => number = Date.now,
): RetryPlan | undefined {
  const kind = retryClassOf(policy, outcome)
  if (kind === undefined || !policy.methods.has(outcome.method.toUpperCase())) return undefined
  const retries = counts.connect + counts.read + counts.status
  if (retries >= policy.total || counts[kind] >= policy.limits[kind]) return undefined
  const asked = policy.retryAfter ? parseRetryAfter(outcome.response?.headers.get('retry-after'), now()) : undefined
  if (asked !== undefined && asked > policy.maxRetryAfter) return undefined
  return { delay: asked ?? backoff(policy, retries, random), counts: { ...counts, [kind]: counts[kind] + 1 } }
}

function backoff(
  { backoff: { base, factor, max, jitter } }: RetryPolicy,
  retries: number,
  random: () => number,
): number {
  const delay = base === 0 ? 0 : Math.min(max, base * factor ** retries)
  return jitter ? random() * delay : delay
}

function retryClassOf({ statusCodes }: RetryPolicy, { response, error }: AttemptOutcome): RetryClass | undefined {
  if (response !== undefined) return statusCodes.has(response.status) ? 'status' : undefined
  if (error instanceof ConnectTimeoutError || error instanceof ProxyError) return 'connect'
  if (error instanceof ReadTimeoutError || error instanceof ChunkedEncodingError) return 'read'
  if (!(error instanceof ConnectionError) || error instanceof SSLError) return undefined
  return neverConnected(error.cause) ? 'connect' : 'read'
}

const connectCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])

/** By what Node says of it; several addresses that failed (AggregateError) have the code of the first. */
function neverConnected(cause: unknown): boolean {
  const { code, syscall } = (cause ?? {}) as { code?: unknown; syscall?: unknown }
  return syscall === 'connect' || connectCodes.has(String(code))
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * What a Retry-After header asks for (RFC 9110, 10.2.3), in milliseconds; not below 0. Seconds may have a fraction; a date
 * may have any of the three forms of HTTP.
 *
 * @param now milliseconds since 1970
 * @returns `undefined` for what is neither: `Date.parse` would take almost anything for a date
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Math.max(0, Number(text) * 1000)
  const date = parseHttpDate(text)
  return date === undefined ? undefined : Math.max(0, date - now)
}

function parseHttpDate(text: string): number | undefined {
  const fixed = /^[a-z]+, (\d{1,2})[ -]([a-z]{3})[ -](\d{4}|\d{2}) (\d{2}):(\d{2}):(\d{2}) (?:gmt|utc|[+-]0000)$/i.exec(
    text,
  )
  if (fixed !== null) {
    const [, day, month, year, hour, minute, second] = fixed
    return utc(year, month, day, hour, minute, second)
  }
  // asctime
  const [, month, day, hour, minute, second, year] =
    /^[a-z]{3} ([a-z]{3}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i.exec(text) ?? []
  return year === undefined ? undefined : utc(year, month, day, hour, minute, second)
}

function utc(year = '', month = '', day = '', hour = '', minute = '', second = ''): number | undefined {
  const index = months.indexOf(month.toLowerCase())
  // Two digits are a year of this century: RFC 9110 wants the nearest, and nobody retries in the past.
  const full = year.length === 2 ? 2000 + Number(year) : Number(year)
  return index < 0 ? undefined : Date.UTC(full, index, Number(day), Number(hour), Number(minute), Number(second))
}

/** How an attempt ended. */
interface AttemptEnd {
  readonly response?: Response | undefined
  readonly error?: unknown
}

/** The attempt has failed, and the request is tried again. */
export class RetryAttempt extends AsyncContext {
  readonly kind = 'retry'
  /** Milliseconds until then. */
  readonly delay: number
  /** What the attempt brought, if its status is the reason. */
  readonly response: Response | undefined
  /** What it failed with, else. */
  readonly error: unknown

  constructor(delay: number, { response, error }: AttemptEnd) {
    super()
    this.delay = delay
    this.response = response
    this.error = error
  }
}

/** A redirect leads to an origin where the request has to wait for a worker. It goes on there as the same attempt. */
export class RedirectAttempt extends AsyncContext {
  readonly kind = 'redirect'
  readonly origin: string

  constructor(origin: string) {
    super()
    this.origin = origin
  }
}

/**
 * What an attempt ends with when its request is not settled: why there is a next one. It keeps the async context of the
 * attempt that has ended, for what follows.
 */
export type NextAttempt = RetryAttempt | RedirectAttempt

export function isNextAttempt(outcome: unknown): outcome is NextAttempt {
  return outcome instanceof RetryAttempt || outcome instanceof RedirectAttempt
}

/** The retries of one call, counted. */
export class Retries {
  readonly #policy: RetryPolicy
  #counts: RetryCounts

  /** @param counts of another call with this policy, where this one goes on */
  constructor(policy: RetryPolicy, counts = noRetries) {
    this.#policy = policy
    this.#counts = counts
  }

  get counts(): RetryCounts {
    return this.#counts
  }

  /**
   * @returns `undefined`: this outcome is the last one
   * @throws {UnrewindableBodyError} another attempt is due, and the body can't be sent again
   */
  after(outcome: AttemptEnd, { method, url, body }: PreparedRequest): RetryAttempt | undefined {
    const plan = planRetry(this.#policy, this.#counts, { method, ...outcome })
    if (plan === undefined) return undefined
    if (body instanceof StreamBody && body.isSpent) {
      const { error: cause, response } = outcome
      throw unrewindable(`Could not send ${method} ${url} again`, { cause, response })
    }
    this.#counts = plan.counts
    return new RetryAttempt(plan.delay, outcome)
  }
}
