import type { ClientHttp2Stream } from 'node:http2'
import type { Upload } from '../upload.ts'
import { undiciFailure } from './stream-failures.ts'

/** The state of a stream whose header was not written yet. */
export const idle = 1
/** A code of RST_STREAM. */
const noError = 0

/**
 * Writes a body that is produced while it is sent: the next chunk is asked for when the stream has taken the one before. Where
 * the exchange is over before, the stream is left as it is.
 *
 * @param length bytes that were announced
 * @throws what a source gives that is more or less than was announced
 */
export async function writeUpload(
  upload: Upload,
  stream: ClientHttp2Stream,
  length: number | undefined,
  isOver: () => boolean,
): Promise<void> {
  let written = 0
  for (;;) {
    const { done, value } = await upload.next()
    if (isOver() || stream.closed) return
    if (done === true) break
    written += value.byteLength
    if (length !== undefined && written > length) throw undiciFailure('REQ_CONTENT_LENGTH_MISMATCH')
    if (!stream.write(value)) await drained(stream)
  }
  if (length !== undefined && written < length) throw undiciFailure('REQ_CONTENT_LENGTH_MISMATCH')
  stream.end()
}

/** The stream takes more, or nothing any more. */
async function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = (): void => {
      stream.removeListener('drain', onEvent).removeListener('close', onEvent)
      resolve()
    }
    stream.on('drain', onEvent).on('close', onEvent)
  })
}

/** Node would send END_STREAM before, and the peer take the body for whole. */
export function resetStream(stream: ClientHttp2Stream, code: number): void {
  const isUnsent = stream.state.state === idle
  stream._final = (callback) => callback()
  // To close it would wait for what was written to go out.
  if (code !== noError || !stream.writableEnded) stream.close(code)
  if (code === noError || isUnsent) stream.destroy()
}
