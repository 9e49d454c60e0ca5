import { inspect, types } from 'node:util'

/** Hides user and password in what looks like a URL. Best effort: use `withoutCredentials` where the text is known to be a URL. */
export function hideCredentials(text: string): string {
  return text.replace(/\/\/[^\s/?#]*@/g, '//')
}

/** Replaces control characters in server text, so that messages can't carry terminal escapes. */
export function printable(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f]/g, '\ufffd')
}

/** A value as error messages show it: `` `'8'` (string) ``. Long and deep values are cut; only primitives are shown. */
export function describe(value: unknown): string {
  if (value === null) return '`null`'
  if (value === undefined) return '`undefined`'
  if (typeof value === 'function') return `a function`
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : `an object (${className(value)})`
  const shown = typeof value === 'string' ? hideCredentials(value) : value
  return `\`${inspect(shown, { maxStringLength: 80, breakLength: Infinity })}\` (${typeof value})`
}

/** The name of an object's class, if it has one. */
export function className(value: object): string {
  try {
    const prototype = Object.getPrototypeOf(value) as { constructor?: unknown } | null
    const constructor = prototype?.constructor
    const name: unknown = typeof constructor === 'function' ? constructor.name : undefined
    // A class may have a static member of that name.
    return typeof name === 'string' && name !== '' ? name : 'Object'
  } catch {
    // A revoked proxy, or a getter that throws.
    return 'Object'
  }
}

/** A value as text; a value that can't be converted does not throw. */
export function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return `an object (${className(value as object)})`
  }
}

/** The message of an error, or any other thrown value as text. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) {
      // It may be anything.
      const { message }: { message: unknown } = thrown
      return String(message)
    }
  } catch {
    // A getter or a Proxy may throw.
  }
  return textOf(thrown)
}

/**
 * @returns the number, if it is a whole one of at least `minimum` (Infinity, where it is allowed).
 * @throws {TypeError} what is no number, NaN included
 * @throws {RangeError} any other number
 */
export function checkCount(name: string, value: unknown, { minimum = 1, infinite = false } = {}): number {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return value as number
  if (value === Infinity && infinite) return value
  const kind = minimum === 1 ? 'a positive integer' : `an integer of at least ${minimum}`
  const message = `Expected \`${name}\` to be ${kind}, got ${describe(value)}`
  throw typeof value !== 'number' || Number.isNaN(value) ? new TypeError(message) : new RangeError(message)
}

/** @throws {TypeError} what is of another type; NaN is no number */
export function checkType(name: string, value: unknown, type: 'boolean' | 'number' | 'string'): void {
  if (typeof value === type && !Number.isNaN(value)) return
  throw new TypeError(`Expected \`${name}\` to be a ${type}, got ${describe(value)}`)
}

/** @throws {TypeError} what is neither true nor false */
export function checkBoolean(name: string, value: unknown): boolean {
  checkType(name, value, 'boolean')
  return value as boolean
}

/**
 * @returns milliseconds, Infinity for "no timeout" (`undefined` and `null` too)
 * @throws {TypeError} what is no number, NaN included
 */
export function checkTimeout(name: string, value: unknown): number {
  if (value === undefined || value === null) return Infinity
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`Expected \`${name}\` to be a number of milliseconds or null, got ${describe(value)}`)
  }
  return value
}

/** @throws {TypeError} what is neither `undefined` nor an AbortSignal */
export function checkSignal(value: unknown): asserts value is AbortSignal | undefined {
  if (value === undefined) return
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return
  throw new TypeError(`Expected \`signal\` to be an AbortSignal, got ${describe(value)}`)
}

/**
 * Handles the rejections of promises in a refused value, also within objects, arrays and maps, so that the caller sees the
 * refusal only. Other thenables are left alone: some begin their work when `then` is called.
 */
export function hush(value: unknown, depth = 3): void {
  if (types.isPromise(value)) void Promise.prototype.then.call(value, undefined, () => {})
  else if (depth > 0 && (Array.isArray(value) || value instanceof Map)) {
    for (const each of value.values()) hush(each, depth - 1)
  } else if (depth > 0 && Object.prototype.toString.call(value) === '[object Object]') {
    for (const { value: each } of Object.values(Object.getOwnPropertyDescriptors(value))) hush(each, depth - 1)
  }
}

/** @throws {TypeError} a promise, which would not be awaited as an option */
export function refusePromise(name: string, value: unknown): void {
  if (!types.isPromise(value)) return
  hush(value)
  throw new TypeError(`Expected \`${name}\` to be a value, got ${describe(value)}: is an \`await\` missing?`)
}

/** Whether it is neither `undefined` nor `null`. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** A value, or a promise of one. */
export type OrPromise<T> = T | PromiseLike<T>

/** Whether `await` would wait for the value. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/**
 * Sets the name of a class that refers to itself: bundlers rename those (`_Session`), and errors and `util.inspect` must show
 * the name that users know.
 */
export function setOwnName(constructor: object, name: string): void {
  Object.defineProperty(constructor, 'name', { value: name, configurable: true })
}

/** Sets a property that `util.inspect` and `JSON.stringify` pass over: it may hold secrets or be large. */
export function setHidden(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: false })
}

/**
 * Copies the own properties to an object without a prototype, so that properties on a polluted `Object.prototype` are no
 * options: options say where requests go, whom they trust and what code runs.
 *
 * @throws {TypeError} what is no object
 */
export function ownOptions<T extends object>(options: T): T {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
    throw new TypeError(`Expected options to be an object, got ${describe(options)}`)
  }
  return Object.assign(Object.create(null) as T, options)
}
