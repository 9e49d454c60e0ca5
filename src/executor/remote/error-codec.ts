import { types } from 'node:util'
import { setHidden, textOf } from '../../checks.ts'
import { findUncloneable, type Reach, type Uncloneable } from '../../cloneable.ts'
import * as errors from '../../errors.ts'

/**
 * A thrown value, as it is sent between threads and processes. The structured clone of an error loses its class, `code`,
 * `errors` and own properties, and on Node 20 all of a DOMException. Cycles are kept: one error is one object here.
 */
export type Encoded = EncodedError | { readonly kind: 'value'; readonly value: unknown }

interface EncodedError {
  readonly kind: 'error'
  /** The nearest class in the prototype chain that both sides know. */
  readonly className: string
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly properties: Record<string, Encoded>
  cause?: Encoded
  errors?: Encoded[]
}

const builtIns = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError, Error]

/** Prototypes by class name; those of our errors by their code, because bundlers rename classes. */
const prototypes = new Map<string, object>(builtIns.map((each) => [each.name, each.prototype]))
for (const each of Object.values(errors)) {
  const { code } = each.prototype as Partial<errors.FuturesError>
  if (code !== undefined) prototypes.set(code, each.prototype as object)
}

/** Properties that are encoded by themselves, or are no data. */
const ownWords = new Set(['name', 'message', 'stack', 'cause', 'errors'])
/** Properties that are sent even if they are inherited: many classes define them on the prototype. */
const wellKnown = ['code', 'errno', 'syscall', 'status']

/** How deep errors inside errors are sent, as causes or as data. Deeper ones are left out. */
const deepest = 1000
/** The depth where the stack is nearly used up. */
const deepestInNeed = 20

/**
 * Never throws. It sends all of an error that can be read and cloned: a property whose getter or Proxy throws is left out.
 * Other thrown values are sent as they are, or described if they can't be cloned.
 *
 * @param reach how far the value goes
 */
export function encode(thrown: unknown, reach: Reach = 'thread'): Encoded {
  return attempt(() => new Encoder(reach, deepest).encode(thrown)) ?? new Encoder(reach, deepestInNeed).encode(thrown)
}

export function decode(encoded: Encoded): unknown {
  return decodeAny(encoded, new Map())
}

class Encoder {
  readonly #reach: Reach
  readonly #known = new Map<unknown, Encoded>()
  #depthLeft: number

  constructor(reach: Reach, depth: number) {
    this.#reach = reach
    this.#depthLeft = depth
  }

  encode(value: unknown): Encoded {
    if (isError(value)) return this.#known.get(value) ?? this.#encodeError(value)
    const clone = this.#clone(value)
    if ('value' in clone) return { kind: 'value', value: clone.value }
    const what = clone.path === '' ? clone.what : `an object with ${clone.what} at \`${clone.path}\``
    return this.#encodeError(
      new errors.TaskNotCloneableError(`What was thrown can't leave its ${this.#reach}: ${what}`),
    )
  }

  #encodeError(error: Error): EncodedError {
    const className = attempt(() => nearestClass(error)) ?? 'Error'
    const stack = read(error, 'stack')
    const encoded: EncodedError = {
      kind: 'error',
      className,
      name: textOf(read(error, 'name') ?? (prototypes.get(className) as Error | undefined)?.name ?? 'Error'),
      message: textOf(read(error, 'message') ?? ''),
      stack: typeof stack === 'string' ? stack : undefined,
      properties: Object.create(null) as Record<string, Encoded>,
    }
    this.#known.set(error, encoded)
    if (this.#depthLeft === 0) return encoded
    this.#depthLeft--
    const cause = attempt(() => Object.hasOwn(error, 'cause') && { value: error.cause })
    if (cause) encoded.cause = this.encode(cause.value)
    const list = attempt(() => listOf(read(error, 'errors')))
    if (list !== undefined) encoded.errors = list.map((each) => this.encode(each))
    this.#encodeProperties(error, encoded)
    this.#depthLeft++
    return encoded
  }

  #encodeProperties(error: Error, { className, properties }: EncodedError): void {
    const restored = prototypes.get(className)
    const source = error as unknown as Record<string, unknown>
    const inherited = restored === undefined ? [] : wellKnown.filter((key) => read(error, key) !== read(restored, key))
    for (const key of new Set([...(attempt(() => Object.keys(error)) ?? []), ...inherited])) {
      const found = ownWords.has(key) ? undefined : attempt(() => ({ value: source[key] }))
      if (found === undefined) continue
      const clone = isError(found.value) ? found : this.#clone(found.value)
      if ('value' in clone)
        properties[key] = isError(clone.value) ? this.encode(clone.value) : { kind: 'value', ...clone }
    }
  }

  /** The clone is sent, not the original: a getter may give something else the next time, or nothing. */
  #clone(value: unknown): { readonly value: unknown } | Uncloneable {
    const found = findUncloneable(value, '', [], this.#reach)
    if (found !== undefined) return found
    try {
      return { value: structuredClone(value) }
    } catch (error) {
      // `findUncloneable` has missed something: the engine's message, so that the error is sent in any case.
      return { path: '', what: `an object: ${textOf(error)}` }
    }
  }
}

function nearestClass(error: Error): string {
  if (attempt(() => Object.prototype.toString.call(error)) === '[object DOMException]') return 'DOMException'
  for (let each: unknown = error; each !== null; each = Object.getPrototypeOf(each)) {
    if (each === error) continue
    const { code, name, constructor } = ownValues(each as object)
    // Another package's class may have the same code or the same name, but hardly both.
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

/** Does not call the constructors of our errors: they have arguments of their own. */
function makeError(className: string, name: string, message: string): Error {
  if (className === 'DOMException') return new DOMException(message, name)
  const error = new Error(message)
  return Object.setPrototypeOf(error, prototypes.get(className) ?? Error.prototype) as Error
}

function isError(value: unknown): value is Error {
  // If a Proxy throws, a value with a message is taken for an error.
  const isOne = attempt(() => value instanceof Error || types.isNativeError(value))
  return isOne ?? typeof read(value as object, 'message') === 'string'
}

/** @returns `undefined` if it throws */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** @returns `undefined` for what can't be read */
function read(object: object, key: string): unknown {
  return attempt(() => (object as Record<string, unknown>)[key])
}

function listOf(value: unknown): unknown[] | undefined {
  if (!Array.isArray(value)) return undefined
  return Array.from({ length: value.length }, (_, index) => read(value, String(index)))
}
