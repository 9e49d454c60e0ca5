import { isFormData, prepareBody, type BodyOptions, type PreparedBody } from '../../session/body/body.ts'
import { isBlob, fileNameOf } from '../../session/body/body-sources.ts'
import { formEntries, fieldsOf } from '../../session/body/form.ts'
import { StreamBody, bytesOf } from '../../session/body/stream-body.ts'
import type { FormEntry, PackedBody, PackedFields } from './protocol.ts'
import type { CloneCheck } from './pack-options.ts'

/** A packed body, and its content type, which counts unless the caller wrote one. */
export interface PackedTypedBody {
  readonly body: PackedBody | undefined
  readonly contentType: string | undefined
}

/**
 * Serializes a body that is in memory here, so that the values in forms and JSON need not be cloneable. Blobs are sent as they
 * are, and bodies with Blobs are put together in the thread.
 *
 * @throws {TaskNotCloneableError} a function, a stream, an iterable
 * @throws {InvalidOptionError} what can't be sent anywhere
 */
export function packBody(options: BodyOptions, cloneCheck: CloneCheck): PackedTypedBody {
  const { data, files } = options
  if (data !== undefined) checkContent(data, 'data', cloneCheck)
  if (files !== undefined) checkFiles(files, cloneCheck)
  const typed = prepareBody(options)
  if (typed === undefined) return { body: undefined, contentType: undefined }
  const { body, contentType } = typed
  if (!(body instanceof StreamBody)) return { body: { content: body }, contentType }
  return { body: packBlobs(data, files), contentType: undefined }
}

/** `data` and `files` of the request in the thread. */
export function unpackBody(body: PackedBody | undefined): { data?: unknown; files?: unknown } {
  if (body === undefined) return {}
  if ('content' in body) return { data: body.content }
  if ('form' in body) return { data: unpackForm(body.form) }
  const { files, fields } = body
  return { files, data: fields !== undefined && 'form' in fields ? unpackForm(fields.form) : fields }
}

/** The body of a request that comes back with a mark: it is the body that was given. */
export function bodyAsGiven(options: BodyOptions, contentType: string | undefined): PreparedBody | undefined {
  const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(contentType ?? '')?.[1]
  return prepareBody(options, boundary)?.body
}

function checkContent(value: unknown, path: string, cloneCheck: CloneCheck): void {
  if (typeof value === 'function') throw cloneCheck.error(path, 'a function')
  if (typeof value !== 'object' || value === null || bytesOf(value) !== undefined || isBlob(value)) return
  if (value instanceof StreamBody || 'pipe' in value || 'getReader' in value) throw cloneCheck.error(path, 'a stream')
  const isKept = Array.isArray(value) || value instanceof Map || value instanceof URLSearchParams || isFormData(value)
  const isIterable = Symbol.asyncIterator in value || Symbol.iterator in value
  if (isIterable && !isKept) throw cloneCheck.error(path, 'an iterable that is read while it is sent')
}

function checkFiles(files: unknown, cloneCheck: CloneCheck): void {
  for (const [field, file] of formEntries(files, 'files') ?? []) {
    const path = `files.${String(field)}`
    if (Array.isArray(file)) checkContent(file[1], `${path}[1]`, cloneCheck)
    else checkContent(file, path, cloneCheck)
  }
}

function packBlobs(data: unknown, files: unknown): PackedBody {
  const entries = files === undefined || files === null ? [] : (formEntries(files, 'files') ?? [])
  if (entries.length > 0) {
    return { files: entries.map(([field, file]) => [String(field), packFile(file)] as const), fields: packFields(data) }
  }
  return isFormData(data) ? { form: packForm(data) } : { content: packBlob(data as Blob) }
}

/** With the name of a File, because its clone is a Blob without one. */
function packFile(file: unknown): unknown {
  if (Array.isArray(file)) return file.map((each: unknown) => (isBlob(each) ? packBlob(each) : each))
  if (!isBlob(file)) return file
  const name = fileNameOf(file)
  return name === undefined ? packBlob(file) : [name, packBlob(file)]
}

function packFields(data: unknown): PackedFields | undefined {
  if (isFormData(data)) return { form: packForm(data) }
  const entries = formEntries(data, 'data')
  return entries && fieldsOf(entries)
}

function packForm(form: FormData): FormEntry[] {
  return [...form.entries()].map(([name, value]) =>
    typeof value === 'string' ? [name, value] : [name, packBlob(value), fileNameOf(value) ?? 'blob'],
  )
}

/** Makes a Blob of a File, without copying its bytes. */
const packBlob = (blob: Blob): Blob => blob.slice(0, blob.size, blob.type)

function unpackForm(entries: readonly FormEntry[]): FormData {
  const form = new FormData()
  for (const [name, value, filename] of entries) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, value, filename)
  }
  return form
}
