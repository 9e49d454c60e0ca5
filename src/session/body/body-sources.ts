import { ReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { invalidBody } from './invalid-body.ts'
import type { BodySource } from './stream-body.ts'

/**
 * What a Blob, a stream or an iterable is as a body; `undefined` for anything else. From here on a stream that fails
 * before it is sent fails the request, not the process.
 *
 * @throws {InvalidOptionError} a stream that is locked, or over already
 */
export function sourceOf(value: object, option: string): BodySource | undefined {
  if (isBlob(value)) return blobSource(value)
  if (isReadable(value)) return readableSource(value, option)
  if (isWebStream(value)) return webStreamSource(value, option)
  if (Symbol.asyncIterator in value || Symbol.iterator in value) return iterableSource(value as Iterable<unknown>)
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

function blobSource(blob: Blob): BodySource {
  return { length: blob.size, isReplayable: true, read: () => blob.stream() as AsyncIterable<unknown> }
}

function isReadable(value: object): value is Readable {
  return Symbol.asyncIterator in value && 'pipe' in value && typeof value.pipe === 'function'
}

function readableSource(stream: Readable, option: string): BodySource {
  if (stream.readableEnded || (stream.destroyed && !stream.errored)) {
    throw invalidBody(option, 'a stream that was not read to its end or destroyed', stream)
  }
  // Without a listener, an error before the body is read (no such file) would end the process; reading it later throws it.
  stream.on('error', () => undefined)
  const length = fileLength(stream)
  return {
    length,
    isReplayable: false,
    read: () => (length === undefined ? stream : firstBytes(stream, length)),
    release: () => void stream.destroy(),
  }
}

/** What is left of a regular file that nobody has read from; 0 may be the size of anything (/proc), so it says nothing. */
function fileLength(stream: Readable): number | undefined {
  if (!(stream instanceof ReadStream) || stream.bytesRead > 0 || stream.readableEncoding !== null) return undefined
  const { path, start = 0, end = Infinity } = stream as ReadStream & { start?: number; end?: number }
  // A stream on a file descriptor has no path, and starts wherever that stands.
  if (typeof path !== 'string' && !Buffer.isBuffer(path)) return undefined
  try {
    const file = statSync(path)
    return file.isFile() && file.size > 0 ? Math.max(0, Math.min(end + 1, file.size) - start) : undefined
  } catch {
    return undefined
  }
}

/** A file that grows while it is sent (a log) is sent as long as it was said to be. */
async function* firstBytes(stream: Readable, length: number): AsyncGenerator<unknown, void, void> {
  let left = length
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    yield chunk.subarray(0, left)
    left -= chunk.byteLength
    if (left <= 0) return
  }
}

function isWebStream(value: object): value is ReadableStream {
  return 'getReader' in value && typeof value.getReader === 'function'
}

function webStreamSource(stream: ReadableStream, option: string): BodySource {
  if (stream.locked) throw invalidBody(option, 'a stream that nobody else reads', stream)
  return {
    length: undefined,
    isReplayable: false,
    read: () => stream,
    release: () => void stream.cancel().catch(() => undefined),
  }
}

function iterableSource(iterable: Iterable<unknown> | AsyncIterable<unknown>): BodySource {
  return { length: undefined, isReplayable: false, read: () => iterable }
}
