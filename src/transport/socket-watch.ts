import diagnostics from 'node:diagnostics_channel'
import net from 'node:net'
import type { Socket } from 'node:net'

/** Told of the end of a socket before undici is: its parser must not be paused by then, or it drops bytes. */
export interface SocketListener {
  /** Takes what the socket has received, which is lost otherwise. @returns whether the body is still incomplete */
  takeRest(): boolean
  /** Set by the watch if the socket does not end by FIN. */
  loss: Error | undefined
}

const watches = new WeakMap<Socket, SocketWatch>()

/** @returns stops watching */
export function watchSocket(socket: Socket, listener: SocketListener): () => void {
  let watch = watches.get(socket)
  if (watch === undefined) watches.set(socket, (watch = new SocketWatch(socket)))
  const { listeners } = watch
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/**
 * Tells a reset from a FIN. Up to Node 22, libuv reports the end of a connection that was reset before its last bytes were
 * read (in `uv__stream_io`). An empty write sends nothing, but makes the system report ECONNRESET, or EPIPE after a FIN.
 * Below TLS nothing can be written; there, a connection that was reset has no peer address any more.
 *
 * @param socket a socket that has just ended
 * @returns the error that it should have failed with; `undefined` after a FIN
 */
function resetOf(socket: Socket): Error | undefined {
  if (!(socket instanceof net.Socket)) return undefined
  if ('encrypted' in socket) {
    const isReset = socket.localAddress !== undefined && socket.remoteAddress === undefined
    return isReset ? connectionReset() : undefined
  }
  // With pending writes, an empty one would have to wait.
  if (socket.writable && socket.writableLength === 0) socket.write('')
  const error: NodeJS.ErrnoException | null = socket.errored
  return error?.code === 'ECONNRESET' ? error : undefined
}

/** The error that Node makes. */
function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
}

/** Where undici publishes, for every request, the socket that it is written to. */
const sendHeadersChannel = 'undici:client:sendHeaders'

/**
 * Watches the socket of the request that a caller's dispatcher is about to write, which undici publishes before it returns.
 * A mock, or HTTP/2, publishes none.
 * @returns stops watching
 */
export function watchNextSocket(listener: SocketListener): () => void {
  let end: (() => void) | undefined
  const onSent = (message: unknown): void => {
    stop()
    const { socket, headers } = message as { socket: Socket; headers: unknown }
    if (String(headers).includes(' HTTP/1.1\r\n')) end = watchSocket(socket, listener)
  }
  const stop = (): void => void diagnostics.unsubscribe(sendHeadersChannel, onSent)
  diagnostics.subscribe(sendHeadersChannel, onSent)
  queueMicrotask(stop)
  return () => {
    stop()
    end?.()
  }
}

/**
 * Tells the listeners of a socket's end. It replaces `destroy`, because no event is early enough: once a socket is
 * destroyed, undici's parser refuses the bytes that it still holds.
 */
class SocketWatch {
  readonly listeners = new Set<SocketListener>()
  #isBeingLost = false

  constructor(socket: Socket) {
    socket.prependListener('end', () => {
      for (const listener of this.listeners) if (listener.takeRest()) listener.loss = resetOf(socket)
    })
    const destroy = socket.destroy.bind(socket)
    socket.destroy = (reason) => {
      // Node and undici call `destroy` again when the listeners have read what is left.
      if (this.#isBeingLost) return socket
      if (!socket.destroyed) this.#tellLoss(reason ?? connectionReset())
      return destroy(reason)
    }
  }

  #tellLoss(reason: Error): void {
    this.#isBeingLost = true
    for (const listener of this.listeners) {
      listener.takeRest()
      listener.loss ??= reason
    }
    this.#isBeingLost = false
  }
}
