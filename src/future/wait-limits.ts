import { checkSignal, checkTimeout, describe } from '../checks.ts'
import { Deadline, monotonicTime } from '../deadline.ts'
import { checkOptionNames, type Elsewhere } from '../unknown-option.ts'
import { listen, unlisten, type AbortListener } from '../shared-signal.ts'

/** How long somebody is willing to wait. It bounds the waiting, never the work. */
export interface WaitOptions {
  /** Milliseconds from the call; `undefined`, `null` or `Infinity`: for ever; 0 or less: only look. NaN or no number: TypeError. */
  timeout?: number | null | undefined
  /** Aborted: the wait rejects with the signal's reason, unless the outcome is there already. */
  signal?: AbortSignal | undefined
}

export const waitOptionNames = ['timeout', 'signal'] as const satisfies readonly (keyof WaitOptions)[]

const elsewhere: Elsewhere = [['`wait`', ['returnWhen']], ['`map`', ['ordered', 'bufferSize']]] // prettier-ignore

/** Told when a wait has reached its limit. Must not throw. */
export interface LimitListener {
  handleLimit(): void
}

/**
 * The limits of one wait. The clock starts when it is made; a timer and a place among the signal's listeners exist only
 * between `arm` and `disarm`.
 */
export class WaitLimits implements AbortListener {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly #start: number
  #deadline: Deadline | undefined
  #listener: LimitListener | undefined

  /**
   * @param names of all options that this wait knows
   * @throws {TypeError} bad options
   */
  constructor(options: WaitOptions = {}, names: readonly string[] = waitOptionNames) {
    if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
      throw new TypeError(`Expected wait options to be an object, got ${describe(options)}`)
    }
    checkOptionNames(options, names, elsewhere)
    this.timeout = checkTimeout('timeout', options.timeout)
    checkSignal(options.signal)
    this.signal = options.signal
    this.#start = this.timeout === Infinity ? 0 : monotonicTime()
  }

  get isAborted(): boolean {
    return this.signal?.aborted === true
  }

  /** The time is up, or the signal aborted. */
  get isOver(): boolean {
    return this.isAborted || this.#remaining <= 0
  }

  /** Tells `listener` once when `isOver` becomes true; call it only before that. */
  arm(listener: LimitListener): void {
    this.#listener = listener
    if (this.timeout !== Infinity) this.#deadline = new Deadline(this.#remaining, () => this.#reach())
    if (this.signal !== undefined) listen(this.signal, this)
  }

  disarm(): void {
    this.#listener = undefined
    this.#deadline?.clear()
    this.#deadline = undefined
    if (this.signal !== undefined) unlisten(this.signal, this)
  }

  handleAbort(): void {
    this.#reach()
  }

  get #remaining(): number {
    return this.timeout === Infinity ? Infinity : this.timeout - (monotonicTime() - this.#start)
  }

  #reach(): void {
    const listener = this.#listener
    this.disarm()
    listener?.handleLimit()
  }
}
