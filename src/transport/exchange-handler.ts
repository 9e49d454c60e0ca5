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

/** Thrown at undici, which takes the request back without touching the socket. Nobody sees it. */
const refusal = new Error('The exchange was aborted before it was written')

/** How far an exchange is: not written yet, written, headers there, over. */
const waiting = 0
const sent = 1
const receiving = 2
const over = 3

/**
 * One exchange, as undici's dispatchers see it. It has the new callbacks, all of them: undici 7 takes them, undici 8
 * demands them. They may come synchronously from `dispatch`, more than once (`onRequestStart`, where undici sends again
 * by itself) and after the end; they never throw, but for the refusal.
 */
export class ExchangeHandler
  implements Exchange, Dispatcher.DispatchHandler, UploadListener, BodyListener, ReadTimeoutListener
{
  readonly request: ExchangeRequest
  readonly #outcome = deferred<ExchangeResponse>()
  readonly response = this.#outcome.promise
  #phase = waiting
  /** The server has begun to answer: what dies now was no stale connection. */
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
      // One that was not written yet is as good as new.
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
    // A body that has arrived may still be read, or be decoded.
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
    // Its carrier may have the next exchange already.
    if (this.#phase === over) throw this.#reasonOf(undefined)
    this.#controller = controller
    this.#phase = sent
    this.#isAnswered = false
    this.#carrier.handleStart()
    this.#sentAt = monotonicTime()
    this.#carrier.timer.start(this, this.request.readTimeout, this.#sentAt)
  }

  /** Something came in. Of the body only what is body counts: extensions of chunks may be without end. */
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
    // Nobody waits yet. What fits into the stream comes all the same: it may be nothing, and then nobody has to read.
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
    // undici takes whatever closes the connection for the end of a body that has no length; only FIN is.
    const { loss } = this.#carrier
    if (loss !== undefined && !incoming.isBodiless) return this.onResponseError(undefined, loss)
    this.#end()
    this.#carrier.release()
    try {
      const response = incoming.end()
      // Not handed on as a promise: while a large body is being decoded, abort() is heard still.
      if (response instanceof Promise) response.then(this.#outcome.resolve, this.#outcome.reject)
      else this.#outcome.resolve(response)
    } catch (error) {
      // A listener's.
      this.#outcome.reject(error)
      this.#stream?.fail(error)
    }
  }

  onResponseError(_controller: Controller | null | undefined, error: Error): void {
    if (this.#phase === over) return
    const fresh = this.#maySendAgain ? this.#carrier.renew(error) : undefined
    if (fresh !== undefined) return this.#resend(fresh)
    // undici takes the Content-Length of a 304 for the length of its body, and misses that (RFC 9110, 15.4.5).
    if (this.#incoming?.isBodiless === true) return this.onResponseEnd()
    const phase = this.#phase === waiting ? 'connect' : this.#phase === sent ? 'headers' : 'body'
    this.#fail(translateFailure(error, phase, this.request.origin, undefined, this.#incoming?.shortfall))
  }

  /** Nobody asked for one. */
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
    // The headers are there, and may be all that anybody wants: of a redirect.
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

  /** Its connection ends. @returns whether there was more to come */
  takeRest(): boolean {
    this.#stream?.takeRest()
    return this.#phase === receiving
  }

  handleBodyDestroyed(error: unknown): void {
    if (this.#phase !== over) this.#leave(this.#end(), error)
  }

  /** Of a dispatcher of the caller's: our connections hand on final responses only. undici fails assertions at some. */
  #handleEarly(status: number): void {
    if (status >= 100 && status !== 101 && ++this.#informational <= informational.most) return
    const reason = status < 100 ? `there is no status ${status}` : status === 101 ? switched : tooManyInformational
    this.abort(new ConnectionError(`No response from ${this.request.origin}: ${reason}`))
  }

  #watch(): void {
    this.#carrier.timer.start(this, this.request.readTimeout, monotonicTime())
  }

  /** Nobody has seen it yet; or it does no harm twice, and nobody has answered, or nobody has seen the answer. */
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

  /** @returns how far it was */
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
    // Others may get it, too.
    const error = reason instanceof Error ? reason : new Error(refusal.message)
    sharedAbortReasons.add(error)
    return error
  }
}
