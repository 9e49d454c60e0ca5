import type { Socket } from 'node:net'
import type { ExchangeCarrier } from '../carrier.ts'
import type { Connector } from '../connecting/connector.ts'
import { nextRelease, ConnectionPool } from '../connection-pool.ts'
import type { DestinationPool, PoolListener } from '../connection-pool.ts'
import type { Destination } from '../destination.ts'
import { translateFailure } from '../failures.ts'
import type { ResolvedConnectionOptions } from '../connection-options.ts'
import { ConnectAttempts } from './connect-attempts.ts'
import type { ConnectListener } from './connect-attempts.ts'
import { Http2Carrier } from './http2-carrier.ts'
import type { Http2History } from './http2-carrier.ts'
import { Http2Connection } from './http2-connection.ts'

/**
 * All connections to one https destination that may speak HTTP/2. Until the protocol is known, all exchanges wait for one
 * attempt to connect, whose ALPN decides. With HTTP/2 they get streams, and a connection is opened when no stream is free.
 * With HTTP/1.1 a `ConnectionPool` takes over for as long as this pool exists.
 */
export class NegotiatedPool implements DestinationPool, PoolListener, ConnectListener {
  readonly destination: Destination
  readonly connectTimeout: number
  readonly #options: ResolvedConnectionOptions
  readonly #listener: PoolListener
  readonly #connections = new Set<Http2Connection>()
  /** Exchanges that wait for a stream, in order of arrival. */
  readonly #waiters = new Set<Http2Carrier>()
  readonly #attempts: ConnectAttempts
  #http1: ConnectionPool | undefined = undefined
  /** How many exchanges wait or are under way on HTTP/2. */
  #carriers = 0
  #speaksHttp2 = false
  readonly #limits: StreamLimits
  #isClosed = false

  constructor(
    destination: Destination,
    connector: Connector,
    options: ResolvedConnectionOptions,
    listener: PoolListener,
    limits: StreamLimits,
  ) {
    this.destination = destination
    this.connectTimeout = options.connectTimeout
    this.#options = options
    this.#listener = listener
    this.#limits = limits
    this.#attempts = new ConnectAttempts(destination, connector, listener, this)
  }

  get idleSince(): number {
    let since = this.#http1?.idleSince ?? Infinity
    for (const connection of this.#connections) since = Math.min(since, connection.idleSince)
    return since
  }

  take(): ExchangeCarrier {
    return this.#http1 === undefined ? this.#newCarrier() : this.#http1.take()
  }

  closeLongestIdle(): void {
    const { idleSince } = this
    for (const connection of this.#connections) if (connection.idleSince === idleSince) return connection.discard()
    this.#http1?.closeLongestIdle()
  }

  close(): void {
    this.#isClosed = true
    this.#http1?.close()
    for (const connection of [...this.#connections]) if (connection.idleSince < Infinity) connection.discard()
  }

  destroy(error: unknown): void {
    this.close()
    for (const waiter of [...this.#waiters]) waiter.destroy(error)
    for (const connection of [...this.#connections]) connection.destroy(error)
    this.#http1?.destroy(error)
  }

  /** Opens a stream for the exchange as soon as one is free. */
  enter(carrier: Http2Carrier): void {
    const connection = this.#roomFor(carrier)
    if (connection !== undefined) return carrier.open(connection)
    this.#waiters.add(carrier)
    this.#balance()
  }

  /** The exchange no longer waits for a stream. */
  leave(carrier: Http2Carrier): void {
    if (this.#waiters.delete(carrier)) this.#balance()
  }

  /** A new carrier for an exchange that is sent again. */
  renew(history: Http2History): ExchangeCarrier {
    return this.#http1 === undefined ? this.#newCarrier(history) : this.#http1.open()
  }

  /** The carrier of an exchange is done. */
  handleOver(): void {
    this.#carriers--
    this.#checkEmpty()
  }

  /** The number of free streams of this connection has changed. */
  handleRoom(connection: Http2Connection): void {
    for (const waiter of this.#waiters) {
      if (!connection.hasRoom) break
      if (waiter.avoids(connection)) continue
      this.#waiters.delete(waiter)
      waiter.open(connection)
    }
    if (this.#attempts.size + this.#waiters.size > 0) this.#balance()
  }

  /**
   * @param allowed how many streams at once the server allows from now on
   * @returns how many we will open at once
   */
  limit(allowed: number): number {
    return this.#limits.remember(this.destination.key, allowed)
  }

  /** @returns whether the connection is kept while it is idle */
  giveBack(connection: Http2Connection): boolean {
    if (this.#isClosed) return false
    connection.idleSince = nextRelease()
    return true
  }

  /** The connection no longer counts as open. */
  evict(connection: Http2Connection): void {
    if (connection.isEvicted) return
    connection.isEvicted = true
    this.#listener.handleClose()
  }

  /** The connection has ended. */
  forget(connection: Http2Connection): void {
    this.evict(connection)
    this.#connections.delete(connection)
    if (this.#waiters.size > 0) this.#balance()
    this.#checkEmpty()
  }

  /** @internal Called by the pool for HTTP/1.1. */
  handleOpen(): void {
    this.#listener.handleOpen()
  }

  /** @internal */
  handleClose(): void {
    this.#listener.handleClose()
  }

  /** @internal */
  handleEmpty(): void {
    this.#checkEmpty()
  }

  /** @internal */
  handleSocket(socket: Socket): void {
    if ((socket as { alpnProtocol?: unknown }).alpnProtocol === 'h2') this.#speakHttp2(socket)
    else this.#speakHttp1(socket)
  }

  /** @internal As many exchanges as waited for this attempt fail, each with its own copy of the error. */
  handleConnectFailure(error: Error): void {
    const share = this.#speaksHttp2 ? Math.max(1, this.#limit) : Infinity
    const waiters = [...this.#waiters].slice(0, share)
    for (const waiter of waiters) this.#waiters.delete(waiter)
    for (const waiter of waiters) waiter.fail(errorLike(error))
    this.#balance()
  }

  /** How many streams a connection may have at once; a default until the server has said it. */
  get #limit(): number {
    return this.#limits.of(this.destination.key)
  }

  #newCarrier(history?: Http2History): Http2Carrier {
    this.#carriers++
    return new Http2Carrier(this, history)
  }

  /** The oldest connection with a free stream: using it first lets the others become idle and close. */
  #roomFor(carrier: Http2Carrier): Http2Connection | undefined {
    for (const connection of this.#connections) {
      if (connection.hasRoom && !carrier.avoids(connection)) return connection
    }
    return undefined
  }

  /** Keeps as many attempts to connect under way as the waiting exchanges need. */
  #balance(): void {
    this.#attempts.adjust(this.#attemptsWanted())
    this.#checkEmpty()
  }

  #attemptsWanted(): number {
    if (this.#waiters.size === 0) return 0
    if (!this.#speaksHttp2) return 1
    if (this.#limit > 0) return Math.ceil(this.#waiters.size / this.#limit)
    // The server allows no streams at all: a second connection would not help.
    return [...this.#connections].some((connection) => !connection.isDraining) ? 0 : 1
  }

  #speakHttp2(socket: Socket): void {
    let connection: Http2Connection
    try {
      if (socket.destroyed) throw Object.assign(new Error('The socket was closed'), { code: 'ECONNRESET' })
      connection = new Http2Connection(socket, this, this.#options.client, this.#limit)
    } catch (error) {
      socket.destroy()
      const { origin, proxy } = this.destination
      return this.handleConnectFailure(translateFailure(error, 'connect', origin, proxy?.url))
    }
    this.#speaksHttp2 = true
    this.#listener.handleOpen()
    this.#connections.add(connection)
    this.handleRoom(connection)
    connection.restOrEnd()
    this.#balance()
  }

  /** All waiting exchanges move to HTTP/1.1; the first of them uses this socket. */
  #speakHttp1(socket: Socket): void {
    const http1 = (this.#http1 ??= new ConnectionPool(this.destination, this.#attempts, this.#options.client, this))
    this.#attempts.give(socket)
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.move(http1.take())
    this.#balance()
  }

  #checkEmpty(): void {
    if (this.#carriers + this.#connections.size + this.#attempts.size > 0) return
    if (this.#http1?.isEmpty === false) return
    this.#listener.handleEmpty(this)
  }
}

function errorLike(error: Error): Error {
  const { message, cause } = error
  return new (error.constructor as new (message: string, options: ErrorOptions) => Error)(message, { cause })
}

/** The most streams that we open at once on a connection, even if the server allows more. */
const mostStreams = 100
/** The most destinations whose limit is remembered. */
const mostDestinations = 1_000

/** The latest limit of concurrent streams that each destination of a session has announced. */
export class StreamLimits {
  readonly #limits = new Map<string, number>()

  /** @param key the key of a destination */
  of(key: string): number {
    return this.#limits.get(key) ?? mostStreams
  }

  /** @returns the limit that holds from now on */
  remember(key: string, allowed: number): number {
    const limit = Math.min(allowed, mostStreams)
    this.#limits.delete(key)
    if (this.#limits.size >= mostDestinations) this.#limits.delete(this.#limits.keys().next().value as string)
    this.#limits.set(key, limit)
    return limit
  }
}
