import type { MessagePort, Transferable } from 'node:worker_threads'
import type { RemoteContext, SharedCopy } from '../remote.ts'
import { TaskContextBase } from '../remote/task-context.ts'
import type { FromThread } from './messages.ts'

/** What a task in a thread is told, and what it says while it runs. */
export class ThreadTaskContext extends TaskContextBase {
  readonly id: number
  readonly shared: readonly SharedCopy[]
  /** Its function has been called. */
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
