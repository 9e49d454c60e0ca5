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
 * Misuse of the API is a plain `TypeError` or `RangeError`.
 */
import { setHidden, setOwnName } from './checks.ts'
import type { Response } from './session/response/response.ts'

/** Which clock of a request, or which wait, ran out. */
export type TimeoutScope = 'wait' | 'connect' | 'read' | 'total' | 'queue'

/** The root of every error of this package. */
export class FuturesError extends Error {
  /** `ERR_` and the class name, as Node's own errors have it. */
  declare readonly code: string

  constructor(message?: string, options: ErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
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
}

/** A future or its controller was used in a state that does not allow it. */
export class InvalidStateError extends FuturesError {}

/** Something about where the work runs, not about the work. */
export class ExecutorError extends FuturesError {}

/** `submit()` after `shutdown()`. */
export class ExecutorClosedError extends ExecutorError {}

/** A request on a session that was closed or disposed. */
export class SessionClosedError extends ExecutorError {}

/** More than `maxQueue` tasks are waiting. */
export class QueueFullError extends ExecutorError {}

/** The executor can't run anything any more: its initializer failed, or its workers die while starting. */
export class BrokenExecutorError extends ExecutorError {}

/** The worker that ran the task died. */
export class WorkerCrashedError extends ExecutorError {
  /** The exit code of the thread, where it is known. */
  declare readonly exitCode?: number

  constructor(message?: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options)
    if (options.exitCode !== undefined) this.exitCode = options.exitCode
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
}

/** A worker of a fleet was asked to import a module that is not on its `modules` list. */
export class ModuleNotAllowedError extends ExecutorError {}

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
}

/** No usable answer: refused, reset, no such host, or what came was not HTTP. */
export class ConnectionError extends RequestError {
  /** What the connection failed with; `code` is the system's or undici's: `ECONNREFUSED`, `ENOTFOUND`, `UND_ERR_SOCKET`. */
  declare cause?: { code?: string }
}

/** The proxy could not be reached, or refused. */
export class ProxyError extends ConnectionError {}

/** The TLS handshake failed, or a certificate could not be read or was not accepted. */
export class SSLError extends ConnectionError {}

/** No connection within `timeout.connect`. */
export class ConnectTimeoutError extends ConnectionError {
  /** It was the clock for connecting. */
  readonly scope = 'connect' as const
}

/** No byte within `timeout.read`. */
export class ReadTimeoutError extends RequestError {
  /** It was the clock for the gap between bytes. */
  readonly scope = 'read' as const
}

/** The whole request, its redirects, retries and waits included, took longer than `timeout.total`. */
export class TotalTimeoutError extends RequestError {
  /** It was the clock for the whole request. */
  readonly scope = 'total' as const
}

/** No worker within `timeout.queue`. */
export class QueueTimeoutError extends RequestError {
  /** It was the clock for waiting for a worker. */
  readonly scope = 'queue' as const
}

/** More redirects than `maxRedirects`; `response` is the last one. */
export class TooManyRedirectsError extends RequestError {
  declare readonly response: Response
}

/** The body ended early, or its framing was broken. */
export class ChunkedEncodingError extends RequestError {}

/** The body is not what its Content-Encoding says. */
export class ContentDecodingError extends RequestError {}

/** The body is larger than `maxResponseSize`, on the wire or decoded. */
export class ResponseTooLargeError extends RequestError {
  /** The limit in bytes. */
  declare readonly limit?: number

  constructor(message?: string, options: RequestErrorOptions & { limit?: number } = {}) {
    super(message, options)
    if (options.limit !== undefined) this.limit = options.limit
  }
}

/** A URL without a scheme. */
export class MissingSchemaError extends RequestError {}

/** A URL with a scheme that is not http or https. */
export class InvalidSchemaError extends RequestError {}

/** A URL that can't be used. */
export class InvalidURLError extends RequestError {}

/** A header name or value that can't be sent. */
export class InvalidHeaderError extends RequestError {}

/** A proxy URL that can't be used. */
export class InvalidProxyURLError extends RequestError {}

/** An unknown option, or one with a value that can't be used. */
export class InvalidOptionError extends RequestError {
  /** The option's name. */
  declare readonly option?: string

  constructor(message?: string, options: RequestErrorOptions & { option?: string } = {}) {
    super(message, options)
    if (options.option !== undefined) this.option = options.option
  }
}

/** The body is no JSON. */
export class JSONDecodeError extends RequestError {}

/** A streamed body was read twice. */
export class StreamConsumedError extends RequestError {}

/** A synchronous reader was used on a streamed body that was not read yet. */
export class BodyNotReadError extends RequestError {}

/** A redirect or a retry needs the body again, and it can't be produced again. */
export class UnrewindableBodyError extends RequestError {}

setOwnName(TimeoutError, 'TimeoutError')
const byName = {
  ...{ FuturesError, TimeoutError, InvalidStateError, ExecutorError, ExecutorClosedError, SessionClosedError },
  ...{ QueueFullError, BrokenExecutorError, WorkerCrashedError, TaskNotCloneableError, ModuleNotAllowedError },
  ...{ RequestError, HTTPError, ConnectionError, ProxyError, SSLError, ConnectTimeoutError, ReadTimeoutError },
  ...{ TotalTimeoutError, QueueTimeoutError, TooManyRedirectsError, ChunkedEncodingError, ContentDecodingError },
  ...{ ResponseTooLargeError, MissingSchemaError, InvalidSchemaError, InvalidURLError, InvalidHeaderError },
  ...{ InvalidProxyURLError, InvalidOptionError, JSONDecodeError, StreamConsumedError, BodyNotReadError },
  ...{ UnrewindableBodyError },
}
// The names are literal, for minifiers, and stand on the prototype, where an instance pays nothing for them.
for (const [name, { prototype }] of Object.entries(byName)) define(prototype, name, codeOf(name))
define(CancelledError.prototype, 'AbortError', 'ABORT_ERR')

function define(prototype: FuturesError, name: string, code: string): void {
  Object.defineProperty(prototype, 'name', { value: name, writable: true, configurable: true })
  Object.defineProperty(prototype, 'code', { value: code, writable: true, configurable: true })
}

/** `InvalidURLError` has the code `ERR_INVALID_URL`. */
function codeOf(name: string): string {
  const words = name.slice(0, -'Error'.length).replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_')
  return `ERR_${words.toUpperCase()}`
}
