import { describe, expect, it } from 'vitest'
import {
  ChunkedEncodingError,
  ConnectionError,
  ConnectTimeoutError,
  InvalidOptionError,
  InvalidURLError,
  ProxyError,
  ReadTimeoutError,
  ResponseTooLargeError,
  SSLError,
} from '../../src/errors.ts'
import { translateFailure } from '../../src/transport/failures.ts'
import type { ExchangePhase } from '../../src/transport/failures.ts'

const origin = 'https://origin.test'
const foreign = (code: string | undefined, message = 'said so', more: object = {}): Error =>
  Object.assign(new Error(message), { code }, more)

describe('translateFailure()', () => {
  it.each<[string, ExchangePhase, new () => Error, string]>([
    [
      'ECONNREFUSED',
      'connect',
      ConnectionError,
      'Could not connect to https://origin.test: the connection was refused (ECONNREFUSED)',
    ],
    ['EMFILE', 'connect', ConnectionError, 'Could not connect to https://origin.test: too many open files (EMFILE)'],
    ['ENFILE', 'proxy', ProxyError, 'Could not connect to https://origin.test: too many open files (ENFILE)'],
    ['ENOTFOUND', 'connect', ConnectionError, 'Could not connect to https://origin.test: no such host (ENOTFOUND)'],
    [
      'ETIMEDOUT',
      'connect',
      ConnectTimeoutError,
      'Could not connect to https://origin.test: the connection timed out (ETIMEDOUT)',
    ],
    [
      'ETIMEDOUT',
      'headers',
      ConnectionError,
      'No response from https://origin.test: the connection timed out (ETIMEDOUT)',
    ],
    [
      'ECONNRESET',
      'headers',
      ConnectionError,
      'No response from https://origin.test: the connection was closed (ECONNRESET)',
    ],
    [
      'ECONNRESET',
      'body',
      ChunkedEncodingError,
      'Could not read the response of https://origin.test: the connection was closed (ECONNRESET)',
    ],
    [
      'UND_ERR_SOCKET',
      'body',
      ChunkedEncodingError,
      'Could not read the response of https://origin.test: the connection was closed (UND_ERR_SOCKET)',
    ],
    [
      'UND_ERR_CONNECT_TIMEOUT',
      'connect',
      ConnectTimeoutError,
      'Could not connect to https://origin.test: the connection timed out (UND_ERR_CONNECT_TIMEOUT)',
    ],
    [
      'UND_ERR_HEADERS_TIMEOUT',
      'headers',
      ReadTimeoutError,
      'No response from https://origin.test: nothing was received for too long (UND_ERR_HEADERS_TIMEOUT)',
    ],
    [
      'UND_ERR_RES_EXCEEDED_MAX_SIZE',
      'body',
      ResponseTooLargeError,
      'Could not read the response of https://origin.test: the body is too large (UND_ERR_RES_EXCEEDED_MAX_SIZE)',
    ],
    ['CERT_HAS_EXPIRED', 'connect', SSLError, 'Could not connect to https://origin.test: said so (CERT_HAS_EXPIRED)'],
    [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'headers',
      SSLError,
      'No response from https://origin.test: said so (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)',
    ],
    [
      'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
      'body',
      ChunkedEncodingError,
      'Could not read the response of https://origin.test: the body is not as long as its Content-Length (UND_ERR_RES_CONTENT_LENGTH_MISMATCH)',
    ],
    [
      'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
      'headers',
      ConnectionError,
      'No response from https://origin.test: the headers are malformed: a Content-Length that is repeated, too large or beside Transfer-Encoding, or a line that is no header',
    ],
    [
      'ERR_ASSERTION',
      'headers',
      ConnectionError,
      "No response from https://origin.test: undici's parser failed (ERR_ASSERTION)",
    ],
    [
      'ERR_ASSERTION',
      'body',
      ChunkedEncodingError,
      "Could not read the response of https://origin.test: undici's parser failed (ERR_ASSERTION)",
    ],
    [
      'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
      'headers',
      InvalidOptionError,
      'Could not send the request to https://origin.test: the body is not as long as its Content-Length (UND_ERR_REQ_CONTENT_LENGTH_MISMATCH)',
    ],
    ['UND_ERR_PRX_TLS', 'connect', ProxyError, 'Could not connect to https://origin.test: said so (UND_ERR_PRX_TLS)'],
    ['E_NEW', 'connect', ConnectionError, 'Could not connect to https://origin.test: said so (E_NEW)'],
    ['E_NEW', 'body', ChunkedEncodingError, 'Could not read the response of https://origin.test: said so (E_NEW)'],
  ])('makes of %s, phase %s, its error', (code, phase, errorClass, message) => {
    const cause = foreign(code)
    const error = translateFailure(cause, phase, origin)
    expect(error.constructor).toBe(errorClass)
    expect(error.message).toBe(message)
    expect(error.cause).toBe(cause)
  })

  it('knows the refusals of undici 7 that have no code of their own', () => {
    const refusals = [
      foreign('UND_ERR_ABORTED', 'Proxy response (407) !== 200 when HTTP Tunneling'),
      foreign('UND_ERR_INVALID_ARG', 'Proxy Authentication Required (407)'),
    ]
    for (const refusal of refusals) expect(translateFailure(refusal, 'connect', origin)).toBeInstanceOf(ProxyError)
    expect(translateFailure(foreign('UND_ERR_INVALID_ARG', 'invalid request path'), 'connect', origin)).toBeInstanceOf(
      InvalidURLError,
    )
  })

  it('leaves out the address that a socket did not get', () => {
    const message = 'connect EADDRINUSE 1.2.3.4:80 - Local (undefined:undefined)'
    expect(translateFailure(foreign('EADDRINUSE', message), 'connect', origin).message).toBe(
      'Could not connect to https://origin.test: connect EADDRINUSE 1.2.3.4:80',
    )
  })

  it('takes the first of several attempts', () => {
    const several = Object.assign(new AggregateError([foreign('ECONNREFUSED'), foreign('ENETUNREACH')], ''), {
      code: 'ECONNREFUSED',
    })
    expect(translateFailure(several, 'connect', origin).message).toContain('the connection was refused (ECONNREFUSED)')
  })

  it('calls what goes wrong on the way to a proxy a ProxyError, but for a timeout', () => {
    const error = translateFailure(foreign('ECONNREFUSED'), 'proxy', origin, 'http://proxy.test:3128')
    expect(error.constructor).toBe(ProxyError)
    expect(error.message).toBe(
      'Could not connect to https://origin.test through the proxy http://proxy.test:3128: the connection was refused (ECONNREFUSED)',
    )
    expect(translateFailure(foreign('ETIMEDOUT'), 'proxy', origin, 'x')).toBeInstanceOf(ConnectTimeoutError)
  })

  it('calls what ends a handshake an SSLError, but for a network that breaks', () => {
    expect(translateFailure(foreign('ECONNRESET'), 'tls', origin)).toBeInstanceOf(SSLError)
    expect(translateFailure(foreign('ECONNRESET', 'read', { syscall: 'read' }), 'tls', origin).constructor).toBe(
      ConnectionError,
    )
  })

  it('gives the words of OpenSSL instead of its error stack', () => {
    const error = foreign('ERR_SSL_WRONG_VERSION_NUMBER', '40B7:error:0A00010B:SSL routines::wrong:../deps/x.c:354:', {
      reason: 'wrong version number',
    })
    expect(translateFailure(error, 'tls', origin).message).toBe(
      'The TLS handshake failed with https://origin.test: wrong version number (ERR_SSL_WRONG_VERSION_NUMBER)',
    )
  })

  it('passes errors of ours, and copes with what is no error', () => {
    const ours = new SSLError('ours')
    expect(translateFailure(ours, 'body', origin)).toBe(ours)
    for (const odd of [undefined, null, 'text', 5, {}])
      expect(translateFailure(odd, 'headers', origin)).toBeInstanceOf(ConnectionError)
  })
})
