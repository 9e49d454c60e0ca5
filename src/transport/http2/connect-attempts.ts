import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers'
import { ConnectAttempt } from '../connecting/connect-attempt.ts'
import type { ConnectCallback } from '../connecting/connect-attempt.ts'
import type { Connector } from '../connecting/connector.ts'
import type { PoolListener } from '../connection-pool.ts'
import type { Destination } from '../destination.ts'

/** Told of the outcome of each attempt. */
export interface ConnectListener {
  handleSocket(socket: Socket): void
  handleConnectFailure(error: Error): void
}

const both = ['h2', 'http/1.1']
const http1Only = ['http/1.1']

/** Attempts to connect that are shared by all waiting exchanges; none has a timeout, the exchanges have their own. */
export class ConnectAttempts {
  readonly #destination: Destination
  readonly #connector: Connector
  readonly #poolListener: PoolListener
  readonly #listener: ConnectListener
  readonly #attempts = new Set<ConnectAttempt>()
  /** A connected socket that the next `connect` uses instead of opening one. */
  #given: Socket | undefined = undefined

  constructor(destination: Destination, connector: Connector, poolListener: PoolListener, listener: ConnectListener) {
    this.#destination = destination
    this.#connector = connector
    this.#poolListener = poolListener
    this.#listener = listener
  }

  get size(): number {
    return this.#attempts.size
  }

  /** Begins or gives up attempts until there are `wanted` of them; the latest are given up first. */
  adjust(wanted: number): void {
    for (const attempt of [...this.#attempts].slice(wanted)) {
      this.#attempts.delete(attempt)
      this.#poolListener.handleClose()
      attempt.giveUp()
    }
    while (this.#attempts.size < wanted) this.#begin()
  }

  /** The next `connect` gets this socket; it is closed if there is none within a turn. */
  give(socket: Socket): void {
    this.#given = socket
    setImmediate(() => {
      if (this.#given !== socket) return
      this.#given = undefined
      socket.destroy()
    })
  }

  /** Makes a connection for HTTP/1.1. */
  connect(destination: Destination, timeout: number, callback: ConnectCallback): ConnectAttempt {
    const given = this.#given
    if (given === undefined) return this.#connector.connect(destination, timeout, callback, http1Only)
    this.#given = undefined
    const attempt = new ConnectAttempt(destination, timeout, callback)
    attempt.hold(given)
    queueMicrotask(() => attempt.succeed(given))
    return attempt
  }

  #begin(): void {
    this.#poolListener.handleOpen()
    const onOutcome: ConnectCallback = (error, socket) => {
      // An attempt that is no longer in the set was given up.
      if (!this.#attempts.delete(attempt)) return
      this.#poolListener.handleClose()
      if (socket === null) this.#listener.handleConnectFailure(error as Error)
      else this.#listener.handleSocket(socket)
    }
    const attempt: ConnectAttempt = this.#connector.connect(this.#destination, Infinity, onOutcome, both)
    this.#attempts.add(attempt)
  }
}
