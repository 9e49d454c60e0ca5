import { invalidBody } from './stream-body.ts'

/** A field of a form: text or bytes. */
export type FormPair = readonly [name: string, value: string | Uint8Array]

/**
 * Names and values of an object (own properties only), a Map, URLSearchParams or pairs, in order.
 *
 * @returns `undefined` for anything else: a stream, an iterable, a Promise that was not awaited, a Date ...
 * @throws {InvalidOptionError} an array that holds something else than pairs
 */
export function formEntries(value: unknown, option: string): readonly (readonly [unknown, unknown])[] | undefined {
  if (Array.isArray(value)) return value.map((pair: unknown) => checkFormPair(pair, option))
  if (value instanceof Map || value instanceof URLSearchParams) return [...(value as Iterable<[unknown, unknown]>)]
  return isRecord(value) ? Object.entries(value) : undefined
}

/**
 * The fields of a form, as requests has them: an array (any iterable) repeats its name, `null` and `undefined` are left out.
 *
 * @throws {InvalidOptionError} a value that has no text
 */
export function fieldsOf(entries: readonly (readonly [unknown, unknown])[]): FormPair[] {
  const pairs: FormPair[] = []
  for (const [name, value] of entries) {
    const values = isListOfValues(value) ? value : [value]
    for (const each of values)
      if (each !== null && each !== undefined) pairs.push([fieldText(name), fieldContent(each)])
  }
  return pairs
}

/** `application/x-www-form-urlencoded`, byte by byte as requests writes it: only letters, digits and `_.-~` stay. */
export function encodeForm(pairs: readonly FormPair[]): string {
  return pairs.map(([name, value]) => `${encodeText(name)}=${encodeText(value)}`).join('&')
}

const escapes = Array.from({ length: 256 }, (_, byte) =>
  byte === 0x20 ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
)

function encodeText(value: string | Uint8Array): string {
  if (typeof value === 'string' && /^[\w.~-]*$/.test(value)) return value
  const bytes =
    typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return bytes.toString('latin1').replace(/[^\w.~-]/g, (char) => escapes[char.charCodeAt(0)] ?? '')
}

function checkFormPair(pair: unknown, option: string): readonly [unknown, unknown] {
  if (Array.isArray(pair) && pair.length === 2) return pair as [unknown, unknown]
  throw invalidBody(option, 'an object or pairs of name and value', pair)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (Object.prototype.toString.call(value) !== '[object Object]') return false
  const object = value as Record<string | symbol, unknown>
  if (Symbol.iterator in object || Symbol.asyncIterator in object) return false
  return !['then', 'pipe', 'getReader'].some((method) => typeof object[method] === 'function')
}

function isListOfValues(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && !(value instanceof Uint8Array)
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  throw invalidBody('data', 'a form of strings, numbers and booleans', value)
}

function fieldContent(value: unknown): string | Uint8Array {
  if (value instanceof Uint8Array) return value
  return value instanceof URL ? value.href : fieldText(value)
}
