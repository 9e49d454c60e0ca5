import {
  ChunkedEncodingError,
  ConnectTimeoutError,
  ConnectionError,
  ProxyError,
  ReadTimeoutError,
  SSLError,
} from '../../errors.ts'
import { parseRetryAfter } from './retry-after.ts'
import { resolveRetry } from './retry-policy.ts'
import type { RetryClass, RetryPolicy } from './retry-policy.ts'

export { resolveRetry }
export type { RetryPolicy }

/** How many retries a call has had, by class. */
export type RetryCounts = Readonly<Record<RetryClass, number>>

/** How an attempt ended: with a response or with an error. */
export interface Outcome {
  readonly method: string
  readonly response?:
    { readonly status: number; readonly headers: { get(name: string): string | undefined } } | undefined
  /** Counts where there is no response. */
  readonly error?: unknown
}

export interface NextAttempt {
  /** Milliseconds to wait before it. */
  readonly delay: number
  /** For the decision after it. */
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
export function nextAttempt(
  policy: RetryPolicy,
  counts: RetryCounts,
  outcome: Outcome,
  random: () => number = Math.random,
  now: () => number = Date.now,
): NextAttempt | undefined {
  const kind = kindOf(policy, outcome)
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

function kindOf({ statusCodes }: RetryPolicy, { response, error }: Outcome): RetryClass | undefined {
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
