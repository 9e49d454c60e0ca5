import { ContentDecodingError, FuturesError, ResponseTooLargeError } from '../../errors.ts'

/** What decoding has to know of the exchange. */
export interface Decoding {
  /** For messages. */
  readonly origin: string
  /** Bytes of the decoded body; Infinity = none. */
  readonly limit: number
}

export function isTooLarge(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE'
}

/** What zlib says, in our words. What says it already, as it is. */
export function decodingFailure(error: unknown, coding: { readonly name: string }, { origin, limit }: Decoding): Error {
  if (error instanceof FuturesError) return error
  if (isTooLarge(error)) return decodedTooLarge({ origin, limit }, error)
  const reason = error instanceof Error ? error.message : String(error)
  return new ContentDecodingError(`Could not decode the response of ${origin} as ${coding.name}: ${reason}`, {
    cause: error,
  })
}

export function decodedTooLarge({ origin, limit }: Decoding, cause?: unknown): ResponseTooLargeError {
  const message = `Could not read the response of ${origin}: it is larger than ${limit} bytes once decoded`
  return new ResponseTooLargeError(message, { cause, limit })
}
