import type { FailedRequest } from '../../errors.ts'
import type { PreparedBody } from '../../session/body/body.ts'
import { HeaderMap } from '../../session/headers.ts'
import { PreparedRequest, requestNotes, type CarriedOptions } from '../../session/prepared-request.ts'
import { Response } from '../../session/response/response.ts'
import type { PackedRequest, PackedResponse, Parcel, ResponseRef } from './protocol.ts'

export interface UnpackingContext {
  readonly headers: readonly string[]
  /** Of a prepared request that was given: it carries them on. */
  readonly options: CarriedOptions | undefined
  /** The body that was given, once more. */
  bodyAsGiven(contentType: string | undefined): PreparedBody | undefined
}

/** Makes responses and requests of what has crossed. */
export class ResponseUnpacker {
  readonly #context: UnpackingContext
  readonly #responses: Response[] = []

  constructor(context: UnpackingContext) {
    this.#context = context
  }

  unpack(packed: ResponseRef, parcel: Parcel): Response {
    if (typeof packed === 'number') return this.#responses[packed] as Response
    const { status, statusText, url, headers, elapsed, body, data, encoding, httpVersion } = packed
    const response = new Response({
      status,
      statusText,
      url,
      headers,
      elapsed,
      httpVersion,
      data: data === undefined ? undefined : parcel.data?.[data],
      request: this.unpackRequest(packed.request, parcel),
      content: body === undefined ? undefined : bytesAt(parcel, body),
      ...this.#unpackRelations(packed, parcel),
    })
    if (encoding !== undefined) response.encoding = encoding
    this.#responses.push(response)
    return response
  }

  /** Of an error: it may be all that is known of a request that could not be prepared. */
  unpackFailedRequest(packed: PackedRequest, parcel: Parcel): FailedRequest {
    const { method, url, isOutline } = packed
    return isOutline ? { method, url } : this.unpackRequest(packed, parcel)
  }

  unpackRequest(packed: PackedRequest, parcel: Parcel): PreparedRequest {
    const { method, url, headers = this.#context.headers, body, hasGivenBody } = packed
    const request = new PreparedRequest({ method, url, headers: HeaderMap.fromFlat(headers) })
    if (hasGivenBody) request.body = this.#context.bodyAsGiven(request.headers.get('content-type'))
    else request.body = typeof body === 'number' ? bytesAt(parcel, body) : body
    const { options } = this.#context
    if (packed.hasOptions) requestNotes.add(request, { options })
    if (packed.hasNoAuth) requestNotes.add(request, { options: { ...options, auth: null, cookies: undefined } })
    if (packed.hasJarCookie) requestNotes.add(request, { cookie: request.headers.get('cookie') })
    return request
  }

  #unpackRelations(
    { history, next }: PackedResponse,
    parcel: Parcel,
  ): { history?: Response[]; next?: PreparedRequest } {
    return {
      ...(history && { history: history.map((each) => this.unpack(each, parcel)) }),
      ...(next && { next: this.unpackRequest(next, parcel) }),
    }
  }
}

/** As a Buffer in memory of its own, for that is what the transport gives: see `buffered-body.ts`. */
function bytesAt(parcel: Parcel, number: number): Buffer {
  const body = parcel[number] as Uint8Array | string
  if (typeof body !== 'string') return Buffer.from(body.buffer)
  const bytes = Buffer.allocUnsafeSlow(body.length)
  bytes.write(body, 'latin1')
  return bytes
}
