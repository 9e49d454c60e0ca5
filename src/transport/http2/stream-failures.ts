/** Names of the codes of RST_STREAM (RFC 9113, 7). */
const codes = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
  ...['INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
]

const enhanceYourCalm = 11

/** Of a stream that was reset. */
export function failureOf(code: number): Error {
  // Node's own answer to too many fields, too.
  const more = code === enhanceYourCalm ? ', by the server or for the size of its headers' : ''
  return withCode('ERR_HTTP2_STREAM_ERROR', `the stream was reset with ${codes[code] ?? code}${more}`)
}

/** By undici's name for it. */
export function wrongLength(): Error {
  return withCode('UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'The body is not as long as its Content-Length')
}

/** By undici's name for it. */
export function overflow(): Error {
  return withCode('UND_ERR_HEADERS_OVERFLOW', 'The headers are too large')
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
