import { decoderFor } from './charset.ts'
import type { Decoder } from './charset.ts'

/** Lines without their ends (`\n`, `\r\n` or `\r`); what follows the last end is a line if it is not empty. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  label: string | undefined,
): AsyncGenerator<string, void, void> {
  let line = ''
  let isAfterReturn = false
  for await (const text of decoded(chunks, label)) {
    if (text === '') continue
    const pieces = (isAfterReturn && text.startsWith('\n') ? text.slice(1) : text).split(/\r\n|\n|\r/)
    isAfterReturn = text.endsWith('\r')
    // Only the new text is searched: a long line in many chunks takes linear time.
    const last = pieces.pop() ?? ''
    for (const piece of pieces) {
      yield line + piece
      line = ''
    }
    line += last
  }
  if (line !== '') yield line
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  label: string | undefined,
): AsyncGenerator<string, void, void> {
  let decoder: Decoder | undefined
  for await (const chunk of chunks) {
    decoder ??= decoderFor(label, chunk)
    yield decoder.decode(chunk, { stream: true })
  }
  if (decoder !== undefined) yield decoder.decode()
}
