import { describe, hideCredentials, printable } from './checks.ts'
import { CancelledError, type FailedRequest } from './errors.ts'

/** Of a reason that is a text, no more is shown. */
const longestReason = 200

/** The error of a request that was cancelled: which one, and why. The reason is its cause. */
export function cancelledRequest({ method, url }: FailedRequest, reason: unknown): CancelledError {
  const subject = `${method} ${printable(url)} was cancelled`
  if (reason === undefined) return new CancelledError(subject)
  return new CancelledError(`${subject}: ${reasonText(reason)}`, { cause: reason })
}

function reasonText(reason: unknown): string {
  const text = reason instanceof Error ? reason.message || reason.name : reason
  return typeof text === 'string' ? printable(hideCredentials(text)).slice(0, longestReason) : describe(text)
}
