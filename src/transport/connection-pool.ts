import { clearImmediate as clearOwn, setImmediate as setOwn } from 'node:timers'
import type { Client } from 'undici'
import { LinkedList } from '../linked-list.ts'
import type { ConnectAttempt, ConnectCallback } from './connecting/connect-attempt.ts'
import type { ExchangeCarrier } from './carrier.ts'
import { Connection } from './connection.ts'
import { proxiedHeaders } from './destination.ts'
import type { Destination } from './destination.ts'

/** Told by the pools of a session how many connections there are. */
export interface PoolListener {
  /** A connection is about to be opened. */
  handleOpen(): void
  /** A connection is closed, or closing: it no longer counts. */
  handleClose(): void
  /** The last connection of a pool has ended. */
  handleEmpty(pool: DestinationPool): void
}

/** The connections to one destination, whatever they speak. */
export interface DestinationPool {
  readonly destination: Destination
  /** `nextRelease()` of the connection that has been idle for longest; Infinity for none. */
  readonly idleSince: number
  /** @returns a carrier for one exchange */
  take(): ExchangeCarrier
  closeLongestIdle(): void
  /** Ends idle connections now and busy ones when their exchange is over. */
  close(): void
  /** Ends all connections, and their exchanges with this error. */
  destroy(error: unknown): void
}

/** Makes sockets, as a Connector does. */
interface SocketOpener {
  connect(destination: Destination, timeout: number, callback: ConnectCallback): ConnectAttempt
}

/** Numbers the times that a connection becomes idle: the least number has been idle for longest. */
let releases = 0

export function nextRelease(): number {
  return ++releases
}

/** All connections to one destination. */
export class ConnectionPool implements DestinationPool {
  readonly destination: Destination
  readonly #connector: SocketOpener
  readonly #options: Client.Options
  readonly #listener: PoolListener
  readonly #connections = new Set<Connection>()
  /** Last used last, and taken first: so the first ones reach their keep-alive timeout. */
  readonly #idleConnections = new LinkedList<Connection>()
  #isClosed = false

  constructor(destination: Destination, connector: SocketOpener, options: Client.Options, listener: PoolListener) {
    this.destination = destination
    this.#connector = connector
    this.#options = options
    this.#listener = listener
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0
  }

  get idleSince(): number {
    return this.#idleConnections.first?.idleSince ?? Infinity
  }

  /** An idle connection, or a new one. */
  take(): Connection {
    for (let idle = this.#idleConnections.last; idle !== undefined; idle = this.#idleConnections.last) {
      this.#idleConnections.remove(idle)
      if (idle.isAlive && !areImmediatesFake()) return idle
      // undici waits for an immediate before it writes to a used socket; a fake one never comes by itself.
      if (idle.isAlive) idle.discard()
    }
    return this.open()
  }

  /** A new connection; it connects when it gets its first exchange. */
  open(): Connection {
    this.#listener.handleOpen()
    const connection = new Connection(this, this.#options)
    this.#connections.add(connection)
    return connection
  }

  connect(timeout: number, callback: ConnectCallback): ConnectAttempt {
    return this.#connector.connect(this.destination, timeout, callback)
  }

  path(path: string): string {
    return this.destination.isAbsoluteForm ? this.destination.origin + path : path
  }

  headers(headers: string[]): string[] {
    return this.destination.proxy === undefined ? headers : proxiedHeaders(headers, this.destination)
  }

  giveBack(connection: Connection): void {
    if (this.#isClosed) return connection.discard()
    connection.idleSince = nextRelease()
    this.#idleConnections.push(connection)
  }

  closeLongestIdle(): void {
    const longest = this.#idleConnections.first
    if (longest !== undefined) this.#discardIdle(longest)
  }

  /** The connection no longer counts, though it may take a moment to end. */
  evict(connection: Connection): void {
    if (connection.isEvicted) return
    connection.isEvicted = true
    this.#listener.handleClose()
  }

  /** The connection has ended. */
  forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    this.evict(connection)
    this.#idleConnections.remove(connection)
    if (this.#connections.size === 0) this.#listener.handleEmpty(this)
  }

  close(): void {
    this.#isClosed = true
    for (const idle of [...this.#idleConnections]) this.#discardIdle(idle)
  }

  destroy(error: unknown): void {
    this.close()
    for (const connection of [...this.#connections]) connection.destroy(error)
  }

  #discardIdle(connection: Connection): void {
    this.#idleConnections.remove(connection)
    connection.discard()
  }
}

const immediatePrototype: unknown = prototypeOf(setOwn, clearOwn)
/** The global `setImmediate` at the last check, and whether it is a test runner's. */
let present: unknown = setOwn
let areFake = false

/** A wrapper of Node's own, such as a tracer's, returns Node's immediates. */
function areImmediatesFake(): boolean {
  if (setImmediate === present) return areFake
  present = setImmediate
  areFake = prototypeOf(setImmediate, clearImmediate) !== immediatePrototype
  return areFake
}

function prototypeOf(set: typeof setImmediate, clear: typeof clearImmediate): unknown {
  const immediate = set(() => undefined)
  clear(immediate)
  return Object.getPrototypeOf(immediate)
}
