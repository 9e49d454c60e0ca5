import { types } from 'node:util'
import * as errors from '../../errors.ts'
import { findUncloneable, type Uncloneable } from '../../cloneable.ts'

/**
 * Something thrown, as it crosses between threads. The structured clone of an error loses its class, `code`, `errors` and
 * own properties, and on Node 20 all of a DOMException. Cycles are kept: the same error is the same object here.
 */
export type Encoded = EncodedError | { readonly kind: 'value'; readonly value: unknown }

interface EncodedError {
  readonly kind: 'error'
  /** Of the nearest class that both sides know. */
  readonly className: string
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly properties: Record<string, Encoded>
  cause?: Encoded
  errors?: Encoded[]
}

const builtIns = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError, Error]

/** Ours by their code, for bundlers rename classes. */
const prototypes = new Map<string, object>(builtIns.map((each) => [each.name, each.prototype]))
for (const each of Object.values(errors)) {
  const { code } = each.prototype as Partial<errors.FuturesError>
  if (code !== undefined) prototypes.set(code, each.prototype as object)
}

/** Written by hand below, or no data. */
const ownWords = new Set(['name', 'message', 'stack', 'cause', 'errors'])
/** Kept wherever they stand: classes like to have them on the prototype. */
const wellKnown = ['code', 'errno', 'syscall', 'status']

/** Never throws; what can't cross is left out, or described. */
export function encode(thrown: unknown): Encoded {
  try {
    return encodeAny(thrown, new Map())
  } catch (error) {
    // Getters that throw, a chain of causes deeper than the stack.
    return encodeAny(new Error(`An error could not be sent between threads: ${String(error)}`), new Map())
  }
}

export function decode(encoded: Encoded): unknown {
  return decodeAny(encoded, new Map())
}

function encodeAny(value: unknown, known: Map<unknown, Encoded>): Encoded {
  if (isError(value)) return known.get(value) ?? encodeError(value, known)
  const found = findUncloneable(value, '') ?? refusal(value)
  if (found === undefined) return { kind: 'value', value }
  const what = found.path === '' ? found.what : `an object with ${found.what} at \`${found.path}\``
  return encodeError(new errors.TaskNotCloneableError(`What was thrown can't leave its thread: ${what}`), known)
}

/** What the engine itself says: an error must get through, so nothing is left to chance. */
function refusal(value: unknown): Uncloneable | undefined {
  try {
    structuredClone(value)
    return undefined
  } catch (error) {
    return { path: '', what: `an object: ${String(error)}` }
  }
}

function encodeError(error: Error, known: Map<unknown, Encoded>): EncodedError {
  const { name = 'Error', message, stack } = error as Record<keyof Error, unknown>
  const encoded: EncodedError = {
    kind: 'error',
    className: nearestClass(error),
    name: String(name),
    message: String(message),
    stack: typeof stack === 'string' ? stack : undefined,
    properties: {},
  }
  known.set(error, encoded)
  if (Object.hasOwn(error, 'cause')) encoded.cause = encodeAny(error.cause, known)
  const { errors: list } = error as { errors?: unknown }
  if (Array.isArray(list)) encoded.errors = list.map((each) => encodeAny(each, known))
  encodeProperties(error, encoded, known)
  return encoded
}

function encodeProperties(error: Error, { className, properties }: EncodedError, known: Map<unknown, Encoded>): void {
  const restored = prototypes.get(className) as Record<string, unknown> | undefined
  const source = error as unknown as Record<string, unknown>
  const inherited = restored === undefined ? [] : wellKnown.filter((key) => source[key] !== restored[key])
  for (const key of new Set([...Object.keys(error), ...inherited])) {
    if (ownWords.has(key)) continue
    const value = source[key]
    const isData = findUncloneable(value, '') === undefined && refusal(value) === undefined
    if (isError(value) || isData) properties[key] = encodeAny(value, known)
  }
}

function nearestClass(error: Error): string {
  if (Object.prototype.toString.call(error) === '[object DOMException]') return 'DOMException'
  for (let each: unknown = error; each !== null; each = Object.getPrototypeOf(each)) {
    if (each === error) continue
    const { code, name, constructor } = ownValues(each as object)
    // Somebody else's class may have the same code, or the same name; hardly both.
    if (typeof code === 'string' && (prototypes.get(code) as Error | undefined)?.name === name) return code
    if (typeof constructor === 'function' && constructor.name === name && prototypes.has(constructor.name)) {
      return constructor.name
    }
  }
  return 'Error'
}

function ownValues(prototype: object): Record<'code' | 'name' | 'constructor', unknown> {
  const value = (key: string): unknown => Object.getOwnPropertyDescriptor(prototype, key)?.value
  return { code: value('code'), name: value('name'), constructor: value('constructor') }
}

function decodeAny(encoded: Encoded, known: Map<Encoded, unknown>): unknown {
  if (encoded.kind === 'value') return encoded.value
  return known.get(encoded) ?? decodeError(encoded, known)
}

function decodeError(encoded: EncodedError, known: Map<Encoded, unknown>): Error {
  const { className, name, message, stack, properties, cause } = encoded
  const error = makeError(className, name, message)
  known.set(encoded, error)
  if (error.name !== name) setHidden(error, 'name', name)
  if (stack !== undefined) setHidden(error, 'stack', stack)
  if (cause !== undefined) setHidden(error, 'cause', decodeAny(cause, known))
  if (encoded.errors !== undefined) {
    setHidden(
      error,
      'errors',
      encoded.errors.map((each) => decodeAny(each, known)),
    )
  }
  for (const [key, value] of Object.entries(properties)) {
    Object.defineProperty(error, key, {
      value: decodeAny(value, known),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return error
}

/** No constructor of ours is called: they have arguments of their own. */
function makeError(className: string, name: string, message: string): Error {
  if (className === 'DOMException') return new DOMException(message, name)
  const error = new Error(message)
  return Object.setPrototypeOf(error, prototypes.get(className) ?? Error.prototype) as Error
}

function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

function setHidden(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false })
}
