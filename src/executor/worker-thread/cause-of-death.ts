import { messageOf } from '../../checks.ts'
import { WorkerCrashedError } from '../../errors.ts'
import { presentScarcity, scarcityIn } from './scarcity.ts'

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

  /** It never became ready. */
  toStartFailure(exitCode: number): { error: WorkerCrashedError; isScarcity: boolean } {
    const thrown = this.#uncaught?.error
    const scarcity = this.#decision === undefined ? (scarcityIn(thrown) ?? presentScarcity()) : undefined
    if (scarcity === undefined) return { error: this.toError('that was just starting', exitCode), isScarcity: false }
    return { error: scarcityError(scarcity, thrown, exitCode), isScarcity: true }
  }

  /** @param which thread: `that ran ...` */
  toError(which: string, exitCode: number): WorkerCrashedError {
    const uncaught = this.#uncaught
    const said = uncaught === undefined ? '' : `: ${messageOf(uncaught.error)}`
    const message = `The worker thread ${which} ${this.#decision ?? `ended with exit code ${exitCode}${said}`}`
    return new WorkerCrashedError(message, uncaught === undefined ? { exitCode } : { exitCode, cause: uncaught.error })
  }
}

/** @param exitCode of a thread that has existed */
export function scarcityError(scarcity: string, thrown: unknown, exitCode?: number): WorkerCrashedError {
  const said = thrown === undefined ? scarcity : messageOf(thrown)
  const message = `No worker thread could be started: ${said.includes(scarcity) ? said : `${scarcity} (${said})`}`
  return new WorkerCrashedError(message, exitCode === undefined ? { cause: thrown } : { exitCode, cause: thrown })
}
