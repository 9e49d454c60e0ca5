import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { monotonicTime } from '../deadline.ts'
import { ConnectionError, ReadTimeoutError, RequestError } from '../errors.ts'
import { type BodyListener, deferred, HttpBodyStream } from './body-stream.ts'
import type { ExchangeCarrier, OutgoingBody } from './carrier.ts'
import { bodyDecoder } from './decoding/content-encoding.ts'
import type { Exchange, ExchangeRequest, ExchangeResponse } from './exchange.ts'
import { sharedAbortReasons, translateFailure } from './failures.ts'
import type { ReadTimeoutListener } from './read-timer.ts'
import { IncomingResponse } from './incoming-response.ts'
import type { ResponseHeaders } from './incoming-response.ts'
import { outgoingBody, Upload, type UploadListener } from './upload.ts'
import { informational, switched, tooManyInformational } from './response-heads.ts'

export type Controller = Pick<Dispatcher.DispatchController, 'abort' | 'pause' | 'resume'>

/** Thrown into undici from `onRequestStart`: it drops the request without touching the socket. Callers never see it. */
const refusal = new Error('The exchange was aborted before it was written')

/** The phases of an exchange: not written yet, written, headers received, over. */
const waiting = 0
const sent = 1
const receiving = 2
const over = 3

/**
 * One exchange, and the handler that undici's dispatchers call. It has all of the new callbacks: undici 7 takes them, undici 8
 * demands them. They may come synchronously from `dispatch`, more than once (`onRequestStart`, when undici sends again
 * by itself) and after the end; they throw nothing but the refusal.
 */
export class ExchangeHandler
  implements Exchange, Dispatcher.DispatchHandler, UploadListener, BodyListener, ReadTimeoutListener
{
  readonly request: ExchangeRequest
  readonly #outcome = deferred<ExchangeResponse>()
  readonly response = this.#outcome.promise
  #phase = waiting
  /** Set once response bytes arrive; an error after that is not a stale keep-alive connection. */
  #isAnswered = false
  #sentAt = 0
  #informational = 0
  #carrier!: ExchangeCarrier
  #controller: Controller | undefined = undefined
  #upload: Upload | undefined = undefined
  #incoming: IncomingResponse | undefined = undefined
  #stream: HttpBodyStream | undefined = undefined

  constructor(request: ExchangeRequest) {
    this.request = request
  }

  /** Sends the request; everything that goes wrong rejects the response. */
  start(carrier: ExchangeCarrier): void {
    this.#carrier = carrier
    this.#phase = waiting
    let body: OutgoingBody
    try {
      // One of which nothing was read yet is used again.
      body = this.#upload ?? outgoingBody(this.request.body, this, this.request.onUploadProgress)
    } catch (error) {
      return this.#fail(error)
    }
    this.#upload = body instanceof Upload ? body : undefined
    try {
      carrier.dispatch(this, body)
    } catch (error) {
      this.onResponseError(undefined, error as Error)
    }
  }

  /** Rejects the response without having sent anything. */
  refuse(error: unknown): void {
    this.#phase = over
    this.#outcome.reject(error)
  }

  abort(error: unknown): void {
    // The body has arrived, but may still be read or decoded.
    if (this.#phase === over) {
      this.#outcome.reject(error)
      return this.#stream?.destroy(error)
    }
    const phase = this.#end()
    if (this.#stream === undefined) this.#outcome.reject(error)
    else this.#stream.destroy(error)
    this.#leave(phase, error)
  }

  onRequestStart(controller: Controller): void {
    // The carrier may run the next exchange already.
    if (this.#phase === over) throw this.#reasonOf(undefined)
    this.#controller = controller
    this.#phase = sent
    this.#isAnswered = false
    this.#carrier.handleStart()
    this.#sentAt = monotonicTime()
    this.#carrier.timer.start(this, this.request.readTimeout, this.#sentAt)
  }

  /**
   * Called for all bytes of the socket. They restart the read timer at the headers only; in a body `onResponseData` does, for
   * extensions of chunks may go on for ever.
   *
   * @returns whether headers are awaited
   */
  handleBytes(): boolean {
    if (this.#phase !== sent) return false
    this.#isAnswered = true
    this.#carrier.timer.stamp(monotonicTime())
    return true
  }

  onResponseStart(_controller: Controller, status: number, headers: ResponseHeaders, statusText?: string): void {
    if (this.#phase !== sent) return
    const now = monotonicTime()
    this.#carrier.timer.stamp(now)
    if (status < 200) return this.#handleEarly(status)
    this.#phase = receiving
    const { request } = this
    const stream = request.stream ? new HttpBodyStream(this, bodyDecoder(request, headers)) : undefined
    const { httpVersion } = this.#carrier
    const incoming = new IncomingResponse(request, httpVersion, status, statusText, headers, now - this.#sentAt, stream)
    this.#incoming = incoming
    try {
      request.headersListener?.handleHeaders(headers)
      incoming.begin(request, this)
    } catch (error) {
      return this.abort(error)
    }
    if (stream === undefined) return
    this.#stream = stream
    // The timer stops until somebody reads. The stream is filled meanwhile, and an empty body needs no reader to end.
    this.#carrier.timer.stop()
    this.#outcome.resolve(incoming.response)
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#phase !== receiving) return
    this.#carrier.timer.stamp(monotonicTime())
    try {
      this.#incoming?.push(chunk)
    } catch (error) {
      this.abort(error)
    }
  }

  onResponseEnd(): void {
    const incoming = this.#incoming
    if (this.#phase !== receiving || incoming === undefined) return
    // undici takes any close of the connection for the end of a body without a length; only a FIN is one.
    const { loss } = this.#carrier
    if (loss !== undefined && !incoming.isBodiless) return this.onResponseError(undefined, loss)
    this.#end()
    this.#carrier.release()
    try {
      const response = incoming.end()
      // Not resolved with the promise itself: abort() has to work while a large body is being decoded.
      if (response instanceof Promise) response.then(this.#outcome.resolve, this.#outcome.reject)
      else this.#outcome.resolve(response)
    } catch (error) {
      // Thrown by a listener.
      this.#outcome.reject(error)
      this.#stream?.fail(error)
    }
  }

  onResponseError(_controller: Controller | null | undefined, error: Error): void {
    if (this.#phase === over) return
    const fresh = this.#maySendAgain ? this.#carrier.renew(error) : undefined
    if (fresh !== undefined) return this.#resend(fresh)
    // undici expects the body of a 304 to be as long as its Content-Length, but it has none (RFC 9110, 15.4.5).
    if (this.#incoming?.isBodiless === true) return this.onResponseEnd()
    const phase = this.#phase === waiting ? 'connect' : this.#phase === sent ? 'headers' : 'body'
    this.#fail(translateFailure(error, phase, this.request.origin, undefined, this.#incoming?.shortfall))
  }

  /** An error: we never ask for an upgrade. */
  onRequestUpgrade(_controller: Controller, status: number, _headers: ResponseHeaders, socket: Duplex): void {
    socket.destroy()
    this.#fail(new ConnectionError(`No response from ${this.request.origin}: it switched protocols (${status})`))
  }

  handleReadTimeout(): void {
    if (this.#carrier.handleSilence?.() === true) return
    const { origin, readTimeout } = this.request
    const attempt = this.#phase === receiving ? 'Could not read the response of' : 'No response from'
    const error = new ReadTimeoutError(`${attempt} ${origin}: nothing was received for ${readTimeout} ms`)
    const incoming = this.#incoming
    if (incoming === undefined || this.#stream !== undefined) return this.abort(error)
    // The headers are there, and enough for a redirect.
    this.#leave(this.#end(), error)
    this.#outcome.resolve(incoming.breakOff(error))
  }

  handleUploadPause(): void {
    if (this.#phase === sent) this.#carrier.timer.stop()
  }

  handleUploadResume(): void {
    if (this.#phase === sent) this.#watch()
  }

  handleUploadFailure(error: unknown): void {
    this.abort(error)
  }

  handleBodyWanted(): void {
    if (this.#phase === receiving) this.#watch()
  }

  handleBodyServed(): void {
    if (this.#phase === receiving) this.#carrier.timer.stop()
  }

  handleBodyFull(): void {
    this.#controller?.pause()
  }

  handleBodyDrained(): void {
    if (this.#phase === receiving) this.#controller?.resume()
  }

  /** The connection is ending. @returns whether the body is still incomplete */
  takeRest(): boolean {
    this.#stream?.takeRest()
    return this.#phase === receiving
  }

  handleBodyDestroyed(error: unknown): void {
    if (this.#phase !== over) this.#leave(this.#end(), error)
  }

  /**
   * Called for a caller's dispatcher only: our connections pass on final responses. undici fails assertions at some statuses.
   */
  #handleEarly(status: number): void {
    if (status >= 100 && status !== 101 && ++this.#informational <= informational.most) return
    const reason = status < 100 ? `there is no status ${status}` : status === 101 ? switched : tooManyInformational
    this.abort(new ConnectionError(`No response from ${this.request.origin}: ${reason}`))
  }

  #watch(): void {
    this.#carrier.timer.start(this, this.request.readTimeout, monotonicTime())
  }

  /**
   * True while it is unwritten; if it is safe to repeat, also until response bytes come, or, on a caller's dispatcher, a
   * stream.
   */
  get #maySendAgain(): boolean {
    if (this.#phase === waiting) return true
    const { resend, dispatcher } = this.request
    if (dispatcher !== undefined) return resend && this.#stream === undefined
    if (this.#phase !== sent || this.#isAnswered) return false
    return resend || this.#carrier.isUnseen
  }

  #resend(fresh: ExchangeCarrier): void {
    if (this.#phase !== waiting) {
      this.#upload?.stop()
      this.#upload = undefined
      this.#incoming = undefined
    }
    this.#carrier.discard()
    this.start(fresh)
  }

  #fail(error: unknown): void {
    if (this.#end() === waiting) this.#carrier.release()
    else this.#carrier.discard()
    if (this.#stream !== undefined) this.#stream.fail(error)
    else if (this.#incoming === undefined || !(error instanceof RequestError)) this.#outcome.reject(error)
    else this.#outcome.resolve(this.#incoming.breakOff(error))
  }

  /** @returns the phase that it was in */
  #end(): number {
    const phase = this.#phase
    this.#phase = over
    this.#carrier.timer.stop()
    this.#upload?.stop()
    return phase
  }

  #leave(phase: number, reason: unknown): void {
    if (phase === waiting) return this.#carrier.giveUp()
    this.#controller?.abort(this.#reasonOf(reason))
    this.#carrier.discard()
  }

  #reasonOf(reason: unknown): Error {
    if (this.request.dispatcher === undefined) return reason instanceof Error ? reason : refusal
    // A caller's dispatcher may pass it to other exchanges, too.
    const error = reason instanceof Error ? reason : new Error(refusal.message)
    sharedAbortReasons.add(error)
    return error
  }
}
