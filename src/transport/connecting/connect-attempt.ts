import type { Socket } from 'node:net'
import { ConnectTimeoutError } from '../../errors.ts'
import { ConnectTimer } from '../connect-timer.ts'
import type { Destination } from '../destination.ts'

/** Given to undici when an attempt is given up; nobody sees it. */
const givenUp = new Error('The attempt to connect was given up')

/** Called once, with one of both. */
export type ConnectCallback = (error: Error | null, socket: Socket | null) => void

/**
 * One way to a socket, however many steps it takes: look-up, TCP, proxy, TLS. It has one outcome, one timeout for all
 * steps, and can be given up at any moment: the socket in hand is destroyed, and what a step still brings is, too.
 */
export class ConnectAttempt {
  readonly destination: Destination
  /** Milliseconds for all steps together; Infinity = none. */
  readonly timeout: number
  #callback: ConnectCallback | undefined
  #socket: Socket | undefined = undefined
  readonly #timer: ConnectTimer | undefined

  constructor(destination: Destination, timeout: number, callback: ConnectCallback) {
    this.destination = destination
    this.timeout = timeout
    this.#callback = callback
    this.#timer = timeout === Infinity ? undefined : new ConnectTimer(timeout, () => this.#timeOut())
  }

  get isOver(): boolean {
    return this.#callback === undefined
  }

  /** The socket that the steps work on from now on. */
  hold(socket: Socket): void {
    this.#socket = socket
    if (this.isOver) socket.destroy()
  }

  succeed(socket: Socket): void {
    this.hold(socket)
    this.#end()?.(null, socket)
  }

  fail(error: Error): void {
    const callback = this.#end()
    if (callback === undefined) return
    this.#socket?.destroy()
    callback(error, null)
  }

  giveUp(): void {
    this.fail(givenUp)
  }

  #timeOut(): void {
    const { origin, proxy } = this.destination
    const through = proxy === undefined ? '' : ` through the proxy ${proxy.url}`
    this.fail(
      new ConnectTimeoutError(`Could not connect to ${origin}${through}: no connection within ${this.timeout} ms`),
    )
  }

  #end(): ConnectCallback | undefined {
    const callback = this.#callback
    this.#callback = undefined
    this.#timer?.clear()
    return callback
  }
}
