import { InvalidOptionError } from '../../errors.ts'
import { isBlob, sourceOf } from './body-sources.ts'
import {
  encodeMultipart,
  makeBoundary,
  type FormPart,
  partsOfFields,
  partsOfFiles,
  partsOfFormData,
} from './multipart.ts'
import { encodeForm, formEntries, fieldsOf } from './form.ts'
import { type BodySource, bytesOf, invalidBody, StreamBody } from './stream-body.ts'
import { isGiven } from '../../checks.ts'

/** A body as a prepared request holds it. Text is sent as UTF-8. */
export type PreparedBody = string | Uint8Array | StreamBody

/** A body, and the content type that goes with it unless the caller wrote one. */
export interface TypedBody {
  readonly body: PreparedBody
  readonly contentType: string | undefined
}

export interface BodyOptions {
  readonly data?: unknown
  readonly json?: unknown
  readonly files?: unknown
}

/**
 * The body that `data`, `json` and `files` make, as in requests: `files` make a multipart body with `data` as fields;
 * `json` counts if there is no `data`; empty data (`''`, `{}`, `[]`, no bytes) is no data, and no `files` are none.
 *
 * A function given as `data` is called here, for the first send, and again for each further one.
 *
 * @param boundary of a multipart body, where it shall be a certain one
 * @returns `undefined` for no body
 * @throws {InvalidOptionError} what can't be sent; what a function throws comes through as it is
 */
export function prepareBody({ data, json, files }: BodyOptions, boundary?: string): TypedBody | undefined {
  const parts = isGiven(files) ? multipartParts(files, data) : undefined
  if (parts !== undefined) return multipartBody(parts, boundary)
  const body = isGiven(data) ? dataBody(data, boundary) : undefined
  return body ?? (json === undefined ? undefined : { body: encodeJson(json), contentType: 'application/json' })
}

/** @returns `undefined` where there are no files */
function multipartParts(files: unknown, data: unknown): FormPart[] | undefined {
  const entries = formEntries(files, 'files')
  if (entries === undefined) throw invalidBody('files', 'an object or pairs of field and file', files)
  return entries.length === 0 ? undefined : [...fieldsBeside(data), ...partsOfFiles(entries)]
}

function fieldsBeside(data: unknown): FormPart[] {
  if (!isGiven(data) || data === '' || bytesOf(data)?.length === 0) return []
  if (isFormData(data)) return partsOfFormData(data)
  const entries = formEntries(data, 'data')
  if (entries === undefined) throw invalidBody('data', 'an object or pairs of fields where there are `files`', data)
  return partsOfFields(fieldsOf(entries))
}

/** @returns `undefined` for empty data */
function dataBody(data: unknown, boundary?: string): TypedBody | undefined {
  if (typeof data === 'function') return repeatedBody(data as () => unknown)
  const content = typeof data === 'string' ? data : bytesOf(data)
  if (content !== undefined) return content.length === 0 ? undefined : { body: content, contentType: undefined }
  if (isFormData(data)) return multipartBody(partsOfFormData(data), boundary)
  const entries = formEntries(data, 'data')
  if (entries !== undefined) return entries.length === 0 ? undefined : formBody(entries)
  const source = typeof data === 'object' && data !== null ? sourceOf(data, 'data') : undefined
  if (source === undefined)
    throw invalidBody('data', 'a form, text, bytes, a Blob, a FormData, a stream or an iterable', data)
  return { body: new StreamBody(source), contentType: isBlob(data) && data.type !== '' ? data.type : undefined }
}

function formBody(entries: readonly (readonly [unknown, unknown])[]): TypedBody {
  return { body: encodeForm(fieldsOf(entries)), contentType: 'application/x-www-form-urlencoded' }
}

function multipartBody(parts: readonly FormPart[], boundary = makeBoundary()): TypedBody {
  return { body: encodeMultipart(parts, boundary), contentType: `multipart/form-data; boundary=${boundary}` }
}

/** By what it is and does, for there are other FormDatas than the global one: undici's, for example. */
export function isFormData(value: unknown): value is FormData {
  return (
    Object.prototype.toString.call(value) === '[object FormData]' && typeof (value as FormData).entries === 'function'
  )
}

/** All sends have one boundary, because they have one Content-Type. */
function repeatedBody(make: () => unknown): TypedBody {
  const boundary = makeBoundary()
  const produce = (): TypedBody => {
    const data = make()
    if (typeof data === 'function') throw invalidBody('data', 'a function that returns a body', data)
    return (isGiven(data) ? dataBody(data, boundary) : undefined) ?? { body: '', contentType: undefined }
  }
  const { body, contentType } = produce()
  return { body: new StreamBody(repeatedSource(body, () => produce().body)), contentType }
}

/** Calls `produce` for the next send once its length is asked for, at the latest when it is read. */
function repeatedSource(first: PreparedBody, produce: () => PreparedBody): BodySource {
  let next: PreparedBody | undefined = first
  const prepare = (): PreparedBody => {
    try {
      return (next ??= produce())
    } catch (error) {
      return (next = failing(error))
    }
  }
  return {
    get length() {
      const body = prepare()
      return typeof body === 'string' ? Buffer.byteLength(body) : body.length
    },
    isReplayable: true,
    read() {
      const body = prepare()
      next = undefined
      return body instanceof StreamBody ? body.open() : [body]
    },
    release() {
      if (next instanceof StreamBody) next.release()
    },
  }
}

/** A body that throws this error when it is sent. */
function failing(error: unknown): StreamBody {
  const read = (): never => {
    throw error
  }
  return new StreamBody({ length: undefined, isReplayable: false, read })
}

function encodeJson(value: unknown): string {
  try {
    const text = JSON.stringify(value) as string | undefined
    if (text !== undefined) return text
  } catch (error) {
    throw new InvalidOptionError(
      'Expected `json` to be what JSON can express, got a BigInt, a cycle or a `toJSON` that throws',
      {
        option: 'json',
        cause: error,
      },
    )
  }
  throw invalidBody('json', 'what JSON can express', value)
}
