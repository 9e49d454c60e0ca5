import { clearTimeout as clearOwn, setTimeout as setOwn } from 'node:timers'

/** Node turns a longer delay into one millisecond. */
export const longestDelay = 2 ** 31 - 1

/** Timers of Node's count whole milliseconds, and are early by less than 2. What is earlier than this is a fake that we took for one. */
const mostEarly = 5

/** More than is lost when fractions are added up; milliseconds. */
const rounding = 0.001

/** What timers of Node's are. Those of test runners are something else; who wraps `setTimeout` (tracers do) still gives Node's. */
const ownPrototype: unknown = prototypeOfTimers()

const ownReader = readerOfTime()

/** The present `setTimeout`, and whether it gives fake timers. */
let maker: unknown = setOwn
let makesFakes = false

/** What tells the time; `undefined`: only fake timers do. */
let source: unknown = ownReader
/** What our clock is ahead of its source: by what was skipped, and by what its source was set back. */
let offset = 0
let latest = 0

/** Milliseconds of real time: for what is kept a while, and is no matter of a test that fakes time. */
export const realTime = performance.now.bind(performance)

/**
 * Milliseconds since some moment, forward only, whatever is done to the wall clock. All windows, timeouts and waits of this
 * package count by it, so it goes with the fake timers of test runners, too. Those that leave `performance.now` as it is
 * (`mock.timers` of node:test, `toFake` of vitest) have to fire what they were given: time stands still meanwhile. To change
 * to fake time and back takes no time.
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
 * Calls back once, `delay` milliseconds after it was made, on the monotonic clock, however long that is. Keeps the
 * process alive unless `unref` is called.
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

  /** Milliseconds until it calls back; never negative. */
  get remaining(): number {
    return Math.max(0, this.#at - monotonicTime())
  }

  /** A test runner fires it when its test says so: whoever lets one run, to look at the time later, makes a new one instead. */
  get isFake(): boolean {
    return isFake(this.#timer)
  }

  clear(): void {
    // A test runner may have replaced `setTimeout`, and left `clearTimeout` as it is.
    this.#callback = undefined
    // Its `clearTimeout` passes over timers that are older than that.
    if (this.isFake) clearTimeout(this.#timer)
    else clearOwn(this.#timer)
  }

  /** What `unref` has taken back. */
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
    // Timers may be a little early, and never later than `longestDelay`.
    const { remaining } = deadline
    if (remaining > 0) deadline.#arm(remaining)
    else deadline.#callback()
  }
}

/** A timer that was set at `armedAt` for `dueAt` has fired. A fake one, and one where time stands still, tells the time. */
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

/** A guess, for as long as it has made none: of what vitest, Jest and Sinon have, and of what node:test has. */
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

/** Only to be compared. */
function readerOfTime(): unknown {
  // eslint-disable-next-line @typescript-eslint/unbound-method
  return performance.now
}
