import { randomBytes } from 'node:crypto'
import { InvalidHeaderError } from '../../errors.ts'
import { checkHeaderName } from '../header-rules.ts'
import { fileNameOf, isBlob, sourceOf } from './body-sources.ts'
import type { FormPair } from './form.ts'
import { type BodySource, bytesOf, invalidBody, StreamBody } from './stream-body.ts'
import { isGiven } from '../../checks.ts'

type Piece = Uint8Array | BodySource

/** A part of a multipart body. */
export interface FormPart {
  readonly name: string
  /** A field has none. */
  readonly filename?: string | undefined
  readonly type?: string | undefined
  readonly headers?: readonly (readonly [name: string, value: unknown])[] | undefined
  readonly content: Uint8Array | BodySource
}

/** @returns 128 random bits, which no body contains by chance */
export function makeBoundary(): string {
  return randomBytes(16).toString('hex')
}

/**
 * `multipart/form-data` (RFC 7578): in one piece if everything is in memory, else streamed, with a length if every part
 * has one.
 *
 * @throws {InvalidHeaderError} a type or a header that would not stay in its line
 */
export function encodeMultipart(parts: readonly FormPart[], boundary: string): Uint8Array | StreamBody {
  const pieces: Piece[] = []
  for (const part of parts) {
    pieces.push(Buffer.from(`--${boundary}\r\n${headOf(part)}\r\n`), part.content, Buffer.from('\r\n'))
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  return pieces.every(isBytes) ? Buffer.concat(pieces) : new StreamBody(joinedSource(pieces))
}

const isBytes = (piece: Piece): piece is Uint8Array => piece instanceof Uint8Array
const isBodySource = (piece: Piece): piece is BodySource => !isBytes(piece)

function headOf({ name, filename, type, headers = [] }: FormPart): string {
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

function joinedSource(pieces: readonly Piece[]): BodySource {
  const sources = pieces.filter(isBodySource)
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

const expectedFile =
  'content (text, bytes, Blob, stream, iterable) or [filename, content, type?, headers?] for each field'

/** The fields of a form, before the files. */
export function partsOfFields(pairs: readonly FormPair[]): FormPart[] {
  return pairs.map(([name, value]) => ({ name, content: typeof value === 'string' ? Buffer.from(value) : value }))
}

/**
 * The entries of `files`, as requests has them: a file without content (`null`) is left out, one without a filename of
 * its own is named like its field, and with `null` for a filename it is a field.
 *
 * @throws {InvalidOptionError} what is no file
 */
export function partsOfFiles(files: readonly (readonly [unknown, unknown])[]): FormPart[] {
  return files.flatMap(([field, file]) => {
    if (typeof field !== 'string') throw invalidBody('files', 'named by strings', field)
    if (!Array.isArray(file)) return !isGiven(file) ? [] : [filePart(field, fileNameOf(file) ?? field, file)]
    if (file.length < 2 || file.length > 4) throw invalidBody('files', expectedFile, file)
    const [filename, content, type, headers] = file as unknown[]
    return !isGiven(content) ? [] : [filePart(field, filename, content, type, headers)]
  })
}

/** A FormData, as the web platform sends it. */
export function partsOfFormData(form: FormData): FormPart[] {
  return [...form.entries()].map(([name, value]) => {
    if (typeof value !== 'string') return filePart(withLineBreaks(name), fileNameOf(value) ?? 'blob', value)
    return { name: withLineBreaks(name), content: Buffer.from(withLineBreaks(value)) }
  })
}

/** The multipart algorithm of the HTML standard: every line break of a field is CRLF. */
const withLineBreaks = (text: string): string => text.replace(/\r\n|\r|\n/g, '\r\n')

function filePart(name: string, filename: unknown, content: unknown, type?: unknown, headers?: unknown): FormPart {
  const rest = headerPairs(headers)
  const typeHeader = rest.find(([key]) => key.toLowerCase() === 'content-type')?.[1]
  return {
    name,
    filename: textOrNone(filename),
    type: textOrNone(type ?? typeHeader) ?? typeOf(content, isGiven(filename)),
    headers: rest.filter(([key]) => !/^content-(?:type|disposition)$/i.test(key)),
    content: fileContent(content),
  }
}

function textOrNone(value: unknown): string | undefined {
  if (!isGiven(value)) return undefined
  if (typeof value === 'string') return value
  throw invalidBody('files', 'given names and types that are strings', value)
}

function typeOf(content: unknown, isFile: boolean): string | undefined {
  if (isBlob(content) && content.type !== '') return content.type
  return isFile ? 'application/octet-stream' : undefined
}

function headerPairs(headers: unknown): [string, unknown][] {
  if (!isGiven(headers)) return []
  if (typeof headers !== 'object' || Array.isArray(headers)) {
    throw invalidBody('files', 'given headers that are an object', headers)
  }
  return Object.entries(headers as object).filter(([, value]) => isGiven(value))
}

function fileContent(content: unknown): FormPart['content'] {
  if (typeof content === 'string') return Buffer.from(content)
  const part =
    bytesOf(content) ?? (typeof content === 'object' && content !== null ? sourceOf(content, 'files') : undefined)
  if (part === undefined) throw invalidBody('files', expectedFile, content)
  return part
}
