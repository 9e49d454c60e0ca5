import { AsyncContext } from '../../async-context.ts'
import { UnrewindableBodyError } from '../../errors.ts'
import type { CallPosition } from './call-position.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import type { RetryPolicy } from './retry-policy.ts'
import { nextAttempt, noRetries } from './retry.ts'
import type { RetryCounts } from './retry.ts'
import { StreamBody } from '../body/stream-body.ts'

/** How an attempt ended. */
interface AttemptEnd {
  readonly response?: Response | undefined
  readonly error?: unknown
}

/**
 * An attempt came to nothing, and another one is due; or, with an `origin`, it goes on there when there is room. In the
 * async context of the attempt that has ended: what follows belongs in it.
 */
export class Continuation extends AsyncContext {
  /** Milliseconds until then. */
  readonly delay: number
  /** The number of the attempt that came to nothing, from 1. */
  readonly attempt: number
  readonly response: Response | undefined
  readonly error: unknown
  /** Where a redirect leads, if whoever makes the attempts wants to see to it. */
  readonly origin: string | undefined

  constructor(delay: number, attempt: number, { response, error }: AttemptEnd, origin?: string) {
    super()
    this.delay = delay
    this.attempt = attempt
    this.response = response
    this.error = error
    this.origin = origin
  }
}

/** The retries of one call, counted. */
export class Retries {
  readonly #policy: RetryPolicy
  #counts: RetryCounts
  #attempts: number

  /** @param position where another call with this policy has stopped */
  constructor(policy: RetryPolicy, position?: CallPosition) {
    this.#policy = policy
    this.#counts = position?.counts ?? noRetries
    this.#attempts = (position?.attempts ?? 0) + 1
  }

  get counts(): RetryCounts {
    return this.#counts
  }

  /**
   * @returns `undefined`: this outcome is the last one
   * @throws {UnrewindableBodyError} another attempt is due, and the body can't be sent again
   */
  after(outcome: AttemptEnd, { method, url, body }: PreparedRequest): Continuation | undefined {
    const next = nextAttempt(this.#policy, this.#counts, { method, ...outcome })
    if (next === undefined) return undefined
    if (body instanceof StreamBody && body.isSpent) {
      throw new UnrewindableBodyError(
        `Could not send ${method} ${url} again: the body is a stream, read once. Pass a function that makes one for each send`,
        { cause: outcome.error, response: outcome.response },
      )
    }
    this.#counts = next.counts
    return new Continuation(next.delay, this.#attempts++, outcome)
  }
}
