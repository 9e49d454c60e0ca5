import type { Readable } from 'node:stream'
import { hush } from '../checks.ts'
import { holdStream, isReadable } from '../session/body/readable-source.ts'
import type { RequestOptions, RequestSpec } from '../session/options/options.ts'

/**
 * What waits with its request: streams, and promises that somebody forgot to await. Their errors must not be uncaught ones
 * meanwhile: the request will tell when its turn comes.
 */
export function holdInputs(request: RequestSpec): void {
  for (const stream of streamsOf(request)) holdStream(stream)
  for (const name of Object.keys(request)) if (name !== 'context') hush(request[name as keyof RequestSpec], 0)
}

/** Closes the streams of a request that will never be sent, and with them their files. */
export function dropStreams(options: RequestOptions | undefined): void {
  for (const stream of streamsOf(options)) stream.destroy()
}

function streamsOf(options: RequestOptions | undefined): Readable[] {
  if (options?.data === undefined && options?.files === undefined) return []
  const { data, files } = options
  const contents: unknown[] = [data]
  if (typeof files === 'object' && files !== null) {
    for (const file of Array.isArray(files) ? files : Object.entries(files)) {
      const content: unknown = Array.isArray(file) ? file[1] : undefined
      contents.push(Array.isArray(content) ? content[1] : content)
    }
  }
  return contents.filter(isReadable)
}
