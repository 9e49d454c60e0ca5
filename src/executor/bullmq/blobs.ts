import { types } from 'node:util'

/** A Blob whose bytes were read. It is a view, because the serializer hands views to us, but no Blobs. */
export class BlobBytes extends Uint8Array<ArrayBuffer> {
  type = ''
}

/**
 * Reads the Blobs in a value: `encodeValue` is synchronous and can't.
 *
 * @returns the same value, at once, if there are none; else a copy to encode
 */
export function readBlobs(value: unknown): unknown {
  const found = findBlobs(value)
  return found.size === 0 ? value : readAll(value, found)
}

export function hasBlobs(value: unknown): boolean {
  return findBlobs(value).size > 0
}

function findBlobs(value: unknown): Map<Blob, BlobBytes> {
  const found = new Map<Blob, BlobBytes>()
  find(value, found, new Set())
  return found
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

/** Copies objects that may hold Blobs. */
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
  // Without a prototype: `__proto__` is a name like others.
  const copy = Object.create(null) as Record<string, unknown>
  copies.set(value, copy)
  for (const key of Object.keys(value)) copy[key] = next((value as Record<string, unknown>)[key])
  return copy
}
