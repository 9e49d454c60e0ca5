import { describe, hideCredentials, printable } from './checks.ts'
import { CancelledError, type FailedRequest } from './errors.ts'

/** How many characters of a reason are shown. */
const longestReason = 200

/** The error of a cancelled request: it names the request and the reason, which is its cause. */
export function cancelledRequest({ method, url }: FailedRequest, reason: unknown): CancelledError {
  const subject = `${method} ${printable(url)} was cancelled`
  if (reason === undefined) return new CancelledError(subject)
  return new CancelledError(`${subject}: ${reasonText(reason)}`, { cause: reason })
}

function reasonText(reason: unknown): string {
  const text = reason instanceof Error ? reason.message || reason.name : reason
  return typeof text === 'string' ? printable(hideCredentials(text)).slice(0, longestReason) : describe(text)
}
