// `node:http` costs nothing here: undici has loaded it.
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

/** Flow-control windows, in bytes that a server may send unread: on one stream, and on a whole connection. */
const streamWindow = 6 * 1024 * 1024
const connectionWindow = 24 * 1024 * 1024
/** The most fields of a response; each counts as 32 bytes more than its text (RFC 9113, 6.5.2). */
const mostFields = 4_000
const fieldOverhead = 32
const largestSetting = 2 ** 32 - 1
/** The default of undici, in milliseconds. */
const defaultKeepAlive = 4_000
/** Megabytes. Node's default of 10 would refuse streams; the windows bound what is held. */
const sessionMemory = 1_000_000
/** Bytes of a request's header; exceeding Node's lower default would end the session. */
const longestHeader = 2 ** 24

/** One HTTP/2 session on one socket, and the exchanges that are under way on it. */
export class Http2Connection {
  /** When it became idle, as a number of `nextRelease`; Infinity while it is busy. */
  idleSince = Infinity
  isEvicted = false
  /** Whether a response has been received on it. */
  hasServed = false
  /** The server has processed no stream with a higher id (GOAWAY). */
  lastStream = Infinity
  readonly maxHeaderSize: number
  readonly maxResponseSize: number
  readonly #pool: NegotiatedPool
  readonly #socket: Socket
  readonly #session: ClientHttp2Session
  readonly #carriers = new Set<Http2Carrier>()
  readonly #watch: PeerWatch
  readonly #isBusy = (): boolean => this.#carriers.size > 0
  /** Unused ones are kept, because each holds a timer of Node's that can be used again. */
  readonly #timers: ReadTimer[] = []
  readonly #keepAlive: number
  /** How many streams may still be opened. */
  #left: number
  /** How many streams may be open at once. */
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

  /** Whether it opens no more streams. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Whether the socket or the session has ended. */
  get isLost(): boolean {
    return !this.#socket.readable || this.#session.destroyed
  }

  /** The error that its exchanges fail with when it is lost. */
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

  /** Without exchanges, the connection becomes idle, or ends if it can't be used again. */
  restOrEnd(): void {
    if (this.#carriers.size > 0) return
    if (!this.#isDraining && !this.isLost && this.#pool.giveBack(this)) this.#rest()
    // A session must not be destroyed from within a callback of nghttp2.
    else setImmediate(() => this.discard())
  }

  /** Opens no more streams; the connection ends with its last one. */
  drain(): void {
    this.#isDraining = true
    this.#pool.handleRoom(this)
    this.restOrEnd()
  }

  /** Closes the connection now. */
  discard(): void {
    this.#isDraining = true
    this.idleSince = Infinity
    this.#pool.evict(this)
    this.#session.destroy()
    // The session alone would wait until the peer has read what was written.
    this.#socket.destroy()
  }

  /** Aborts its exchanges with this error and closes the connection. */
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

  /** Node destroys a session at a GOAWAY with an error; but streams up to its last id run to their end (RFC 9113, 6.8). */
  #outliveGoaway(session: ClientHttp2Session): void {
    const destroy = session.destroy.bind(session)
    session.destroy = (error, code) => {
      if (!this.#outlivesGoaway) return destroy(error, code)
      this.#outlivesGoaway = false
    }
  }

  /** After this event, Node destroys the session if the code is not 0. */
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
    // By then, Node has closed the streams and most carriers have been told; this tells the rest.
    setImmediate(() => {
      for (const carrier of [...this.#carriers]) carrier.handleClose()
    })
  }

  #rest(): void {
    this.#session.unref()
    this.#idleAt = monotonicTime()
    if (this.#idleDeadline === undefined) this.#arm(this.#keepAlive)
  }

  /** One timer serves all idle periods: where it fires too early, it is armed again for what is left. */
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
 * Keeps the native handle of a session from being collected before its last stream. Node aborts the process
 * (`current_nghttp2_memory_ == 0`) if a header that it refused half-way, on a stream destroyed in the same turn, outlives
 * the session's handle; session and stream both release their handles when they are destroyed.
 */
function keepHandle(session: ClientHttp2Session): void {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle')
  if (key === undefined) return
  const handle: unknown = Reflect.get(session, key)
  handlesInUse.add(handle)
  session.once('close', () => setImmediate(() => setImmediate(() => handlesInUse.delete(handle))))
}

/** Milliseconds between two checks. */
const interval = 1_000

/**
 * Closes a socket that its peer has reset. Once a write below TLS has failed, Node (up to 26) finishes no further write, and
 * an HTTP/2 session reads nothing while it writes, so it would never see the reset. The system reports no peer then.
 */
export class PeerWatch {
  readonly #socket: Socket
  /** Sockets of other kinds (Unix, a caller's own) never have a peer's address. */
  readonly #hadPeer: boolean
  #deadline: Deadline | undefined = undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.#hadPeer = socket.remoteAddress !== undefined
  }

  /** @param isBusy asked before each check; the watch ends when it returns false */
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
    // Node caches the address there.
    Reflect.deleteProperty(this.#socket, '_peername')
    return this.#socket.remoteAddress !== undefined
  }
}
