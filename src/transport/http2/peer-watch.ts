import type { Socket } from 'node:net'
import { Deadline } from '../../deadline.ts'

/** Milliseconds between two looks. */
const interval = 1_000

/**
 * Ends a socket whose peer has reset it. Once a write below TLS has failed, Node (up to 26) finishes no further one, and an
 * HTTP/2 session reads nothing while it writes: the reset would never be seen. The system knows that there is no peer any more.
 */
export class PeerWatch {
  readonly #socket: Socket
  /** Those of other kinds (Unix, a caller's own) have none. */
  readonly #hadPeer: boolean
  #deadline: Deadline | undefined = undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.#hadPeer = socket.remoteAddress !== undefined
  }

  /** @param isBusy whether to go on, asked before each look */
  start(isBusy: () => boolean): void {
    if (!this.#hadPeer || this.#deadline !== undefined) return
    this.#deadline = new Deadline(interval, () => {
      this.#deadline = undefined
      if (!isBusy() || this.#socket.destroyed) return
      if (this.#hasPeer()) this.start(isBusy)
      else this.#socket.destroy(Object.assign(new Error('The connection was reset'), { code: 'ECONNRESET' }))
    }).unref()
  }

  stop(): void {
    this.#deadline?.clear()
  }

  #hasPeer(): boolean {
    // Where Node remembers the address.
    Reflect.deleteProperty(this.#socket, '_peername')
    return this.#socket.remoteAddress !== undefined
  }
}
