import { Deadline } from '../../deadline.ts'
import { cancelledRequest } from '../../cancelled-request.ts'
import { listen, unlisten } from '../../shared-signal.ts'
import type { AbortListener } from '../../shared-signal.ts'
import { isNextAttempt, type NextAttempt } from './retry.ts'
import type { Call } from './call.ts'
import type { CallObserver } from './call-input.ts'
import { incomingBody } from '../response/response.ts'
import type { Response } from '../response/response.ts'

/**
 * Brings a call to its end without an executor: attempt after attempt, with the waits between them, until the caller's
 * signal aborts or the total timeout runs out. Then the promise rejects at once, whatever hooks still do.
 */
export class Driver implements AbortListener, CallObserver {
  readonly #signal: AbortSignal | undefined
  #call!: Call
  #wait: Deadline | undefined
  #isOver = false
  #resolve!: (response: Response) => void
  #reject!: (error: unknown) => void

  /** @param signal ignored where it is no AbortSignal: the call rejects that */
  constructor(signal: unknown) {
    const { addEventListener } = (signal ?? {}) as Partial<AbortSignal>
    if (typeof addEventListener === 'function') this.#signal = signal as AbortSignal
  }

  drive(call: Call): Promise<Response> {
    this.#call = call
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.#signal?.aborted === true) return this.handleAbort(this.#signal.reason)
      if (this.#signal !== undefined) listen(this.#signal, this)
      this.#attempt()
    })
  }

  handleAbort(reason: unknown): void {
    this.#stop(cancelledRequest(this.#call.described, reason))
  }

  abandoned(error: unknown): void {
    this.#reject(error)
    this.#leave()
  }

  #attempt(): void {
    this.#call.attempt().then(
      (outcome) => this.#settle(outcome),
      (error: unknown) => this.abandoned(error),
    )
  }

  #settle(outcome: Response | NextAttempt): void {
    if (isNextAttempt(outcome)) return this.#waitFor(outcome)
    this.#resolve(outcome)
    const body = outcome[incomingBody]
    if (body === undefined) this.#leave()
    else void body.ended.then(() => this.#leave())
  }

  /** A redirect goes on at once: without an executor no origin has a limit. */
  #waitFor(next: NextAttempt): void {
    const delay = next.kind === 'retry' ? next.delay : 0
    if (!this.#isOver) this.#wait = new Deadline(delay, () => this.#attempt())
  }

  #stop(error: unknown): void {
    this.#call.abort(error)
    this.abandoned(error)
  }

  #leave(): void {
    this.#isOver = true
    this.#wait?.clear()
    if (this.#signal !== undefined) unlisten(this.#signal, this)
  }
}
