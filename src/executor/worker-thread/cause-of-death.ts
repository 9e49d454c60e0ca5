import { messageOf } from '../../checks.ts'
import { WorkerCrashedError } from '../../errors.ts'

/** What is known of why a thread dies. */
export class CauseOfDeath {
  #uncaught: { readonly error: unknown } | undefined
  #decision: string | undefined

  /** As the Worker has it: its class and some of its data may be lost. */
  noteError(error: unknown): void {
    this.#uncaught ??= { error }
  }

  /** As the thread itself has told it. */
  noteLastWords(error: unknown): void {
    this.#uncaught = { error }
  }

  /** We ended it. */
  noteDecision(why: string): void {
    this.#decision ??= why
  }

  /** @param which thread: `that ran ...` */
  toError(which: string, exitCode: number): WorkerCrashedError {
    const uncaught = this.#uncaught
    const said = uncaught === undefined ? '' : `: ${messageOf(uncaught.error)}`
    const message = `The worker thread ${which} ${this.#decision ?? `ended with exit code ${exitCode}${said}`}`
    return new WorkerCrashedError(message, uncaught === undefined ? { exitCode } : { exitCode, cause: uncaught.error })
  }
}
