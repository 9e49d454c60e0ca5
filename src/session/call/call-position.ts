import type { PreparedRequest } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import type { RetryCounts } from './retry.ts'

/** Where a call stands between two attempts. */
export interface CallPosition {
  /** Of the hop that failed, as it was before cookies, auth functions and hooks. */
  readonly request: PreparedRequest
  /** The redirects have not left the origin of the first request: its `auth` and `cookies` belong to this one, too. */
  readonly isHome: boolean
  readonly history: readonly Response[]
  readonly redirects: number
  /** How many there were, without one that is interrupted and goes on. */
  readonly attempts: number
  readonly counts: RetryCounts | undefined
}

/** The same for the Call that goes on from there. */
export interface ResumedPosition extends CallPosition {
  /** The body is that of the first request, which is prepared anew. */
  readonly keepsBody: boolean
  /** Milliseconds of the total timeout that have passed. */
  readonly elapsed: number
}
