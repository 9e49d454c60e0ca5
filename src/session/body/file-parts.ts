import { fileNameOf, isBlob, sourceOf } from './body-sources.ts'
import type { FormPair } from './form.ts'
import { invalidBody } from './invalid-body.ts'
import type { Part } from './multipart.ts'
import { bytesOf } from './stream-body.ts'

const expectedFile =
  'content (text, bytes, Blob, stream, iterable) or [filename, content, type?, headers?] for each field'

/** The fields of a form, before the files. */
export function partsOfFields(pairs: readonly FormPair[]): Part[] {
  return pairs.map(([name, value]) => ({ name, content: typeof value === 'string' ? Buffer.from(value) : value }))
}

/**
 * The entries of `files`, as requests has them: a file without content (`null`) is left out, one without a filename of
 * its own is named like its field, and with `null` for a filename it is a field.
 *
 * @throws {InvalidOptionError} what is no file
 */
export function partsOfFiles(files: readonly (readonly [unknown, unknown])[]): Part[] {
  return files.flatMap(([field, file]) => {
    if (typeof field !== 'string') throw invalidBody('files', 'named by strings', field)
    if (!Array.isArray(file)) return isMissing(file) ? [] : [filePart(field, fileNameOf(file) ?? field, file)]
    if (file.length < 2 || file.length > 4) throw invalidBody('files', expectedFile, file)
    const [filename, content, type, headers] = file as unknown[]
    return isMissing(content) ? [] : [filePart(field, filename, content, type, headers)]
  })
}

/** A FormData, as the web platform sends it. */
export function partsOfFormData(form: FormData): Part[] {
  return [...form.entries()].map(([name, value]) => {
    if (typeof value !== 'string') return filePart(withLineBreaks(name), fileNameOf(value) ?? 'blob', value)
    return { name: withLineBreaks(name), content: Buffer.from(withLineBreaks(value)) }
  })
}

const isMissing = (value: unknown): boolean => value === null || value === undefined

/** The multipart algorithm of the HTML standard: every line break of a field is CRLF. */
const withLineBreaks = (text: string): string => text.replace(/\r\n|\r|\n/g, '\r\n')

function filePart(name: string, filename: unknown, content: unknown, type?: unknown, headers?: unknown): Part {
  const rest = headerPairs(headers)
  const typeHeader = rest.find(([key]) => key.toLowerCase() === 'content-type')?.[1]
  return {
    name,
    filename: textOrNone(filename),
    type: textOrNone(type ?? typeHeader) ?? typeOf(content, !isMissing(filename)),
    headers: rest.filter(([key]) => !/^content-(?:type|disposition)$/i.test(key)),
    content: contentOf(content),
  }
}

function textOrNone(value: unknown): string | undefined {
  if (isMissing(value)) return undefined
  if (typeof value === 'string') return value
  throw invalidBody('files', 'given names and types that are strings', value)
}

function typeOf(content: unknown, isFile: boolean): string | undefined {
  if (isBlob(content) && content.type !== '') return content.type
  return isFile ? 'application/octet-stream' : undefined
}

function headerPairs(headers: unknown): [string, unknown][] {
  if (isMissing(headers)) return []
  if (typeof headers !== 'object' || Array.isArray(headers)) {
    throw invalidBody('files', 'given headers that are an object', headers)
  }
  return Object.entries(headers as object).filter(([, value]) => !isMissing(value))
}

function contentOf(content: unknown): Part['content'] {
  if (typeof content === 'string') return Buffer.from(content)
  const part =
    bytesOf(content) ?? (typeof content === 'object' && content !== null ? sourceOf(content, 'files') : undefined)
  if (part === undefined) throw invalidBody('files', expectedFile, content)
  return part
}
