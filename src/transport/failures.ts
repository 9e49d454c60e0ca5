import {
  ChunkedEncodingError,
  ConnectionError,
  ConnectTimeoutError,
  FuturesError,
  InvalidHeaderError,
  InvalidOptionError,
  InvalidURLError,
  ProxyError,
  ReadTimeoutError,
  ResponseTooLargeError,
  SSLError,
} from '../errors.ts'
import type { RequestError, RequestErrorOptions } from '../errors.ts'

/** How far the exchange had come; the meaning of an error such as a reset depends on it. */
export type ExchangePhase = 'connect' | 'proxy' | 'tls' | 'headers' | 'body'

type ErrorClass = new (message: string, options: RequestErrorOptions) => RequestError

interface Rule {
  /** Is tested on `code: message`, for where codes are too coarse. */
  readonly pattern: RegExp
  readonly connect: ErrorClass
  readonly headers: ErrorClass
  readonly body: ErrorClass
  /** Replaces the foreign message. */
  readonly reason?: string
}

const always = (pattern: RegExp, errorClass: ErrorClass, reason?: string): Rule =>
  rule(pattern, errorClass, errorClass, errorClass, reason)

function rule(pattern: RegExp, connect: ErrorClass, headers: ErrorClass, body: ErrorClass, reason?: string): Rule {
  return reason === undefined ? { pattern, connect, headers, body } : { pattern, connect, headers, body, reason }
}

/** Codes of Node for a certificate that it rejects (those of X509_V_ERR), and of OpenSSL for a failed handshake. */
const tlsCodes =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO:|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|CRL_|ERROR_IN_(?:CERT|CRL)|PATH_LENGTH)/

const wrongLength = rule(
  /^UND_ERR_RES_CONTENT_LENGTH_MISMATCH:/,
  ConnectionError,
  ConnectionError,
  ChunkedEncodingError,
  'the body is not as long as its Content-Length',
)
/** undici reports all malformed headers as a wrong length, once there was a Content-Length. */
const malformedHeaders =
  'the headers are malformed: a Content-Length that is repeated, too large or beside Transfer-Encoding, or a line that is no header'

/** The first rule that matches applies. */
const rules: readonly Rule[] = [
  always(/^ECONNREFUSED:/, ConnectionError, 'the connection was refused'),
  always(/^ENOTFOUND:/, ConnectionError, 'no such host'),
  always(/^EAI_/, ConnectionError, 'the name look-up failed'),
  always(/^E(?:NET|HOST)UNREACH:/, ConnectionError, 'not reachable'),
  always(/^E[MN]FILE:/, ConnectionError, 'too many open files'),
  rule(/^ETIMEDOUT:/, ConnectTimeoutError, ConnectionError, ChunkedEncodingError, 'the connection timed out'),
  always(/^UND_ERR_CONNECT_TIMEOUT:/, ConnectTimeoutError, 'the connection timed out'),
  always(/^UND_ERR_(?:HEADERS|BODY)_TIMEOUT:/, ReadTimeoutError, 'nothing was received for too long'),
  always(/^UND_ERR_SOCKET: bad response/, ConnectionError, 'a response that nobody asked for'),
  always(/^UND_ERR_SOCKET: bad upgrade/, ConnectionError, 'a switch of protocols that nobody asked for'),
  rule(
    /^(?:ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|UND_ERR_INFO):/,
    ConnectionError,
    ConnectionError,
    ChunkedEncodingError,
    'the connection was closed',
  ),
  always(tlsCodes, SSLError),
  always(/^(?:UND_ERR_HEADERS_OVERFLOW|HPE_HEADER_OVERFLOW):/, ConnectionError, 'the headers are too large'),
  wrongLength,
  rule(/^ERR_ASSERTION:/, ConnectionError, ConnectionError, ChunkedEncodingError, "undici's parser failed"),
  rule(/^HPE_|: Response does not match the HTTP/, ConnectionError, ConnectionError, ChunkedEncodingError),
  always(/^UND_ERR_RES_EXCEEDED_MAX_SIZE:/, ResponseTooLargeError, 'the body is too large'),
  always(/^UND_ERR_REQ_CONTENT_LENGTH_MISMATCH:/, InvalidOptionError, 'the body is not as long as its Content-Length'),
  // undici's own proxy agents, used as a caller's dispatcher; they have no special code for refusals.
  always(/^UND_ERR_(?:PRX|SOCKS5)/, ProxyError),
  always(/^UND_ERR_ABORTED: Proxy response|^UND_ERR_INVALID_ARG: Proxy Auth/, ProxyError),
  always(
    /^UND_ERR_INVALID_ARG: invalid (?:transfer-encoding|keep-alive|upgrade) header|^UND_ERR_NOT_SUPPORTED: expect/,
    InvalidHeaderError,
    'undici sends no Expect, Keep-Alive, Transfer-Encoding or Upgrade header of a caller',
  ),
  always(/^UND_ERR_INVALID_ARG: .*header|^UND_ERR_NOT_SUPPORTED:/, InvalidHeaderError),
  // Errors of node:http2 about a request.
  always(
    /^ERR_HTTP2_(?:HEADER|INVALID_(?:HEADER|CONNECTION_HEADER|PSEUDO))|^ERR_INVALID_HTTP_TOKEN:/,
    InvalidHeaderError,
  ),
  always(/^ERR_HTTP2_CONNECT_/, InvalidOptionError, 'CONNECT is for tunnels'),
  always(/^UND_ERR_INVALID_ARG: .*(?:path|url|origin)/i, InvalidURLError),
  always(/^UND_ERR_INVALID_ARG:/, InvalidOptionError),
  always(/^UND_MOCK_ERR_MOCK_NOT_MATCHED:/, ConnectionError, 'no interceptor of the MockAgent matches'),
]

const fallback = rule(/^/, ConnectionError, ConnectionError, ChunkedEncodingError)

const attemptTexts: Record<ExchangePhase, string> = {
  connect: 'Could not connect to',
  proxy: 'Could not connect to',
  tls: 'The TLS handshake failed with',
  headers: 'No response from',
  body: 'Could not read the response of',
}
/** Errors of the request itself, whenever they are found. */
const requestFaults: readonly ErrorClass[] = [InvalidHeaderError, InvalidURLError, InvalidOptionError]

/**
 * Errors with which exchanges on a caller's dispatchers were aborted. An interceptor that answers several requests together,
 * such as undici's `deduplicate`, passes one to all of them.
 */
export const sharedAbortReasons = new WeakSet<Error>()

/**
 * Translates errors of undici, Node, OpenSSL and proxies to ours; nothing else does.
 *
 * @param origin named in the message; never holds credentials
 * @param proxy the URL of the proxy in the way, without credentials
 * @param shortfall how much of a body is missing, for an error that says that it ended early
 * @returns an error of ours with the foreign one as its cause; one of ours is returned as it is, unless another exchange was
 * aborted with it
 */
export function translateFailure(
  error: unknown,
  phase: ExchangePhase,
  origin: string,
  proxy?: string,
  shortfall = '',
): Error {
  const isAnothers = sharedAbortReasons.has(error as Error)
  if (error instanceof FuturesError && !isAnothers) return error
  // `data` is a piece of the response, maybe with cookies.
  if ((error as Partial<Error> | null)?.name === 'HTTPParserError') Reflect.deleteProperty(error as Error, 'data')
  const { code, message, isSystem } = isAnothers ? anothers : readError(error)
  const text = `${code}: ${message}`
  const found = rules.find(({ pattern }) => pattern.test(text)) ?? fallback
  // Node appends this for a socket without an address.
  const said = message.replace(' - Local (undefined:undefined)', '')
  const isOfHeaders = found === wrongLength && phase === 'headers'
  const reason = isOfHeaders ? malformedHeaders : (found.reason ?? (said === '' ? 'it failed' : said))
  const suffix = code === '' || isOfHeaders || reason.includes(code) ? '' : ` (${code})`
  const through = proxy === undefined ? '' : ` through the proxy ${proxy}`
  const errorClass = classOf(found, phase, isSystem)
  const attempt = requestFaults.includes(errorClass) ? 'Could not send the request to' : attemptTexts[phase]
  const missing = errorClass === ChunkedEncodingError ? shortfall : ''
  return new errorClass(`${attempt} ${origin}${through}: ${reason}${suffix}${missing}`, { cause: error })
}

const anothers = {
  code: '',
  message: 'another request, which it was answered together with, was given up',
  isSystem: false,
}

function classOf(found: Rule, phase: ExchangePhase, isSystem: boolean): ErrorClass {
  // Every failure on the way to the proxy is a ProxyError, except a timeout.
  if (phase === 'proxy') return found.connect === ConnectTimeoutError ? ConnectTimeoutError : ProxyError
  // Every failure of a handshake is an SSLError, a hang-up too, except errors of the system, such as a broken network.
  if (phase === 'tls') return isSystem ? found.connect : SSLError
  return found[phase]
}

/** Whether this is the error of a stale connection: one that the server had closed while it was idle. */
export function isDeadConnection(error: unknown): boolean {
  return /^(?:UND_ERR_SOCKET|ECONNRESET|ECONNABORTED|EPIPE)$/.test(readError(error).code)
}

/** Reads code and message of an error; of an attempt at several addresses, those of the first. */
function readError(error: unknown): { code: string; message: string; isSystem: boolean } {
  if (typeof error !== 'object' || error === null) return { code: '', message: String(error), isSystem: false }
  const { code, message, reason, errors, syscall } = error as Record<string, unknown>
  if (message === '' && Array.isArray(errors)) return readError(errors[0])
  // OpenSSL's `message` is a line of its error stack, `reason` is readable.
  const words = typeof reason === 'string' ? reason : message
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof words === 'string' ? words : '',
    isSystem: syscall !== undefined,
  }
}
