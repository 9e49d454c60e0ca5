import { AsyncContext } from '../async-context.ts'
import { SessionClosedError } from '../errors.ts'
import { LinkedList } from '../linked-list.ts'
import { Connector } from './connecting/connector.ts'
import { type DestinationPool, ConnectionPool, type PoolListener } from './connection-pool.ts'
import { destinationKey, destinationOf } from './destination.ts'
import { DispatcherCarrier, type DispatcherOwner } from './carrier.ts'
import { ExchangeHandler } from './exchange-handler.ts'
import type { Dispatcher, Exchange, ExchangeRequest, ProgressListener, StreamSource, WireBody } from './exchange.ts'
import { NegotiatedPool, StreamLimits } from './http2/negotiated-pool.ts'
import {
  type ConnectionOptions,
  type ResolvedConnectionOptions,
  resolveConnectionOptions,
} from './connection-options.ts'

/** The least `limit`; requests keeps the pools of 10 hosts. */
const fewestKept = 10

/**
 * The owner of all sockets of a session and its clones. An exchange takes the idle connection of its destination that
 * was used last, or opens one; nothing ever waits for a connection, and the callers bound how many are busy. Once `limit` are
 * open, a new one closes the one that has been idle for longest, whatever its destination: a program that asks a thousand hosts
 * would hold a thousand sockets otherwise.
 *
 * Idle connections don't keep the process alive.
 */
export class Connections implements PoolListener, DispatcherOwner {
  readonly #options: ResolvedConnectionOptions
  readonly #connector: Connector
  readonly #pools = new Map<string, DestinationPool>()
  /** What servers allow of HTTP/2 streams; known longer than their pools exist. */
  readonly #streamLimits = new StreamLimits()
  /** Exchanges on dispatchers of callers. */
  readonly #foreign = new LinkedList<DispatcherCarrier>()
  #limit = fewestKept
  /** Connections that are open or being opened. */
  #open = 0
  #isClosed = false
  #closing: Promise<void> | undefined = undefined
  #resolveClosing: (() => void) | undefined = undefined

  /**
   * @param options how connections are made and kept
   * @throws {TypeError} an option that is unknown or can't be used
   */
  constructor(options?: ConnectionOptions) {
    this.#options = resolveConnectionOptions(options)
    this.#connector = new Connector(this.#options, () => this.#closeLongestIdle())
  }

  /** How many connections are open before an idle one closes for a new one. */
  get limit(): number {
    return this.#limit
  }

  /** Keeps at least as many connections as exchanges may be under way at once. */
  keepFor(workers: number): void {
    // A custom executor may give any number.
    if (workers > this.#limit) this.#limit = workers
  }

  /** Never throws: whatever goes wrong rejects the response. After `close`, a SessionClosedError does. */
  exchange(request: ExchangeRequest): Exchange {
    const exchange = new ExchangeHandler(boundRequest(request))
    if (this.#isClosed) exchange.refuse(new SessionClosedError('Could not send the request: the session is closed'))
    else if (request.dispatcher === undefined) exchange.start(this.#poolOf(request).take())
    else exchange.start(this.openForeign(request.dispatcher, undefined))
    return exchange
  }

  /**
   * Idle connections end now, busy ones when their exchange is over.
   *
   * @returns resolves when no connection is left
   */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= new Promise((resolve) => (this.#resolveClosing = resolve))
    for (const pool of this.#pools.values()) pool.close()
    this.#checkClosed()
    return this.#closing
  }

  /** Ends everything now; exchanges that are under way reject with `error`. */
  destroy(error: unknown = new SessionClosedError('The session was closed while the request was under way')): void {
    this.#isClosed = true
    for (const pool of this.#pools.values()) pool.destroy(error)
    for (const carrier of [...this.#foreign]) carrier.destroy(error)
  }

  /** @internal */
  handleOpen(): void {
    while (this.#open >= this.#limit && this.#closeLongestIdle());
    this.#open++
  }

  /** @internal */
  handleClose(): void {
    this.#open--
  }

  /** @internal */
  handleEmpty(pool: DestinationPool): void {
    const { key } = pool.destination
    if (this.#pools.get(key) === pool) this.#pools.delete(key)
    this.#checkClosed()
  }

  /** @internal */
  openForeign(dispatcher: Dispatcher, renewedFor: Error | undefined): DispatcherCarrier {
    const carrier = new DispatcherCarrier(dispatcher, this, renewedFor)
    this.#foreign.push(carrier)
    return carrier
  }

  /** @internal */
  handleForeignOver(carrier: DispatcherCarrier): void {
    this.#foreign.remove(carrier)
  }

  /** Looks at every pool, and each has a connection. @returns whether one was idle */
  #closeLongestIdle(): boolean {
    let longest: DestinationPool | undefined
    let since = Infinity
    for (const pool of this.#pools.values()) {
      if (pool.idleSince >= since) continue
      longest = pool
      since = pool.idleSince
    }
    longest?.closeLongestIdle()
    return longest !== undefined
  }

  #poolOf({ origin, proxy, tls }: ExchangeRequest): DestinationPool {
    const key = destinationKey(origin, proxy, tls)
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      const destination = destinationOf(key, origin, proxy, tls)
      pool =
        this.#options.allowH2 && destination.target.isSecure
          ? new NegotiatedPool(destination, this.#connector, this.#options, this, this.#streamLimits)
          : new ConnectionPool(destination, this.#connector, this.#options.client, this)
      this.#pools.set(key, pool)
    }
    return pool
  }

  #checkClosed(): void {
    if (this.#pools.size === 0) this.#resolveClosing?.()
  }
}

/**
 * Binds the listeners and the body source of a request to the caller's AsyncLocalStorage context: undici and its sockets would
 * run them in that of some other request. A request that has none is returned as it is.
 */
function boundRequest(request: ExchangeRequest): ExchangeRequest {
  const { body, onUploadProgress, onDownloadProgress } = request
  if (!isStreamSource(body) && onUploadProgress === undefined && onDownloadProgress === undefined) return request
  const context = new AsyncContext()
  return {
    ...request,
    body: isStreamSource(body) ? boundSource(body, context) : body,
    onUploadProgress: onUploadProgress && boundListener(onUploadProgress, context),
    onDownloadProgress: onDownloadProgress && boundListener(onDownloadProgress, context),
  }
}

function isStreamSource(body: WireBody | undefined): body is StreamSource {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

function boundListener(listener: ProgressListener, context: AsyncContext): ProgressListener {
  return (progress) => context.run(() => listener(progress))
}

function boundSource(source: StreamSource, context: AsyncContext): StreamSource {
  return {
    length: source.length,
    isReplayable: source.isReplayable,
    open: () => {
      const iterator = context.run(() => source.open()[Symbol.asyncIterator]())
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => context.run(async () => iterator.next()),
          return: async () => context.run(async () => iterator.return?.() ?? { done: true, value: undefined }),
        }),
      }
    },
  }
}
