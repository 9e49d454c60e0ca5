import { checkSignal, checkTimeout, describe } from '../checks.ts'
import { Deadline, monotonicTime } from '../deadline.ts'
import { TimeoutError } from '../errors.ts'
import { type AbortListener, listen, unlisten } from '../shared-signal.ts'
import { checkOptionNames, type Elsewhere } from '../unknown-option.ts'
import type { Future } from './future.ts'
import { type DoneListener, isFuture, subscribe, unsubscribe } from './listeners.ts'

/** How long to wait. It bounds the waiting, never the work. */
export interface WaitOptions {
  /** Milliseconds from the call; `undefined`, `null` or `Infinity`: for ever; 0 or less: only look. NaN or no number: TypeError. */
  timeout?: number | null | undefined
  /** Aborted: the wait rejects with the signal's reason, unless the outcome is there already. */
  signal?: AbortSignal | undefined
}

export const waitOptionNames = ['timeout', 'signal'] as const satisfies readonly (keyof WaitOptions)[]

const elsewhere: Elsewhere = [['`wait`', ['returnWhen']], ['`map`', ['ordered', 'bufferSize']]] // prettier-ignore

/** Is told when a wait has reached its limit. Must not throw. */
export interface LimitListener {
  handleLimit(): void
}

/**
 * The limits of one wait. The clock starts with the constructor; the timer and the listener on the signal exist only between
 * `arm` and `disarm`.
 */
export class WaitLimits implements AbortListener {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly #start: number
  #deadline: Deadline | undefined
  #listener: LimitListener | undefined

  /**
   * @param names the names of the options that this wait knows
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

  /** Whether the time is up or the signal aborted. */
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

/**
 * @returns the futures, in order, duplicates included
 * @throws {TypeError} not an iterable, or an element that is no future
 */
export function listFutures<F extends Future<unknown>>(futures: Iterable<F>): F[] {
  if (typeof (futures as Partial<Iterable<F>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected an iterable of futures, got ${describe(futures)}`)
  }
  const list = [...futures]
  list.forEach(checkFuture)
  return list
}

/** @throws {TypeError} no future; the message names `index` */
export function checkFuture(value: unknown, index: number): void {
  if (!isFuture(value)) throw new TypeError(`Expected a future at index ${index}, got ${describe(value)}`)
}

type Question = 'result' | 'exception'

/** One call of `result()` or `exception()`: it settles the promise, and leaves the future when a limit is reached. */
export class OutcomeWait implements DoneListener, LimitListener {
  readonly #future: Future<unknown>
  readonly #question: Question
  readonly #limits: WaitLimits | undefined
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void

  static start(future: Future<unknown>, question: Question, options: WaitOptions | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      // If the WaitLimits constructor throws, this promise rejects.
      const limits = options === undefined ? undefined : new WaitLimits(options)
      const wait = new OutcomeWait(future, question, limits, resolve, reject)
      if (future.done()) wait.#answer()
      else if (limits?.isOver === true) wait.#giveUp()
      else {
        limits?.arm(wait)
        future[subscribe](wait)
      }
    })
  }

  private constructor(
    future: Future<unknown>,
    question: Question,
    limits: WaitLimits | undefined,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#future = future
    this.#question = question
    this.#limits = limits
    this.#resolve = resolve
    this.#reject = reject
  }

  get isWait(): boolean {
    return true
  }

  handleDone(): void {
    this.#limits?.disarm()
    this.#answer()
  }

  handleLimit(): void {
    this.#future[unsubscribe](this)
    this.#giveUp()
  }

  #answer(): void {
    try {
      this.#resolve(this.#question === 'result' ? this.#future.resultNow() : this.#future.exceptionNow())
    } catch (error) {
      this.#reject(error)
    }
  }

  #giveUp(): void {
    const { isAborted, signal, timeout } = this.#limits as WaitLimits
    if (isAborted) this.#reject(signal?.reason)
    else this.#reject(new TimeoutError(`Waited for a future: it is still ${this.#future.state} after ${timeout} ms`))
  }
}
