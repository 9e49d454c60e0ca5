/**
 * The contract of one exchange: one request out, one response in, no policy. Redirects, cookies, authentication and
 * retries are the session's. Every error is one of ours (`failures.ts`), its cause kept, `request` left to the session.
 */
import type { RequestError } from '../errors.ts'

/**
 * A dispatcher of the caller's own: anything with the `dispatch` of undici 7 or 8, an Agent, a Pool or a MockAgent. The
 * types of both fit.
 */
export interface Dispatcher {
  /** undici's `dispatch`: starts a request, and calls the handler with its events. */
  dispatch(options: object, handler: object): boolean
}

/** One request, ready for the wire. */
export interface ExchangeRequest {
  readonly method: string
  /** As `URL.origin` gives it. */
  readonly origin: string
  /** Path and query. */
  readonly path: string
  /**
   * Flat (name, value, name, value ...) and in wire order. Without Content-Length and Transfer-Encoding: the body
   * decides. With Host only if the caller wrote one.
   */
  readonly headers: string[]
  readonly body: WireBody | undefined
  readonly proxy: ProxyTarget | undefined
  readonly tls: TlsIdentity | undefined
  /** The caller's own; `proxy` and `tls` are ignored then, and "connecting" is the time until it starts the request. */
  readonly dispatcher: Dispatcher | undefined
  /** Milliseconds for a fresh connection: name look-up, TCP, proxy and TLS. Infinity = none. */
  readonly connectTimeout: number
  /** Milliseconds between two bytes; paused while nobody reads a streamed body. Infinity = none. */
  readonly readTimeout: number
  /** Bytes of a body, on the wire and decoded. Infinity = none. */
  readonly maxResponseSize: number
  /** Resolve at the headers and let the caller read the body. */
  readonly stream: boolean
  /** Idempotent and replayable: sent once more if a reused connection turns out to be dead before any response byte. */
  readonly resend: boolean
  readonly onUploadProgress?: ProgressListener | undefined
  readonly onDownloadProgress?: ProgressListener | undefined
  readonly headersListener?: HeadersListener | undefined
}

export interface HeadersListener {
  /** Called at the headers, even if the body fails later. The exchange rejects with what it throws. */
  handleHeaders(headers: ExchangeResponse['headers']): void
}

export type WireBody = string | Uint8Array | StreamSource

/** A body that is produced while it is sent. The exchange rejects with exactly what iterating it throws. */
export interface StreamSource {
  /** Whether `open` may be called again. Default: no. */
  readonly isReplayable?: boolean | undefined
  /** Bytes, if that is known: sent as Content-Length. Otherwise the body is sent chunked. */
  readonly length: number | undefined
  /** Called at each sending. An iteration that is given up gets `return()`. */
  open(): AsyncIterable<Uint8Array>
}

/** An HTTP or SOCKS proxy. */
export interface ProxyTarget {
  readonly protocol: 'http:' | 'https:' | 'socks5:' | 'socks5h:'
  /** IPv6 addresses with or without brackets. */
  readonly hostname: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Without credentials, for messages. */
  readonly url: string
}

/**
 * Our certificate for TLS handshakes, and the authorities we trust. Two identities never share a connection or a TLS session.
 */
export interface TlsIdentity {
  /** Equal ids are interchangeable. */
  readonly id: string
  readonly rejectUnauthorized: boolean
  /** PEM; replaces Node's own list. */
  readonly ca?: readonly string[] | undefined
  /** PEM. */
  readonly cert?: string | undefined
  /** PEM. */
  readonly key?: string | undefined
  readonly passphrase?: string | undefined
}

/** How much of a body has been sent, or has come. */
export interface TransferProgress {
  /** 0 to 1; 0 until the end where the total is not known. */
  readonly percent: number
  /** Bytes on the wire. */
  readonly transferredBytes: number
  /** `undefined` if it is not known. */
  readonly totalBytes: number | undefined
}

/**
 * Called with nothing transferred yet, then for each chunk. What it throws, the exchange rejects with; so it does with what
 * an `async` one rejects with before the exchange is over.
 */
export type ProgressListener = (progress: TransferProgress) => void

/** A request on its way. */
export interface Exchange {
  /** Resolves when the body is there; with `stream`, at the headers. */
  readonly response: Promise<ExchangeResponse>
  /**
   * Rejects `response` with exactly this error, at once, or errors the streamed body with it, and closes the socket
   * (a reused one on which nothing was written yet is kept). Does nothing once the exchange is over.
   */
  abort(error: unknown): void
}

/** What was spoken on one of our connections. */
export type HttpVersion = '1.1' | '2'

export interface ExchangeResponse {
  /** `undefined` where a dispatcher of the caller's has spoken. */
  readonly httpVersion: HttpVersion | undefined
  readonly status: number
  /** As sent, which may be empty; where a dispatcher knows of none, the usual one. */
  readonly statusText: string
  /** Lower-case names; values are latin1, an array where a header was repeated. */
  readonly headers: Record<string, string | string[]>
  /** Milliseconds from sending to the headers. */
  readonly elapsed: number
  /** The decoded body; empty with `stream`, and where there is a `failure`. */
  readonly content: Uint8Array
  /** Why the body could not be read or decoded. Not thrown, for nobody needs the body of a redirect. */
  readonly failure: RequestError | undefined
  /** Every byte has arrived: a `failure` is one of decoding. */
  readonly isWhole: boolean
  /** With `stream`. */
  readonly stream: BodyStream | undefined
  /** Wire bytes of a buffered body. */
  readonly bytes: number
}

/**
 * Decoded chunks, pulled by the reader: the socket is paused while nobody reads. Can be iterated once; leaving an iteration
 * early destroys the body.
 */
export interface BodyStream extends AsyncIterable<Uint8Array> {
  /** Resolves, and never rejects, when the body was read to its end, failed or was destroyed: the socket is back or gone. */
  readonly ended: Promise<void>
  /** Wire bytes so far. */
  readonly bytes: number
  /** Closes the socket unless the body has arrived whole. A reader gets the error, or the end if there is none. */
  destroy(error?: unknown): void
}
