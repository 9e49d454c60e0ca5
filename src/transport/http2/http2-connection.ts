// undici has loaded it before.
import { maxHeaderSize } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers'
import type { Client } from 'undici'
import { ownOptions } from '../../checks.ts'
import { Deadline, monotonicTime } from '../../deadline.ts'
import { ReadTimer } from '../read-timer.ts'
import type { Http2Carrier } from './http2-carrier.ts'
import type { NegotiatedPool } from './negotiated-pool.ts'

/** Bytes that a server may send before somebody has read them: on a stream, and on all streams of a connection. */
const streamWindow = 6 * 1024 * 1024
const connectionWindow = 24 * 1024 * 1024
/** Fields of a response; each counts 32 bytes more than it has (RFC 9113, 6.5.2). */
const mostFields = 4_000
const fieldOverhead = 32
const largestSetting = 2 ** 32 - 1
/** As undici has it. */
const defaultKeepAlive = 4_000
/** Megabytes: Node's own bound, 10, would refuse streams. What is held is bounded by the windows. */
const sessionMemory = 1_000_000
/** Bytes of the header of a request; Node's own bound would end the session. */
const longestHeader = 2 ** 24

/** One HTTP/2 session on one socket, and the exchanges that are under way on it. */
export class Http2Connection {
  /** When it became idle, in the order of all connections; Infinity while it is not. */
  idleSince = Infinity
  isEvicted = false
  /** A response has come in on it. */
  hasServed = false
  /** Streams beyond it the server has not looked at. */
  lastStream = Infinity
  readonly maxHeaderSize: number
  readonly maxResponseSize: number
  readonly #pool: NegotiatedPool
  readonly #socket: Socket
  readonly #session: ClientHttp2Session
  readonly #carriers = new Set<Http2Carrier>()
  readonly #watch: PeerWatch
  readonly #isBusy = (): boolean => this.#carriers.size > 0
  /** Those that are not in use: they keep their timer of Node's. */
  readonly #timers: ReadTimer[] = []
  readonly #keepAlive: number
  /** Streams that may still be opened. */
  #left: number
  /** Streams at once. */
  #most: number
  #isDraining = false
  #goaway: number | undefined = undefined
  #outlivesGoaway = false
  #failure: Error | undefined = undefined
  #idleAt = 0
  #idleDeadline: Deadline | undefined = undefined

  /**
   * @param most how many streams at once the destination has allowed before
   * @throws what `node:http2` says of a socket that it can't use
   */
  constructor(socket: Socket, pool: NegotiatedPool, options: Client.Options, most: number) {
    this.#pool = pool
    this.#socket = socket
    this.#most = most
    this.maxHeaderSize = options.maxHeaderSize ?? maxHeaderSize
    const { maxResponseSize = -1 } = options
    this.maxResponseSize = maxResponseSize < 0 ? Infinity : maxResponseSize
    this.#keepAlive = options.keepAliveTimeout ?? defaultKeepAlive
    this.#left = options.pipelining === 0 ? 1 : (options.maxRequestsPerClient ?? Infinity)
    this.#watch = new PeerWatch(socket)
    this.#session = this.#openSession()
    socket.on('error', (error: Error) => (this.#failure ??= error)).once('close', () => this.#handleLoss())
  }

  /** Whether one more stream may be opened. */
  get hasRoom(): boolean {
    return this.#carriers.size < this.#most && !this.#isDraining && !this.isLost
  }

  /** No stream is ever opened again. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Nothing comes in or goes out any more. */
  get isLost(): boolean {
    return !this.#socket.readable || this.#session.destroyed
  }

  /** What its exchanges fail with when it is lost. */
  get loss(): Error {
    if (this.#failure !== undefined) return this.#failure
    const after = this.#goaway ? ` after GOAWAY with code ${this.#goaway}` : ''
    return Object.assign(new Error(`The connection was closed${after}`), { code: 'ECONNRESET' })
  }

  /** @returns whether nothing was under way on it */
  enter(carrier: Http2Carrier): boolean {
    const wasIdle = this.#carriers.size === 0
    if (wasIdle) {
      this.idleSince = Infinity
      this.#session.ref()
      this.#watch.start(this.#isBusy)
    }
    this.#carriers.add(carrier)
    return wasIdle
  }

  /** @throws what `node:http2` says of the header */
  request(fields: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    if (--this.#left <= 0) this.#isDraining = true
    return this.#session.request(fields, { endStream })
  }

  takeTimer(): ReadTimer {
    return this.#timers.pop() ?? new ReadTimer()
  }

  /** The exchange is over. */
  leave(carrier: Http2Carrier, timer: ReadTimer | undefined): void {
    this.#carriers.delete(carrier)
    if (this.isLost) timer?.clear()
    else if (timer !== undefined) this.#timers.push(timer)
    if (!this.#isDraining) this.#pool.handleRoom(this)
    this.restOrEnd()
  }

  /** Where nothing is under way on it, it rests, or ends. */
  restOrEnd(): void {
    if (this.#carriers.size > 0) return
    if (!this.#isDraining && !this.isLost && this.#pool.giveBack(this)) this.#rest()
    // Not within what nghttp2 calls.
    else setImmediate(() => this.discard())
  }

  /** No new streams; it ends with its last one. */
  drain(): void {
    this.#isDraining = true
    this.#pool.handleRoom(this)
    this.restOrEnd()
  }

  /** Ends it now. */
  discard(): void {
    this.#isDraining = true
    this.idleSince = Infinity
    this.#pool.evict(this)
    this.#session.destroy()
    // Which would wait until the peer has taken what was written.
    this.#socket.destroy()
  }

  /** Ends its exchanges with this error, and itself. */
  destroy(error: unknown): void {
    this.#isDraining = true
    for (const carrier of [...this.#carriers]) carrier.destroy(error)
    this.discard()
  }

  #openSession(): ClientHttp2Session {
    const session = connect(
      this.#pool.destination.origin,
      ownOptions({
        createConnection: () => this.#socket,
        maxSessionMemory: sessionMemory,
        maxHeaderListPairs: mostFields,
        maxSendHeaderBlockLength: longestHeader,
        settings: ownOptions({
          enablePush: false,
          initialWindowSize: streamWindow,
          maxHeaderListSize: Math.min(this.maxHeaderSize + mostFields * fieldOverhead, largestSetting),
        }),
      }),
    )
    session.setLocalWindowSize(connectionWindow)
    keepHandle(session)
    session
      .on('error', (error: Error) => (this.#failure ??= error))
      .on('close', () => this.#socket.destroy())
      .on('goaway', (code: number, lastStream: number) => this.#handleGoaway(code, lastStream))
      .on('remoteSettings', ({ maxConcurrentStreams = Infinity }: Settings) => this.#handleLimit(maxConcurrentStreams))
    this.#outliveGoaway(session)
    return session
  }

  /** Node ends a session at a GOAWAY that tells of an error; but the streams that it names run to their end (RFC 9113, 6.8). */
  #outliveGoaway(session: ClientHttp2Session): void {
    const destroy = session.destroy.bind(session)
    session.destroy = (error, code) => {
      if (!this.#outlivesGoaway) return destroy(error, code)
      this.#outlivesGoaway = false
    }
  }

  /** Node destroys the session next, if there was an error. */
  #handleGoaway(code: number, lastStream: number): void {
    this.#goaway = code
    this.lastStream = Math.min(this.lastStream, lastStream)
    this.#outlivesGoaway = code !== 0 && [...this.#carriers].some(({ id }) => id <= lastStream)
    this.drain()
  }

  #handleLimit(allowed: number): void {
    this.#most = this.#pool.limit(allowed)
    if (this.#carriers.size > this.#most)
      for (const carrier of [...this.#carriers].slice(this.#most)) carrier.takeBack()
    this.#pool.handleRoom(this)
  }

  #handleLoss(): void {
    this.#isDraining = true
    this.#idleDeadline?.clear()
    this.#watch.stop()
    for (const timer of this.#timers.splice(0)) timer.clear()
    this.#pool.forget(this)
    // Node has closed the streams by then, and they have said so.
    setImmediate(() => {
      for (const carrier of [...this.#carriers]) carrier.handleClose()
    })
  }

  #rest(): void {
    this.#session.unref()
    this.#idleAt = monotonicTime()
    if (this.#idleDeadline === undefined) this.#arm(this.#keepAlive)
  }

  /** One timer of Node's for all the times that it is idle. */
  #arm(delay: number): void {
    this.#idleDeadline = new Deadline(delay, () => {
      this.#idleDeadline = undefined
      if (this.#carriers.size > 0) return
      const remaining = this.#idleAt + this.#keepAlive - monotonicTime()
      if (remaining > 0) this.#arm(remaining)
      else this.discard()
    }).unref()
  }
}

const handlesInUse = new Set<unknown>()

/**
 * Keeps what Node's own code has of a session from being collected before the last of its streams. Node aborts the process
 * (`current_nghttp2_memory_ == 0`) if a header that it has refused half-way, of a stream that was destroyed in the same turn,
 * outlives the session; and both let go of their handles when they are destroyed.
 */
function keepHandle(session: ClientHttp2Session): void {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle')
  if (key === undefined) return
  const handle: unknown = Reflect.get(session, key)
  handlesInUse.add(handle)
  session.once('close', () => setImmediate(() => setImmediate(() => handlesInUse.delete(handle))))
}

/** Milliseconds between two looks. */
const interval = 1_000

/**
 * Ends a socket whose peer has reset it. Once a write below TLS has failed, Node (up to 26) finishes no further one, and an
 * HTTP/2 session reads nothing while it writes: the reset would never be seen. The system knows that there is no peer any more.
 */
export class PeerWatch {
  readonly #socket: Socket
  /** Those of other kinds (Unix, a caller's own) have none. */
  readonly #hadPeer: boolean
  #deadline: Deadline | undefined = undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.#hadPeer = socket.remoteAddress !== undefined
  }

  /** @param isBusy whether to go on, asked before each look */
  start(isBusy: () => boolean): void {
    if (!this.#hadPeer || this.#deadline !== undefined) return
    this.#deadline = new Deadline(interval, () => {
      this.#deadline = undefined
      if (!isBusy() || this.#socket.destroyed) return
      if (this.#hasPeer()) this.start(isBusy)
      else this.#socket.destroy(Object.assign(new Error('The connection was reset'), { code: 'ECONNRESET' }))
    }).unref()
  }

  stop(): void {
    this.#deadline?.clear()
  }

  #hasPeer(): boolean {
    // Where Node remembers the address.
    Reflect.deleteProperty(this.#socket, '_peername')
    return this.#socket.remoteAddress !== undefined
  }
}
