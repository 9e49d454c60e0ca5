import type { CookieJar } from 'tough-cookie'
import { describe } from '../checks.ts'
import { RequestError } from '../errors.ts'
import { checkAuth } from './auth/auth-flow.ts'
import type { AuthOption } from './auth/auth-flow.ts'
import { checkJar } from './cookies/cookies.ts'
import { HeaderMap } from './headers.ts'
import { makeSessionHooks } from './hooks.ts'
import type { HooksOption, SessionHooks } from './hooks.ts'
import type { CertOption, HeadersOption, ParamsOption, ProxiesOption } from './options/options.ts'
import type { RetryOption, TimeoutOption, TimeoutOptions, VerifyOption } from './options/options.ts'
import { checkParams } from './params.ts'
import { resolveOption } from './options/resolve-options.ts'
import type { SessionCore } from './session-core.ts'
import { defaultTimeout } from './options/timeouts.ts'
import { parseUrl, textOfUrl } from './url.ts'

/** What a session knows, for the code that does its requests. */
export let coreOf: (session: SessionAttributes) => SessionCore
/** Makes a session that is new the owner of this core. */
export let adoptCore: (session: SessionAttributes, core: SessionCore) => void

/**
 * What a session adds to each of its requests. Everything may be read and set at any time, and counts for the requests
 * that start from then on. What is set is checked.
 *
 * @throws {TypeError | RangeError} from each setter: a value that can't be used
 */
export abstract class SessionAttributes {
  #core: SessionCore

  /** @internal */
  constructor(core: SessionCore) {
    this.#core = core
  }

  /** Sent with every request. At first User-Agent, Accept-Encoding (what can be decoded) and `Accept: *\/*`. */
  get headers(): HeaderMap {
    return this.#core.headers
  }

  /** @throws {InvalidHeaderError} a name or value that can't be sent */
  set headers(headers: HeaderMap | HeadersOption) {
    this.#core.headers = headers instanceof HeaderMap ? headers : new HeaderMap(headers)
  }

  /** Appended to the query of every URL. An empty object at first. */
  get params(): ParamsOption {
    return (this.#core.params ??= {})
  }

  set params(params: ParamsOption | null | undefined) {
    this.#core.params = params === undefined || params === null ? undefined : checkParams(params)
  }

  /** For requests that bring no credentials of their own. */
  get auth(): AuthOption | undefined {
    return this.#core.auth
  }

  set auth(auth: AuthOption | null | undefined) {
    this.#core.auth = auth === undefined || auth === null ? undefined : checkAuth(auth)
  }

  /** A jar of tough-cookie, made when it is first needed; `false`: no cookie is ever stored or sent. */
  get cookies(): CookieJar | false {
    return this.#core.demandJar() ?? false
  }

  set cookies(jar: CookieJar | false) {
    this.#core.jar = checkJar(jar)
  }

  /** `{ request: [], response: [], redirect: [], error: [] }`: push onto a list, or put a function there. */
  get hooks(): SessionHooks {
    return this.#core.hooks
  }

  set hooks(hooks: HooksOption | SessionHooks) {
    this.#core.hooks = makeSessionHooks(hooks)
  }

  /** Proxies by scheme or host; they win over those of the environment. An empty object at first. */
  get proxies(): ProxiesOption {
    return (this.#core.proxies ??= {})
  }

  set proxies(proxies: ProxiesOption | null | undefined) {
    const { defaults } = this.#core
    this.#core.proxies = resolveOption('proxies', proxies ?? undefined, defaults).proxies
  }

  /** Whose certificates are believed; `undefined` sets the default. @default true */
  get verify(): VerifyOption {
    return this.#core.defaults.verify ?? true
  }

  set verify(verify: VerifyOption | undefined) {
    this.#core.defaults = resolveOption('verify', verify, this.#core.defaults)
  }

  /** The client certificate; `undefined`, at first, is none. */
  get cert(): CertOption | undefined {
    return this.#core.defaults.cert
  }

  set cert(cert: CertOption | undefined) {
    this.#core.defaults = resolveOption('cert', cert, this.#core.defaults)
  }

  /** As it was set; at first `{ connect: 10_000, read: 300_000 }`, over which what is set is merged. Not to be edited. */
  get timeout(): TimeoutOption {
    const { connect, read } = defaultTimeout
    return this.#core.timeout === undefined ? Object.freeze({ connect, read }) : this.#core.timeout
  }

  set timeout(timeout: TimeoutOption | undefined) {
    this.#core.defaults = resolveOption('timeout', timeout, this.#core.defaults)
    const isObject = typeof timeout === 'object' && timeout !== null
    this.#core.timeout = isObject ? Object.freeze<TimeoutOptions>({ ...timeout }) : timeout
  }

  /** Whether redirects are followed, whatever the method. `undefined`, at first: those of all methods but HEAD. */
  get allowRedirects(): boolean | undefined {
    return this.#core.defaults.allowRedirects
  }

  set allowRedirects(allowRedirects: boolean | undefined) {
    this.#core.defaults = resolveOption('allowRedirects', allowRedirects, this.#core.defaults)
  }

  /** How many redirects in a row; 0 makes the first one an error, Infinity is no limit. @default 30 */
  get maxRedirects(): number {
    return this.#core.defaults.maxRedirects
  }

  set maxRedirects(maxRedirects: number) {
    this.#core.defaults = resolveOption('maxRedirects', maxRedirects, this.#core.defaults)
  }

  /** Whether proxy variables, `.netrc` and CA bundle variables of the environment count. @default true */
  get trustEnv(): boolean {
    return this.#core.trustEnv
  }

  set trustEnv(trustEnv: boolean) {
    if (typeof (trustEnv as unknown) !== 'boolean') {
      throw new TypeError(`Expected \`trustEnv\` to be true or false, got ${describe(trustEnv)}`)
    }
    this.#core.trustEnv = trustEnv
  }

  /** Put before URLs that are not absolute. */
  get baseUrl(): string | undefined {
    return this.#core.baseUrl
  }

  set baseUrl(baseUrl: string | URL | null | undefined) {
    this.#core.baseUrl = baseUrl === undefined || baseUrl === null ? undefined : checkBaseUrl(baseUrl)
  }

  /** As it was set; at first 0. */
  get retry(): RetryOption {
    return this.#core.retry ?? 0
  }

  set retry(retry: RetryOption | undefined) {
    this.#core.defaults = resolveOption('retry', retry, this.#core.defaults)
    this.#core.retry = retry
  }

  /** Whether 4xx and 5xx reject with `HTTPError`, after retries and hooks. @default false */
  get raiseForStatus(): boolean {
    return this.#core.defaults.raiseForStatus
  }

  set raiseForStatus(raiseForStatus: boolean) {
    this.#core.defaults = resolveOption('raiseForStatus', raiseForStatus, this.#core.defaults)
  }

  /** Whether requests resolve at the headers; the caller reads the body then. @default false */
  get stream(): boolean {
    return this.#core.defaults.stream
  }

  set stream(stream: boolean) {
    this.#core.defaults = resolveOption('stream', stream, this.#core.defaults)
  }

  /** Bytes of a body, on the wire and decoded; a larger one is a ResponseTooLargeError. @default Infinity */
  get maxResponseSize(): number {
    return this.#core.defaults.maxResponseSize
  }

  set maxResponseSize(maxResponseSize: number) {
    this.#core.defaults = resolveOption('maxResponseSize', maxResponseSize, this.#core.defaults)
  }

  static {
    coreOf = (session) => session.#core
    adoptCore = (session, core) => {
      session.#core = core
    }
  }
}

function checkBaseUrl(value: unknown): string {
  try {
    const text = textOfUrl(value)
    const url = parseUrl(text)
    if (url.search === '' && url.hash === '') return text.trim()
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    throw new TypeError(`Bad \`baseUrl\`: ${error.message}`)
  }
  throw new TypeError('Bad `baseUrl`: expected a URL without query and fragment; `params` are added to every URL')
}
