import { describe } from '../../checks.ts'
import { checkCloneable, notCloneable, type Reach } from '../../cloneable.ts'
import { monotonicTime } from '../../deadline.ts'
import { type CancelHandler, guard } from '../../future/listeners.ts'
import type { TaskReference } from '../../task-reference.ts'
import type { QueuedTask } from '../queued-task.ts'
import type { RemoteLink, RemoteTask } from '../remote.ts'

/** What messages say of where tasks go. */
export interface TaskDestination {
  readonly name: string
  readonly reach: Reach
}

/**
 * A task from its submission to its end elsewhere. For the scheduler it stands in for the reference that was submitted; for
 * the submitter it is the other end of the link; for the future it is who must be told of a cancellation.
 */
export abstract class SubmittedTask implements TaskReference, RemoteTask, CancelHandler {
  readonly module: string
  readonly name: string
  readonly args: unknown[]
  readonly transfer: readonly unknown[]
  readonly link: RemoteLink
  /** Where it was submitted. */
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

  /** On the prototype: it is the same for all of a kind. */
  protected abstract destination(): TaskDestination

  /** Tells the task something, once it has been handed over. */
  abstract post(message: unknown, transfer?: readonly unknown[]): void

  abstract abort(reason: unknown): void

  /** It has been handed over, and the submitter knows of it. */
  protected abstract get wasTold(): boolean

  /** @returns the outcome; it decides when the worker is free again */
  begin(queued: QueuedTask): Promise<unknown> {
    this.#queued = queued
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Cancelled, or settled by somebody else. */
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
   * The check at the submission has missed something, or it has changed since.
   *
   * @param cause what the engine said, if it was asked
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

  /** The stack of a failure shows what happened elsewhere; what led to it is here. */
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

/** More than that are not noted of tasks that wait: each takes some 700 bytes. */
const mostWaiting = 100
/** So many at once, and from then on as many as there are milliseconds. */
const burst = 100

/**
 * To note where a task was submitted takes longer than all the rest that is done for it. Those that fail are shown with it where
 * tasks are few: where there are a hundred thousand in a second, some stand for all.
 */
export class StackBudget {
  #left = burst
  #filledAt = monotonicTime()

  /** @param waiting how many tasks wait already */
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
