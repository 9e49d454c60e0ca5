import type { CookieJar } from 'tough-cookie'
import { checkBoolean } from '../checks.ts'
import { RequestError } from '../errors.ts'
import { checkAuth } from './auth/auth-flow.ts'
import type { AuthOption } from './auth/auth-flow.ts'
import { checkJar } from './cookies/cookies.ts'
import { HeaderMap } from './headers.ts'
import { makeSessionHooks } from './hooks.ts'
import type { HooksOption, SessionHooks } from './hooks.ts'
import { type AttributeName, attributeNames, type ResolvedOptions } from './options/option-table.ts'
import type { CertOption, HeadersOption, ParamsOption, ProxiesOption, SessionOptions } from './options/options.ts'
import type { RetryOption, TimeoutOption, TimeoutOptions, VerifyOption } from './options/options.ts'
import { checkParams } from './params.ts'
import { resolveOption } from './options/resolve-options.ts'
import type { SessionCore } from './session-core.ts'
import { defaultTimeout } from './options/timeouts.ts'
import { parseUrl, textOfUrl } from './url.ts'

/**
 * What a session adds to each of its requests. Everything may be read and set at any time, and counts for the requests
 * that start from then on. What is set is checked.
 *
 * @throws {TypeError | RangeError} from each setter: a value that can't be used
 */
export interface SessionAttributes extends PlainAttributes {
  /** Sent with every request. At first User-Agent, Accept-Encoding (what can be decoded) and `Accept: *\/*`. */
  get headers(): HeaderMap
  /** @throws {InvalidHeaderError} a name or value that can't be sent */
  set headers(headers: HeaderMap | HeadersOption)
  /** Appended to the query of every URL. An empty object at first. */
  get params(): ParamsOption
  set params(params: ParamsOption | null | undefined)
  /** For requests that bring no credentials of their own. */
  get auth(): AuthOption | undefined
  set auth(auth: AuthOption | null | undefined)
  /** A jar of tough-cookie, made when it is first needed; `false`: no cookie is ever stored or sent. */
  cookies: CookieJar | false
  /** `{ request: [], response: [], redirect: [], error: [] }`: push onto a list, or put a function there. */
  get hooks(): SessionHooks
  set hooks(hooks: HooksOption | SessionHooks)
  /** Proxies by scheme or host; they win over those of the environment. An empty object at first. */
  get proxies(): ProxiesOption
  set proxies(proxies: ProxiesOption | null | undefined)
  /** Whose certificates are believed; `undefined` sets the default. @default true */
  get verify(): VerifyOption
  set verify(verify: VerifyOption | undefined)
  /** The client certificate; `undefined`, at first, is none. */
  cert: CertOption | undefined
  /** As it was set; at first `{ connect: 10_000, read: 300_000 }`, over which what is set is merged. Not to be edited. */
  get timeout(): TimeoutOption
  set timeout(timeout: TimeoutOption | undefined)
  /** Whether redirects are followed, whatever the method. `undefined`, at first: those of all methods but HEAD. */
  allowRedirects: boolean | undefined
  /** Put before URLs that are not absolute. */
  get baseUrl(): string | undefined
  set baseUrl(baseUrl: string | URL | null | undefined)
  /** As it was set; at first 0. */
  get retry(): RetryOption
  set retry(retry: RetryOption | undefined)
}

type ConnectionOption = 'dispatcher' | 'http2' | 'poolOptions'
type OwnType = 'allowRedirects' | 'auth' | 'baseUrl' | 'cert' | 'cookies' | 'headers' | 'hooks' | 'params' | 'proxies' | 'retry' | 'timeout' | 'verify' // prettier-ignore
type PlainOptions = Omit<SessionOptions, ConnectionOption | OwnType>
/** The attributes of the type of their options: there is a value from the start. */
type PlainAttributes = { [Name in keyof PlainOptions]-?: NonNullable<PlainOptions[Name]> }

interface Attribute {
  readonly get: (core: SessionCore) => unknown
  /** Checks the value, first of all. */
  readonly set: (core: SessionCore, value: never) => void
}

/** Those that are more than an option that a request inherits. */
const ownAttributes: { readonly [Name in AttributeName]?: Attribute } = {
  headers: {
    get: (core) => core.headers,
    set: (core, headers: HeaderMap | HeadersOption) => {
      core.headers = headers instanceof HeaderMap ? headers : new HeaderMap(headers)
    },
  },
  params: {
    get: (core) => (core.params ??= {}),
    set: (core, params) => (core.params = orNone(params, checkParams)),
  },
  auth: {
    get: (core) => core.auth,
    set: (core, auth) => (core.auth = orNone(auth, checkAuth)),
  },
  cookies: {
    get: (core) => core.demandJar() ?? false,
    set: (core, jar) => (core.jar = checkJar(jar)),
  },
  hooks: {
    get: (core) => core.hooks,
    set: (core, hooks) => (core.hooks = makeSessionHooks(hooks)),
  },
  proxies: {
    get: (core) => (core.proxies ??= {}),
    set: (core, proxies: ProxiesOption | null | undefined) => {
      core.proxies = resolveOption('proxies', proxies ?? undefined, core.defaults).proxies
    },
  },
  verify: {
    get: (core) => core.defaults.verify ?? true,
    set: (core, verify) => inheritedAttribute('verify').set(core, verify),
  },
  timeout: {
    get: ({ timeout }) => {
      const { connect, read } = defaultTimeout
      return timeout === undefined ? Object.freeze({ connect, read }) : timeout
    },
    set: (core, timeout: TimeoutOption | undefined) => {
      inheritedAttribute('timeout').set(core, timeout as never)
      const isObject = typeof timeout === 'object' && timeout !== null
      core.timeout = isObject ? Object.freeze<TimeoutOptions>({ ...timeout }) : timeout
    },
  },
  trustEnv: {
    get: (core) => core.trustEnv,
    set: (core, trustEnv) => (core.trustEnv = checkBoolean('trustEnv', trustEnv)),
  },
  baseUrl: {
    get: (core) => core.baseUrl,
    set: (core, baseUrl) => (core.baseUrl = orNone(baseUrl, checkBaseUrl)),
  },
  retry: {
    get: (core) => core.retry ?? 0,
    set: (core, retry) => {
      inheritedAttribute('retry').set(core, retry)
      core.retry = retry
    },
  },
}

/** One whose option the requests inherit. */
function inheritedAttribute(name: keyof ResolvedOptions): Attribute {
  return {
    get: (core) => core.defaults[name],
    set: (core, value) => (core.defaults = resolveOption(name, value, core.defaults)),
  }
}

function orNone<T>(value: unknown, check: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : check(value)
}

/** What was set, but for the jar. `undefined`: the attribute is as it was at first. */
export function givenAttributes(core: SessionCore): { readonly [Name in AttributeName]?: unknown } {
  const kept: Partial<Record<AttributeName, unknown>> = Object.assign({}, core.defaults, core)
  return Object.fromEntries(attributeNames.map((name) => [name, kept[name]]))
}

/** What a session knows, for the code that does its requests. */
export const coreOf = Symbol('coreOf')
/** Makes a session that is new the owner of this core. */
export const adoptCore = Symbol('adoptCore')

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-empty-object-type -- accessors that are made below
export interface SessionBase extends SessionAttributes {}

/** A session as far as it shows what it has. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export abstract class SessionBase {
  #core: SessionCore

  /** @internal */
  constructor(core: SessionCore) {
    this.#core = core
  }

  /** @internal */
  get [coreOf](): SessionCore {
    return this.#core
  }

  /** @internal */
  [adoptCore](core: SessionCore): void {
    this.#core = core
  }

  static {
    for (const name of attributeNames) {
      const { get, set } = ownAttributes[name] ?? inheritedAttribute(name as keyof ResolvedOptions)
      Object.defineProperty(this.prototype, name, {
        get(this: SessionBase) {
          return get(this.#core)
        },
        set(this: SessionBase, value: never) {
          set(this.#core, value)
        },
        configurable: true,
      })
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
