import { checkCount, checkType, describe } from '../checks.ts'
import { Deadline, monotonicTime } from '../deadline.ts'
import { unknownOption } from '../unknown-option.ts'

/** At most `limit` starts in any window of `interval` ms. */
export interface RateLimit {
  /** How many starts. A positive integer. */
  limit: number
  /** In how many milliseconds. A positive integer. */
  interval: number
  /** For each group by itself, instead of for all tasks together. @default false */
  perGroup?: boolean | undefined
}

const rateNames = ['limit', 'interval', 'perGroup'] as const satisfies readonly (keyof RateLimit)[]

/**
 * @returns a copy
 * @throws {TypeError | RangeError} bad numbers, an unknown option
 */
export function checkRateLimit(rateLimit: RateLimit): RateLimit {
  if (typeof (rateLimit as unknown) !== 'object' || (rateLimit as unknown) === null) {
    throw new TypeError(`Expected \`rateLimit\` to be { limit, interval }, got ${describe(rateLimit)}`)
  }
  const stray = Object.keys(rateLimit).find((name) => !rateNames.some((each) => each === name))
  if (stray !== undefined) throw new TypeError(`Bad \`rateLimit\`: ${unknownOption(stray, rateNames)}`)
  const { limit, interval, perGroup = false } = rateLimit
  checkType('rateLimit.perGroup', perGroup, 'boolean')
  return { limit: checkCount('rateLimit.limit', limit), interval: checkCount('rateLimit.interval', interval), perGroup }
}

/** The latest starts of all tasks, or of one group, in a sliding window on the monotonic clock that is exact at its edges. */
export class RateWindow {
  readonly #rateLimit: RateLimit
  /** When they were, in order. Those that have left the window are removed from time to time. */
  readonly #starts: number[] = []
  /** How many of them have left the window. */
  #past = 0
  #timer: Deadline | undefined

  constructor(rateLimit: RateLimit) {
    this.#rateLimit = rateLimit
  }

  /** Milliseconds until one more may start. */
  get delay(): number {
    const { limit, interval } = this.#rateLimit
    const start = this.#starts[this.#starts.length - limit]
    return start === undefined ? 0 : Math.max(0, start + interval - monotonicTime())
  }

  get isEmpty(): boolean {
    const latest = this.#starts.at(-1)
    return latest === undefined || latest + this.#rateLimit.interval <= monotonicTime()
  }

  add(): void {
    const now = monotonicTime()
    while ((this.#starts[this.#past] ?? Infinity) + this.#rateLimit.interval <= now) this.#past++
    // Many at once: removing one takes as long as removing many.
    if (this.#past * 2 > this.#starts.length) this.#past -= this.#starts.splice(0, this.#past).length
    this.#starts.push(now)
  }

  /** Calls back once when one more may start. While a call is due, further ones are ignored. */
  wake(callback: () => void): void {
    this.#timer ??= new Deadline(this.delay, () => {
      this.#timer = undefined
      callback()
    })
  }

  /** Cancels the call that `wake` asked for. */
  sleep(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }
}
