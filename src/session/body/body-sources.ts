import { ReadStream } from 'node:fs'
import { basename } from 'node:path'
import { isErrored, Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { hush } from '../../checks.ts'
import type { RequestOptions, RequestSpec } from '../options/options.ts'
import { holdStream, isReadable, readableSource } from './readable-source.ts'
import { type BodySource, invalidBody } from './stream-body.ts'

/**
 * What a Blob, a stream or an iterable is as a body; `undefined` for anything else. From here on a stream that fails
 * before it is sent fails the request, not the process.
 *
 * @throws {InvalidOptionError} a stream that is over already, or that somebody else reads
 */
export function sourceOf(value: object, option: string): BodySource | undefined {
  if (isBlob(value)) return blobSource(value, option)
  if (isReadable(value)) return readableSource(value, option)
  if (isWebStream(value)) return webStreamSource(value, option)
  if (Symbol.asyncIterator in value || Symbol.iterator in value)
    return iterableSource(value as Iterable<unknown>, option)
  return undefined
}

/** By what it is and does, for there are other Blobs than the global one. */
export function isBlob(value: unknown): value is Blob {
  const tag = Object.prototype.toString.call(value)
  return (tag === '[object Blob]' || tag === '[object File]') && typeof (value as Partial<Blob>).stream === 'function'
}

/** The name that comes with the content: that of a File, or of the file a stream reads. */
export function fileNameOf(content: unknown): string | undefined {
  if (isBlob(content)) return 'name' in content && typeof content.name === 'string' ? content.name : undefined
  return content instanceof ReadStream && typeof content.path === 'string' ? basename(content.path) : undefined
}

function blobSource(blob: Blob, option: string): BodySource {
  return {
    length: blob.size,
    isReplayable: true,
    read() {
      const stream: unknown = blob.stream()
      if (typeof stream === 'object' && stream !== null && Symbol.asyncIterator in stream) {
        return stream as AsyncIterable<unknown>
      }
      throw invalidBody(option, 'a Blob with a stream', stream)
    },
  }
}

function isWebStream(value: object): value is ReadableStream {
  return 'getReader' in value && typeof value.getReader === 'function'
}

function webStreamSource(stream: ReadableStream, option: string): BodySource {
  const check = (): void => checkWebStream(stream, option)
  check()
  return {
    length: undefined,
    isReplayable: false,
    check,
    read() {
      check()
      return stream
    },
    release: () => void stream.cancel().catch(() => undefined),
  }
}

/** One that was read in part, or cancelled, is refused as `fetch` does. */
function checkWebStream(stream: ReadableStream, option: string): void {
  const any = stream as unknown as Readable
  if (stream.locked || (Readable.isDisturbed(any) && !isErrored(any))) {
    throw invalidBody(option, 'a stream that nobody else reads', stream)
  }
}

/** Iterators that we have begun to read: there is no second body in them. */
const begunIterators = new WeakSet<object>()

/** An iterator can be read once; of anything else there is a new one each time. Whether others have read it nobody can tell. */
function iterableSource(iterable: Iterable<unknown> | AsyncIterable<unknown>, option: string): BodySource {
  const isIterator = 'next' in iterable && typeof iterable.next === 'function'
  const check = (): void => {
    if (begunIterators.has(iterable)) throw invalidBody(option, 'an iterator that was not sent before', iterable)
  }
  check()
  return {
    length: undefined,
    isReplayable: false,
    check,
    read() {
      check()
      if (isIterator) begunIterators.add(iterable)
      return iterable
    },
  }
}

/**
 * Keeps errors of streams, and of promises that somebody forgot to await, from being uncaught ones while their request waits:
 * it fails with them when its turn comes.
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
