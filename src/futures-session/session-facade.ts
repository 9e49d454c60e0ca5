import type { AuthOption } from '../session/auth/auth-flow.ts'
import type { HeaderMap } from '../session/headers.ts'
import type { HooksOption, SessionHooks } from '../session/hooks.ts'
import type {
  CertOption,
  HeadersOption,
  ParamsOption,
  ProxiesOption,
  RequestOptions,
  RequestSpec,
  RetryOption,
  TimeoutOption,
  VerifyOption,
} from '../session/options/options.ts'
import type { PreparedRequest } from '../session/prepared-request.ts'
import type { Session } from '../session/session.ts'
import { GuardedEmitter, type SessionEvents } from './events.ts'
import type { ResponseFuture, Unsaid, WithData } from './response-future.ts'

/**
 * What a FuturesSession shows of the session it wraps: its attributes, to read and to write, and the methods that send
 * nothing. Of somebody else's session: what that has under these names.
 */
abstract class SessionFacade<R> extends GuardedEmitter<SessionEvents<R>> {
  readonly #own: Session

  constructor(session: object) {
    super()
    this.#own = session as Session
  }

  /** As that of the session. */
  get headers(): HeaderMap {
    return this.#own.headers
  }

  set headers(value: HeaderMap | HeadersOption) {
    this.#own.headers = value
  }

  /** As that of the session. */
  get params(): ParamsOption {
    return this.#own.params
  }

  set params(value: ParamsOption | null | undefined) {
    this.#own.params = value
  }

  /** As that of the session. */
  get auth(): AuthOption | undefined {
    return this.#own.auth
  }

  set auth(value: AuthOption | null | undefined) {
    this.#own.auth = value
  }

  /** As that of the session. */
  get cookies(): Session['cookies'] {
    return this.#own.cookies
  }

  set cookies(value: Session['cookies']) {
    this.#own.cookies = value
  }

  /** As that of the session. */
  get hooks(): SessionHooks {
    return this.#own.hooks
  }

  set hooks(value: HooksOption | SessionHooks) {
    this.#own.hooks = value
  }

  /** As that of the session. */
  get proxies(): ProxiesOption {
    return this.#own.proxies
  }

  set proxies(value: ProxiesOption | null | undefined) {
    this.#own.proxies = value
  }

  /** As that of the session. */
  get verify(): VerifyOption {
    return this.#own.verify
  }

  set verify(value: VerifyOption | undefined) {
    this.#own.verify = value
  }

  /** As that of the session. */
  get cert(): CertOption | undefined {
    return this.#own.cert
  }

  set cert(value: CertOption | undefined) {
    this.#own.cert = value
  }

  /** As that of the session. */
  get timeout(): TimeoutOption {
    return this.#own.timeout
  }

  set timeout(value: TimeoutOption | undefined) {
    this.#own.timeout = value
  }

  /** As that of the session. */
  get allowRedirects(): boolean | undefined {
    return this.#own.allowRedirects
  }

  set allowRedirects(value: boolean | undefined) {
    this.#own.allowRedirects = value
  }

  /** As that of the session. */
  get maxRedirects(): number {
    return this.#own.maxRedirects
  }

  set maxRedirects(value: number) {
    this.#own.maxRedirects = value
  }

  /** As that of the session. */
  get trustEnv(): boolean {
    return this.#own.trustEnv
  }

  set trustEnv(value: boolean) {
    this.#own.trustEnv = value
  }

  /** As that of the session. */
  get baseUrl(): string | undefined {
    return this.#own.baseUrl
  }

  set baseUrl(value: string | URL | null | undefined) {
    this.#own.baseUrl = value
  }

  /** As that of the session. */
  get retry(): RetryOption {
    return this.#own.retry
  }

  set retry(value: RetryOption | undefined) {
    this.#own.retry = value
  }

  /** As that of the session. */
  get raiseForStatus(): boolean {
    return this.#own.raiseForStatus
  }

  set raiseForStatus(value: boolean) {
    this.#own.raiseForStatus = value
  }

  /** As that of the session. */
  get stream(): boolean {
    return this.#own.stream
  }

  set stream(value: boolean) {
    this.#own.stream = value
  }

  /** As that of the session. */
  get maxResponseSize(): number {
    return this.#own.maxResponseSize
  }

  set maxResponseSize(value: number) {
    this.#own.maxResponseSize = value
  }

  /** As `Session.prepareRequest`. */
  prepareRequest(spec: RequestSpec): PreparedRequest {
    return this.#own.prepareRequest(spec)
  }

  /** As `Session.mount`. */
  mount(...args: Parameters<Session['mount']>): void {
    this.#own.mount(...args)
  }
}

/** The verbs of a FuturesSession: each is its `request`, that a subclass may override. */
export abstract class SessionVerbs<R> extends SessionFacade<R> {
  abstract request<D = Unsaid, C = unknown>(
    method: string,
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C>
  abstract request(method: string, url: string | URL, options?: RequestOptions): ResponseFuture<R>

  /** A GET request: `request` with that method. */
  get<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('GET', url, options)
  }

  /** An OPTIONS request: `request` with that method. */
  options<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('OPTIONS', url, options)
  }

  /** Redirects are not followed, unless `allowRedirects`, the session's or of the request, says so. */
  head<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('HEAD', url, options)
  }

  /** A POST request: `request` with that method. */
  post<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('POST', url, options)
  }

  /** A PUT request: `request` with that method. */
  put<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('PUT', url, options)
  }

  /** A PATCH request: `request` with that method. */
  patch<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('PATCH', url, options)
  }

  /** A DELETE request: `request` with that method. */
  delete<D = Unsaid, C = unknown>(
    url: string | URL,
    options?: RequestOptions<C>,
  ): ResponseFuture<WithData<R, NoInfer<D>>, C> {
    return this.request<D, C>('DELETE', url, options)
  }
}
