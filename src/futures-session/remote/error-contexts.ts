import { attachRequest, RequestError } from '../../errors.ts'
import { Response } from '../../session/response/response.ts'
import type { ErrorContext, Parcel } from './protocol.ts'
import type { ResponsePacker } from './response-packer.ts'
import type { ResponseUnpacker } from './response-unpacker.ts'

const deepest = 10

/** What an error and its causes have and their clones will not: their requests and responses. */
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

/** Gives them back to the clones. */
export function attachContexts(
  error: unknown,
  contexts: readonly ErrorContext[],
  unpacker: ResponseUnpacker,
  parcel: Parcel,
): void {
  const chain = chainOf(error)
  for (const { depth, request, response } of contexts) {
    const each = chain[depth]
    if (!(each instanceof RequestError)) continue
    attachRequest(each, unpacker.unpackFailedRequest(request, parcel))
    if (response === undefined) continue
    const isOutline = typeof response === 'object' && !('elapsed' in response)
    const value = isOutline ? response : unpacker.unpack(response, parcel)
    // As the constructor does it: not shown when the error is.
    Object.defineProperty(each, 'response', { value, writable: true, configurable: true, enumerable: false })
  }
}

function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = []
  try {
    for (let each = error; each !== undefined && chain.length < deepest; each = (each as { cause?: unknown }).cause) {
      chain.push(each)
      if (!(each instanceof Error)) break
    }
  } catch {
    // A getter, or the trap of a Proxy: as far as it can be read.
  }
  return chain
}
