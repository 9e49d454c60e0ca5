import { describe } from '../../checks.ts'
import { checkCloneable, notCloneable, type Reach } from '../../cloneable.ts'
import { monotonicTime } from '../../deadline.ts'
import { type CancelHandler, guard } from '../../future/listeners.ts'
import type { TaskReference } from '../../task-reference.ts'
import type { QueuedTask } from '../queued-task.ts'
import type { RemoteLink, RemoteTask } from '../remote.ts'

/** How error messages name the place where tasks go. */
export interface TaskDestination {
  readonly name: string
  readonly reach: Reach
}

/**
 * A task from its submission to its end in another thread or process. For the scheduler it stands in for the submitted
 * reference, for the submitter it is the handle of the link, and for the future it is the cancel handler.
 */
export abstract class SubmittedTask implements TaskReference, RemoteTask, CancelHandler {
  readonly module: string
  readonly name: string
  readonly args: unknown[]
  readonly transfer: readonly unknown[]
  readonly link: RemoteLink
  /** Its stack shows where the task was submitted. */
  readonly #site: Error | undefined
  #queued: QueuedTask | undefined
  #resolve!: (value: unknown) => void
  #reject!: (error: unknown) => void

  /**
   * @throws {TaskNotCloneableError} an argument that can't leave this isolate
   * @throws {TypeError} a transfer list that is none
   */
  constructor({ module, name, args = [], transfer = [] }: TaskReference, link: RemoteLink, site: Error | undefined) {
    if (!Array.isArray(transfer)) throw new TypeError(`Expected \`transfer\` to be an array, got ${describe(transfer)}`)
    this.module = module
    this.name = name
    this.args = args
    this.transfer = transfer
    this.link = link
    this.#site = site
    if (link.isChecked !== true) this.#check(`Can't run the task in ${this.destination().name}`)
  }

  /** A method, because the destination is the same for all tasks of a class. */
  protected abstract destination(): TaskDestination

  /** Sends the task a message, once it was handed over. */
  abstract post(message: unknown, transfer?: readonly unknown[]): void

  abstract abort(reason: unknown): void

  /** Whether it was handed over, and the link's `handleStart` called. */
  protected abstract get wasTold(): boolean

  /** @returns a promise of the outcome; it decides when the worker is free again */
  begin(queued: QueuedTask): Promise<unknown> {
    this.#queued = queued
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Whether its future is done: cancelled, or settled by somebody else. */
  get isDone(): boolean {
    return this.#queued?.controller.future.done() === true
  }

  fulfil(value: unknown): void {
    this.end()
    this.#resolve(value)
  }

  fail(error: unknown): void {
    this.end()
    this.#addSite(error)
    this.#reject(error)
  }

  /**
   * Fails a task that could not be sent: the arguments have changed since the check, or it has missed something.
   *
   * @param cause the engine's error, if there is one
   */
  failToPost(cause: unknown): void {
    const tried = `Can't send \`${this.name}\` to ${this.destination().name}`
    try {
      this.#check(tried, cause)
      this.fail(notCloneable(tried, undefined, cause))
    } catch (error) {
      this.fail(error)
    }
  }

  handleCancel(reason: unknown): void {
    this.abort(reason)
  }

  handleSent(): void {
    if (this.link.handleStart !== undefined) this.#tell(() => this.link.handleStart?.(this))
  }

  handleMessage(message: unknown): void {
    if (this.link.handleMessage !== undefined) this.#tell(() => this.link.handleMessage?.(message))
  }

  protected get queued(): QueuedTask | undefined {
    return this.#queued
  }

  protected end(): void {
    if (this.wasTold && this.link.handleEnd !== undefined) this.#tell(() => this.link.handleEnd?.())
  }

  #check(tried: string, cause?: unknown): void {
    const { args, transfer, link } = this
    checkCloneable(args, { tried, names: link.argNames, transfer, cause, reach: this.destination().reach })
  }

  #tell(fn: () => void): void {
    this.#queued?.runInAsyncScope(guard, undefined, fn)
  }

  /** Adds the stack of the submission to that of the error, which shows only what happened elsewhere. */
  #addSite(error: unknown): void {
    const stack: unknown = this.#site?.stack
    if (typeof stack !== 'string' || !(error instanceof Error) || typeof error.stack !== 'string') return
    // The first two frames are the executor's own.
    const frames = stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(2)
    if (frames.length === 0) return
    const value = [error.stack, `    --- submitted to ${this.destination().name} ---`, ...frames].join('\n')
    Object.defineProperty(error, 'stack', { value, writable: true, configurable: true, enumerable: false })
  }
}

/** Stacks are taken only while fewer tasks than this wait: each takes some 700 bytes. */
const mostWaiting = 100
/** How many stacks may be taken at once; from then on, one a millisecond. */
const burst = 100

/**
 * Limits how many submissions take a stack, which costs more than the rest of a submission: where there are a hundred thousand
 * tasks in a second, only some of those that fail show where they were submitted.
 */
export class StackBudget {
  #left = burst
  #filledAt = monotonicTime()

  /** @param waiting how many tasks wait already. @returns whether a stack may be taken */
  take(waiting: number): boolean {
    if (waiting >= mostWaiting) return false
    const now = monotonicTime()
    this.#left = Math.min(burst, this.#left + now - this.#filledAt)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
