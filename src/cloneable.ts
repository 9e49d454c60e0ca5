import { types } from 'node:util'
import { className, messageOf } from './checks.ts'
import { TaskNotCloneableError } from './errors.ts'
import { findUnmovable, isDetached } from './transfer-list.ts'

/** How far a value goes: to another thread, or to another process, which shares no memory. */
export type Reach = 'thread' | 'process'

/** What can't be cloned, and its path. */
export interface Uncloneable {
  readonly path: string
  readonly what: string
  /** It is in the transfer list. */
  readonly isListed?: boolean
}

/** Node 20 clones these to `{}`, later versions refuse some of them: they are useless without their private state. */
const shells = new Set(
  [
    'URL',
    'URLSearchParams',
    'Headers',
    'FormData',
    'Request',
    'Response',
    'AbortSignal',
    'AbortController',
    'Future',
  ].map((name) => `[object ${name}]`),
)

interface CloneableCheck {
  /** What was tried, for the message. */
  readonly tried?: string
  /** The names of the values in the path. @default `args[0]`, `args[1]`, ... */
  readonly names?: readonly string[] | undefined
  /** The parts of the values that are moved instead of cloned. */
  readonly transfer?: readonly unknown[]
  /** The engine's error. */
  readonly cause?: unknown
  /** @default 'thread' */
  readonly reach?: Reach
}

/** @throws {TaskNotCloneableError} something in the values can't leave this isolate */
export function checkCloneable(values: readonly unknown[], check: CloneableCheck = {}): void {
  const { tried = "Can't run the task in a worker thread", names, transfer = [], cause, reach } = check
  const unmovable = reach === 'process' || transfer.length === 0 ? undefined : findUnmovable(transfer)
  if (unmovable !== undefined) {
    const { index, what } = unmovable
    throw notCloneable(tried, { path: `transfer[${index}]`, what, isListed: true }, cause)
  }
  for (const [index, value] of values.entries()) {
    const found = findUncloneable(value, names?.[index] ?? `args[${index}]`, transfer, reach)
    if (found !== undefined) throw notCloneable(tried, found, cause)
  }
}

/**
 * @param found the place, if it is known
 * @param cause the engine's error, if there is one
 */
export function notCloneable(tried: string, found: Uncloneable | undefined, cause?: unknown): TaskNotCloneableError {
  const problem =
    found === undefined
      ? messageOf(cause)
      : `\`${found.path}\` is ${found.what}, which can't be ${found.isListed === true ? 'moved' : 'cloned'}`
  return new TaskNotCloneableError(`${tried}: ${problem} (README, "Executors: which one, when")`, {
    ...(found === undefined ? {} : { path: found.path }),
    ...(cause === undefined ? {} : { cause }),
  })
}

/**
 * Looks for what `structuredClone` refuses, without cloning. It may miss something exotic, which fails when the value is
 * posted.
 *
 * @param path of the value itself; '' if it has no name
 */
export function findUncloneable(
  value: unknown,
  path: string,
  transfer: readonly unknown[] = [],
  reach: Reach = 'thread',
): Uncloneable | undefined {
  try {
    const found = new Search(transfer, reach).inspect(value)
    if (found === undefined) return undefined
    return { what: found.what, path: (path + found.path).replace(/^\./, '') }
  } catch {
    // A getter that throws, or nesting deeper than the stack: posting the value will fail.
    return undefined
  }
}

class Search {
  readonly #transfer: readonly unknown[]
  readonly #isFar: boolean
  #seen: Set<object> | undefined

  constructor(transfer: readonly unknown[], reach: Reach) {
    this.#transfer = transfer
    this.#isFar = reach === 'process'
  }

  inspect(value: unknown): Uncloneable | undefined {
    if (typeof value === 'function') return { path: '', what: 'a function' }
    if (typeof value === 'symbol') return { path: '', what: 'a symbol' }
    if (typeof value !== 'object' || value === null) return undefined
    this.#seen ??= new Set()
    if (this.#seen.has(value) || (!this.#isFar && this.#transfer.includes(value))) return undefined
    this.#seen.add(value)
    if (types.isProxy(value)) return { path: '', what: 'a Proxy' }
    if (Array.isArray(value)) return this.#inspectArray(value)
    if (types.isAnyArrayBuffer(value)) return this.#inspectBuffer(value)
    if (ArrayBuffer.isView(value)) return this.#inspectBuffer(value.buffer)
    return this.#inspectObject(value)
  }

  #inspectBuffer(buffer: ArrayBufferLike): Uncloneable | undefined {
    if (isDetached(buffer)) return { path: '', what: 'a detached ArrayBuffer' }
    return this.#isFar && types.isSharedArrayBuffer(buffer) ? { path: '', what: 'a SharedArrayBuffer' } : undefined
  }

  #inspectObject(value: object): Uncloneable | undefined {
    const tag = Object.prototype.toString.call(value)
    if (this.#isFar && !isPortable(value, tag)) return { path: '', what: `a ${className(value)}` }
    if (tag === '[object Object]') {
      return isStream(value) ? { path: '', what: 'a stream' } : this.#inspectProperties(value)
    }
    if (types.isMap(value)) return this.#inspectMap(value)
    if (types.isSet(value)) return this.#inspectArray([...value], (index) => `.values()[${index}]`)
    if (shells.has(tag)) return { path: '', what: `a ${tag.slice(8, -1)}` }
    return isAccepted(value) ? undefined : this.#blame(value, tag)
  }

  /** The engine has refused the value: for something inside, or for what it is. */
  #blame(value: object, tag: string): Uncloneable | undefined {
    const found = this.#inspectProperties(value)
    // With a transfer list it may be something inside that will be moved.
    if (found !== undefined || this.#transfer.length > 0) return found
    return { path: '', what: `a ${tag.slice(8, -1)}` }
  }

  #inspectArray(values: readonly unknown[], step = (index: number) => `[${index}]`): Uncloneable | undefined {
    for (let index = 0; index < values.length; index++) {
      const found = this.inspect(values[index])
      if (found !== undefined) return { path: step(index) + found.path, what: found.what }
    }
    return undefined
  }

  #inspectMap(map: ReadonlyMap<unknown, unknown>): Uncloneable | undefined {
    const found = this.#inspectArray([...map.keys()], (index) => `.keys()[${index}]`)
    return found ?? this.#inspectArray([...map.values()], (index) => `.values()[${index}]`)
  }

  #inspectProperties(object: object): Uncloneable | undefined {
    for (const key of Object.keys(object)) {
      const found = this.inspect((object as Record<string, unknown>)[key])
      if (found !== undefined) return { path: pathStep(key) + found.path, what: found.what }
    }
    return undefined
  }
}

const portable = new Set(
  [
    'Array',
    'Map',
    'Set',
    'Date',
    'RegExp',
    'Error',
    'Boolean',
    'Number',
    'String',
    'BigInt',
    'Blob',
    'File',
    'Arguments',
  ].map((name) => `[object ${name}]`),
)

/** Classes that are pure data. Threads can share more (keys, ports, WebAssembly modules), but processes can't. */
function isPortable(value: object, tag: string): boolean {
  if (tag !== '[object Object]') return portable.has(tag) || types.isNativeError(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return !types.isKeyObject(value) && !types.isExternal(value)
}

function pathStep(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** Streams of Node, which would be cloned to their fields. */
function isStream(value: object): boolean {
  const { pipe, write, on } = value as Record<string, unknown>
  return typeof on === 'function' && (typeof pipe === 'function' || typeof write === 'function')
}

function isAccepted(value: object): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

/** Below so many bytes, copying is cheaper than moving. */
export const leastBytes = 64 * 1024
/** How many properties of a result are looked at. */
const mostEntries = 64

/**
 * The buffers of a task's result that are moved to the parent instead of copied: ArrayBuffers of 64 KiB or more that are the
 * result, or in it one level deep, by themselves or as typed arrays that span them. The task's own view of them is empty
 * afterwards; whoever wants to keep one calls `markAsUntransferable` of `node:worker_threads` on it.
 */
export function findLargeBuffers(result: unknown): ArrayBuffer[] {
  if (typeof result !== 'object' || result === null) return []
  const own = largeBuffer(result)
  if (own !== undefined) return [own]
  const found = new Set<ArrayBuffer>()
  for (const value of firstValues(result)) {
    const buffer = largeBuffer(value)
    if (buffer !== undefined) found.add(buffer)
  }
  return [...found]
}

function firstValues(object: object): unknown[] {
  if (Array.isArray(object)) return object.slice(0, mostEntries)
  if (ArrayBuffer.isView(object)) return []
  const keys = Object.keys(object).slice(0, mostEntries)
  return keys.map((key) => (object as Record<string, unknown>)[key])
}

function largeBuffer(value: unknown): ArrayBuffer | undefined {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value
  if (!types.isArrayBuffer(buffer) || buffer.byteLength < leastBytes) return undefined
  // Moving a partial view would send the whole buffer, and take it from others.
  return ArrayBuffer.isView(value) && value.byteLength !== buffer.byteLength ? undefined : buffer
}
