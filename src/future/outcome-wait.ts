import { TimeoutError } from '../errors.ts'
import type { Future } from './future.ts'
import { subscribe, unsubscribe, type DoneListener } from './subscription.ts'
import { WaitLimits, type LimitListener, type WaitOptions } from './wait-limits.ts'

type Question = 'result' | 'exception'

/** One `result()` or `exception()` that waits: a promise, and what takes it off the future again. */
export class OutcomeWait implements DoneListener, LimitListener {
  readonly #future: Future<unknown>
  readonly #question: Question
  readonly #limits: WaitLimits | undefined
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void

  static start(future: Future<unknown>, question: Question, options: WaitOptions | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      // What the constructor of WaitLimits throws rejects this promise.
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
