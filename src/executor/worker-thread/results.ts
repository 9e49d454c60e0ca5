import type { MessagePort } from 'node:worker_threads'
import { findLargeBuffers } from '../../large-buffers.ts'
import { isPrimitive, type FromThread } from './messages.ts'

/** Brings results back to the parent. */
export class Results {
  readonly #port: MessagePort
  #waiting: unknown[] = []

  constructor(port: MessagePort) {
    this.#port = port
  }

  /**
   * At once.
   *
   * @throws {DOMException} a DataCloneError, or whatever a getter throws
   */
  send(id: number, value: unknown): void {
    const buffers = findLargeBuffers(value)
    if (buffers.length === 0) return this.#post([id, value])
    try {
      this.#post([id, value], buffers)
    } catch {
      // Some can't be moved (`markAsUntransferable`, WebAssembly memory), and nothing was.
      this.#post([id, value])
    }
  }

  /**
   * Together with others, for each message wakes the parent; but only if it has no identity, and so is cloned as it is now.
   *
   * @throws as `send`
   */
  add(id: number, value: unknown): void {
    if (isPrimitive(value)) this.#waiting.push(id, value)
    else this.send(id, value)
  }

  /** What was added. */
  flush(): void {
    if (this.#waiting.length === 0) return
    const results = this.#waiting
    this.#waiting = []
    this.#post(results)
  }

  #post(results: readonly unknown[], transfer?: readonly ArrayBuffer[]): void {
    const message: FromThread = { kind: 'fulfilled', results }
    this.#port.postMessage(message, transfer)
  }
}
