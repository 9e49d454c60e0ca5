import { attachRequest, type FailedRequest, RequestError } from '../../errors.ts'
import type { PreparedBody } from '../../session/body/body.ts'
import { HeaderMap } from '../../session/headers.ts'
import { type CarriedOptions, PreparedRequest, addNotes } from '../../session/prepared-request.ts'
import { Response } from '../../session/response/response.ts'
import type { ErrorContext, PackedRequest, PackedResponse, Envelope, ResponseRef } from './protocol.ts'
import type { ResponsePacker } from './response-packer.ts'

interface UnpackingContext {
  readonly headers: readonly string[]
  /** The options that a prepared request carries. */
  readonly options: CarriedOptions | undefined
  /** @returns the body that was given */
  bodyAsGiven(contentType: string | undefined): PreparedBody | undefined
}

/** Makes responses and requests of what a thread has packed. */
export class ResponseUnpacker {
  readonly #context: UnpackingContext
  readonly #responses: Response[] = []

  constructor(context: UnpackingContext) {
    this.#context = context
  }

  unpack(packed: ResponseRef, envelope: Envelope): Response {
    if (typeof packed === 'number') return this.#responses[packed] as Response
    const { status, statusText, url, headers, elapsed, body, data, encoding, httpVersion } = packed
    const response = new Response({
      status,
      statusText,
      url,
      headers,
      elapsed,
      httpVersion,
      data: data === undefined ? undefined : envelope.data?.[data],
      request: this.unpackRequest(packed.request, envelope),
      content: body === undefined ? undefined : bytesAt(envelope, body),
      ...this.#unpackRelations(packed, envelope),
    })
    if (encoding !== undefined) response.encoding = encoding
    this.#responses.push(response)
    return response
  }

  /** The request of an error: only method and URL, if it could not be prepared. */
  unpackFailedRequest(packed: PackedRequest, envelope: Envelope): FailedRequest {
    const { method, url, isOutline } = packed
    return isOutline ? { method, url } : this.unpackRequest(packed, envelope)
  }

  unpackRequest(packed: PackedRequest, envelope: Envelope): PreparedRequest {
    const { method, url, headers = this.#context.headers, body, hasGivenBody } = packed
    const request = new PreparedRequest({ method, url, headers: HeaderMap.fromFlat(headers) })
    if (hasGivenBody) request.body = this.#context.bodyAsGiven(request.headers.get('content-type'))
    else request.body = typeof body === 'number' ? bytesAt(envelope, body) : body
    const { options } = this.#context
    if (packed.hasOptions) request[addNotes]({ options })
    if (packed.hasNoAuth) request[addNotes]({ options: { ...options, auth: null, cookies: undefined } })
    if (packed.hasJarCookie) request[addNotes]({ cookie: request.headers.get('cookie') })
    return request
  }

  #unpackRelations(
    { history, next }: PackedResponse,
    envelope: Envelope,
  ): { history?: Response[]; next?: PreparedRequest } {
    return {
      ...(history && { history: history.map((each) => this.unpack(each, envelope)) }),
      ...(next && { next: this.unpackRequest(next, envelope) }),
    }
  }
}

/** As the transport gives it: a Buffer in memory of its own. */
function bytesAt(envelope: Envelope, number: number): Buffer {
  const body = envelope[number] as Uint8Array | string
  if (typeof body !== 'string') return Buffer.from(body.buffer)
  const bytes = Buffer.allocUnsafeSlow(body.length)
  bytes.write(body, 'latin1')
  return bytes
}

const maxDepth = 10

/** Packs the requests and responses of an error and its causes, which their clones don't have. */
export function packContexts(error: unknown, packer: ResponsePacker): ErrorContext[] {
  const contexts: ErrorContext[] = []
  for (const [depth, each] of chainOf(error).entries()) {
    if (!(each instanceof RequestError)) continue
    const { request, response } = each
    contexts.push({
      depth,
      request: packer.packRequest(request),
      response: response instanceof Response ? packer.pack(response) : response,
    })
  }
  return contexts
}

/** Sets them on the clones. */
export function attachContexts(
  error: unknown,
  contexts: readonly ErrorContext[],
  unpacker: ResponseUnpacker,
  envelope: Envelope,
): void {
  const chain = chainOf(error)
  for (const { depth, request, response } of contexts) {
    const each = chain[depth]
    if (!(each instanceof RequestError)) continue
    attachRequest(each, unpacker.unpackFailedRequest(request, envelope))
    if (response === undefined) continue
    const isOutline = typeof response === 'object' && !('elapsed' in response)
    const value = isOutline ? response : unpacker.unpack(response, envelope)
    // Not enumerable, as in the constructor: it is not shown with the error.
    Object.defineProperty(each, 'response', { value, writable: true, configurable: true, enumerable: false })
  }
}

function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = []
  try {
    for (let each = error; each !== undefined && chain.length < maxDepth; each = (each as { cause?: unknown }).cause) {
      chain.push(each)
      if (!(each instanceof Error)) break
    }
  } catch {
    // A getter or a Proxy throws: the chain ends here.
  }
  return chain
}
