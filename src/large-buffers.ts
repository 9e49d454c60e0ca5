import { types } from 'node:util'

/** Below this, copying is cheaper than moving. */
export const leastBytes = 64 * 1024
/** How many properties of a result are looked at. */
const mostEntries = 64

/**
 * What of a task's result is moved to the parent instead of copied: ArrayBuffers of 64 KiB or more that are the result, or
 * stand in it one level deep, by themselves or as typed arrays that span them. The task's own view of them is empty
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
  // A view of a part: moving would send the whole, and take it from others.
  return ArrayBuffer.isView(value) && value.byteLength !== buffer.byteLength ? undefined : buffer
}
