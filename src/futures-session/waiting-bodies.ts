import { Readable } from 'node:stream'
import type { RequestOptions } from '../session/options/options.ts'

/**
 * Streams that wait with their request. One that fails meanwhile (no such file) must not be an uncaught error: the
 * request will find it failed when its turn comes.
 */
export function holdStreams(options: RequestOptions | undefined): void {
  for (const stream of streamsOf(options)) stream.on('error', ignore)
}

/** Closes the streams of a request that will never be sent, and with them their files. */
export function dropStreams(options: RequestOptions | undefined): void {
  for (const stream of streamsOf(options)) stream.destroy()
}

function ignore(): void {
  // See above.
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
  return contents.filter((content) => content instanceof Readable)
}
