import { Deserializer, Serializer } from 'node:v8'
import { types } from 'node:util'

type View = ArrayBufferView
type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => View

/** In an order that never changes: their places cross. */
const viewNames = [
  ...['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array'],
  ...['Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array', 'DataView', 'Float16Array'],
]
/** Bytes by themselves, without the memory that they are a window on. */
const bytesTag = 100
const blobTag = 101

/** A Blob whose bytes were read. Being a view, it is handed to us by the serializer, which knows no Blobs. */
class BlobBytes extends Uint8Array<ArrayBuffer> {
  type = ''
}

/** The structured clone as bytes. Node 20 and later read each other. */
class Encoder extends Serializer {
  declare _setTreatArrayBufferViewsAsHostObjects: (value: boolean) => void
  readonly _getDataCloneError = Error

  constructor() {
    super()
    this._setTreatArrayBufferViewsAsHostObjects(true)
    this.writeHeader()
  }

  _writeHostObject(value: object): void {
    if (!ArrayBuffer.isView(value)) throw new Error(`${Object.prototype.toString.call(value)} could not be cloned.`)
    if (value instanceof BlobBytes) {
      this.writeUint32(blobTag)
      this.writeValue(value.type)
      return this.#writeBytes(value)
    }
    // Buffers are cut from a pool: what else lies there is nobody's business.
    if (Buffer.isBuffer(value)) {
      this.writeUint32(bytesTag)
      return this.#writeBytes(value)
    }
    const type = viewNames.indexOf(viewName(value))
    if (types.isSharedArrayBuffer(value.buffer) || type < 0)
      throw new Error('#<SharedArrayBuffer> could not be cloned.')
    this.writeUint32(type)
    this.writeUint32(value.byteOffset)
    this.writeUint32(value.byteLength)
    // As a value: views of the same memory are views of the same memory on the other side.
    this.writeValue(value.buffer)
  }

  #writeBytes(bytes: Uint8Array): void {
    this.writeUint32(bytes.byteLength)
    this.writeRawBytes(bytes)
  }
}

class Decoder extends Deserializer {
  constructor(bytes: Uint8Array) {
    super(bytes)
    this.readHeader()
  }

  _readHostObject(): unknown {
    const type = this.readUint32()
    if (type === blobTag) {
      const blobType = this.readValue() as string
      return new Blob([this.#readBytes()], { type: blobType })
    }
    if (type === bytesTag) return this.#readBytes()
    const name = viewNames[type]
    const offset = this.readUint32()
    const length = this.readUint32()
    const buffer = this.readValue() as ArrayBuffer
    const constructor = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[String(name)]
    if (constructor === undefined) throw new TypeError(`This Node has no ${name}`)
    const { BYTES_PER_ELEMENT = 1 } = constructor as { BYTES_PER_ELEMENT?: number }
    return new constructor(buffer, offset, length / BYTES_PER_ELEMENT)
  }

  /** A copy: what is read is a window on the whole message, and who looks at its `buffer` would see that. */
  #readBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.readRawBytes(this.readUint32()))
  }
}

/** @throws {Error} something in there can't be cloned */
export function encodeValue(value: unknown): Buffer {
  const encoder = new Encoder()
  encoder.writeValue(value)
  return encoder.releaseBuffer()
}

/** @throws {Error} that is no value */
export function decodeValue(bytes: Uint8Array): unknown {
  return new Decoder(bytes).readValue()
}

/**
 * Reads the Blobs in there, which `encodeValue` can't do by itself.
 *
 * @returns the same value, at once, if there are none; else a copy to encode
 */
export function readBlobs(value: unknown): unknown {
  const found = new Map<Blob, BlobBytes>()
  find(value, found, new Set())
  return found.size === 0 ? value : readAll(value, found)
}

async function readAll(value: unknown, found: Map<Blob, BlobBytes>): Promise<unknown> {
  const read = async (blob: Blob): Promise<void> => {
    const bytes = new BlobBytes(await blob.arrayBuffer())
    bytes.type = blob.type
    found.set(blob, bytes)
  }
  await Promise.all([...found.keys()].map(read))
  return replace(value, found, new Map())
}

function find(value: unknown, found: Map<Blob, BlobBytes>, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return
  if (value instanceof Blob) return void found.set(value, new BlobBytes(new ArrayBuffer(0)))
  seen.add(value)
  if (types.isMap(value)) for (const pair of value) find(pair, found, seen)
  else if (types.isSet(value)) for (const each of value) find(each, found, seen)
  else for (const key of Object.keys(value)) find((value as Record<string, unknown>)[key], found, seen)
}

/** Copies what may hold Blobs. */
function replace(value: unknown, found: ReadonlyMap<Blob, BlobBytes>, copies: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Blob) return found.get(value)
  if (copies.has(value)) return copies.get(value)
  const next = (each: unknown): unknown => replace(each, found, copies)
  if (types.isMap(value)) {
    const copy = new Map<unknown, unknown>()
    copies.set(value, copy)
    for (const [key, each] of value) copy.set(next(key), next(each))
    return copy
  }
  if (types.isSet(value)) {
    const copy = new Set<unknown>()
    copies.set(value, copy)
    for (const each of value) copy.add(next(each))
    return copy
  }
  if (Array.isArray(value)) {
    const copy: unknown[] = []
    copies.set(value, copy)
    for (const each of value) copy.push(next(each))
    return copy
  }
  if (Object.prototype.toString.call(value) !== '[object Object]') return value
  const copy: Record<string, unknown> = {}
  copies.set(value, copy)
  for (const key of Object.keys(value)) copy[key] = next((value as Record<string, unknown>)[key])
  return copy
}

function viewName(view: View): string {
  const tag = Object.prototype.toString.call(view)
  return tag.slice('[object '.length, -1)
}
