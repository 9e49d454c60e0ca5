import { setImmediate } from 'node:timers'
import { isThenable } from '../checks.ts'
import { ConnectTimeoutError } from '../errors.ts'
import type { LinkedListElement } from '../linked-list.ts'
import { ConnectTimer } from './connect-timer.ts'
import type { ExchangeHandler } from './exchange-handler.ts'
import type { Dispatcher, HttpVersion } from './exchange.ts'
import { sharedAbortReasons } from './failures.ts'
import { ReadTimer } from './read-timer.ts'
import { type SocketListener, watchNextSocket } from './socket-watch.ts'
import { requestHeaders, type Upload } from './upload.ts'

/** A body in a form that undici takes. */
export type OutgoingBody = string | Uint8Array | Upload | undefined

/** Where an exchange runs: on a connection of ours, or on a dispatcher of the caller's. It has one exchange at a time. */
export interface ExchangeCarrier {
  readonly timer: ReadTimer
  /** The protocol of its connection, if that is known. */
  readonly httpVersion: HttpVersion | undefined
  /** The error that its connection ended with, if it did not end by FIN. */
  readonly loss: Error | undefined
  /** The exchange has failed before the server processed it: it can be sent again, whatever its method. */
  readonly isUnseen: boolean
  /** Hands the exchange to undici. Throws what undici throws. */
  dispatch(exchange: ExchangeHandler, body: OutgoingBody): void
  /** The exchange is being written from now on. */
  handleStart(): void
  /** The read timeout has passed. @returns whether the exchange fails with what is wrong with the connection, instead */
  handleSilence?(): boolean
  /** The exchange is given up before anything was written. */
  giveUp(): void
  /** The exchange is over, and another may follow if the socket is still good. */
  release(): void
  /** The exchange ended early: its connection can't be used again. */
  discard(): void
  /** A new carrier to the same destination, if the error is not the exchange's own fault. */
  renew(error: Error): ExchangeCarrier | undefined
}

/** Keeps the carriers that are at work. */
export interface DispatcherOwner {
  /** @param renewedFor the error, where it replaces another one */
  openForeign(dispatcher: Dispatcher, renewedFor: Error | undefined): DispatcherCarrier
  handleForeignOver(carrier: DispatcherCarrier): void
}

/** Runs one exchange on a dispatcher of the caller's, which manages its connections itself. */
export class DispatcherCarrier implements ExchangeCarrier, SocketListener, LinkedListElement<DispatcherCarrier> {
  readonly timer = new ReadTimer()
  readonly httpVersion = undefined
  readonly isUnseen = false
  loss: Error | undefined = undefined
  /** Links in the list of its owner. */
  next: DispatcherCarrier | undefined = undefined
  previous: DispatcherCarrier | undefined = undefined
  readonly #dispatcher: Dispatcher
  readonly #owner: DispatcherOwner
  /** The error for which this one replaces another. */
  readonly #renewedFor: Error | undefined
  #exchange: ExchangeHandler | undefined = undefined
  /** "Connecting" is everything that happens before the request is written. */
  #connectTimer: ConnectTimer | undefined = undefined
  #endWatch: (() => void) | undefined = undefined
  #isOver = false

  constructor(dispatcher: Dispatcher, owner: DispatcherOwner, renewedFor: Error | undefined) {
    this.#dispatcher = dispatcher
    this.#owner = owner
    this.#renewedFor = renewedFor
  }

  dispatch(exchange: ExchangeHandler, body: OutgoingBody): void {
    this.#exchange = exchange
    const { connectTimeout } = exchange.request
    if (connectTimeout !== Infinity) {
      this.#connectTimer = new ConnectTimer(connectTimeout, () => this.#timeOut(connectTimeout))
    }
    if (this.#renewedFor === undefined) return this.#dispatch(exchange, body)
    // A turn later, when all exchanges that shared the error have failed: then the dispatcher may merge them anew.
    setImmediate(() => {
      try {
        if (!this.#isOver) this.#dispatch(exchange, body)
      } catch (error) {
        exchange.onResponseError(undefined, error as Error)
      }
    })
  }

  handleStart(): void {
    this.#connectTimer?.clear()
    this.#endWatch?.()
    this.loss = undefined
    this.#endWatch = watchNextSocket(this)
  }

  takeRest(): boolean {
    return this.#exchange?.takeRest() === true
  }

  giveUp(): void {
    this.#end()
  }

  release(): void {
    this.#end()
  }

  discard(): void {
    this.#end()
  }

  /** For an error with which another exchange was aborted. Not twice for the same error: a dispatcher may remember it. */
  renew(error: Error): DispatcherCarrier | undefined {
    if (!sharedAbortReasons.has(error) || error === this.#renewedFor) return undefined
    return this.#owner.openForeign(this.#dispatcher, error)
  }

  /** Ends the exchange with this error. */
  destroy(error: unknown): void {
    this.#exchange?.abort(error)
  }

  #dispatch(exchange: ExchangeHandler, body: OutgoingBody): void {
    const { origin, path, method } = exchange.request
    const headers = requestHeaders(exchange.request, body)
    const options = { origin, path, method, headers, body, reset: false, headersTimeout: 0, bodyTimeout: 0 }
    const returned: unknown = this.#dispatcher.dispatch(options, exchange)
    // An `async` interceptor that throws reports it here only.
    if (isThenable(returned))
      returned.then(undefined, (error: unknown) => exchange.onResponseError(undefined, error as Error))
  }

  #timeOut(timeout: number): void {
    const origin = this.#exchange?.request.origin ?? ''
    this.#exchange?.abort(new ConnectTimeoutError(`Could not connect to ${origin}: no connection within ${timeout} ms`))
  }

  #end(): void {
    this.#isOver = true
    this.#endWatch?.()
    this.#connectTimer?.clear()
    this.timer.clear()
    this.#owner.handleForeignOver(this)
  }
}
