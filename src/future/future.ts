import { inspect, type InspectOptions } from 'node:util'
import { className, describe, setOwnName } from '../checks.ts'
import { CancelledError, InvalidStateError } from '../errors.ts'
import { UserScope } from '../user-scope.ts'
import { all, any, type FutureValue, type FutureValues } from './combine.ts'
import { Cancellation, makeCancelled } from './cancellation.ts'
import {
  addListener,
  type CancelHandler,
  DoneCallback,
  type DoneListener,
  guard,
  type Listeners,
  removeListener,
  subscribe,
  tellAwaited,
  tellListeners,
  unsubscribe,
} from './listeners.ts'
import { OutcomeWait, type WaitOptions } from './waiting.ts'

/** Where a future is on its way. The last three are for good. */
export type FutureState = 'pending' | 'running' | 'fulfilled' | 'rejected' | 'cancelled'

/** The write side: methods for FutureController and its kinds only. */
export const startFuture = Symbol('startFuture')
export const settleFuture = Symbol('settleFuture')
export const addCancelHandler = Symbol('addCancelHandler')
export const cancelledError = Symbol('cancelledError')

type CancelHandlers = CancelHandler | CancelHandler[] | undefined

/** Of the few futures whose `signal` somebody has asked for: a field would cost all of them. */
const abortControllers = new WeakMap<Future<unknown>, AbortController>()

/**
 * The result of work that may not be over yet: the read side. Not a promise and not thenable, on purpose: `return future`
 * in an async function hands over the future. The outcome is kept as data and promises are made when somebody asks, so a
 * failure that nobody asks for is never an `unhandledRejection`.
 *
 * The semantics are those of Python's `concurrent.futures.Future`, but that a *running* future can be cancelled too.
 */
export class Future<T> implements Disposable {
  static {
    setOwnName(this, 'Future')
  }

  /**
   * Waits for all of them: the values in input order. The first failure (or cancellation) rejects and cancels the rest.
   * A wait that ran out or was aborted cancels nothing.
   *
   * @throws {TypeError | TimeoutError} as a rejection: bad arguments; `timeout` ms passed
   */
  static all<const F extends readonly Future<unknown>[]>(futures: F, options?: WaitOptions): Promise<FutureValues<F>>
  static all<F extends Future<unknown>>(futures: Iterable<F>, options?: WaitOptions): Promise<FutureValue<F>[]>
  static all(futures: Iterable<Future<unknown>>, options?: WaitOptions): Promise<unknown[]> {
    return all(futures, options)
  }

  /**
   * Waits for the first that succeeds, and cancels the others.
   *
   * @throws {AggregateError | TypeError | TimeoutError} as a rejection: all failed, or there are none (`errors` in input
   *   order); bad arguments; `timeout` ms passed, which cancels nothing
   */
  static any<F extends Future<unknown>>(futures: Iterable<F>, options?: WaitOptions): Promise<FutureValue<F>> {
    return any(futures, options) as Promise<FutureValue<F>>
  }

  #state: FutureState = 'pending'
  /** The value, the error, or the Cancellation; as long as there is none, who is to be told of a cancel. */
  #outcome: unknown = undefined
  /** One, or several in the order added; none once done. */
  #listeners: Listeners = undefined

  /** Where the future is on its way: what it is now, without waiting. */
  get state(): FutureState {
    return this.#state
  }

  /** Whether its work has not started. */
  pending(): boolean {
    return this.#state === 'pending'
  }

  /** Whether its work has started, and is not over. */
  running(): boolean {
    return this.#state === 'running'
  }

  /** Whether it was cancelled. It is done then. */
  cancelled(): boolean {
    return this.#state === 'cancelled'
  }

  /** Fulfilled, rejected or cancelled. */
  done(): boolean {
    return this.#state !== 'pending' && this.#state !== 'running'
  }

  /**
   * Work that is *waiting* never starts. Work that is *running* is told through its signal, and the future is cancelled at
   * once; what the work still does is ignored, but its worker is free only when it has really stopped. *Done* futures stay
   * as they are. Never throws.
   *
   * @param reason becomes the `cause` of the CancelledError; the first one is kept
   * @returns whether the future is cancelled now
   */
  cancel(reason?: unknown): boolean {
    if (this.done()) return this.#state === 'cancelled'
    const handlers = this.#outcome as CancelHandlers
    const cancellation = new Cancellation(reason)
    // First: other people's code comes after.
    this.#state = 'cancelled'
    this.#outcome = cancellation
    if (Array.isArray(handlers)) for (const each of handlers) each.handleCancel(reason)
    else handlers?.handleCancel(reason)
    abortControllers.get(this)?.abort(cancellation.errorOf(this))
    tellListeners(this, () => this.#listeners)
    this.#listeners = undefined
    return true
  }

  /**
   * Waits for the outcome. What ends the wait leaves the future as it is.
   *
   * @returns a promise of the value, a new one for each call
   * @throws as a rejection: the work's own error; {CancelledError} it was cancelled; {TimeoutError} `timeout` ms passed;
   *   the reason of `signal`; {TypeError} bad options
   */
  result(options?: WaitOptions): Promise<T> {
    return OutcomeWait.start(this, 'result', options) as Promise<T>
  }

  /**
   * Waits for the outcome, and asks for the error.
   *
   * @returns a promise of the error, of `undefined` if it was fulfilled; look at `state` where work may fail with `undefined`
   * @throws as a rejection: as `result()` does, but for the work's own error
   */
  exception(options?: WaitOptions): Promise<unknown> {
    return OutcomeWait.start(this, 'exception', options)
  }

  /**
   * The value, synchronously.
   *
   * @throws {InvalidStateError} not done yet; else as `result()`
   */
  resultNow(): T {
    if (this.#state === 'fulfilled') return this.#outcome as T
    if (this.#state === 'rejected') throw this.#outcome
    throw this.noOutcome('resultNow')
  }

  /**
   * The error, synchronously; `undefined` if it was fulfilled.
   *
   * @throws {InvalidStateError} not done yet; {CancelledError} it was cancelled
   */
  exceptionNow(): unknown {
    if (this.#state === 'rejected') return this.#outcome
    if (this.#state === 'fulfilled') return undefined
    throw this.noOutcome('exceptionNow')
  }

  /**
   * Calls `fn` with this future when it is done: synchronously with the settlement, in the order added, in the async
   * context of whoever called this; at once if it is done already. One that throws, or returns a promise that rejects,
   * stops neither the others nor the settling code: its error becomes an `uncaughtException`.
   *
   * @returns a function that removes it
   * @throws {TypeError} `fn` is no function
   */
  addDoneCallback(fn: (future: this) => void): () => void {
    if (typeof (fn as unknown) !== 'function') {
      throw new TypeError(`Expected a done callback to be a function, got ${describe(fn)}`)
    }
    if (this.done()) {
      guard(() => fn(this))
      return () => undefined
    }
    const listener = new DoneCallback(fn as (future: Future<unknown>) => void)
    this[subscribe](listener)
    return () => this[unsubscribe](listener)
  }

  /** Made on first access; aborted, with the CancelledError as its reason, when the future is cancelled. */
  get signal(): AbortSignal {
    let controller = abortControllers.get(this)
    if (controller === undefined) {
      controller = new AbortController()
      abortControllers.set(this, controller)
      if (this.#outcome instanceof Cancellation) controller.abort(this.#outcome.errorOf(this))
    }
    return controller.signal
  }

  /** `using future = ...`: cancels it, unless it is done. */
  [Symbol.dispose](): void {
    this.cancel()
  }

  get [Symbol.toStringTag](): string {
    return 'Future'
  }

  /** State and type, never the value: it may be huge, or secret. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const state = `<${this.#state}>`
    const shown = options.colors === true ? `\u001b[36m${state}\u001b[39m` : state
    const hasType = this.#state === 'fulfilled' || this.#state === 'rejected'
    return `${className(this)} { ${shown}${hasType ? ` ${typeName(this.#outcome)}` : ''} }`
  }

  /** @internal */
  [startFuture](): boolean {
    if (this.#state === 'cancelled') return false
    if (this.#state !== 'pending') throw new InvalidStateError(`Can't start a future that is ${this.#state}`)
    this.#state = 'running'
    return true
  }

  /** @internal */
  [settleFuture](state: 'fulfilled' | 'rejected', outcome: unknown): boolean {
    if (this.#state === 'cancelled') return false
    if (this.done()) throw new InvalidStateError(`Can't settle a future that is ${this.#state}`)
    this.#state = state
    this.#outcome = outcome
    tellListeners(this, () => this.#listeners)
    this.#listeners = undefined
    return true
  }

  /** @internal */
  [addCancelHandler](handler: CancelHandler): void {
    if (this.#outcome instanceof Cancellation) handler.handleCancel(this.#outcome.reason)
    if (this.done()) return
    const handlers = this.#outcome as CancelHandlers
    if (Array.isArray(handlers)) handlers.push(handler)
    else this.#outcome = handlers === undefined ? handler : [handlers, handler]
  }

  /** The error of a future that is cancelled. Nobody has observed it by that. @internal */
  [cancelledError](): CancelledError {
    return (this.#outcome as Cancellation).errorOf(this)
  }

  /** @internal */
  [makeCancelled](reason: unknown): CancelledError {
    return new CancelledError(undefined, reason === undefined ? {} : { cause: reason })
  }

  /** @internal */
  [subscribe](listener: DoneListener): void {
    if (this.done()) return listener.handleDone(this)
    this.#listeners = addListener(this.#listeners, listener)
    if (!UserScope.isInUse || listener.isWait !== true) return
    if (UserScope.noteWait(this, listener)) tellAwaited(this.#listeners)
  }

  /** @internal */
  [unsubscribe](listener: DoneListener): void {
    this.#listeners = removeListener(this.#listeners, listener)
    if (UserScope.isInUse) UserScope.forgetWait(this, listener)
  }

  /** Private by TypeScript: an instance of a class with `#methods` is 8 bytes larger, and there may be very many. */
  private noOutcome(asked: string): CancelledError | InvalidStateError {
    if (this.#outcome instanceof Cancellation) return this.#outcome.errorOf(this)
    return new InvalidStateError(`Can't call ${asked}(): the future is ${this.#state}`)
  }
}

function typeName(value: unknown): string {
  return typeof value === 'object' && value !== null ? className(value) : value === null ? 'null' : typeof value
}
