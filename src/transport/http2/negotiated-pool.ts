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

type ErrorClass = new (message: string, options: ErrorOptions) => Error

/**
 * All connections to one https destination that may speak HTTP/2. The first one that is made decides: as long as it is not
 * known what is spoken, all wait for one attempt. With HTTP/2 they get streams; a new connection is made where no stream is
 * left. With HTTP/1.1 the rest is left to a `ConnectionPool`, until this one is forgotten.
 */
export class NegotiatedPool implements DestinationPool, PoolListener, ConnectListener {
  readonly destination: Destination
  readonly connectTimeout: number
  readonly #options: ResolvedConnectionOptions
  readonly #listener: PoolListener
  readonly #connections = new Set<Http2Connection>()
  /** They wait for a stream; first come, first served. */
  readonly #waiters = new Set<Http2Carrier>()
  readonly #attempts: ConnectAttempts
  #http1: ConnectionPool | undefined = undefined
  /** Exchanges that wait, or are under way on HTTP/2. */
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

  /** The exchange gets a stream, as soon as there is one. */
  enter(carrier: Http2Carrier): void {
    const connection = this.#roomFor(carrier)
    if (connection !== undefined) return carrier.open(connection)
    this.#waiters.add(carrier)
    this.#balance()
  }

  /** Nobody waits any more. */
  leave(carrier: Http2Carrier): void {
    if (this.#waiters.delete(carrier)) this.#balance()
  }

  /** For an exchange that is sent again. */
  renew(history: Http2History): ExchangeCarrier {
    return this.#http1 === undefined ? this.#newCarrier(history) : this.#http1.open()
  }

  /** An exchange is over, or goes on elsewhere. */
  handleOver(): void {
    this.#carriers--
    this.#checkEmpty()
  }

  /** Other streams are free than before. */
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
   * @param allowed streams at once, from now on
   * @returns how many we open
   */
  limit(allowed: number): number {
    return this.#limits.remember(this.destination.key, allowed)
  }

  /** @returns whether the connection may rest */
  giveBack(connection: Http2Connection): boolean {
    if (this.#isClosed) return false
    connection.idleSince = nextRelease()
    return true
  }

  /** The connection takes up no room any more. */
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

  /** @internal Of the pool for HTTP/1.1. */
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

  /** @internal Those who waited for this attempt fail, each with an error of its own. */
  handleConnectFailure(error: Error): void {
    const share = this.#speaksHttp2 ? Math.max(1, this.#limit) : Infinity
    const waiters = [...this.#waiters].slice(0, share)
    for (const waiter of waiters) this.#waiters.delete(waiter)
    for (const waiter of waiters) waiter.fail(errorLike(error))
    this.#balance()
  }

  /** Streams at once on a connection, as far as that is known. */
  get #limit(): number {
    return this.#limits.of(this.destination.key)
  }

  #newCarrier(history?: Http2History): Http2Carrier {
    this.#carriers++
    return new Http2Carrier(this, history)
  }

  /** The oldest connection with a stream left, so that others end. */
  #roomFor(carrier: Http2Carrier): Http2Connection | undefined {
    for (const connection of this.#connections) {
      if (connection.hasRoom && !carrier.avoids(connection)) return connection
    }
    return undefined
  }

  /** As many attempts as those who wait need. */
  #balance(): void {
    this.#attempts.adjust(this.#attemptsWanted())
    this.#checkEmpty()
  }

  #attemptsWanted(): number {
    if (this.#waiters.size === 0) return 0
    if (!this.#speaksHttp2) return 1
    if (this.#limit > 0) return Math.ceil(this.#waiters.size / this.#limit)
    // Another one would allow none either.
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

  /** Those who wait connect by themselves; the first one has its socket. */
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
  return new (error.constructor as ErrorClass)(message, { cause })
}

/** Streams at once on a connection, whatever a server allows. */
const mostStreams = 100
/** Destinations that are remembered. */
const mostDestinations = 1_000

/** How many streams at once the destinations of a session allow on a connection, as each has said last. */
export class StreamLimits {
  readonly #limits = new Map<string, number>()

  /** @param key of a destination */
  of(key: string): number {
    return this.#limits.get(key) ?? mostStreams
  }

  /** @returns how many that makes */
  remember(key: string, allowed: number): number {
    const limit = Math.min(allowed, mostStreams)
    this.#limits.delete(key)
    if (this.#limits.size >= mostDestinations) this.#limits.delete(this.#limits.keys().next().value as string)
    this.#limits.set(key, limit)
    return limit
  }
}
