import { randomBytes } from 'node:crypto'
import { InvalidHeaderError } from '../../errors.ts'
import { checkHeaderName } from '../header-rules.ts'
import { StreamBody } from './stream-body.ts'
import type { BodySource } from './stream-body.ts'

type Piece = Uint8Array | BodySource

/** A part of a multipart body. */
export interface Part {
  readonly name: string
  /** A field has none. */
  readonly filename?: string | undefined
  readonly type?: string | undefined
  readonly headers?: readonly (readonly [name: string, value: unknown])[] | undefined
  readonly content: Uint8Array | BodySource
}

/** @returns what no body contains by chance: 128 random bits */
export function makeBoundary(): string {
  return randomBytes(16).toString('hex')
}

/**
 * `multipart/form-data` (RFC 7578): in one piece if everything is in memory, else streamed, with a length if every part
 * has one.
 *
 * @throws {InvalidHeaderError} a type or a header that would not stay in its line
 */
export function encodeMultipart(parts: readonly Part[], boundary: string): Uint8Array | StreamBody {
  const pieces: Piece[] = []
  for (const part of parts) {
    pieces.push(Buffer.from(`--${boundary}\r\n${headOf(part)}\r\n`), part.content, Buffer.from('\r\n'))
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  return pieces.every(isBytes) ? Buffer.concat(pieces) : new StreamBody(joined(pieces))
}

const isBytes = (piece: Piece): piece is Uint8Array => piece instanceof Uint8Array
const isSource = (piece: Piece): piece is BodySource => !isBytes(piece)

function headOf({ name, filename, type, headers = [] }: Part): string {
  const place = filename === undefined ? '' : `; filename="${quoted(filename)}"`
  let head = `Content-Disposition: form-data; name="${quoted(name)}"${place}\r\n`
  if (type !== undefined) head += headerLine('Content-Type', type)
  for (const [key, value] of headers) head += headerLine(key, value)
  return head
}

/** As browsers and urllib3 do (HTML standard): UTF-8 as it is, and what could end the quotes or the line in percent. */
function quoted(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')
}

function headerLine(name: string, value: unknown): string {
  const line = typeof value === 'number' ? String(value) : value
  if (typeof line === 'string' && !/[\0-\x08\x0a-\x1f\x7f]/.test(line)) return `${checkHeaderName(name)}: ${line}\r\n`
  throw new InvalidHeaderError(
    `Invalid header \`${checkHeaderName(name)}\` of a part in \`files\`: expected text without line breaks`,
  )
}

function joined(pieces: readonly Piece[]): BodySource {
  const sources = pieces.filter(isSource)
  return {
    get length() {
      return pieces.reduce(addLength, 0)
    },
    isReplayable: sources.every((source) => source.isReplayable),
    check() {
      for (const source of sources) source.check?.()
    },
    async *read() {
      const unread = new Set(sources)
      try {
        for (const piece of pieces) {
          if (isBytes(piece)) yield piece
          else {
            unread.delete(piece)
            yield* piece.read()
          }
        }
      } finally {
        for (const source of unread) source.release?.()
      }
    },
    release() {
      for (const source of sources) source.release?.()
    },
  }
}

function addLength(sum: number | undefined, piece: Piece): number | undefined {
  const length = isBytes(piece) ? piece.byteLength : piece.length
  return sum === undefined || length === undefined ? undefined : sum + length
}
