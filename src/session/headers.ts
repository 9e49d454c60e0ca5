import { inspect, type InspectOptions } from 'node:util'
import { describe, hideCredentials, setOwnName } from '../checks.ts'
import { InvalidHeaderError } from '../errors.ts'
import { checkHeaderName, checkHeaderValue, isSecretHeader } from './header-rules.ts'
import type { HeadersOption } from './options/options.ts'

/** Header names of one word that are unlikely to be properties of anything else. */
const commonNames = new Set(
  ['accept', 'age', 'allow', 'authorization', 'connection', 'cookie', 'date', 'etag', 'expires', 'host', 'link'].concat(
    [
      'location',
      'origin',
      'pragma',
      'range',
      'referer',
      'server',
      'te',
      'trailer',
      'upgrade',
      'vary',
      'via',
      'warning',
    ],
  ),
)

/**
 * A prototype that makes `headers['x']` a TypeError with a hint, instead of a silent `undefined`. It does so only for names
 * that look like a header: much code asks objects for `then`, `toJSON` and the like, whatever a server may have sent by that
 * name.
 *
 * @param isHeaders whether this is an instance
 */
function hintingPrototype(isHeaders: (value: unknown) => boolean): object {
  return new Proxy(
    {},
    {
      get(target, name, receiver: unknown) {
        if (typeof name === 'string' && looksLikeHeader(name) && isHeaders(receiver)) {
          throw misuse(name, `headers.get('${name}')`)
        }
        return Reflect.get(target, name, receiver) as unknown
      },
      set(target, name, value, receiver) {
        if (typeof name === 'symbol' || name in target) return Reflect.set(target, name, value, receiver)
        throw misuse(name, `headers.set('${name}', value)`)
      },
    },
  )
}

/** With a dash or a capital in front, a single letter, or one of those above. */
function looksLikeHeader(name: string): boolean {
  return /^[A-Z]|^[^\s-]+-|^[a-z]$/.test(name) || commonNames.has(name)
}

function misuse(name: string, hint: string): TypeError {
  return new TypeError(`Headers have no properties, such as \`${name.slice(0, 80)}\`: use \`${hint.slice(0, 100)}\``)
}

/** A header as it was written; an array if it was repeated. */
interface HeaderField {
  readonly name: string
  readonly value: string | string[]
}

type HeaderValue = string | number | null | undefined
type HeaderPairs = Iterable<readonly [name: string, value: string]>
/** Headers as undici gives them, or pairs: a HeaderMap, `Headers`, an array. */
export type ResponseFields = Readonly<Record<string, string | string[]>> | HeaderPairs

const joinedValue = (value: string | string[]): string => (typeof value === 'string' ? value : value.join(', '))

/**
 * Headers: names are found whatever their case, and keep the case and the order in which they were written. A repeated
 * header stays repeated on the wire and is read joined with `, `. Those of a response are read-only.
 *
 * It has methods, not properties: `headers['X']` and `headers['X'] = 'y'` throw a TypeError that says so. Those that
 * change something return nothing, so that `(request) => request.headers.set('X', 'y')` is a hook.
 */
export class HeaderMap implements Iterable<[string, string]> {
  #fields = new Map<string, HeaderField>()
  #flat: readonly string[] | undefined
  #isReadOnly = false

  /** @throws {InvalidHeaderError} a name or value that can't be sent */
  constructor(headers?: HeadersOption) {
    if (headers !== undefined) this.apply(headers)
    Object.preventExtensions(this)
  }

  /** Name, value, name, value ... in wire order, taken as they are. */
  static fromFlat(list: readonly string[]): HeaderMap {
    const headers = new HeaderMap()
    for (let index = 0; index < list.length; index += 2) headers.#add(list[index] ?? '', list[index + 1] ?? '')
    headers.#flat = list
    return headers
  }

  /** What a response brought, taken as it is; blanks around a value are not part of it (RFC 9110, 5.5). */
  static readOnly(fields: ResponseFields): HeaderMap {
    const headers = new HeaderMap()
    if (Symbol.iterator in fields) for (const [name, value] of fields) headers.#add(name, trimmed(value))
    else {
      for (const [name, given] of Object.entries(fields)) {
        const value = typeof given === 'string' ? trimmed(given) : given.map(trimmed)
        headers.#fields.set(name.toLowerCase(), { name, value })
      }
    }
    headers.#isReadOnly = true
    return headers
  }

  /** How many names there are. */
  get size(): number {
    return this.#fields.size
  }

  /** @returns the value, those of a repeated header joined with `, `; `undefined` if there is none */
  get(name: string): string | undefined {
    const field = this.#fields.get(name.toLowerCase())
    return field && joinedValue(field.value)
  }

  /** Every Set-Cookie by itself: they can't be joined. */
  getSetCookie(): string[] {
    const value = this.#fields.get('set-cookie')?.value ?? []
    return typeof value === 'string' ? [value] : [...value]
  }

  /** Whether there is one of that name, in any case. */
  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase())
  }

  /**
   * Replaces every header of that name, at the place of the first.
   *
   * @throws {InvalidHeaderError} a name or value that can't be sent
   * @throws {TypeError} the headers are those of a response
   */
  set(name: string, value: string | number): void {
    this.#change()
    this.#fields.set(checkHeaderName(name).toLowerCase(), { name, value: checkHeaderValue(name, value) })
  }

  /** Adds one more header of that name. Throws as `set` does. */
  append(name: string, value: string | number): void {
    this.#change()
    this.#add(checkHeaderName(name), checkHeaderValue(name, value))
  }

  /** Removes all of that name. @throws {TypeError} the headers are those of a response */
  delete(name: string): void {
    this.#change()
    this.#fields.delete(name.toLowerCase())
  }

  /** Sets each of these; `null` and `undefined` delete; a name that pairs repeat is repeated. */
  apply(headers: HeadersOption): void {
    const given = checkHeaders(headers)
    if (!(Symbol.iterator in given)) for (const name of Object.keys(given)) this.#apply(name, given[name], false)
    else {
      const names = new Set<string>()
      for (const pair of given as Iterable<unknown>) {
        const [name, value] = checkHeaderPair(pair)
        const key = checkHeaderName(name).toLowerCase()
        this.#apply(name, value, names.has(key))
        names.add(key)
      }
    }
  }

  /** Independent, and never read-only. */
  copy(): HeaderMap {
    const copy = new HeaderMap()
    for (const [key, { name, value }] of this.#fields) {
      copy.#fields.set(key, { name, value: typeof value === 'string' ? value : [...value] })
    }
    copy.#flat = this.#flat
    return copy
  }

  /** Name, value, name, value ... in wire order. Made once until something changes; not to be written to. */
  toFlat(): readonly string[] {
    if (this.#flat !== undefined) return this.#flat
    const flat: string[] = []
    for (const { name, value } of this.#fields.values()) {
      if (typeof value === 'string') flat.push(name, value)
      else for (const each of value) flat.push(name, each)
    }
    this.#flat = flat
    return flat
  }

  /** Name and value, repeated ones joined, Set-Cookie one by one: as on the web, but in order and case. */
  *entries(): IterableIterator<[string, string]> {
    for (const [key, { name, value }] of this.#fields) {
      if (key === 'set-cookie' && typeof value !== 'string') for (const each of value) yield [name, each]
      else yield [name, joinedValue(value)]
    }
  }

  /** The names, as `entries` has them. */
  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name
  }

  /** The values, as `entries` has them. */
  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value
  }

  /** Calls `fn` for each of `entries`. */
  forEach(fn: (value: string, name: string, headers: this) => void): void {
    for (const [name, value] of this.entries()) fn(value, name, this)
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    const shown: Record<string, string | string[]> = {}
    for (const { name, value } of this.#fields.values()) {
      Object.defineProperty(shown, name, { value: isSecretHeader(name) ? '***' : shownValue(value), enumerable: true })
    }
    return `HeaderMap ${inspect(shown, options)}`
  }

  #add(name: string, value: string): void {
    const key = name.toLowerCase()
    const there = this.#fields.get(key)
    if (there === undefined) this.#fields.set(key, { name, value })
    else this.#fields.set(key, { name: there.name, value: [there.value, value].flat() })
  }

  #apply(name: string, value: HeaderValue, isRepeated: boolean): void {
    if (value === null || value === undefined) this.delete(checkHeaderName(name))
    else if (isRepeated) this.append(name, value)
    else this.set(name, value)
  }

  #change(): void {
    if (this.#isReadOnly) throw new TypeError('The headers of a response are read-only: make a copy() to change them')
    this.#flat = undefined
  }

  static {
    setOwnName(this, 'HeaderMap')
    Object.setPrototypeOf(
      this.prototype,
      hintingPrototype((value) => value instanceof this),
    )
  }
}

/** Not `trim()`: \xa0 is the second half of many letters, where a header is in UTF-8. */
function trimmed(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start++
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--
  return end - start === value.length ? value : value.slice(start, end)
}

const isBlank = (code: number): boolean => code === 32 || code === 9

/** Whether a flat list of headers has one of that name, which is given in lower case. */
export function hasHeader(flat: readonly string[], name: string): boolean {
  for (let index = 0; index < flat.length; index += 2) {
    const each = flat[index] ?? ''
    if (each.length === name.length && each.toLowerCase() === name) return true
  }
  return false
}

function checkHeaders(headers: unknown): HeadersOption {
  if (typeof headers === 'object' && headers !== null) return headers as HeadersOption
  throw new InvalidHeaderError(`Expected \`headers\` to be an object, pairs or Headers, got ${shownKind(headers)}`)
}

function checkHeaderPair(pair: unknown): readonly [string, HeaderValue] {
  if (Array.isArray(pair) && pair.length === 2) return pair as unknown as [string, HeaderValue]
  throw new InvalidHeaderError(`Expected \`headers\` to hold pairs of name and value, got ${shownKind(pair)}`)
}

/** A text is not shown: it may be `Authorization: Bearer ...`. */
const shownKind = (value: unknown): string => (typeof value === 'string' ? 'a string' : describe(value))

/** A Location may hold a password. */
function shownValue(value: string | string[]): string | string[] {
  return typeof value === 'string' ? hideCredentials(value) : value.map(hideCredentials)
}
