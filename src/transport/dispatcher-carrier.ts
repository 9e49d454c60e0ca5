import { isThenable } from '../checks.ts'
import { ConnectTimeoutError } from '../errors.ts'
import type { Carrier, OpenBody } from './carrier.ts'
import { ConnectTimer } from './connect-timer.ts'
import type { Dispatcher } from './exchange.ts'
import type { ExchangeHandler } from './exchange-handler.ts'
import { ReadTimer } from './read-timer.ts'
import { requestHeaders } from './request-body.ts'
import { watchNextSocket } from './socket-watch.ts'
import type { SocketObserver } from './socket-watch.ts'

/** Runs one exchange on a dispatcher of the caller's. Its connections are its own affair. */
export class DispatcherCarrier implements Carrier, SocketObserver {
  readonly timer = new ReadTimer()
  loss: Error | undefined = undefined
  /** Its place among those at work; -1 for none. */
  index = -1
  readonly #dispatcher: Dispatcher
  readonly #onOver: (carrier: DispatcherCarrier) => void
  #exchange: ExchangeHandler | undefined = undefined
  /** "Connecting" is everything that happens before the request is written. */
  #connectTimer: ConnectTimer | undefined = undefined
  #endWatch: (() => void) | undefined = undefined

  constructor(dispatcher: Dispatcher, onOver: (carrier: DispatcherCarrier) => void) {
    this.#dispatcher = dispatcher
    this.#onOver = onOver
  }

  dispatch(exchange: ExchangeHandler, body: OpenBody): void {
    this.#exchange = exchange
    const { origin, path, method, connectTimeout } = exchange.request
    if (connectTimeout !== Infinity) {
      this.#connectTimer = new ConnectTimer(connectTimeout, () => this.#timeOut(connectTimeout))
    }
    const headers = requestHeaders(exchange.request, body)
    const options = { origin, path, method, headers, body, reset: false, headersTimeout: 0, bodyTimeout: 0 }
    const returned: unknown = this.#dispatcher.dispatch(options, exchange)
    // An `async` interceptor that throws tells nobody else.
    if (isThenable(returned))
      returned.then(undefined, (error: unknown) => exchange.onResponseError(undefined, error as Error))
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

  /** The connection may be a used one; but the dispatcher does not say. */
  renew(): undefined {}

  /** Ends the exchange with this error. */
  destroy(error: unknown): void {
    this.#exchange?.abort(error)
  }

  #timeOut(timeout: number): void {
    const origin = this.#exchange?.request.origin ?? ''
    this.#exchange?.abort(new ConnectTimeoutError(`Could not connect to ${origin}: no connection within ${timeout} ms`))
  }

  #end(): void {
    this.#endWatch?.()
    this.#connectTimer?.clear()
    this.timer.clear()
    this.#onOver(this)
  }
}
