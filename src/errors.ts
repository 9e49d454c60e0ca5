/**
 * Every error class of the package.
 *
 * FuturesError
 *   CancelledError · TimeoutError · InvalidStateError
 *   ExecutorError
 *     ExecutorClosedError · SessionClosedError · QueueFullError · BrokenExecutorError · WorkerCrashedError
 *     TaskNotCloneableError · ModuleNotAllowedError
 *   RequestError
 *     HTTPError
 *     ConnectionError
 *       ProxyError · SSLError · ConnectTimeoutError
 *     ReadTimeoutError · TotalTimeoutError · QueueTimeoutError
 *     TooManyRedirectsError · ChunkedEncodingError · ContentDecodingError · ResponseTooLargeError
 *     MissingSchemaError · InvalidSchemaError · InvalidURLError · InvalidHeaderError · InvalidProxyURLError
 *     InvalidOptionError
 *     JSONDecodeError · StreamConsumedError · BodyNotReadError · UnrewindableBodyError
 *
 * Misuse of the API is a plain `TypeError` or `RangeError`.
 */
import { setOwnName } from './checks.ts'
import type { Response } from './session/response/response.ts'

/** Which clock of a request, or which wait, ran out. */
export type TimeoutScope = 'wait' | 'connect' | 'read' | 'total' | 'queue'

/** Gives a class its literal name and code: on the prototype, so that an instance pays nothing and minifiers can't change it. */
function define(errorClass: { prototype: Error }, name: string, code: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, writable: true, configurable: true })
  Object.defineProperty(errorClass.prototype, 'code', { value: code, writable: true, configurable: true })
}

/** Sets a property that `util.inspect` and `JSON.stringify` pass over: it may hold secrets or be large. */
function setHidden(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false })
}

/** The root of every error of this package. */
export class FuturesError extends Error {
  /** `ERR_` and the class name, as Node's own errors have it. */
  declare readonly code: string

  constructor(message?: string, options: ErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
  }

  static {
    define(this, 'FuturesError', 'ERR_FUTURES')
  }
}

/**
 * The future was cancelled. `cause` is the reason that was given to `cancel()`, or the reason of the signal.
 * Its name and code are those of Node's own AbortError; there is one instance for each future.
 */
export class CancelledError extends FuturesError {
  constructor(message = 'The future was cancelled', options?: ErrorOptions) {
    super(message, options)
  }

  static {
    define(this, 'AbortError', 'ABORT_ERR')
  }
}

/** What a TimeoutError is made of. */
export interface TimeoutErrorOptions extends ErrorOptions {
  /** Which clock ran out. @default 'wait' */
  scope?: TimeoutScope
  /** How many futures were not done. @default none */
  unfinished?: number
  /** How many futures there were. @default none */
  total?: number
}

/**
 * A wait ran out of time; the work it waited for goes on. `instanceof TimeoutError` also holds for every timeout of a
 * request; `scope` tells which clock it was.
 */
export class TimeoutError extends FuturesError {
  /** Which clock ran out; `wait` is that of a wait, the others are those of a request. */
  readonly scope: TimeoutScope
  /** Of `asCompleted`: how many futures were not done. */
  declare readonly unfinished?: number
  /** Of `asCompleted`: how many futures there were. */
  declare readonly total?: number

  constructor(message?: string, options: TimeoutErrorOptions = {}) {
    super(message, options)
    this.scope = options.scope ?? 'wait'
    if (options.unfinished !== undefined) this.unfinished = options.unfinished
    if (options.total !== undefined) this.total = options.total
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
    // JavaScript has no second base class: a ConnectTimeoutError is a ConnectionError first.
    return this === TimeoutError && value instanceof RequestError && 'scope' in value
  }

  static {
    define(this, 'TimeoutError', 'ERR_TIMEOUT')
    setOwnName(this, 'TimeoutError')
  }
}

/** A future or its controller was used in a state that does not allow it. */
export class InvalidStateError extends FuturesError {
  static {
    define(this, 'InvalidStateError', 'ERR_INVALID_STATE')
  }
}

/** Something about where the work runs, not about the work. */
export class ExecutorError extends FuturesError {
  static {
    define(this, 'ExecutorError', 'ERR_EXECUTOR')
  }
}

/** `submit()` after `shutdown()`. */
export class ExecutorClosedError extends ExecutorError {
  static {
    define(this, 'ExecutorClosedError', 'ERR_EXECUTOR_CLOSED')
  }
}

/** A request on a session that was closed or disposed. */
export class SessionClosedError extends ExecutorError {
  static {
    define(this, 'SessionClosedError', 'ERR_SESSION_CLOSED')
  }
}

/** More than `maxQueue` tasks are waiting. */
export class QueueFullError extends ExecutorError {
  static {
    define(this, 'QueueFullError', 'ERR_QUEUE_FULL')
  }
}

/** The executor can't run anything any more: its initializer failed, or its workers die while starting. */
export class BrokenExecutorError extends ExecutorError {
  static {
    define(this, 'BrokenExecutorError', 'ERR_BROKEN_EXECUTOR')
  }
}

/** The worker that ran the task died. */
export class WorkerCrashedError extends ExecutorError {
  /** The exit code of the thread, where it is known. */
  declare readonly exitCode?: number

  constructor(message?: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options)
    if (options.exitCode !== undefined) this.exitCode = options.exitCode
  }

  static {
    define(this, 'WorkerCrashedError', 'ERR_WORKER_CRASHED')
  }
}

/** The task, or something in its arguments, can't leave this isolate. */
export class TaskNotCloneableError extends ExecutorError {
  /** Where the offending value stands, for example `hooks.response[0]`. */
  declare readonly path?: string

  constructor(message?: string, options: ErrorOptions & { path?: string } = {}) {
    super(message, options)
    if (options.path !== undefined) this.path = options.path
  }

  static {
    define(this, 'TaskNotCloneableError', 'ERR_TASK_NOT_CLONEABLE')
  }
}

/** A worker of a fleet was asked to import a module that is not on its `modules` list. */
export class ModuleNotAllowedError extends ExecutorError {
  static {
    define(this, 'ModuleNotAllowedError', 'ERR_MODULE_NOT_ALLOWED')
  }
}

/** What a failed request knows of itself: at least method and URL. */
export interface FailedRequest {
  /** In capitals, as far as it is known. */
  readonly method: string
  /** Without credentials. */
  readonly url: string
}

/** The least that a response says of itself. */
export interface FailedResponse {
  /** Such as 404. */
  readonly status: number
  /** Of the last hop, without credentials. */
  readonly url: string
}

/** What a RequestError is made of. */
export interface RequestErrorOptions extends ErrorOptions {
  /** What has failed. */
  request?: FailedRequest | undefined
  /** What has come, if anything has. */
  response?: Response | undefined
}

/** Every failure of a request. */
export class RequestError extends FuturesError {
  /** The request as far as it was prepared. Not shown when the error is inspected. */
  declare readonly request: FailedRequest
  /** The response, if the failure has one. Not shown when the error is inspected. */
  declare readonly response?: Response

  constructor(message?: string, options: RequestErrorOptions = {}) {
    super(message, options)
    if (options.request !== undefined) setHidden(this, 'request', options.request)
    if (options.response !== undefined) setHidden(this, 'response', options.response)
  }

  static {
    define(this, 'RequestError', 'ERR_REQUEST')
  }
}

/** Fills in what the place that found the failure did not know. What is there stays. */
export function attachRequest(error: unknown, request: FailedRequest): void {
  if (error instanceof RequestError && (error.request as FailedRequest | undefined) === undefined) {
    setHidden(error, 'request', request)
  }
}

/** `raiseForStatus`: the response has a status of 4xx or 5xx. */
export class HTTPError extends RequestError {
  /** Always there. Not shown when the error is inspected. */
  declare readonly response: Response

  static {
    define(this, 'HTTPError', 'ERR_HTTP')
  }
}

/** No usable answer: refused, reset, no such host, or what came was not HTTP. */
export class ConnectionError extends RequestError {
  /** What the connection failed with; `code` is the system's or undici's: `ECONNREFUSED`, `ENOTFOUND`, `UND_ERR_SOCKET`. */
  declare cause?: { code?: string }

  static {
    define(this, 'ConnectionError', 'ERR_CONNECTION')
  }
}

/** The proxy could not be reached, or refused. */
export class ProxyError extends ConnectionError {
  static {
    define(this, 'ProxyError', 'ERR_PROXY')
  }
}

/** The TLS handshake failed, or a certificate could not be read or was not accepted. */
export class SSLError extends ConnectionError {
  static {
    define(this, 'SSLError', 'ERR_SSL')
  }
}

/** No connection within `timeout.connect`. */
export class ConnectTimeoutError extends ConnectionError {
  /** It was the clock for connecting. */
  readonly scope = 'connect' as const

  static {
    define(this, 'ConnectTimeoutError', 'ERR_CONNECT_TIMEOUT')
  }
}

/** No byte within `timeout.read`. */
export class ReadTimeoutError extends RequestError {
  /** It was the clock for the gap between bytes. */
  readonly scope = 'read' as const

  static {
    define(this, 'ReadTimeoutError', 'ERR_READ_TIMEOUT')
  }
}

/** The whole request, its redirects, retries and waits included, took longer than `timeout.total`. */
export class TotalTimeoutError extends RequestError {
  /** It was the clock for the whole request. */
  readonly scope = 'total' as const

  static {
    define(this, 'TotalTimeoutError', 'ERR_TOTAL_TIMEOUT')
  }
}

/** No worker within `timeout.queue`. */
export class QueueTimeoutError extends RequestError {
  /** It was the clock for waiting for a worker. */
  readonly scope = 'queue' as const

  static {
    define(this, 'QueueTimeoutError', 'ERR_QUEUE_TIMEOUT')
  }
}

/** More redirects than `maxRedirects`; `response` is the last one. */
export class TooManyRedirectsError extends RequestError {
  declare readonly response: Response

  static {
    define(this, 'TooManyRedirectsError', 'ERR_TOO_MANY_REDIRECTS')
  }
}

/** The body ended early, or its framing was broken. */
export class ChunkedEncodingError extends RequestError {
  static {
    define(this, 'ChunkedEncodingError', 'ERR_CHUNKED_ENCODING')
  }
}

/** The body is not what its Content-Encoding says. */
export class ContentDecodingError extends RequestError {
  static {
    define(this, 'ContentDecodingError', 'ERR_CONTENT_DECODING')
  }
}

/** The body is larger than `maxResponseSize`, on the wire or decoded. */
export class ResponseTooLargeError extends RequestError {
  /** The limit in bytes. */
  declare readonly limit?: number

  constructor(message?: string, options: RequestErrorOptions & { limit?: number } = {}) {
    super(message, options)
    if (options.limit !== undefined) this.limit = options.limit
  }

  static {
    define(this, 'ResponseTooLargeError', 'ERR_RESPONSE_TOO_LARGE')
  }
}

/** A URL without a scheme. */
export class MissingSchemaError extends RequestError {
  static {
    define(this, 'MissingSchemaError', 'ERR_MISSING_SCHEMA')
  }
}

/** A URL with a scheme that is not http or https. */
export class InvalidSchemaError extends RequestError {
  static {
    define(this, 'InvalidSchemaError', 'ERR_INVALID_SCHEMA')
  }
}

/** A URL that can't be used. */
export class InvalidURLError extends RequestError {
  static {
    define(this, 'InvalidURLError', 'ERR_INVALID_URL')
  }
}

/** A header name or value that can't be sent. */
export class InvalidHeaderError extends RequestError {
  static {
    define(this, 'InvalidHeaderError', 'ERR_INVALID_HEADER')
  }
}

/** A proxy URL that can't be used. */
export class InvalidProxyURLError extends RequestError {
  static {
    define(this, 'InvalidProxyURLError', 'ERR_INVALID_PROXY_URL')
  }
}

/** An unknown option, or one with a value that can't be used. */
export class InvalidOptionError extends RequestError {
  /** The option's name. */
  declare readonly option?: string

  constructor(message?: string, options: RequestErrorOptions & { option?: string } = {}) {
    super(message, options)
    if (options.option !== undefined) this.option = options.option
  }

  static {
    define(this, 'InvalidOptionError', 'ERR_INVALID_OPTION')
  }
}

/** The body is no JSON. */
export class JSONDecodeError extends RequestError {
  static {
    define(this, 'JSONDecodeError', 'ERR_JSON_DECODE')
  }
}

/** A streamed body was read twice. */
export class StreamConsumedError extends RequestError {
  static {
    define(this, 'StreamConsumedError', 'ERR_STREAM_CONSUMED')
  }
}

/** A synchronous reader was used on a streamed body that was not read yet. */
export class BodyNotReadError extends RequestError {
  static {
    define(this, 'BodyNotReadError', 'ERR_BODY_NOT_READ')
  }
}

/** A redirect or a retry needs the body again, and it can't be produced again. */
export class UnrewindableBodyError extends RequestError {
  static {
    define(this, 'UnrewindableBodyError', 'ERR_UNREWINDABLE_BODY')
  }
}
