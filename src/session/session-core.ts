import type { CookieJar } from 'tough-cookie'
import { checkBoolean, describe } from '../checks.ts'
import { SessionClosedError } from '../errors.ts'
import { Connections } from '../transport/connections.ts'
import { acceptEncoding } from '../transport/decoding/content-encoding.ts'
import type { Dispatcher } from '../transport/exchange.ts'
import type { ConnectionOptions } from '../transport/connection-options.ts'
import type { AuthOption } from './auth/auth-flow.ts'
import { createJar } from './cookies/cookies.ts'
import { HeaderMap } from './headers.ts'
import { makeSessionHooks, type SessionHooks } from './hooks.ts'
import { Environment } from './network/environment.ts'
import type { ParamsOption, ProxiesOption, RetryOption, SessionOptions, TimeoutOption } from './options/options.ts'
import { packageDefaults, type ResolvedOptions } from './options/option-table.ts'
import { defaultUserAgent } from './user-agent.ts'

/** A body that is still coming in. */
export interface UnreadBody {
  /** Ends it with this error, unless somebody reads it. */
  dropUnread(error: unknown): void
}

/**
 * What a session knows and owns: what its attributes show, checked, and the connections. `undefined` is what nobody has
 * asked for yet, so that a request passes it by at no cost.
 */
export class SessionCore {
  headers = new HeaderMap([
    ['User-Agent', defaultUserAgent],
    ['Accept-Encoding', acceptEncoding],
    ['Accept', '*/*'],
  ])
  /** What a request goes by that brings no options. Replaced when an attribute is set, never changed. */
  defaults: ResolvedOptions = packageDefaults
  params: ParamsOption | undefined
  proxies: ProxiesOption | undefined
  auth: AuthOption | undefined
  jar: CookieJar | false | undefined
  hooks: SessionHooks = makeSessionHooks(undefined)
  trustEnv = true
  baseUrl: string | undefined
  /** As they were set; `defaults` holds what they come to. */
  timeout: TimeoutOption | undefined
  retry: RetryOption | undefined
  isClosed = false
  readonly openBodies = new Set<UnreadBody>()
  /** How many calls may still send something. */
  #runningCalls = 0
  #onIdle: (() => void) | undefined
  readonly environment: Environment
  readonly #shared: SharedConnections
  readonly #dispatcher: Dispatcher | undefined
  /** Prefixes in lower case, the longest first. */
  #mounts: readonly (readonly [prefix: string, dispatcher: Dispatcher])[] = []

  constructor(shared: SharedConnections, dispatcher: Dispatcher | undefined, environment = new Environment()) {
    this.#shared = shared
    this.#dispatcher = dispatcher
    this.environment = environment
  }

  /** @throws {TypeError | RangeError} bad options */
  static create({ poolOptions, http2, dispatcher }: SessionOptions): SessionCore {
    const shared = new SharedConnections(withHttp2(poolOptions, http2))
    return new SessionCore(shared, dispatcher && checkDispatcher('dispatcher', dispatcher))
  }

  get connections(): Connections {
    return this.#shared.connections
  }

  get poolOptions(): ConnectionOptions | undefined {
    return this.#shared.options
  }

  get hasDispatchers(): boolean {
    return this.#dispatcher !== undefined || this.#mounts.length > 0
  }

  /** The session's jar, made if there is none yet; `undefined` where cookies are off. */
  demandJar(): CookieJar | undefined {
    this.jar ??= createJar()
    return this.jar === false ? undefined : this.jar
  }

  /** @throws {TypeError} no prefix, or no dispatcher */
  mount(prefix: unknown, dispatcher: unknown): void {
    if (typeof prefix !== 'string') throw new TypeError(`Expected \`prefix\` to be a string, got ${describe(prefix)}`)
    const key = prefix.toLowerCase()
    const others = this.#mounts.filter(([each]) => each !== key)
    const mounts = [...others, [key, checkDispatcher('dispatcher', dispatcher)] as const]
    this.#mounts = mounts.sort(([one], [other]) => other.length - one.length)
  }

  /** The caller's own dispatcher for a URL: of the longest prefix, else the session's. */
  dispatcherFor(url: string): Dispatcher | undefined {
    const mount = this.#mounts.find(([prefix]) => url.toLowerCase().startsWith(prefix))
    return mount?.[1] ?? this.#dispatcher
  }

  /** Independent of this one, but for the connections, and jars with a store of their own. */
  clone(): SessionCore {
    const clone = new SessionCore(this.#shared.share(), this.#dispatcher, this.environment)
    const { defaults, auth, jar, trustEnv, baseUrl, timeout, retry, params, proxies } = this
    Object.assign(clone, { defaults, auth, trustEnv, baseUrl, timeout, retry } satisfies Partial<SessionCore>)
    clone.headers = this.headers.copy()
    clone.hooks = makeSessionHooks(this.hooks)
    clone.jar = jar && jar.cloneSync()
    clone.params = copyParams(params)
    clone.proxies = proxies && { ...proxies }
    clone.#mounts = this.#mounts
    return clone
  }

  /** A call begins; counted, for a Set would keep it alive long after it has ended (see LinkedList). */
  enter(): void {
    this.#runningCalls++
  }

  leave(): void {
    this.#runningCalls--
    if (this.#runningCalls === 0) this.#onIdle?.()
  }

  /** Resolves when the calls are over, bodies that are being read too, and every connection is closed. */
  async close(): Promise<void> {
    this.isClosed = true
    this.#dropUnreadBodies()
    if (this.#runningCalls > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    this.#dropUnreadBodies()
    await this.#shared.release()
  }

  #dropUnreadBodies(): void {
    const error = new SessionClosedError('The session was closed before anybody read the body')
    for (const body of this.openBodies) body.dropUnread(error)
  }
}

function copyParams(params: ParamsOption | undefined): ParamsOption | undefined {
  if (params === undefined || typeof params === 'string') return params
  if (params instanceof URLSearchParams) return new URLSearchParams(params)
  return Symbol.iterator in params ? [...params] : { ...params }
}

/** By what it does: undici 7 and 8 have classes of their own, and MockAgent is one more. */
function checkDispatcher(name: string, dispatcher: unknown): Dispatcher {
  if (typeof dispatcher === 'object' && dispatcher !== null) {
    if (typeof (dispatcher as { dispatch?: unknown }).dispatch === 'function') return dispatcher as Dispatcher
  }
  throw new TypeError(`Expected \`${name}\` to be a dispatcher of undici 7 or 8, got ${describe(dispatcher)}`)
}

/**
 * The options of connections, `http2` among them by the name that it has there.
 *
 * @throws {TypeError} `http2` is no boolean
 */
function withHttp2(options: ConnectionOptions | undefined, http2: boolean | undefined): ConnectionOptions | undefined {
  if (http2 === undefined) return options
  checkBoolean('http2', http2)
  const { allowH2 } = (options ?? {}) as { allowH2?: unknown }
  // What is wrong with these options, the transport says.
  const isFit = options === undefined || (typeof options === 'object' && (options as unknown) !== null)
  return isFit && (allowH2 === undefined || typeof allowH2 === 'boolean') ? { ...options, allowH2: http2 } : options
}

/** The connections of a session and its clones: closed when the last of them is. */
export class SharedConnections {
  /** As they were given. */
  readonly options: ConnectionOptions | undefined
  readonly connections: Connections
  #users = 1

  /** @throws {TypeError | RangeError} bad options */
  constructor(options: ConnectionOptions | undefined) {
    this.options = options
    this.connections = new Connections(options)
  }

  share(): this {
    this.#users++
    return this
  }

  /** Once by each user. Resolves when they are closed, for the last one; at once for the others. */
  async release(): Promise<void> {
    if (--this.#users === 0) await this.connections.close()
  }
}
