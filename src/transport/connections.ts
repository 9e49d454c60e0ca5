import { AsyncContext } from '../async-context.ts'
import { SessionClosedError } from '../errors.ts'
import { Connector } from './connecting/connector.ts'
import { type DestinationRoute, Route, type RouteOwner } from './connection-pool.ts'
import { destinationKey, destinationOf } from './destination.ts'
import { DispatcherCarrier, type DispatcherOwner } from './carrier.ts'
import { ExchangeHandler } from './exchange-handler.ts'
import type { Dispatcher, Exchange, ExchangeRequest, ProgressListener, StreamSource, WireBody } from './exchange.ts'
import { NegotiatedRoute } from './http2/negotiated-pool.ts'
import { StreamLimits } from './http2/stream-failures.ts'
import { type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './connection-options.ts'

/** Connections that are kept, at least; requests keeps the pools of 10 hosts. */
const fewestKept = 10

/**
 * The owner of all sockets of a session and its clones. An exchange takes the idle connection of its destination that
 * was used last, or opens one; nothing ever waits for a connection. How many are busy is up to those who ask. One that is
 * opened takes the place of those that have been idle for longest, wherever they lead, once there are more than `limit`:
 * a program that asks a thousand hosts would hold a thousand sockets.
 *
 * Idle connections don't keep the process alive.
 */
export class Connections implements RouteOwner, DispatcherOwner {
  readonly #options: ResolvedPoolOptions
  readonly #connector: Connector
  readonly #routes = new Map<string, DestinationRoute>()
  /** Of HTTP/2; they outlive their routes. */
  readonly #streamLimits = new StreamLimits()
  /** An array, and each knows its place: the tables that a Set has outgrown would keep them, and their answers, alive. */
  readonly #foreign: DispatcherCarrier[] = []
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
  constructor(options?: PoolOptions) {
    this.#options = resolvePoolOptions(options)
    this.#connector = new Connector(this.#options, () => this.#closeLongestIdle())
  }

  /** How many connections are open before an idle one closes for a new one. */
  get limit(): number {
    return this.#limit
  }

  /** So many exchanges may be under way at once: as many connections are worth keeping. */
  keepFor(workers: number): void {
    // An executor of somebody else's may say anything.
    if (workers > this.#limit) this.#limit = workers
  }

  /** Never throws: whatever goes wrong rejects the response. After `close`, a SessionClosedError does. */
  exchange(request: ExchangeRequest): Exchange {
    const exchange = new ExchangeHandler(boundRequest(request))
    if (this.#isClosed) exchange.refuse(new SessionClosedError('Could not send the request: the session is closed'))
    else if (request.dispatcher === undefined) exchange.start(this.#route(request).take())
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
    for (const route of this.#routes.values()) route.close()
    this.#checkClosed()
    return this.#closing
  }

  /** Ends everything now; exchanges that are under way reject with `error`. */
  destroy(error: unknown = new SessionClosedError('The session was closed while the request was under way')): void {
    this.#isClosed = true
    for (const route of this.#routes.values()) route.destroy(error)
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
  handleEmpty(route: DestinationRoute): void {
    const { key } = route.destination
    if (this.#routes.get(key) === route) this.#routes.delete(key)
    this.#checkClosed()
  }

  /** @internal */
  openForeign(dispatcher: Dispatcher, renewedFor: Error | undefined): DispatcherCarrier {
    const carrier = new DispatcherCarrier(dispatcher, this, renewedFor)
    carrier.index = this.#foreign.push(carrier) - 1
    return carrier
  }

  /** @internal The last one takes its place. */
  handleForeignOver(carrier: DispatcherCarrier): void {
    if (carrier.index < 0) return
    const last = this.#foreign.pop()
    if (last !== undefined && last !== carrier) {
      this.#foreign[carrier.index] = last
      last.index = carrier.index
    }
    carrier.index = -1
  }

  /** There are no more routes to look at than connections. @returns whether one was idle */
  #closeLongestIdle(): boolean {
    let longest: DestinationRoute | undefined
    let since = Infinity
    for (const route of this.#routes.values()) {
      if (route.idleSince >= since) continue
      longest = route
      since = route.idleSince
    }
    longest?.closeLongestIdle()
    return longest !== undefined
  }

  #route({ origin, proxy, tls }: ExchangeRequest): DestinationRoute {
    const key = destinationKey(origin, proxy, tls)
    let route = this.#routes.get(key)
    if (route === undefined) {
      const destination = destinationOf(key, origin, proxy, tls)
      route =
        this.#options.allowH2 && destination.target.isSecure
          ? new NegotiatedRoute(destination, this.#connector, this.#options, this, this.#streamLimits)
          : new Route(destination, this.#connector, this.#options.client, this)
      this.#routes.set(key, route)
    }
    return route
  }

  #checkClosed(): void {
    if (this.#routes.size === 0) this.#resolveClosing?.()
  }
}

/**
 * The request, whose listeners and body source run in the AsyncLocalStorage context of whoever calls this: undici and
 * its sockets would run them in that of some other request. A request that has none is returned as it is.
 */
function boundRequest(request: ExchangeRequest): ExchangeRequest {
  const { body, onUploadProgress, onDownloadProgress } = request
  if (!isSource(body) && onUploadProgress === undefined && onDownloadProgress === undefined) return request
  const context = new AsyncContext()
  return {
    ...request,
    body: isSource(body) ? boundSource(body, context) : body,
    onUploadProgress: onUploadProgress && boundListener(onUploadProgress, context),
    onDownloadProgress: onDownloadProgress && boundListener(onDownloadProgress, context),
  }
}

function isSource(body: WireBody | undefined): body is StreamSource {
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
