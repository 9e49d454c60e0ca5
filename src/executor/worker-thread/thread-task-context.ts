import type { MessagePort, Transferable } from 'node:worker_threads'
import { findLargeBuffers } from '../../cloneable.ts'
import type { RemoteContext, SharedCopy } from '../remote.ts'
import { TaskContextBase } from '../remote/task-context.ts'
import { type FromThread, isPrimitive } from './messages.ts'

/** The context of a task in a thread. */
export class ThreadTaskContext extends TaskContextBase {
  readonly id: number
  readonly shared: readonly SharedCopy[]
  /** Whether its function has been called. */
  hasBegun = false
  readonly #port: MessagePort
  #isOver = false

  constructor(port: MessagePort, id: number, shared: readonly SharedCopy[]) {
    super()
    this.#port = port
    this.id = id
    this.shared = shared
  }

  get post(): RemoteContext['post'] {
    return (message, transfer) => {
      if (this.#isOver) return
      const said: FromThread = { kind: 'message', id: this.id, message }
      this.#port.postMessage(said, transfer as readonly Transferable[] | undefined)
    }
  }

  /** @internal */
  end(): void {
    this.#isOver = true
  }
}

/** Sends results to the parent. */
export class ResultSender {
  readonly #port: MessagePort
  #waiting: unknown[] = []

  constructor(port: MessagePort) {
    this.#port = port
  }

  /**
   * Sends a result at once.
   *
   * @throws {DOMException} a DataCloneError, or whatever a getter throws
   */
  send(id: number, value: unknown): void {
    const buffers = findLargeBuffers(value)
    if (buffers.length === 0) return this.#post([id, value])
    try {
      this.#post([id, value], buffers)
    } catch {
      // Some can't be transferred (`markAsUntransferable`, WebAssembly memory): none was.
      this.#post([id, value])
    }
  }

  /**
   * Sends a primitive together with others at the next `flush`, because each message wakes the parent; all else at once, as
   * it is now.
   *
   * @throws as `send`
   */
  add(id: number, value: unknown): void {
    if (isPrimitive(value)) this.#waiting.push(id, value)
    else this.send(id, value)
  }

  /** Sends what was added. */
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
