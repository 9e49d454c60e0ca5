import { inspect } from 'node:util'
import type { InspectOptions } from 'node:util'
import { printable } from '../checks.ts'
import { cancelledRequest } from '../cancelled-request.ts'
import type { CancelledError } from '../errors.ts'
import { makeCancelled } from '../future/cancellation.ts'
import { Future } from '../future/future.ts'
import type { WaitOptions } from '../future/wait-limits.ts'
import { describeRequest } from '../session/call/call-subject.ts'
import type { RequestOptions, RequestSpec } from '../session/options/options.ts'
import type { Response } from '../session/response/response.ts'
import { readBytes, readJson, readText } from './read-response.ts'
import { observe } from './unobserved.ts'

/** What was asked for, with method and URL filled in. It fits `session.map` and `Pool` again; `context` is yours. */
export type SubmittedRequest = Readonly<RequestSpec & { method: string }>

/** No private method: an instance would be 8 bytes larger, and there may be very many. */
let markObserved: <R>(future: ResponseFuture<R>) => void

/** What a FuturesSession returns: the future of a response, that knows its request. */
export class ResponseFuture<R = Response> extends Future<R> {
  /** Of a plain GET just the URL, until somebody asks. Options are copied: the caller may change his own. */
  #request: SubmittedRequest | string | URL
  #isObserved = false

  /** @internal A FuturesSession makes them. */
  constructor(method: string, url: string | URL, options: RequestOptions | undefined) {
    super()
    // A copy: the caller may change his own before its turn comes.
    const target = url instanceof URL ? new URL(url) : url
    const isPlain = method === 'GET' && options === undefined && !isSpec(target)
    this.#request = isPlain ? target : specOf(method, target, options)
  }

  /** What was asked for. */
  get request(): SubmittedRequest {
    return this.detail ?? (this.#request = { method: 'GET', url: this.#request as string | URL })
  }

  /** @internal The same, if there is more to it than a URL. */
  get detail(): SubmittedRequest | undefined {
    return isSpec(this.#request) ? this.#request : undefined
  }

  /** Somebody has asked for the outcome: by `result`, `exception`, their `Now` twins, or what is built on them. */
  get isObserved(): boolean {
    return this.#isObserved
  }

  override result(options?: WaitOptions): Promise<R> {
    markObserved(this)
    return super.result(options)
  }

  override exception(options?: WaitOptions): Promise<unknown> {
    markObserved(this)
    return super.exception(options)
  }

  override resultNow(): R {
    markObserved(this)
    return super.resultNow()
  }

  override exceptionNow(): unknown {
    markObserved(this)
    return super.exceptionNow()
  }

  /**
   * `result()`, then the body as JSON.
   *
   * @throws as a rejection: what `result()` throws; {JSONDecodeError} the body is no JSON
   */
  json<T = unknown>(options?: WaitOptions): Promise<T> {
    return this.result(options).then((response) => readJson(response, this)) as Promise<T>
  }

  /** `result()`, then the body as text. */
  text(options?: WaitOptions): Promise<string> {
    return this.result(options).then(readText)
  }

  /** `result()`, then the body as bytes. */
  bytes(options?: WaitOptions): Promise<Uint8Array> {
    return this.result(options).then(readBytes)
  }

  /** As of any future, and the request; no credentials. */
  override [inspect.custom](depth: number, options: InspectOptions): string {
    const { method, url } = describeRequest(this)
    return `${super[inspect.custom](depth, options).slice(0, -2)} ${method} ${printable(url)} }`
  }

  /** @internal */
  override [makeCancelled](reason: unknown): CancelledError {
    return cancelledRequest(describeRequest(this), reason)
  }

  static {
    markObserved = (future) => {
      if (future.#isObserved) return
      future.#isObserved = true
      if (future.state === 'rejected') observe(future)
    }
  }
}

function isSpec(request: unknown): request is SubmittedRequest {
  return typeof request === 'object' && request !== null && !(request instanceof URL)
}

/** In this order: a literal that begins with a spread has a hidden class of its own, of 170 bytes, on Node 20. */
function specOf(method: string, url: string | URL, options: RequestOptions | undefined): SubmittedRequest {
  const spec = { method, url, ...options }
  if (spec.method !== method) spec.method = method
  if (spec.url !== url) spec.url = url
  return spec
}
