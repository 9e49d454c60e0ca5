/**
 * `undici-futures`: futures of work, executors that run it, sessions that send requests, and their errors.
 *
 * @module undici-futures
 */

// Futures
export { Future, type FutureState } from './future/future.ts'
export type { FutureValue, FutureValues } from './future/combine.ts'
export { FutureController } from './future/future-controller.ts'
export type { CancelHandler } from './future/listeners.ts'
export { asCompleted } from './future/as-completed.ts'
export { wait, type ReturnWhen, type WaitForOptions, type WaitResult } from './future/combine.ts'
export type { WaitOptions } from './future/waiting.ts'

// Executors
export type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task, TaskContext } from './executor/executor.ts'
export { InProcessExecutor, type InProcessExecutorOptions, type RateLimit } from './executor/in-process-executor.ts'
export {
  WorkerThreadExecutor,
  type WorkerThreadExecutorOptions,
} from './executor/worker-thread/worker-thread-executor.ts'
export { taskReference, type TaskReference } from './task-reference.ts'
export type { CheckedReference, TypedReference, UntypedReference } from './task-signature.ts'

// Sessions
export { Session } from './session/session.ts'
export { Response, type ResponseInit } from './session/response/response.ts'
export { PreparedRequest, type PreparedRequestInit } from './session/prepared-request.ts'
export { HeaderMap, type ResponseFields } from './session/headers.ts'
export { userAgent } from './session/user-agent.ts'
export { basic } from './session/auth/basic.ts'
export { bearer } from './session/auth/basic.ts'
export { digest } from './session/auth/digest.ts'
export type * from './session/options/options.ts'
export type { AnyHook, ErrorHook, HookContext, HookLists, HookName, HooksOption, RequestHook } from './session/hooks.ts'
export type { ResponseHook, SentHookContext, SessionHooks } from './session/hooks.ts'
export type { AuthFlow, AuthFunction, AuthOption } from './session/auth/auth-flow.ts'
export type { Link } from './session/response/links.ts'
export type { BodyStream, Dispatcher, HttpVersion, ProgressListener, TransferProgress } from './transport/exchange.ts'
export type { ConnectFunction, ConnectionOptions as PoolOptions } from './transport/connection-options.ts'
export type { PreparedBody } from './session/body/body.ts'

// Futures of responses
export { FuturesSession } from './futures-session/futures-session.ts'
export type { CloseOptions, FuturesSessionOptions } from './futures-session/futures-session-options.ts'
export { ResponseFuture } from './futures-session/response-future.ts'
export type { SubmittedRequest, Unsaid, WithData } from './futures-session/response-future.ts'
export type { SessionLike } from './futures-session/request-run.ts'
export type { NextPage, PaginateOptions } from './futures-session/page-trail.ts'
export type { ContextOf, KnownInput, MapOptions, RequestInput } from './futures-session/request-map.ts'
export type { AttemptEvent, CancelEvent, FailureEvent, Progress, RedirectEvent } from './futures-session/events.ts'
export type {
  RequestEvent,
  ResponseEvent,
  RetryEvent,
  SessionEvents,
  UnobservedEvent,
} from './futures-session/events.ts'
export type { RequestTrace } from './futures-session/tracing.ts'

// Errors
export {
  FuturesError,
  CancelledError,
  TimeoutError,
  InvalidStateError,
  ExecutorError,
  ExecutorClosedError,
  SessionClosedError,
  QueueFullError,
  BrokenExecutorError,
  WorkerCrashedError,
  TaskNotCloneableError,
  ModuleNotAllowedError,
  RequestError,
  HTTPError,
  ConnectionError,
  ProxyError,
  SSLError,
  ConnectTimeoutError,
  ReadTimeoutError,
  TotalTimeoutError,
  QueueTimeoutError,
  TooManyRedirectsError,
  ChunkedEncodingError,
  ContentDecodingError,
  ResponseTooLargeError,
  MissingSchemaError,
  InvalidSchemaError,
  InvalidURLError,
  InvalidHeaderError,
  InvalidProxyURLError,
  InvalidOptionError,
  JSONDecodeError,
  StreamConsumedError,
  BodyNotReadError,
  UnrewindableBodyError,
  type FailedRequest,
  type FailedResponse,
  type RequestErrorOptions,
  type TimeoutErrorOptions,
  type TimeoutScope,
} from './errors.ts'
