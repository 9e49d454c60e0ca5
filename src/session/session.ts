import { describe, setOwnName } from '../checks.ts'
import { InvalidOptionError, attachRequest } from '../errors.ts'
import type { Dispatcher } from '../transport/exchange.ts'
import { Call } from './call/call.ts'
import {
  type CallObserver,
  describeRequest,
  hushInputs,
  resolvedOptionsOf,
  type ResumedCheckpoint,
} from './call/call-input.ts'
import { Driver } from './call/driver.ts'
import { openRequest } from './call/open-request.ts'
import type { RequestOptions, RequestSpec, SendOptions, SessionOptions } from './options/options.ts'
import { PreparedRequest, addNotes, requestNotes } from './prepared-request.ts'
import type { CarriedOptions } from './prepared-request.ts'
import { addCookies } from './cookies/request-cookies.ts'
import type { Response } from './response/response.ts'
import { SessionBase, adoptCore, coreOf } from './session-attributes.ts'
import { SessionCore } from './session-core.ts'
import { checkSessionOptions } from './options/resolve-options.ts'
import { misuseOf } from '../unknown-option.ts'

/**
 * For code that makes the attempts of a call itself. It has to see to `options.signal`, and to the waits.
 *
 * @param checkpoint where another call for the same request has stopped, between two attempts
 */
export function openCall(
  session: Session,
  request: RequestSpec | PreparedRequest,
  observer: CallObserver,
  options?: SendOptions,
  checkpoint?: ResumedCheckpoint,
): Call {
  return new Call(session[coreOf], session, { request, options, checkpoint }, observer)
}

const noObserver: CallObserver = Object.freeze({})

/**
 * What the requests of one client have in common (headers, cookies, credentials, hooks, timeouts, connections), and the
 * ways to make them: the `requests.Session` of this package. Whatever is wrong with a request comes through its promise.
 *
 * @example
 * await using session = new Session({ baseUrl: 'https://api.example.com', auth: ['user', 'password'] })
 * const response = await session.get('/users', { params: { page: 2 } })
 * const users = response.raiseForStatus().json()
 */
export class Session extends SessionBase implements AsyncDisposable {
  #closing: Promise<void> | undefined

  /** @throws {TypeError | RangeError} an unknown option, with a hint, or one with a value that can't be used */
  constructor(options: SessionOptions = {}) {
    const { poolOptions, http2, dispatcher, headers, ...attributes } = checkSessionOptions(options)
    super(SessionCore.create({ poolOptions, http2, dispatcher }))
    if (headers !== undefined) this.headers.apply(headers)
    Object.assign(this, attributes)
  }

  /**
   * Sends a request, follows its redirects and reads the body (with `stream`: to the headers). Every verb goes through
   * this method.
   *
   * `request<Data, Context>(...)` types `response.data`, and the `context` of hooks.
   *
   * @throws {RequestError} through the promise, as everything: a request that can't be sent, or that failed
   * @throws {CancelledError} `options.signal` aborted
   * @throws {SessionClosedError} after `close()`
   */
  request<D = unknown, C = unknown>(
    method: string,
    url: string | URL,
    options?: RequestOptions<C>,
  ): Promise<Response<NoInfer<D>>>
  /** As above. Where there are two signatures, a subclass may leave the types out. */
  request(method: string, url: string | URL, options?: RequestOptions): Promise<Response>
  request(method: string, url: string | URL, options?: RequestOptions): Promise<Response> {
    if (options === undefined) return this.#run({ method, url }, undefined, undefined)
    const problem = misuseOf(options)
    // Spread last: V8 takes ten times as long to add to a copy.
    if (problem === undefined) return this.#run({ method, url, ...options }, undefined, options)
    const request = describeRequest({ request: { method, url } })
    return Promise.reject(new InvalidOptionError(problem, { request }))
  }

  /** A GET request: `request` with that method. */
  get<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('GET', url, options)
  }

  /** An OPTIONS request: `request` with that method. */
  options<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('OPTIONS', url, options)
  }

  /** Does not follow redirects unless `allowRedirects`, the session's or of the request, says so. */
  head<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('HEAD', url, options)
  }

  /** A DELETE request: `request` with that method. */
  delete<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('DELETE', url, options)
  }

  /** A POST request: `request` with that method. */
  post<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('POST', url, options)
  }

  /** A PUT request: `request` with that method. */
  put<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('PUT', url, options)
  }

  /** A PATCH request: `request` with that method. */
  patch<D = unknown, C = unknown>(url: string | URL, options?: RequestOptions<C>): Promise<Response<NoInfer<D>>> {
    return this.request<D, C>('PATCH', url, options)
  }

  /**
   * The request that `request()` would send, to look at or change before `send()`. An auth function is asked when it is
   * sent.
   *
   * @throws {RequestError} a request that can't be sent
   */
  prepareRequest(spec: RequestSpec): PreparedRequest {
    const core = this[coreOf]
    try {
      const subject = { request: spec }
      const hop = openRequest(core, subject, resolvedOptionsOf(subject, core.defaults))
      hop.request[addNotes]({ options: optionsOffWire(spec) })
      addCookies(hop.request, core, hop)
      return hop.request
    } catch (error) {
      attachRequest(error, describeRequest({ request: spec }))
      hushInputs(spec)
      throw error
    }
  }

  /**
   * Sends a prepared request, with the options it was prepared with where none are given here. It may be sent any number
   * of times, unless its body is a stream. Rejects as `request` does.
   */
  send<D = unknown, C = unknown>(request: PreparedRequest, options?: SendOptions<C>): Promise<Response<NoInfer<D>>> {
    if (request instanceof PreparedRequest)
      return this.#run(request, options, { ...request[requestNotes].options, ...options }) as Promise<Response<D>>
    const message = `Expected a PreparedRequest (of prepareRequest()), got ${describe(request)}`
    return Promise.reject(new TypeError(message))
  }

  /**
   * Sends what begins with `prefix` through a dispatcher of undici 7 or 8, a MockAgent included; the longest prefix wins.
   * It is never closed here.
   *
   * @throws {TypeError} no prefix, or no dispatcher
   */
  mount(prefix: string, dispatcher: Dispatcher): void {
    this[coreOf].mount(prefix, dispatcher)
  }

  /** A session with the same settings and a copy of the jar, that shares the connections and is closed by itself. */
  clone(): Session {
    const clone = new Session()
    clone[adoptCore](this[coreOf].clone())
    return clone
  }

  /**
   * Refuses requests from now on. What runs goes on; a streamed body that nobody reads is dropped.
   *
   * @returns a promise that resolves when everything has ended and the connections are closed, unless a clone needs them
   */
  close(): Promise<void> {
    return (this.#closing ??= this[coreOf].close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @param given where options that need a driver may stand */
  #run(
    request: RequestSpec | PreparedRequest,
    options: SendOptions | undefined,
    given: SendOptions | undefined,
  ): Promise<Response> {
    const { retry, timeout } = this[coreOf].defaults
    if (retry === undefined && timeout.total === Infinity && (given === undefined || !needsDriver(given))) {
      // Without retries there is nothing to wait for.
      return openCall(this, request, noObserver, options).attempt() as Promise<Response>
    }
    const driver = new Driver(ownOption(given, 'signal'))
    return driver.drive(openCall(this, request, driver, options))
  }

  static {
    setOwnName(this, 'Session')
  }
}

/** What is not on the wire, and may matter when the request is sent. */
function optionsOffWire(spec: RequestSpec): CarriedOptions {
  const onWire = ['method', 'url', 'params', 'data', 'json', 'files', 'headers']
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !onWire.includes(name)))
}

function needsDriver(options: SendOptions): boolean {
  const timeout = ownOption(options, 'timeout')
  const mayHaveTotal = typeof timeout === 'object' && timeout !== null
  return mayHaveTotal || ownOption(options, 'signal') !== undefined || ownOption(options, 'retry') !== undefined
}

function ownOption<Name extends keyof SendOptions>(options: SendOptions | undefined, name: Name): SendOptions[Name] {
  return options !== undefined && Object.hasOwn(options, name) ? options[name] : undefined
}
