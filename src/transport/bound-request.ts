import { AsyncContext } from '../async-context.ts'
import type { ExchangeRequest, ProgressListener, StreamSource, WireBody } from './exchange.ts'

/**
 * The request, whose listeners and body source run in the AsyncLocalStorage context of whoever calls this: undici and
 * its sockets would run them in that of some other request. A request that has none is returned as it is.
 */
export function boundRequest(request: ExchangeRequest): ExchangeRequest {
  const { body, onUploadProgress, onDownloadProgress } = request
  if (!isSource(body) && onUploadProgress === undefined && onDownloadProgress === undefined) return request
  const context = new AsyncContext()
  return {
    ...request,
    body: isSource(body) ? boundSource(body, context) : body,
    onUploadProgress: onUploadProgress && boundListener(onUploadProgress, context),
    onDownloadProgress: onDownloadProgress && boundListener(onDownloadProgress, context),
  }
}

function isSource(body: WireBody | undefined): body is StreamSource {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

function boundListener(listener: ProgressListener, context: AsyncContext): ProgressListener {
  return (progress) => context.run(() => listener(progress))
}

function boundSource(source: StreamSource, context: AsyncContext): StreamSource {
  return {
    length: source.length,
    isReplayable: source.isReplayable,
    open: () => {
      const iterator = context.run(() => source.open()[Symbol.asyncIterator]())
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => context.run(async () => iterator.next()),
          return: async () => context.run(async () => iterator.return?.() ?? { done: true, value: undefined }),
        }),
      }
    },
  }
}
