import { maxHeaderSize } from 'node:http'
import type { Socket } from 'node:net'
import { Client } from 'undici/index.js'
import type { Dispatcher } from 'undici'
import { ownOptions } from '../checks.ts'
import type { LinkedListElement } from '../linked-list.ts'
import type { ExchangeCarrier, OutgoingBody } from './carrier.ts'
import type { ConnectAttempt, ConnectCallback } from './connecting/connect-attempt.ts'
import type { ExchangeHandler } from './exchange-handler.ts'
import { isDeadConnection } from './failures.ts'
import { ReadTimer } from './read-timer.ts'
import { requestHeaders } from './upload.ts'
import { ResponseHeads } from './response-heads.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { watchSocket } from './socket-watch.ts'
import type { SocketListener } from './socket-watch.ts'

/** Given to undici when it connects after its exchange was cancelled. */
const unwanted = new Error('Nobody waits for this connection')
/** Given to undici, which would reconnect without end to a server that hangs up, or speaks, before the request is written. */
const lostEarly = (): Error =>
  Object.assign(new Error('It was lost before the request was written'), { code: 'ECONNRESET' })

/**
 * One socket at a time, in an undici Client of its own. A Client with one request never queues; with a connector of ours it
 * can be stopped while it connects, and a fresh connection be told from a used one.
 */
export class Connection implements ExchangeCarrier, SocketListener, LinkedListElement<Connection> {
  readonly timer = new ReadTimer()
  readonly httpVersion = '1.1'
  readonly isUnseen = false
  loss: Error | undefined = undefined
  /** Its neighbours among the idle connections. */
  next: Connection | undefined = undefined
  previous: Connection | undefined = undefined
  /** For its pool: when it became idle, and whether it still counts. */
  idleSince = 0
  isEvicted = false
  readonly #pool: ConnectionPool
  readonly #client: Client
  readonly #maxHeaderSize: number
  #socket: Socket | undefined = undefined
  #heads: ResponseHeads | undefined = undefined
  #isReused = false
  #attempt: ConnectAttempt | undefined = undefined
  #exchange: ExchangeHandler | undefined = undefined
  /** The exchange that the socket was opened for. */
  #opener: ExchangeHandler | undefined = undefined

  constructor(pool: ConnectionPool, options: Client.Options) {
    this.#pool = pool
    this.#maxHeaderSize = options.maxHeaderSize ?? maxHeaderSize
    const connect: Client.Options['connect'] = (_options, callback) => this.#connect(callback as ConnectCallback)
    this.#client = new Client(pool.destination.clientOrigin, ownOptions({ ...options, connect }))
    this.#client.on('disconnect', () => this.#handleDisconnect())
  }

  /** Whether its socket seems usable. undici waits one turn before it writes, to see whether it is. */
  get isAlive(): boolean {
    return this.#socket !== undefined && !this.#socket.destroyed
  }

  dispatch(exchange: ExchangeHandler, body: OutgoingBody): void {
    this.#exchange = exchange
    const { request } = exchange
    const { clientOrigin, target } = this.#pool.destination
    this.#client.dispatch(
      {
        origin: clientOrigin,
        path: this.#pool.path(request.path),
        method: request.method,
        headers: this.#pool.headers(requestHeaders(request, body)),
        body,
        // By default undici closes the connection after a HEAD, and after a GET with a body, for servers that answer those
        // with a body too many. That is caught anyway: bytes that come while no response is expected close the connection.
        reset: false,
        // Otherwise undici takes it from the Host header, and reconnects when it changes.
        servername: target.hostname,
      } as Dispatcher.DispatchOptions,
      exchange,
    )
  }

  handleStart(): void {
    this.#heads?.begin(this.#exchange?.request.body !== undefined)
  }

  handleSilence(): boolean {
    return this.#heads?.handleSilence() === true
  }

  giveUp(): void {
    this.#exchange = undefined
    if (this.#attempt !== undefined) this.#attempt.giveUp()
    // undici is about to write, and `onRequestStart` will refuse. The connection is given back before that, and the next
    // exchange queues behind: otherwise that one would open a connection more than there are workers.
    else if (this.isAlive) this.#pool.giveBack(this)
  }

  release(): void {
    this.#exchange = undefined
    this.#opener = undefined
    if (!this.isAlive) return this.#end()
    this.#isReused = true
    this.#pool.giveBack(this)
  }

  discard(): void {
    this.#exchange = undefined
    this.#pool.evict(this)
    if (this.#socket === undefined) this.#end()
    else this.#socket.destroy()
  }

  /** The server may have closed the connection since the last exchange. */
  renew(error: Error): Connection | undefined {
    if (!this.#isReused || !isDeadConnection(error)) return undefined
    this.#pool.evict(this)
    return this.#pool.open()
  }

  takeRest(): boolean {
    return this.#exchange?.takeRest() === true
  }

  /** Ends the exchange, if there is one, with this error, and the connection. */
  destroy(error: unknown): void {
    this.#exchange?.abort(error)
    this.discard()
  }

  /** Called by undici: for a new connection, and once more if an idle one dies just before it is written to. */
  #connect(callback: ConnectCallback): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      callback(unwanted, null)
      return this.#end()
    }
    if (exchange === this.#opener) {
      callback(lostEarly(), null)
      return this.#end()
    }
    this.#opener = exchange
    this.#isReused = false
    this.#attempt = this.#pool.connect(exchange.request.connectTimeout, (error, socket) => {
      this.#attempt = undefined
      this.#socket = socket ?? undefined
      // Before undici adds its own listeners.
      if (socket !== null) this.#watch(socket)
      callback(error, socket)
      if (socket === null) this.#end()
    })
  }

  #watch(socket: Socket): void {
    this.loss = undefined
    this.#heads = new ResponseHeads(socket, this.#maxHeaderSize, () => this.#exchange?.handleBytes() === true)
    watchSocket(socket, this)
  }

  #handleDisconnect(): void {
    this.#socket = undefined
    // With an exchange that waits, undici connects once more.
    if (this.#exchange === undefined) this.#end()
  }

  #end(): void {
    this.timer.clear()
    this.#pool.forget(this)
  }
}
