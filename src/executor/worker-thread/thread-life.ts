import { extname } from 'node:path'
import { setImmediate } from 'node:timers'
import { pathToFileURL } from 'node:url'
import { type ResourceLimits, Worker, type WorkerOptions } from 'node:worker_threads'
import { messageOf, ownOptions } from '../../checks.ts'
import { Deadline, monotonicTime } from '../../deadline.ts'
import { WorkerCrashedError } from '../../errors.ts'
import { executorTimes } from '../executor-times.ts'
import type { Initializer, ThreadData } from './messages.ts'
import { presentScarcity, scarcityIn } from './scarcity.ts'

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
  end(exitReason: ExitReason, exitCode: number): StartFailure | undefined {
    this.#deadline?.clear()
    const failed = this.#initializerError
    if (failed?.isFinal === true) return { error: failed.error, isFinal: true, isScarcity: false }
    if (this.#isReady) return undefined
    if (failed !== undefined) exitReason.noteUncaught(failed.error)
    return { ...exitReason.toStartFailure(exitCode), isFinal: false }
  }
}

/** What is known of why a thread dies. */
export class ExitReason {
  #uncaught: { readonly error: unknown } | undefined
  #decision: string | undefined

  /** As the Worker has it: its class and some of its data may be lost. */
  noteError(error: unknown): void {
    this.#uncaught ??= { error }
  }

  /** As the thread itself has told it. */
  noteUncaught(error: unknown): void {
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

/** Calls back when a thread has had nothing to do for a while. One timer for the whole while, not one for each task. */
export class IdleTimer {
  readonly #timeout: number
  readonly #callback: () => void
  #idleSince: number | undefined
  #timer: Deadline | undefined

  /** @param timeout ms; Infinity = never */
  constructor(timeout: number, callback: () => void) {
    this.#timeout = timeout
    this.#callback = callback
  }

  start(): void {
    if (this.#timeout === Infinity) return
    this.#idleSince = monotonicTime()
    // One that does not know the time is set anew: how much of its own time has passed, nobody knows.
    if (this.#timer === undefined || this.#timer.isFake) this.#arm(this.#timeout)
  }

  /** There is something to do again. */
  stop(): void {
    this.#idleSince = undefined
  }

  clear(): void {
    this.stop()
    this.#timer?.clear()
  }

  #arm(delay: number): void {
    this.#timer?.clear()
    this.#timer = new Deadline(delay, () => {
      this.#timer = undefined
      if (this.#idleSince === undefined) return
      const remaining = this.#idleSince + this.#timeout - monotonicTime()
      if (remaining > 0) this.#arm(remaining)
      else this.#callback()
    }).unref()
  }
}

/** So many times a thread that has not heard of a cancellation yet, but is heard of itself, is given the time again. */
const mostRenewals = 5

/**
 * The time that a cancelled task has for stopping. It counts from when its thread has heard of the cancellation: on a busy
 * machine that may take longer than the stopping. A thread that says nothing at all meanwhile is busy with itself.
 */
export class GracePeriod {
  readonly #countMessages: () => number
  readonly #onEnd: () => void
  #timer: Deadline
  #renewals = 0
  #isTold = false
  #isOver = false

  /**
   * @param countMessages how many messages have come from the thread so far
   * @param onEnd called once, unless `clear` is called before
   */
  constructor(countMessages: () => number, onEnd: () => void) {
    this.#countMessages = countMessages
    this.#onEnd = onEnd
    this.#timer = this.#arm()
  }

  /** The thread has passed it on to the task. */
  noteTold(): void {
    if (this.#isTold || this.#isOver) return
    this.#isTold = true
    this.#timer.clear()
    this.#timer = this.#arm()
  }

  clear(): void {
    this.#isOver = true
    this.#timer.clear()
  }

  #arm(): Deadline {
    const heard = this.#countMessages()
    // It may have stopped, while we were too busy to hear: messages are read before this is called.
    return new Deadline(executorTimes.grace, () => setImmediate(() => this.#expire(heard))).unref()
  }

  #expire(heard: number): void {
    if (this.#isOver) return
    const isAlive = !this.#isTold && this.#countMessages() > heard && this.#renewals < mostRenewals
    if (!isAlive) return this.#onEnd()
    this.#renewals++
    this.#timer = this.#arm()
  }
}

/**
 * @param entry of the bundle that this file is part of, if it has one
 * @throws what Node has against it: a permission is missing, a limit is no number
 */
export function startThread(
  initializer: Initializer | undefined,
  resourceLimits: ResourceLimits | undefined,
  entry = entryOfBundle(import.meta.url),
): Worker {
  const workerData: ThreadData = { initializer }
  const options: WorkerOptions = ownOptions({
    name: 'undici-futures',
    workerData,
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
    // Threads inherit the process's options, and Node refuses this one for files.
    ...(process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {}),
  })
  if (entry !== undefined) return new Worker(entry, options)
  // Written just so: bundlers that know workers find the entry by this form, and put it where it is found.
  return new Worker(new URL('./worker-entry.js', import.meta.url), options)
}

/**
 * Bundlers that know nothing of workers build the entry as they build the rest: with the same extension, and CommonJS where that is
 * asked for, which has no `import.meta.url`.
 *
 * @returns `undefined` where it has the usual name
 */
export function entryOfBundle(moduleUrl: string | undefined): URL | undefined {
  const file = moduleUrl ?? pathToFileURL(__filename).href
  const extension = extname(new URL(file).pathname)
  return moduleUrl !== undefined && extension !== '.mjs' ? undefined : new URL(`./worker-entry${extension}`, file)
}
