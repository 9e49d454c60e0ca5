import { Deserializer, Serializer } from 'node:v8'
import { types } from 'node:util'
import { BlobBytes } from './blobs.ts'

type View = ArrayBufferView
type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => View

/** The order never changes: their indexes are sent. */
const viewNames = [
  ...['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array'],
  ...['Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array', 'DataView', 'Float16Array'],
]
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
/** Copies bytes, without the rest of their buffer. */
const bytesTag = 100
const blobTag = 101

/** The structured clone as bytes. All versions of Node from 20 on read each other's. */
class ValueEncoder extends Serializer {
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
    // Buffers are slices of a pool, whose other bytes must not be sent.
    if (Buffer.isBuffer(value)) {
      this.writeUint32(bytesTag)
      return this.#writeBytes(value)
    }
    if (types.isSharedArrayBuffer(value.buffer)) throw new Error('#<SharedArrayBuffer> could not be cloned.')
    this.writeUint32(viewNames.indexOf(viewName(value)))
    this.writeUint32(value.byteOffset)
    this.writeUint32(value.byteLength)
    // The buffer as a value, so that views that share memory share it on the other side.
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

  /** A copy, because what is read is a view of the whole message, which its `buffer` would show. */
  #readBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.readRawBytes(this.readUint32()))
  }
}

/** @throws {Error} something in there can't be cloned */
export function encodeValue(value: unknown): Buffer {
  const encoder = new ValueEncoder()
  encoder.writeValue(value)
  return encoder.releaseBuffer()
}

/** @throws {Error} the bytes are no encoded value */
export function decodeValue(bytes: Uint8Array): unknown {
  return new Decoder(bytes).readValue()
}

/** Of what it is derived from, whatever a class says of itself. */
function viewName(view: View): string {
  return types.isDataView(view) ? 'DataView' : String(Reflect.get(typedArray, Symbol.toStringTag, view))
}
