import { ReadStream, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { type BodySource, invalidBody } from './stream-body.ts'

/** By what it is and does: there are other Readables than Node's own. */
export function isReadable(value: unknown): value is Readable {
  if (typeof value !== 'object' || value === null) return false
  return Symbol.asyncIterator in value && 'pipe' in value && typeof value.pipe === 'function'
}

/** Streams that came to us before anybody had read from them: whoever reads from one then takes a part of the body. */
const untouchedStreams = new WeakSet<object>()
/** Streams that we have begun to read: there is no second body in them. */
const begunStreams = new WeakSet<object>()

/**
 * A stream whose request waits. One that fails meanwhile (no such file) must not be an uncaught error: reading it will
 * throw that. One that somebody reads from meanwhile is noticed.
 */
export function holdStream(stream: Readable): void {
  // A request that finds no room in a queue is tried again and again.
  if (!stream.listeners('error').includes(ignoreError)) stream.on('error', ignoreError)
  // What was read from it before is the caller's affair: the rest is the body, as it is of a file in requests.
  if ((stream.readableDidRead as boolean | undefined) === false) untouchedStreams.add(stream)
}

function ignoreError(): void {
  // See `holdStream`.
}

/** @throws {InvalidOptionError} a stream that is over already, or that somebody else reads */
export function readableSource(stream: Readable, option: string): BodySource {
  const check = (): void => checkReadable(stream, option)
  check()
  holdStream(stream)
  const length = fileLength(stream)
  return {
    length,
    isReplayable: false,
    check,
    read() {
      check()
      // Such a listener would take chunks between ours.
      if (stream.listenerCount('readable') > 0) throw invalidBody(option, readByNobodyElse, stream)
      begunStreams.add(stream)
      return length === undefined ? stream : upToLength(stream, length)
    },
    release() {
      // Another request may be reading it.
      if (!begunStreams.has(stream)) stream.destroy()
    },
  }
}

function checkReadable(stream: Readable, option: string): void {
  // Reading it throws its error.
  if (stream.errored) return
  if (stream.readableEnded || stream.destroyed) {
    throw invalidBody(option, 'a stream that was not read to its end or destroyed', stream)
  }
  const isRead = begunStreams.has(stream) || (stream.readableDidRead && untouchedStreams.has(stream))
  if (isRead || stream.readableFlowing === true) throw invalidBody(option, readByNobodyElse, stream)
}

const readByNobodyElse = 'a stream that nobody else reads'

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
async function* upToLength(stream: Readable, length: number): AsyncGenerator<unknown, void, void> {
  let left = length
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    yield chunk.subarray(0, left)
    left -= chunk.byteLength
    if (left <= 0) return
  }
}
