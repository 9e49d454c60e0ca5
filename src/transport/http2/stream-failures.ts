/** Names of the codes of RST_STREAM (RFC 9113, 7). */
const codes = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
  ...['INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
]
const enhanceYourCalm = 11

/** Of a stream that was reset. */
export function resetFailure(code: number): Error {
  // Node's own answer to too many fields, too.
  const more = code === enhanceYourCalm ? ', by the server or for the size of its headers' : ''
  return withCode('ERR_HTTP2_STREAM_ERROR', `the stream was reset with ${codes[code] ?? code}${more}`)
}

/** What undici finds wrong itself, by its name for it. */
export function undiciFailure(
  name: `${'REQ' | 'RES'}_CONTENT_LENGTH_MISMATCH` | 'HEADERS_OVERFLOW' | 'RES_EXCEEDED_MAX_SIZE',
): Error {
  return withCode(`UND_ERR_${name}`, `As undici's ${name}`)
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/** Streams at once on a connection, whatever a server allows. */
const most = 100
/** Destinations that are remembered. */
const mostDestinations = 1_000

/** How many streams at once the destinations of a session allow on a connection, as each has said last. */
export class StreamLimits {
  readonly #limits = new Map<string, number>()

  /** @param key of a destination */
  of(key: string): number {
    return this.#limits.get(key) ?? most
  }

  /** @returns how many that makes */
  remember(key: string, allowed: number): number {
    const limit = Math.min(allowed, most)
    this.#limits.delete(key)
    if (this.#limits.size >= mostDestinations) this.#limits.delete(this.#limits.keys().next().value as string)
    this.#limits.set(key, limit)
    return limit
  }
}
