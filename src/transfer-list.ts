import { types } from 'node:util'

type Port = InstanceType<typeof MessagePort>

/** What in a transfer list can't be moved, and its index. */
export interface Unmovable {
  readonly index: number
  readonly what: string
}

/**
 * Looks for what can't be moved, without moving anything: also for detached buffers, which Node 20 would send again, empty.
 * It may miss something, which fails when the list is posted.
 */
export function findUnmovable(transfer: readonly unknown[]): Unmovable | undefined {
  for (const [index, value] of transfer.entries()) {
    const what = transfer.indexOf(value) < index ? 'listed twice' : blame(value)
    if (what !== undefined) return { index, what }
  }
  return undefined
}

/** Whether the buffer was moved elsewhere. */
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
    // The `fd` of a FileHandle that was closed or moved.
    return (value as { fd?: unknown } | null)?.fd === -1
      ? 'a FileHandle that is closed, or was moved before'
      : undefined
  } catch {
    // A getter or a Proxy may throw.
    return undefined
  }
}

function isLocked(value: unknown): boolean {
  if (value instanceof TransformStream) return value.readable.locked || value.writable.locked
  return (value instanceof ReadableStream || value instanceof WritableStream) && value.locked
}

/** Whether a port is closed, which Node does not tell: it refuses a list with a port twice, and for a closed port it says so. */
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
