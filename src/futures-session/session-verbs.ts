import type { RequestOptions } from '../session/options/options.ts'
import type { ResponseFuture, Unsaid, WithData } from './response-future.ts'
import { SessionFacade } from './session-facade.ts'

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
