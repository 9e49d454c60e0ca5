import type { ClientHttp2Stream } from 'node:http2'
import { setImmediate } from 'node:timers'
import { ConnectTimeoutError, TimeoutError } from '../../errors.ts'
import type { ExchangeCarrier, OutgoingBody } from '../carrier.ts'
import { ConnectTimer } from '../connect-timer.ts'
import type { ExchangeHandler } from '../exchange-handler.ts'
import { isDeadConnection } from '../failures.ts'
import { ReadTimer } from '../read-timer.ts'
import type { WireBody } from '../exchange.ts'
import { bodyLength, Upload } from '../upload.ts'
import type { Http2Connection } from './http2-connection.ts'
import { requestFields } from './http2-headers.ts'
import type { NegotiatedPool } from './negotiated-pool.ts'
import {
  cancel,
  idle,
  noError,
  refusedStream,
  resetFailure,
  resetStream,
  StreamReader,
  type StreamListener,
  writeUpload,
} from './stream-reader.ts'

/** How often a request is sent again that the server has not processed. */
const mostRefusals = 5
/** The timer of exchanges that wait for a stream; it never runs. */
const noTimer = new ReadTimer()

/** What happened to an exchange on its earlier streams. */
export interface Http2History {
  /** How often the server did not process it. */
  readonly refusals: number
  /** Whether a connection was lost while the exchange was on it. */
  readonly wasLost: boolean
  /** The connections that it has been on; the next has to be another one. */
  readonly avoided: readonly Http2Connection[]
}

const noEarlierStreams: Http2History = { refusals: 0, wasLost: false, avoided: [] }

/** Runs one exchange on a stream of an HTTP/2 connection, once its pool has one. It is also the exchange's controller. */
export class Http2Carrier implements ExchangeCarrier, StreamListener {
  timer = noTimer
  readonly httpVersion = '2'
  readonly loss = undefined
  isUnseen = false
  readonly #pool: NegotiatedPool
  readonly #history: Http2History
  #exchange!: ExchangeHandler
  #body: OutgoingBody
  #connectTimer: ConnectTimer | undefined = undefined
  #connection: Http2Connection | undefined = undefined
  #stream: ClientHttp2Stream | undefined = undefined
  #reader: StreamReader | undefined = undefined
  /** Whether its connection was lost. */
  #isLost = false
  #isTakenBack = false
  #isOver = false

  constructor(pool: NegotiatedPool, history = noEarlierStreams) {
    this.#pool = pool
    this.#history = history
  }

  /** The id of its stream; Infinity for none. */
  get id(): number {
    return this.#stream?.id ?? Infinity
  }

  /** Whether an earlier stream of the exchange was refused or lost on this connection. */
  avoids(connection: Http2Connection): boolean {
    return this.#history.avoided.includes(connection)
  }

  dispatch(exchange: ExchangeHandler, body: OutgoingBody): void {
    this.#exchange = exchange
    this.#body = body
    this.#enter()
  }

  /** Opens a stream on this connection and sends the request. */
  open(connection: Http2Connection): void {
    this.#connectTimer?.clear()
    this.#connection = connection
    const wasIdle = connection.enter(this)
    if (!wasIdle || !connection.hasServed || this.#exchange.request.resend) return this.#begin(connection)
    // The request can't be sent twice, and the server may have closed the idle connection: let the loop read that first.
    setImmediate(() => setImmediate(() => this.#beginIfAlive(connection)))
  }

  /** Fails the exchange, which may be sent again on another connection. */
  fail(error: Error): void {
    if (!this.#isOver) this.#exchange.onResponseError(undefined, error)
  }

  /** The server allows fewer streams now, so this one waits in nghttp2: sends the exchange on another, if that is possible. */
  takeBack(): void {
    if (this.#isOver || this.#stream?.state.state !== idle || !isReplayable(this.#exchange.request.body)) return
    this.#isTakenBack = true
    this.isUnseen = true
    this.fail(resetFailure(refusedStream))
  }

  /** Continues the exchange on another carrier. */
  move(carrier: ExchangeCarrier): void {
    this.#finish()
    this.#exchange.start(carrier)
  }

  handleStart(): void {}

  giveUp(): void {
    this.#pool.leave(this)
    this.#finish()
  }

  release(): void {
    const stream = this.#stream
    if (stream === undefined || this.#connection === undefined) return this.#finish()
    this.#connection.hasServed = true
    // A stream that either side has not ended is reset: nobody waits for the rest.
    this.#finish(this.#isDone(stream) ? undefined : noError)
  }

  discard(): void {
    this.#finish(this.#stream?.closed === false ? cancel : undefined)
  }

  renew(): ExchangeCarrier | undefined {
    const { refusals, wasLost } = this.#history
    const connection = this.#connection
    if (connection === undefined) return undefined
    if (this.#isTakenBack) return this.#pool.renew(this.#history)
    const avoided = [...this.#history.avoided, connection]
    if (this.isUnseen && refusals < mostRefusals) return this.#pool.renew({ refusals: refusals + 1, wasLost, avoided })
    if (this.isUnseen || !this.#isLost || wasLost || !connection.hasServed) return undefined
    return this.#pool.renew({ refusals, wasLost: true, avoided })
  }

  destroy(error: unknown): void {
    this.#exchange.abort(error)
  }

  /** Called when the exchange is aborted. A connection on which an exchange has timed out may be dead, so it is drained. */
  abort(reason: Error): void {
    if (reason instanceof TimeoutError) this.#connection?.drain()
  }

  pause(): void {
    this.#reader?.pause()
  }

  resume(): void {
    this.#reader?.resume()
  }

  /** The stream was closed: by its end, by a reset, or with its connection. */
  handleClose(): void {
    if (this.#isOver || this.#connection === undefined) return
    const { id, rstCode } = this.#stream ?? {}
    const { isLost, lastStream, loss } = this.#connection
    const failure: NodeJS.ErrnoException | undefined = this.#reader?.failure
    const isUnseen = id === undefined || rstCode === refusedStream || id > lastStream
    this.isUnseen = isUnseen && isReplayable(this.#exchange.request.body)
    this.#isLost = failure === undefined ? isLost : isDeadConnection(failure)
    const wasReset = failure === undefined ? !isLost : failure.code === 'ERR_HTTP2_STREAM_ERROR'
    this.fail(wasReset ? resetFailure(rstCode ?? noError) : (failure ?? loss))
  }

  #enter(): void {
    this.#pool.enter(this)
    if (this.#connection !== undefined || this.#isOver) return
    const timeout = Math.min(this.#exchange.request.connectTimeout, this.#pool.connectTimeout)
    if (timeout !== Infinity) this.#connectTimer = new ConnectTimer(timeout, () => this.#timeOut(timeout))
  }

  #beginIfAlive(connection: Http2Connection): void {
    if (this.#isOver) return
    if (!connection.isDraining && !connection.isLost) return this.#begin(connection)
    this.#connection = undefined
    connection.leave(this, undefined)
    this.#enter()
  }

  #begin(connection: Http2Connection): void {
    try {
      this.#send(connection, this.#exchange)
    } catch (error) {
      this.isUnseen = /^ERR_HTTP2_(?:INVALID_SESSION|GOAWAY_SESSION)$/.test((error as NodeJS.ErrnoException).code ?? '')
      this.fail(error as Error)
    }
  }

  #send(connection: Http2Connection, exchange: ExchangeHandler): void {
    const body = this.#body
    const length = bodyLength(exchange.request.body)
    const isEmpty = body === undefined || (length === 0 && !(body instanceof Upload))
    const stream = connection.request(requestFields(exchange.request, length), isEmpty)
    this.#stream = stream
    this.timer = connection.takeTimer()
    this.#reader = new StreamReader(stream, this, exchange, connection)
    exchange.onRequestStart(this)
    if (body instanceof Upload) {
      const isOver = (): boolean => this.#isOver
      writeUpload(body, stream, length, isOver).catch((error: unknown) => this.fail(error as Error))
    } else if (!isEmpty) stream.end(body)
  }

  /** Whether both sides have ended the stream. */
  #isDone(stream: ClientHttp2Stream): boolean {
    return (
      stream.destroyed ||
      (this.#reader?.isEnded === true && (this.#body === undefined || stream.state.localClose === 1))
    )
  }

  #timeOut(timeout: number): void {
    const { origin, proxy } = this.#pool.destination
    const through = proxy === undefined ? '' : ` through the proxy ${proxy.url}`
    const message = `Could not connect to ${origin}${through}: no connection within ${timeout} ms`
    this.#exchange.abort(new ConnectTimeoutError(message))
  }

  /**
   * @param code resets the stream with it. The reset waits for a turn: from within a callback of nghttp2 it would only be
   * sent together with the next frame, and there may be none.
   */
  #finish(code?: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reader?.stop()
    this.#connectTimer?.clear()
    // The timer must not fail an exchange that goes on elsewhere.
    this.timer.stop()
    if (code === undefined || this.#stream === undefined) return this.#leave()
    const stream = this.#stream
    setImmediate(() => {
      resetStream(stream, code)
      this.#leave()
    })
  }

  #leave(): void {
    const { timer } = this
    this.timer = noTimer
    this.#connection?.leave(this, timer === noTimer ? undefined : timer)
    this.#pool.handleOver()
  }
}

/** Whether this body can be sent once more. */
function isReplayable(body: WireBody | undefined): boolean {
  return typeof body !== 'object' || body instanceof Uint8Array || body.isReplayable === true
}
