import { clearTimeout as clearOwn, setTimeout as setOwn } from 'node:timers'

/** The longest delay that Node accepts: it turns longer ones into one millisecond. */
export const longestDelay = 2 ** 31 - 1

/** Node's timers count whole milliseconds, and are early by less than 2. A timer that is earlier than this is a fake one. */
const mostEarly = 5

/** More than sums of fractions lose by rounding; ms. */
const rounding = 0.001

/** The prototype of Node's timers, also where a tracer wraps `setTimeout`. Fake timers of test runners have another one. */
const ownPrototype: unknown = prototypeOfTimers()

const ownReader = readerOfTime()

/** The `setTimeout` last seen, and whether it makes fake timers. */
let maker: unknown = setOwn
let makesFakes = false

/** The clock in use; `undefined`: time is known by fake timers only. */
let source: unknown = ownReader
/** By how much our clock is ahead of its source: time that was skipped, and that the source was set back. */
let offset = 0
let latest = 0

/** Milliseconds of real time, for caches and for other processes, which fake time in tests must not change. */
export const realTime = performance.now.bind(performance)

/**
 * Milliseconds since some moment. It never goes back, whatever happens to the wall clock, and all windows, timeouts and waits
 * of this package use it. It follows the fake timers of test runners, too: where those leave `performance.now` alone
 * (`mock.timers` of node:test, `toFake` of vitest), time stands still until a fake timer fires. Changing to fake time and
 * back takes no time.
 */
export function monotonicTime(): number {
  const reader = readerOfTime()
  if (setTimeout !== maker) meetMaker(looksFake(setTimeout))
  const now = makesFakes && reader === ownReader ? undefined : reader
  const time = now === undefined ? latest : performance.now() + offset
  if (now === source && time >= latest) return (latest = time)
  source = now
  offset += latest - time
  return latest
}

/**
 * Calls back once, `delay` milliseconds (of any length) after its construction, on the monotonic clock. It keeps the process
 * alive unless `unref` is called.
 */
export class Deadline {
  readonly #at: number
  #callback: (() => void) | undefined
  #timer!: NodeJS.Timeout
  #armedAt = 0
  #isRef = true

  constructor(delay: number, callback: () => void) {
    this.#at = monotonicTime() + delay
    this.#callback = callback
    this.#arm(delay)
  }

  /** Milliseconds until the call; never negative. */
  get remaining(): number {
    return Math.max(0, this.#at - monotonicTime())
  }

  /** Whether a test runner fires it. Those who let a timer run and look at the time later make a new one instead then. */
  get isFake(): boolean {
    return isFake(this.#timer)
  }

  clear(): void {
    // A test runner may have replaced `setTimeout`, and left `clearTimeout` as it is.
    this.#callback = undefined
    // A fake `clearTimeout` ignores real timers that were set before it.
    if (this.isFake) clearTimeout(this.#timer)
    else clearOwn(this.#timer)
  }

  /** Undoes `unref`. */
  ref(): this {
    this.#isRef = true
    this.#timer.ref()
    return this
  }

  unref(): this {
    this.#isRef = false
    this.#timer.unref()
    return this
  }

  #arm(delay: number): void {
    this.#timer = setTimeout(Deadline.#wake, Math.min(Math.ceil(delay), longestDelay), this)
    meetMaker(this.isFake)
    this.#armedAt = monotonicTime()
    if (!this.#isRef) this.#timer.unref()
  }

  static #wake(this: void, deadline: Deadline): void {
    if (deadline.#callback === undefined) return
    const dueAt = Math.min(deadline.#at, deadline.#armedAt + longestDelay)
    catchUp(deadline.#timer, deadline.#armedAt, dueAt)
    // Timers may be a little early, and a long delay needs several.
    const { remaining } = deadline
    if (remaining > 0) deadline.#arm(remaining)
    else deadline.#callback()
  }
}

/** A timer that was set at `armedAt` for `dueAt` has fired. If it is fake, or time stands still, the clock moves to `dueAt`. */
function catchUp(timer: NodeJS.Timeout, armedAt: number, dueAt: number): void {
  const time = monotonicTime()
  const missing = dueAt - time
  if (missing <= 0 || (missing <= mostEarly && time > armedAt && !isFake(timer))) return
  offset += missing + rounding
  latest = dueAt + rounding
}

function meetMaker(isFaking: boolean): void {
  maker = setTimeout
  makesFakes = isFaking
}

/** Guesses whether a `setTimeout` that has made no timer yet is fake: by the marks of vitest, Jest and Sinon, and of node:test. */
function looksFake(setTimer: object & { readonly name: string }): boolean {
  return 'clock' in setTimer || setTimer.name === 'bound #createTimer'
}

function isFake(timer: NodeJS.Timeout): boolean {
  return Object.getPrototypeOf(timer) !== ownPrototype
}

function prototypeOfTimers(): unknown {
  const timer = setOwn(() => undefined, 0)
  clearOwn(timer)
  return Object.getPrototypeOf(timer)
}

/** The function that tells the time, to be compared only. */
function readerOfTime(): unknown {
  // eslint-disable-next-line @typescript-eslint/unbound-method
  return performance.now
}
