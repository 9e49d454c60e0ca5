import type { OpenBody } from './carrier.ts'
import type { ExchangeRequest, ProgressListener, StreamSource, WireBody } from './exchange.ts'
import { Upload } from './upload.ts'
import type { UploadObserver } from './upload.ts'

/** Bytes that are handed to the socket at once; more of them go chunk by chunk, so that progress can be seen. */
const wholeSize = 1024 * 1024
const chunkSize = 64 * 1024

/** What undici gets: text and bytes as they are, everything else as an `Upload`. */
export function openBody(
  body: WireBody | undefined,
  observer: UploadObserver,
  listener: ProgressListener | undefined,
): string | Uint8Array | Upload | undefined {
  if (body === undefined) return undefined
  if (typeof body === 'string') {
    if (listener === undefined && body.length <= wholeSize) return body
    return new Upload(new Chunks(Buffer.from(body)), observer, listener)
  }
  if (body instanceof Uint8Array) {
    if (listener === undefined && body.byteLength <= wholeSize) return body
    return new Upload(new Chunks(body), observer, listener)
  }
  return new Upload(body, observer, listener)
}

/** Bytes of a body, if that is known. */
export function bodyLength(body: WireBody | undefined): number | undefined {
  if (body === undefined) return undefined
  return typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : body.length
}

/** Bytes in memory as a source. */
class Chunks implements StreamSource {
  readonly length: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.length = bytes.byteLength
  }

  async *open(): AsyncIterable<Uint8Array> {
    for (let start = 0; start < this.length; start += chunkSize) yield this.#bytes.subarray(start, start + chunkSize)
  }
}

/** The headers of the request, with the length of a body that undici can't see by itself. */
export function requestHeaders({ headers, body }: ExchangeRequest, open: OpenBody): string[] {
  if (!(open instanceof Upload)) return headers
  const length = bodyLength(body)
  return length === undefined ? headers : headers.concat('content-length', String(length))
}
