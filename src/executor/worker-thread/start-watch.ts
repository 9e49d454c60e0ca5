import { setImmediate } from 'node:timers'
import { Deadline } from '../../deadline.ts'
import type { CauseOfDeath } from './cause-of-death.ts'

export interface StartFailure {
  readonly error: unknown
  /** The initializer has failed: another try would fail too. */
  readonly isFinal: boolean
  /** For want of descriptors, threads or memory: another try may do. */
  readonly isScarcity: boolean
}

/** Whether a thread becomes ready: in time, and why not. */
export class StartWatch {
  #isReady = false
  #initializerError: { readonly error: unknown; readonly isFinal: boolean } | undefined
  readonly #deadline: Deadline | undefined

  /**
   * @param timeout ms from now; Infinity = none
   * @param onExpire called with what was wrong when it has passed
   */
  constructor(timeout: number, onExpire: (why: string) => void) {
    if (timeout === Infinity) return
    const why = `was ended because it was not ready within ${timeout} ms (\`startTimeout\`)`
    // It may be ready, while we were too busy to hear: messages are read before this is called.
    this.#deadline = new Deadline(timeout, () => setImmediate(() => this.#isReady || onExpire(why))).unref()
  }

  noteReady(): void {
    this.#isReady = true
    this.#deadline?.clear()
  }

  noteInitializerError(error: unknown, isFinal: boolean): void {
    this.#initializerError = { error, isFinal }
  }

  /** The thread is gone. @returns `undefined` if it was ready before */
  end(causeOfDeath: CauseOfDeath, exitCode: number): StartFailure | undefined {
    this.#deadline?.clear()
    const failed = this.#initializerError
    if (failed?.isFinal === true) return { error: failed.error, isFinal: true, isScarcity: false }
    if (this.#isReady) return undefined
    if (failed !== undefined) causeOfDeath.noteLastWords(failed.error)
    return { ...causeOfDeath.toStartFailure(exitCode), isFinal: false }
  }
}
