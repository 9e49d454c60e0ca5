import { inspect, type InspectOptions } from 'node:util'
import { cancelledRequest } from '../cancelled-request.ts'
import { printable } from '../checks.ts'
import { type CancelledError, JSONDecodeError } from '../errors.ts'
import { makeCancelled } from '../future/cancellation.ts'
import { Future } from '../future/future.ts'
import type { WaitOptions } from '../future/waiting.ts'
import { describeRequest } from '../session/call/call-input.ts'
import type { RequestOptions } from '../session/options/options.ts'
import { receivedParts, Response } from '../session/response/response.ts'
import { type FailureHolder, setHolder } from './unobserved.ts'

/** What was asked for, with method and URL filled in. It fits `session.map` and `Pool` again; `context` is yours. */
export interface SubmittedRequest<C = unknown> extends Readonly<RequestOptions<C>> {
  /** In capitals, unless somebody wrote it otherwise. */
  readonly method: string
  /** As it was given: a relative one is relative to `baseUrl`. A URL object is its `href`. */
  readonly url: string
  /** The option of that name. */
  readonly context: C
}

/** Stands for the type of `data` where a call does not name it: then that of the session counts. */
export interface Unsaid {
  /** Only for the type. */
  readonly '~unsaid': never
}
/** What a session answers with, where a call names the type of its `data`. */
export type WithData<R, D> = [D] extends [Unsaid] ? R : R extends Response ? Response<D> : R

/** What a FuturesSession returns: the future of a response, that knows its request. */
export class ResponseFuture<R = Response, C = unknown> extends Future<R> {
  /** Only the URL of a plain GET, until somebody asks. Options are copied, because the caller may change them. */
  #request: SubmittedRequest<C> | string
  /** Who holds it as a failure that nobody has asked for; `observed` once somebody has asked. */
  #observation: FailureHolder | 'observed' | undefined = undefined

  /** A FuturesSession makes them. */
  constructor(method: string, url: string | URL, options: RequestOptions<C> | undefined) {
    super()
    // As text: the caller may change the URL object. What is no URL is refused when the request starts.
    const target = url instanceof URL ? url.href : url
    const isPlain = method === 'GET' && options === undefined && !isSpec(target)
    this.#request = isPlain ? target : copySpec(method, target, options)
  }

  /** What was asked for. */
  get request(): SubmittedRequest<C> {
    return this.detail ?? (this.#request = plainRequest<C>(this.#request as string))
  }

  /** @internal The same, if there is more to it than a URL. */
  get detail(): SubmittedRequest<C> | undefined {
    return isSpec<C>(this.#request) ? this.#request : undefined
  }

  /** Somebody has asked for the outcome: by `result`, `exception`, their `Now` twins, or what is built on them. */
  get isObserved(): boolean {
    return this.#observation === 'observed'
  }

  override result(options?: WaitOptions): Promise<R> {
    this.observe()
    return super.result(options)
  }

  override exception(options?: WaitOptions): Promise<unknown> {
    this.observe()
    return super.exception(options)
  }

  override resultNow(): R {
    this.observe()
    return super.resultNow()
  }

  override exceptionNow(): unknown {
    this.observe()
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

  /**
   * Reading it throws: this is a future, `(await future.result()).status` is meant. What you attach under this name is yours.
   *
   * @deprecated This is a future: `await future.result()`
   * @throws {TypeError} always
   */
  get status(): never {
    throw misreading('status')
  }

  set status(value: unknown) {
    attach(this, 'status', value)
  }

  /** As `status`. @deprecated This is a future: `await future.result()` */
  get ok(): never {
    throw misreading('ok')
  }

  set ok(value: unknown) {
    attach(this, 'ok', value)
  }

  /** As `status`. @deprecated This is a future: `await future.result()` */
  get headers(): never {
    throw misreading('headers')
  }

  set headers(value: unknown) {
    attach(this, 'headers', value)
  }

  /** As `status`. @deprecated This is a future: `await future.result()` */
  get body(): never {
    throw misreading('body')
  }

  set body(value: unknown) {
    attach(this, 'body', value)
  }

  /**
   * As `status`; not `never`, so that what you attach keeps its type.
   *
   * @deprecated This is a future: `await future.result()`
   */
  get data(): unknown {
    throw misreading('data')
  }

  set data(value: unknown) {
    attach(this, 'data', value)
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

  /** @internal */
  [setHolder](holder: FailureHolder | undefined): void {
    this.#observation = holder
  }

  /** Private by TypeScript: an instance of a class with `#methods` is 8 bytes larger, and there may be very many. */
  private observe(): void {
    const holder = this.#observation
    if (holder === 'observed') return
    this.#observation = 'observed'
    holder?.forget(this)
  }
}

function isSpec<C>(request: unknown): request is SubmittedRequest<C> {
  return typeof request === 'object' && request !== null
}

const plainRequest = <C>(url: string): SubmittedRequest<C> => ({ method: 'GET', url }) as SubmittedRequest<C>

/** Names first: a literal that begins with a spread has a hidden class of its own, of 170 bytes, on Node 20. */
function copySpec<C>(method: string, url: string, options: RequestOptions<C> | undefined): SubmittedRequest<C> {
  const spec = { method, url, ...options }
  if (spec.method !== method) spec.method = method
  if (spec.url !== url) spec.url = url
  return spec as SubmittedRequest<C>
}

function misreading(name: string): TypeError {
  return new TypeError(`Can't read \`${name}\` here: this is a future: \`await future.result()\` is its response`)
}

/** Sets an own property, which hides the accessor of that name. */
function attach(future: object, name: string, value: unknown): void {
  Object.defineProperty(future, name, { value, writable: true, enumerable: true, configurable: true })
}

/** A response of somebody else's, of `fetch` for example. */
interface ForeignResponse {
  json?(): unknown
  text?(): string | PromiseLike<string>
  bytes?(): Uint8Array | PromiseLike<Uint8Array>
  arrayBuffer?(): ArrayBuffer | PromiseLike<ArrayBuffer>
}

/** Synchronous where the body is complete. */
function readJson<R>(response: R, future: ResponseFuture<R>): unknown {
  return isHere(response)
    ? response.json()
    : readLater(response, () => foreignJson(response as ForeignResponse, future))
}

function readText(response: unknown): string | Promise<string> {
  return isHere(response) ? response.text() : readLater(response, () => foreignText(response as ForeignResponse))
}

function readBytes(response: unknown): Uint8Array | Promise<Uint8Array> {
  return isHere(response) ? response.bytes() : readLater(response, () => foreignBytes(response as ForeignResponse))
}

function isHere(response: unknown): response is Response {
  return response instanceof Response && response[receivedParts].isHere
}

/** A streamed response of ours is read to its end first. */
async function readLater<T>(response: unknown, read: () => T | PromiseLike<T>): Promise<T> {
  if (response instanceof Response) await response.read()
  return read()
}

async function foreignJson<R>(response: ForeignResponse, future: ResponseFuture<R>): Promise<unknown> {
  if (response.json !== undefined) return response.json()
  const text = await foreignText(response)
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    const request = describeRequest(future)
    throw new JSONDecodeError(`Could not read the body as JSON: ${(cause as Error).message}`, { cause, request })
  }
}

async function foreignText(response: ForeignResponse): Promise<string> {
  if (response.text !== undefined) return response.text()
  throw new TypeError('Could not read the body: the response has no `text()`')
}

async function foreignBytes(response: ForeignResponse): Promise<Uint8Array> {
  if (response.bytes !== undefined) return response.bytes()
  if (response.arrayBuffer !== undefined) return new Uint8Array(await response.arrayBuffer())
  throw new TypeError('Could not read the body: the response has neither `bytes()` nor `arrayBuffer()`')
}
