import { describe } from '../checks.ts'
import { addCancelHandler, Future, settleFuture, startFuture } from './future.ts'
import { CancelCallback, type CancelHandler, isFuture } from './listeners.ts'

/**
 * The write side of a future, for executors and tests. A future that was cancelled meanwhile swallows what comes late:
 * the methods answer `false`. Everything else out of order is an InvalidStateError.
 */
export class FutureController<T> {
  /** What is handed out: the read side. */
  readonly future: Future<T>

  /** @param future which one to control; a new one by default */
  constructor(future: Future<T> = new Future<T>()) {
    this.future = future
  }

  /**
   * pending -> running.
   *
   * @returns false if it was cancelled: the work must not start
   * @throws {InvalidStateError} running or settled already
   */
  start(): boolean {
    return this.future[startFuture]()
  }

  /**
   * Fulfils a pending or running future; the value is not unwrapped. Callbacks have run when it returns.
   *
   * @returns false if it was cancelled meanwhile
   * @throws {InvalidStateError} fulfilled or rejected already
   */
  resolve(value: T): boolean {
    return this.future[settleFuture]('fulfilled', value)
  }

  /** As `resolve`, with any value at all as the error. */
  reject(error: unknown): boolean {
    return this.future[settleFuture]('rejected', error)
  }

  /**
   * Calls `fn` with the reason when the future is cancelled, before its done callbacks, in the async context of whoever
   * called this; at once if it was cancelled already; never once it is settled otherwise.
   *
   * @throws {TypeError} no function
   */
  onCancel(fn: ((reason: unknown) => void) | CancelHandler): void {
    if (typeof fn === 'function') this.future[addCancelHandler](new CancelCallback(fn))
    else if (typeof (fn as Partial<CancelHandler> | null | undefined)?.handleCancel === 'function')
      this.future[addCancelHandler](fn)
    else throw new TypeError(`Expected a cancel callback to be a function, got ${describe(fn)}`)
  }
}

/** @throws {TypeError} what controls no future */
export function checkController(value: unknown): void {
  if (isFuture((value as Partial<FutureController<unknown>> | null)?.future)) return
  throw new TypeError(`Expected \`controller\` to be a FutureController, got ${describe(value)}`)
}
