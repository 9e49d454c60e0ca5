import { types } from 'node:util'

type Port = InstanceType<typeof MessagePort>

/** What of a transfer list can't be moved, and at which place it stands. */
export interface Unmovable {
  readonly index: number
  readonly what: string
}

/**
 * Looks for what is known to be refused when a list is posted, without moving anything, and for buffers that are detached:
 * Node 20 moves those once more, and they arrive empty. It may miss something; that shows when the list is posted.
 */
export function findUnmovable(transfer: readonly unknown[]): Unmovable | undefined {
  for (const [index, value] of transfer.entries()) {
    const what = transfer.indexOf(value) < index ? 'listed twice' : blame(value)
    if (what !== undefined) return { index, what }
  }
  return undefined
}

/** It has no bytes any more: they were moved to somebody else. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0 || !types.isArrayBuffer(buffer)) return false
  try {
    // `ArrayBuffer.prototype.detached` comes with Node 21.
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

function blame(value: unknown): string | undefined {
  try {
    if (types.isArrayBuffer(value)) return isDetached(value) ? 'an ArrayBuffer that was moved before' : undefined
    if (value instanceof MessagePort)
      return isClosed(value) ? 'a MessagePort that is closed, or was moved before' : undefined
    if (isLocked(value)) return 'a stream that somebody reads or writes, or that was moved before'
    // What a FileHandle has that was closed, or moved.
    return (value as { fd?: unknown } | null)?.fd === -1
      ? 'a FileHandle that is closed, or was moved before'
      : undefined
  } catch {
    // A Proxy, a getter that throws.
    return undefined
  }
}

function isLocked(value: unknown): boolean {
  if (value instanceof TransformStream) return value.readable.locked || value.writable.locked
  return (value instanceof ReadableStream || value instanceof WritableStream) && value.locked
}

/** Node does not say so by itself. A list with the same port twice is always refused; of a closed one, for that. */
function isClosed(port: Port): boolean {
  const by = new MessageChannel()
  const open = new MessageChannel()
  const refusalOf = (each: Port): unknown => {
    try {
      by.port1.postMessage(null, [each, each])
      return
    } catch (error) {
      return (error as Error).message
    }
  }
  const isRefused = refusalOf(port) !== refusalOf(open.port1)
  by.port1.close()
  open.port1.close()
  return isRefused
}
