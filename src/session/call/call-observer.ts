import type { PreparedRequest } from '../prepared-request.ts'
import type { UserScope } from '../../user-scope.ts'
import type { Response } from '../response/response.ts'

/** What whoever drives a call is told on the way. */
export interface CallObserver {
  /** A hook or an auth function is about to be called. @returns the scope that it shall run in, for whoever wants to know of it */
  enterUserCode?(): UserScope
  /** A redirect is about to be followed. */
  redirected?(response: Response, next: PreparedRequest): void
  /** Whether the attempt is to stop, and be taken up anew, before a redirect leads it to this origin: where these are counted. */
  stopsBefore?(origin: string): boolean
  /** Cookies of a response were stored, before its body is in. */
  cookiesStored?(): void
  /** Wire bytes of a body, once it is in, and whose it is. */
  received?(bytes: number, response: Response): void
  /**
   * The total timeout has run out, and nothing was on its way that could fail with this error: it was waiting for another
   * attempt, or for a hook. An attempt that runs rejects with it as soon as its hooks let it.
   */
  abandoned?(error: unknown): void
  /** The total timeout has made the sending fail, and error hooks are asked, however long they take. */
  recovering?(): void
}
