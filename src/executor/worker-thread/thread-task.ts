import { describe } from '../../checks.ts'
import { guard, type CancelHandler } from '../../future/listeners.ts'
import type { TaskReference } from '../../task-reference.ts'
import type { QueuedTask } from '../queued-task.ts'
import type { RemoteLink, RemoteTask } from '../remote.ts'
import { checkCloneable, notCloneable } from '../../cloneable.ts'
import { isPrimitive } from './messages.ts'
import type { GracePeriod } from './grace-period.ts'
import type { Thread } from './thread.ts'

/**
 * A task from its submission to its end in a thread. For the scheduler it stands in for the reference that was submitted;
 * for the submitter it is the other end of the link; for the future it is who must be told of a cancellation.
 */
export class ThreadTask implements TaskReference, RemoteTask, CancelHandler {
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
  /** Where it runs, and its number there. */
  thread: Thread | undefined
  id = 0
  /** Ends its thread, unless it has ended before. */
  gracePeriod: GracePeriod | undefined

  /**
   * @throws {TaskNotCloneableError} an argument that can't leave this isolate
   * @throws {TypeError} a transfer list that is none
   */
  constructor({ module, name, args = [], transfer = [] }: TaskReference, link: RemoteLink, site: Error | undefined) {
    if (!Array.isArray(transfer)) throw new TypeError(`Expected \`transfer\` to be an array, got ${describe(transfer)}`)
    if (link.isChecked !== true) checkCloneable(args, { names: link.argNames, transfer })
    this.module = module
    this.name = name
    this.args = args
    this.transfer = transfer
    this.link = link
    this.#site = site
  }

  /** @returns the outcome; it decides when the worker is free again */
  begin(queued: QueuedTask): Promise<unknown> {
    this.#queued = queued
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Nothing in them has an identity: it may cross together with others. */
  get hasPlainArgs(): boolean {
    return this.args.every(isPrimitive)
  }

  /** Cancelled, or settled by somebody else. */
  get isDone(): boolean {
    return this.#queued?.controller.future.done() === true
  }

  fulfil(value: unknown): void {
    this.#end()
    this.#resolve(value)
  }

  fail(error: unknown): void {
    this.#end()
    this.#addSite(error)
    this.#reject(error)
  }

  /** The check at the submission has missed something, or it has changed since. */
  failToPost(cause: unknown): void {
    const tried = `Can't send \`${this.name}\` to a worker thread`
    try {
      checkCloneable(this.args, { tried, names: this.link.argNames, transfer: this.transfer, cause })
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

  post(message: unknown, transfer?: readonly unknown[]): void {
    this.thread?.tell(this, message, transfer)
  }

  abort(reason: unknown): void {
    this.thread?.abort(this, reason)
  }

  #end(): void {
    this.gracePeriod?.clear()
    // It has a number from when it was handed over.
    if (this.id !== 0 && this.link.handleEnd !== undefined) this.#tell(() => this.link.handleEnd?.())
  }

  #tell(fn: () => void): void {
    this.#queued?.runInAsyncScope(guard, undefined, fn)
  }

  /** The stack of a failure shows what happened in the thread; what led to it is here. */
  #addSite(error: unknown): void {
    const stack: unknown = this.#site?.stack
    if (typeof stack !== 'string' || !(error instanceof Error) || typeof error.stack !== 'string') return
    // The first two frames are the executor's own.
    const frames = stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(2)
    if (frames.length === 0) return
    const value = [error.stack, '    --- submitted to a worker thread ---', ...frames].join('\n')
    Object.defineProperty(error, 'stack', { value, writable: true, configurable: true, enumerable: false })
  }
}
