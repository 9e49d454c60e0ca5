import { extname } from 'node:path'
import { setImmediate } from 'node:timers'
import { pathToFileURL } from 'node:url'
import { type ResourceLimits, Worker, type WorkerOptions } from 'node:worker_threads'
import { messageOf, ownOptions } from '../../checks.ts'
import { Deadline, monotonicTime } from '../../deadline.ts'
import { WorkerCrashedError } from '../../errors.ts'
import { executorTimes } from '../executor-times.ts'
import type { InitializerReference, ThreadData } from './messages.ts'
import { presentScarcity, scarcityIn } from './scarcity.ts'

/**
 * @param entry of the bundle that this file is part of, if it has one
 * @throws {Error} Node's own: a permission is missing, a limit is no number
 */
export function startThread(
  initializer: InitializerReference | undefined,
  resourceLimits: ResourceLimits | undefined,
  entry = entryOfBundle(import.meta.url),
): Worker {
  const workerData: ThreadData = { initializer }
  const options: WorkerOptions = ownOptions({
    name: 'undici-futures',
    workerData,
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
    // Threads inherit the options of the process, and Node refuses this one for a thread that runs a file.
    ...(process.execArgv.some((each) => each.startsWith('--input-type')) ? { execArgv: [] } : {}),
  })
  if (entry !== undefined) return new Worker(entry, options)
  // Bundlers that know workers find the entry by exactly this form.
  return new Worker(new URL('./worker-entry.js', import.meta.url), options)
}

/**
 * Where a bundler has put the worker entry: beside this bundle, with the same extension. A CommonJS bundle has no
 * `import.meta.url`.
 *
 * @returns `undefined` if the entry has its usual name
 */
export function entryOfBundle(moduleUrl: string | undefined): URL | undefined {
  const file = moduleUrl ?? pathToFileURL(__filename).href
  const extension = extname(new URL(file).pathname)
  return moduleUrl !== undefined && extension !== '.mjs' ? undefined : new URL(`./worker-entry${extension}`, file)
}

export interface StartFailure {
  readonly error: unknown
  /** The initializer has failed: another start would fail, too. */
  readonly isFinal: boolean
  /** File descriptors, threads or memory are lacking: another start may succeed. */
  readonly isScarcity: boolean
}

/** Watches whether a thread becomes ready in time, and knows why if it does not. */
export class StartWatch {
  #isReady = false
  #initializerError: { readonly error: unknown; readonly isFinal: boolean } | undefined
  readonly #deadline: Deadline | undefined

  /**
   * @param timeout ms from now; Infinity = none
   * @param onExpire called with the reason when the timeout has passed
   */
  constructor(timeout: number, onExpire: (why: string) => void) {
    if (timeout === Infinity) return
    const why = `was ended because it was not ready within ${timeout} ms (\`startTimeout\`)`
    // After a blocked event loop, messages are read before the immediate: the thread may be ready.
    this.#deadline = new Deadline(timeout, () => setImmediate(() => this.#isReady || onExpire(why))).unref()
  }

  noteReady(): void {
    this.#isReady = true
    this.#deadline?.clear()
  }

  noteInitializerError(error: unknown, isFinal: boolean): void {
    this.#initializerError = { error, isFinal }
  }

  /** The thread has exited. @returns `undefined` if it had become ready */
  end(exitReason: ExitReason, exitCode: number): StartFailure | undefined {
    this.#deadline?.clear()
    const failed = this.#initializerError
    if (failed?.isFinal === true) return { error: failed.error, isFinal: true, isScarcity: false }
    if (this.#isReady) return undefined
    if (failed !== undefined) exitReason.noteUncaught(failed.error)
    return { ...exitReason.toStartFailure(exitCode), isFinal: false }
  }
}

/** Collects why a thread exits. */
export class ExitReason {
  #uncaught: { readonly error: unknown } | undefined
  #decision: string | undefined

  /** The error as the Worker reports it: its class and some of its data may be lost. */
  noteError(error: unknown): void {
    this.#uncaught ??= { error }
  }

  /** The uncaught error as the thread itself has sent it. */
  noteUncaught(error: unknown): void {
    this.#uncaught = { error }
  }

  /** We terminate it. */
  noteDecision(why: string): void {
    this.#decision ??= why
  }

  /** The failure of a thread that never became ready. */
  toStartFailure(exitCode: number): { error: WorkerCrashedError; isScarcity: boolean } {
    const thrown = this.#uncaught?.error
    const scarcity = this.#decision === undefined ? (scarcityIn(thrown) ?? presentScarcity()) : undefined
    if (scarcity === undefined) return { error: this.toError('that was just starting', exitCode), isScarcity: false }
    return { error: scarcityError(scarcity, thrown, exitCode), isScarcity: true }
  }

  /** @param which thread it was: `that ran ...` */
  toError(which: string, exitCode: number): WorkerCrashedError {
    const uncaught = this.#uncaught
    const said = uncaught === undefined ? '' : `: ${messageOf(uncaught.error)}`
    const message = `The worker thread ${which} ${this.#decision ?? `ended with exit code ${exitCode}${said}`}`
    return new WorkerCrashedError(message, uncaught === undefined ? { exitCode } : { exitCode, cause: uncaught.error })
  }
}

/** @param exitCode that of the thread, if there was one */
export function scarcityError(scarcity: string, thrown: unknown, exitCode?: number): WorkerCrashedError {
  const said = thrown === undefined ? scarcity : messageOf(thrown)
  const message = `No worker thread could be started: ${said.includes(scarcity) ? said : `${scarcity} (${said})`}`
  return new WorkerCrashedError(message, exitCode === undefined ? { cause: thrown } : { exitCode, cause: thrown })
}

/** Calls back when a thread has been idle for a while. It sets one timer for that while, not one after each task. */
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
    // A fake timer is set again: test runners may fire it without a clock that says how much time has passed.
    if (this.#timer === undefined || this.#timer.isFake) this.#arm(this.#timeout)
  }

  /** The thread has tasks again. */
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

/** How often the period is renewed for a thread that sends messages, but has not read the cancellation yet. */
const mostRenewals = 5

/**
 * The time that a cancelled task has to stop. It counts from when the thread has told the task, which on a busy machine may
 * take longer than the stopping. A thread that sends nothing in that time is blocked.
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

  /** The thread has told the task. */
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
    // After a blocked event loop, messages are read before the immediate: the task may have stopped.
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
