/**
 * What a request and a session can be told: the types and every default. Checking and merging is in
 * `resolve-options.ts`. All times are milliseconds; where nothing else is said, `undefined` means "as if not given" and a
 * request inherits from its session.
 */
import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { CookieJar } from 'tough-cookie'
import type { TaskReference } from '../../task-reference.ts'
import type { Dispatcher, ProgressListener } from '../../transport/exchange.ts'
import type { ConnectionOptions } from '../../transport/connection-options.ts'
import type { AuthOption } from '../auth/auth-flow.ts'
import type { RequestCookies } from '../cookies/cookies.ts'
import type { HooksOption } from '../hooks.ts'

/** A value of a query or a form. `null` and `undefined` are left out; an array repeats its key. */
export type FieldValue = string | number | bigint | boolean | null | undefined
/** A query or a form, by name. */
export type Fields = Readonly<Record<string, FieldValue | readonly FieldValue[]>>
/** The same as pairs, so that names may repeat and have an order. */
export type FieldPairs = readonly (readonly [string, FieldValue | readonly FieldValue[]])[]

/** A string is taken as the query it is, and only what can't stand in a URL is escaped. */
export type ParamsOption = string | URLSearchParams | Fields | FieldPairs

/** `null` and `undefined` remove a header of the session; numbers are written as text; pairs may repeat a name. */
export type HeadersOption =
  | Readonly<Record<string, string | number | null | undefined>>
  | Iterable<readonly [string, string | number | null | undefined]>

/** Bytes in any shape. Strings are sent as UTF-8. */
export type Content = string | ArrayBuffer | ArrayBufferView | Blob
/**
 * What produces its bytes while it is sent, for one request. A Blob can be sent again, the others can't. From the moment it
 * is given nobody else may read it: InvalidOptionError. (Of a Readable that was read in part before, the rest is sent; that
 * others have used up a generator before can't be seen, its body is empty then.)
 */
export type StreamContent =
  Readable | ReadableStream | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>
/** What can be sent: an object or pairs are a form. */
export type BodyData = Content | StreamContent | URLSearchParams | FormData | Fields | FieldPairs
/** A function is called for each send, so that a redirect or a retry gets a fresh body. It is no `async` one: InvalidOptionError. */
export type DataOption = BodyData | (() => BodyData)

/** `content`, or `[filename, content, type?, headers?]`. Without a filename of its own, a file is named like its field. */
export type FileOption =
  | Content
  | StreamContent
  | readonly [
      filename: string | null | undefined,
      content: Content | StreamContent,
      type?: string | null | undefined,
      headers?: Readonly<Record<string, string>> | undefined,
    ]
/** Files by the names of their fields, or as pairs. */
export type FilesOption = Readonly<Record<string, FileOption>> | readonly (readonly [string, FileOption])[]

/**
 * The clocks of a request, in milliseconds. `undefined` is as if it were not given: the session's, else the default. `null`
 * and Infinity stop a clock, whatever the session says. Zero and less are refused.
 */
export interface TimeoutOptions {
  /** Name look-up, TCP, proxy and TLS of a fresh connection. @default 10_000 */
  connect?: number | null | undefined
  /** The gap between two bytes; stands still while the reader of a stream pauses. @default 300_000 */
  read?: number | null | undefined
  /** From the first start on a worker to the end of the body: redirects, retries and their waits included. @default null */
  total?: number | null | undefined
  /** Waiting for a worker; a bare `Session` has none to wait for and ignores it. @default null */
  queue?: number | null | undefined
}
/** A number sets `connect` and `read`, in milliseconds. Merged per key with the session's; `null`, whole or per key, is none. */
export type TimeoutOption = number | null | TimeoutOptions

/** How the waits before retries grow, in milliseconds. `undefined` is the default; `null` is refused. */
export interface BackoffOptions {
  /** The delay before the first retry, at most. @default 300 */
  base?: number | undefined
  /** What each further delay is multiplied by. @default 2 */
  factor?: number | undefined
  /** No delay is longer. @default 30_000 */
  max?: number | undefined
  /** Take a random time up to the delay ("full jitter"). @default true */
  jitter?: boolean | undefined
}

/**
 * As urllib3's `Retry`, with full jitter. Exhausted: the last response, or the last error. `undefined` is the default, nothing
 * is merged with the session's; `null` is refused.
 */
export interface RetryOptions {
  /** Retries in all. @default 3 where `retry` is an object, 0 where it is not given */
  total?: number | undefined
  /** After failures to connect, within `total`. @default `total` */
  connect?: number | undefined
  /** After failures to read, within `total`. @default `total` */
  read?: number | undefined
  /** After responses with one of `statusCodes`, within `total`. @default `total` */
  status?: number | undefined
  /** Methods that may be repeated. @default GET, HEAD, OPTIONS, PUT, DELETE, TRACE */
  methods?: readonly string[] | undefined
  /** Statuses after which it is tried again. @default 408, 429, 500, 502, 503, 504 */
  statusCodes?: readonly number[] | undefined
  /** How long to wait before a retry, where no `Retry-After` says so. @default 300 ms, doubled up to 30 s, with jitter */
  backoff?: BackoffOptions | undefined
  /** Obey `Retry-After`, in seconds or as a date. @default true */
  retryAfter?: boolean | undefined
  /** Milliseconds; a longer `Retry-After` is not waited for: the response is returned. @default 60_000 */
  maxRetryAfter?: number | undefined
}
/** How often is tried again; a number is `{ total: number }`. */
export type RetryOption = number | RetryOptions

/**
 * Proxy URLs by scheme (`http`, `https`), by `scheme://host`, or for `all`; the most particular key wins. They may hold
 * credentials; their schemes are http, https, socks5 and socks5h. `null` goes directly. `no_proxy` lists hosts, suffixes,
 * `host:port`s and CIDR blocks that are reached directly.
 */
export type ProxiesOption = Readonly<Record<string, string | URL | null | undefined>>

/** `true`: Node's own authorities. `false`: nothing is verified. Else the authorities: paths or PEM. */
export type VerifyOption = boolean | string | Uint8Array | readonly (string | Uint8Array)[]

/** A client certificate: one file with both, `[certificate, key]`, or an object; each a path or PEM. */
export type CertOption =
  | string
  | Uint8Array
  | readonly [cert: string | Uint8Array, key: string | Uint8Array]
  | {
      /** The certificate, and those between it and an authority: a path or PEM. */
      readonly cert: string | Uint8Array
      /** The key: a path or PEM. @default it stands beside the certificate */
      readonly key?: string | Uint8Array | undefined
      /** Of the key. */
      readonly passphrase?: string | undefined
    }

/**
 * What `send()` takes of them: everything that is not in the prepared request already. `undefined` is as if it were not given:
 * what the request was prepared with counts, then the session, then the default. Where `null` is not named, it is refused.
 */
export interface SendOptions<C = unknown> {
  /** Anything of yours, never sent: found on `future.request.context`, in hooks and events, as it was given. @default undefined */
  context?: C
  /**
   * Credentials, or who adds them to a request: asked again on every hop within the origin, gone beyond it. `null`: none,
   * neither the session's nor `.netrc`'s. @default that of the session, else of `.netrc`
   */
  auth?: AuthOption | null | undefined
  /** Milliseconds. `null`: no limits at all. @default that of the session: `{ connect: 10_000, read: 300_000 }` */
  timeout?: TimeoutOption | undefined
  /** Whether redirects are followed. @default as the session says; if that says nothing: true, false for HEAD */
  allowRedirects?: boolean | undefined
  /** How many redirects in a row; 0 makes the first one an error, Infinity is no limit. @default that of the session: 30 */
  maxRedirects?: number | undefined
  /** They win over those of the session, which win over those of the environment. @default {} */
  proxies?: ProxiesOption | undefined
  /** Whose certificates are believed. @default that of the session: true */
  verify?: VerifyOption | undefined
  /** The client certificate. @default that of the session: none */
  cert?: CertOption | undefined
  /** Run after those of the session. They know the type of `context`. @default {} */
  hooks?: HooksOption<NoInfer<C>> | undefined
  /** Resolve at the headers; the caller reads the body. @default that of the session: false */
  stream?: boolean | undefined
  /** 4xx and 5xx reject with `HTTPError`, after retries and hooks. @default that of the session: false */
  raiseForStatus?: boolean | undefined
  /** Bytes sent. What it throws fails the request; so does what an `async` one rejects with before the response is there. */
  onUploadProgress?: ProgressListener | undefined
  /** Bytes of the response's body, likewise. */
  onDownloadProgress?: ProgressListener | undefined
  /** Cancels the request with `signal.reason` as the cause; acts until a streamed body ends. May serve any number of requests. */
  signal?: AbortSignal | undefined
  /** Higher first among the waiting, equal ones in order; a bare `Session` ignores it. @default 0 */
  priority?: number | undefined
  /** How often failed requests are sent again. @default that of the session: 0 */
  retry?: RetryOption | undefined
  /** Bytes of the body, on the wire and decoded; a larger one is a ResponseTooLargeError. @default that of the session: Infinity */
  maxResponseSize?: number | undefined
}

/**
 * What is asked for, and how. `undefined` is as if it were not given: then the session's option counts, then the default. `null`
 * is the same where nothing else is said.
 */
export interface RequestOptions<C = unknown> extends SendOptions<C> {
  /** Appended to the URL's own query; merged per key with the session's, of which `{ key: null }` removes one. @default none */
  params?: ParamsOption | null | undefined
  /** A form (an object or pairs), or any body. @default none */
  data?: DataOption | null | undefined
  /** The body as JSON, with its content type, if `data` is not given. `null` is sent as `null`. @default none */
  json?: unknown
  /** A multipart body; `data`, an object or pairs then, adds fields. @default none */
  files?: FilesOption | null | undefined
  /** Over those of the session; `{ name: null }` removes one of these, numbers are written as text. @default {} */
  headers?: HeadersOption | null | undefined
  /**
   * For this request only: sent on its hops within the origin, never stored. Replaces a cookie of that name in the jar.
   *
   * @default {}
   */
  cookies?: RequestCookies | null | undefined
}

/** A request as one object: for `map`, `prepareRequest` and pools. */
export type RequestSpec<C = unknown> = {
  /** In any case. @default 'GET' */
  method?: string | undefined
  /** Where to; relative ones are relative to `baseUrl`. */
  url: string | URL
} & RequestOptions<C>

/**
 * What a session adds to each of its requests, and how it connects. All but the last three can be read and set later, too.
 * `undefined` is the default; `null` is refused, but as `timeout`.
 */
export interface SessionOptions {
  /** Over the defaults; `{ name: null }` removes one. @default User-Agent, Accept-Encoding and Accept */
  headers?: HeadersOption | undefined
  /** Appended to the query of every URL. @default none */
  params?: ParamsOption | undefined
  /** For requests that bring no credentials of their own. @default none: `.netrc`, if `trustEnv` */
  auth?: AuthOption | undefined
  /** A jar of yours, or `false`: no cookie is ever stored or sent. @default a jar that is made when first needed */
  cookies?: CookieJar | false | undefined
  /** Run before those of the request. @default {} */
  hooks?: HooksOption | undefined
  /** They win over those of the environment. @default {} */
  proxies?: ProxiesOption | undefined
  /** Whose certificates are believed. @default true */
  verify?: VerifyOption | undefined
  /** The client certificate. @default none */
  cert?: CertOption | undefined
  /** Milliseconds, merged per key over the default; `null`: no limits. @default { connect: 10_000, read: 300_000 } */
  timeout?: TimeoutOption | undefined
  /** Whether redirects are followed, whatever the method. @default true, but not for HEAD */
  allowRedirects?: boolean | undefined
  /** How many redirects in a row; 0 makes the first one an error. @default 30 */
  maxRedirects?: number | undefined
  /** Whether proxy variables, `.netrc` and CA bundle variables of the environment are used. @default true */
  trustEnv?: boolean | undefined
  /** Put before relative URLs, with one slash between; an absolute URL wins. @default none */
  baseUrl?: string | URL | undefined
  /** How often failed requests are sent again. @default 0 */
  retry?: RetryOption | undefined
  /** 4xx and 5xx reject with `HTTPError`. @default false */
  raiseForStatus?: boolean | undefined
  /** Resolve at the headers; the caller reads the body. @default false */
  stream?: boolean | undefined
  /** Bytes of a body, on the wire and decoded. @default Infinity */
  maxResponseSize?: number | undefined
  /** Replaces our connections. Of undici 7 or 8; never closed by us. @default none */
  dispatcher?: Dispatcher | undefined
  /**
   * Offers HTTP/2 to https destinations: `response.httpVersion` says what was spoken. For bursts, and for servers that allow few
   * connections; a small request over HTTP/2 takes more than twice the CPU. @default false
   */
  http2?: boolean | undefined
  /** In undici's names: `keepAliveTimeout`, `lookup`, `family`, `socketPath`, `localAddress`, ... @default {} */
  poolOptions?: ConnectionOptions | undefined
}

/** What a hook, an auth function or an initializer may be instead of a function: named by where it lives. */
export type OrReference<F> = F | TaskReference
