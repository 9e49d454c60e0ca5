import type { FailedRequest } from '../../errors.ts'
import type { PreparedBody } from '../../session/body.ts'
import { HeaderMap } from '../../session/headers.ts'
import { PreparedRequest } from '../../session/prepared-request.ts'
import { Response } from '../../session/response.ts'
import type { Bodies, PackedRequest, PackedResponse, ResponseRef } from './protocol.ts'

export interface UnpackingContext {
  readonly headers: readonly string[]
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

  unpack(packed: ResponseRef, bodies: Bodies): Response {
    if (typeof packed === 'number') return this.#responses[packed] as Response
    const { status, statusText, url, headers, elapsed, body, data, encoding } = packed
    const response = new Response({
      status,
      statusText,
      url,
      headers,
      elapsed,
      data,
      request: this.unpackRequest(packed.request, bodies),
      content: body === undefined ? undefined : bytesAt(bodies, body),
      ...this.#unpackRelations(packed, bodies),
    })
    if (encoding !== undefined) response.encoding = encoding
    this.#responses.push(response)
    return response
  }

  /** Of an error: it may be all that is known of a request that could not be prepared. */
  unpackFailedRequest(packed: PackedRequest, bodies: Bodies): FailedRequest {
    const { method, url, isOutline } = packed
    return isOutline ? { method, url } : this.unpackRequest(packed, bodies)
  }

  unpackRequest(packed: PackedRequest, bodies: Bodies): PreparedRequest {
    const { method, url, headers = this.#context.headers, body, hasGivenBody } = packed
    const request = new PreparedRequest({ method, url, headers: HeaderMap.fromFlat(headers) })
    if (hasGivenBody) request.body = this.#context.bodyAsGiven(request.headers.get('content-type'))
    else request.body = typeof body === 'number' ? bytesAt(bodies, body) : body
    return request
  }

  #unpackRelations(
    { history, next }: PackedResponse,
    bodies: Bodies,
  ): { history?: Response[]; next?: PreparedRequest } {
    return {
      ...(history && { history: history.map((each) => this.unpack(each, bodies)) }),
      ...(next && { next: this.unpackRequest(next, bodies) }),
    }
  }
}

/** As a Buffer, for that is what the transport gives. */
function bytesAt(bodies: Bodies, number: number): Buffer {
  const { buffer, byteOffset, byteLength } = bodies[number] as Uint8Array
  return Buffer.from(buffer, byteOffset, byteLength)
}
