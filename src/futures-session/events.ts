import { EventEmitter } from 'eventemitter3'
import { guard } from '../future/listeners.ts'
import type { ResponseFuture, SubmittedRequest } from './response-future.ts'

/** What a session has done so far. */
export interface Progress {
  /** Requests that were asked for. */
  submitted: number
  /** Fulfilled, rejected or cancelled. */
  done: number
  /** Those with a response. */
  fulfilled: number
  /** Those that failed. */
  rejected: number
  /** Those that were cancelled. */
  cancelled: number
  /** Those that wait for a worker. */
  pending: number
  /** Waits between two attempts included. */
  running: number
  /** Of bodies received, as they came over the wire. */
  bytes: number
}

/** What every event of one request has. */
export interface RequestEvent<R> {
  /** The future that `request()` returned. */
  readonly future: ResponseFuture<R>
  /** What was asked for, `context` included. */
  readonly request: SubmittedRequest
}

/** An event of one attempt. */
export interface AttemptEvent<R> extends RequestEvent<R> {
  /** Which attempt, from 1. */
  readonly attempt: number
}

/** An attempt has failed, and another one follows. */
export interface RetryEvent<R> extends AttemptEvent<R> {
  /** Milliseconds until the next attempt. */
  readonly delay: number
  /** The response of the attempt, if its status is the reason. */
  readonly response?: unknown
  /** What the attempt failed with, if that is the reason. */
  readonly error?: unknown
}

/** A redirect is followed. */
export interface RedirectEvent<R> extends AttemptEvent<R> {
  /** The redirect itself. */
  readonly response: unknown
  /** What is sent next. */
  readonly next: unknown
}

/** There is a response. */
export interface ResponseEvent<R> extends AttemptEvent<R> {
  /** What the future is fulfilled with. */
  readonly response: R
}

/** The request has failed. */
export interface FailureEvent<R> extends AttemptEvent<R> {
  /** What the future is rejected with. */
  readonly error: unknown
}

/** The request was cancelled. */
export interface CancelEvent<R> extends RequestEvent<R> {
  /** What was given to `cancel()`, or the reason of the signal. */
  readonly reason: unknown
}

/** The request has failed, and nobody has asked for its outcome. */
export interface UnobservedEvent<R> extends RequestEvent<R> {
  /** What the future is rejected with. */
  readonly error: unknown
}

/** What a FuturesSession tells; without a listener an event costs nothing. */
export interface SessionEvents<R> {
  /** A future was made. */
  submit: (event: RequestEvent<R>) => void
  /** Its work begins on a worker; once per future. */
  start: (event: RequestEvent<R>) => void
  /** An attempt failed and another one will follow. */
  retry: (event: RetryEvent<R>) => void
  /** A redirect is followed. */
  redirect: (event: RedirectEvent<R>) => void
  /** Fulfilled. */
  response: (event: ResponseEvent<R>) => void
  /** Rejected. */
  failure: (event: FailureEvent<R>) => void
  /** Cancelled, in whichever way. */
  cancel: (event: CancelEvent<R>) => void
  /** Rejected, and nobody asked for it. A listener replaces the default warning. */
  unobserved: (event: UnobservedEvent<R>) => void
  /** After each settlement. */
  progress: (progress: Progress) => void
  /** Nothing is pending or running any more. */
  idle: (progress: Progress) => void
}

type Listener = (...args: never[]) => unknown

/** Each listener has one guarded twin, which is what the emitter knows: `off` finds it here. */
const twins = new WeakMap<Listener, Listener>()
const originals = new WeakMap<Listener, Listener>()

function twinOf<F extends Listener>(fn: F): F {
  if (typeof (fn as unknown) !== 'function') throw new TypeError('The listener must be a function')
  let twin = twins.get(fn)
  if (twin === undefined) {
    twin = function (this: unknown, ...args: never[]) {
      guard(() => fn.apply(this, args))
    }
    twins.set(fn, twin)
    originals.set(twin, fn)
  }
  return twin as F
}

/**
 * An eventemitter3 whose listeners can't disturb each other or the emitter: what one throws, or rejects with, becomes an
 * `uncaughtException`.
 */
export class GuardedEmitter<Events extends EventEmitter.ValidEventTypes> extends EventEmitter<Events> {
  override on<E extends EventEmitter.EventNames<Events>>(
    event: E,
    fn: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return super.on(event, twinOf(fn), context)
  }

  /** As `on`. */
  override addListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    fn: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return this.on(event, fn, context)
  }

  override once<E extends EventEmitter.EventNames<Events>>(
    event: E,
    fn: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return super.once(event, twinOf(fn), context)
  }

  /** Removes a listener; without `fn`, all of this event. */
  override off<E extends EventEmitter.EventNames<Events>>(
    event: E,
    fn?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    // The emitter removes a `once` listener by itself, and passes the twin.
    const twin = fn === undefined || originals.has(fn) ? fn : twinOf(fn)
    return super.removeListener(event, twin, context, once)
  }

  override removeListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    fn?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, fn, context, once)
  }

  override listeners<E extends EventEmitter.EventNames<Events>>(event: E): EventEmitter.EventListener<Events, E>[] {
    return super.listeners(event).map((twin) => originals.get(twin) as typeof twin)
  }
}
