import { attributeNames } from '../session/options/option-table.ts'
import type { RequestOptions, RequestSpec } from '../session/options/options.ts'
import type { PreparedRequest } from '../session/prepared-request.ts'
import type { SessionAttributes } from '../session/session-attributes.ts'
import type { Session } from '../session/session.ts'
import { GuardedEmitter, type SessionEvents } from './events.ts'
import type { ResponseFuture, Unsaid, WithData } from './response-future.ts'

/** The attributes: their accessors are made below. */
interface SessionFacade<R> extends SessionAttributes, GuardedEmitter<SessionEvents<R>> {}

/**
 * What a FuturesSession shows of the session it wraps: its attributes, to read and to write, and the methods that send
 * nothing. Of somebody else's session: what that has under these names.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- its accessors are made below
abstract class SessionFacade<R> extends GuardedEmitter<SessionEvents<R>> {
  readonly #own: Session

  constructor(session: object) {
    super()
    this.#own = session as Session
  }

  /** As `Session.prepareRequest`. */
  prepareRequest(spec: RequestSpec): PreparedRequest {
    return this.#own.prepareRequest(spec)
  }

  /** As `Session.mount`. */
  mount(...args: Parameters<Session['mount']>): void {
    this.#own.mount(...args)
  }

  static {
    for (const name of attributeNames) {
      Object.defineProperty(this.prototype, name, {
        get(this: SessionFacade<unknown>) {
          return this.#own[name]
        },
        set(this: SessionFacade<unknown>, value: never) {
          this.#own[name] = value
        },
        configurable: true,
      })
    }
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
