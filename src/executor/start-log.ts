import { checkCount, checkType, describe } from '../checks.ts'
import { Deadline, monotonicTime } from '../deadline.ts'

/** At most `limit` starts in any window of `interval` ms. */
export interface RateLimit {
  /** How many starts. A positive integer. */
  limit: number
  /** In how many milliseconds. A positive integer. */
  interval: number
  /** For each group by itself, instead of for all tasks together. Default false. */
  perGroup?: boolean | undefined
}

/**
 * @returns a copy
 * @throws {TypeError | RangeError} bad numbers
 */
export function checkRateLimit(rateLimit: RateLimit): RateLimit {
  if (typeof (rateLimit as unknown) !== 'object' || (rateLimit as unknown) === null) {
    throw new TypeError(`Expected \`rateLimit\` to be { limit, interval }, got ${describe(rateLimit)}`)
  }
  const { limit, interval, perGroup = false } = rateLimit
  checkType('rateLimit.perGroup', perGroup, 'boolean')
  return { limit: checkCount('rateLimit.limit', limit), interval: checkCount('rateLimit.interval', interval), perGroup }
}

/** The latest starts of one group, on the monotonic clock: a sliding window, exact at its edges. */
export class StartLog {
  readonly #rateLimit: RateLimit
  /** A ring of the latest `limit` starts. */
  readonly #starts: number[] = []
  #oldest = 0
  #timer: Deadline | undefined

  constructor(rateLimit: RateLimit) {
    this.#rateLimit = rateLimit
  }

  /** Milliseconds until one more may start. */
  get delay(): number {
    const { limit, interval } = this.#rateLimit
    if (this.#starts.length < limit) return 0
    return Math.max(0, (this.#starts[this.#oldest] as number) + interval - monotonicTime())
  }

  get isEmpty(): boolean {
    return this.#starts.every((start) => start + this.#rateLimit.interval <= monotonicTime())
  }

  add(): void {
    this.#starts[this.#oldest] = monotonicTime()
    this.#oldest = (this.#oldest + 1) % this.#rateLimit.limit
  }

  /** The latest start was really now: what came between the decision and the start does not shorten the window. */
  redate(): void {
    const { limit } = this.#rateLimit
    this.#starts[(this.#oldest + limit - 1) % limit] = monotonicTime()
  }

  /** Calls back when one more may start. One call at a time. */
  wake(callback: () => void): void {
    this.#timer ??= new Deadline(this.delay, () => {
      this.#timer = undefined
      callback()
    })
  }

  sleep(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }
}
