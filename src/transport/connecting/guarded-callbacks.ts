import type { LookupFunction } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { describe, hush, isThenable } from '../../checks.ts'

type IdentityCheck = NonNullable<ConnectionOptions['checkServerIdentity']>

/**
 * Functions of the caller's that sockets call. Nobody would hear what they throw there, or reject with: it becomes the
 * error of the connection.
 */
export function withGuardedCallbacks(options: ConnectionOptions): ConnectionOptions {
  const { lookup, checkServerIdentity } = options
  if (typeof lookup === 'function') options.lookup = guardedLookup(lookup)
  if (typeof checkServerIdentity === 'function') options.checkServerIdentity = guardedIdentityCheck(checkServerIdentity)
  return options
}

/** An `async` one that rejects has answered; if it had answered before, that answer counts. */
function guardedLookup(lookup: (...args: Parameters<LookupFunction>) => unknown): LookupFunction {
  return (hostname, options, callback) => {
    let isAnswered = false
    const answer: typeof callback = (...results) => {
      if (isAnswered) return
      isAnswered = true
      callback(...results)
    }
    const returned = lookup(hostname, options, answer)
    if (isThenable(returned)) returned.then(undefined, (error: unknown) => answer(error as Error, ''))
  }
}

/** Node wants errors returned, and would take a promise for one. */
function guardedIdentityCheck(check: IdentityCheck): IdentityCheck {
  return (hostname, certificate) => {
    try {
      const problem: unknown = check(hostname, certificate)
      if (!isThenable(problem)) return problem as Error | undefined
      hush(problem)
      return new TypeError(`Expected \`checkServerIdentity\` to return an error or nothing, got ${describe(problem)}`)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}
