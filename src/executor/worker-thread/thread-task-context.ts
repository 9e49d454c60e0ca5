import type { MessagePort, Transferable } from 'node:worker_threads'
import { FutureController } from '../../future/future-controller.ts'
import type { RemoteContext, SharedCopy } from '../remote.ts'
import type { FromThread } from './messages.ts'

/**
 * What a task in a thread is told, and what it says while it runs. Functions are made when they are asked for, so that they
 * work without the object: few tasks ask.
 */
export class ThreadTaskContext implements RemoteContext {
  readonly id: number
  readonly shared: readonly SharedCopy[]
  /** Its function has been called. */
  hasBegun = false
  readonly #port: MessagePort
  /** Of a future that nobody holds: it knows how to tell of a cancellation. Made for those who want to hear of one. */
  #controllerMade: FutureController<never> | undefined
  #listener: ((message: unknown) => void) | undefined
  #unheard: unknown[] = []
  #isOver = false

  constructor(port: MessagePort, id: number, shared: readonly SharedCopy[]) {
    this.#port = port
    this.id = id
    this.shared = shared
  }

  get signal(): AbortSignal {
    return this.#controller.future.signal
  }

  get onCancel(): RemoteContext['onCancel'] {
    return (fn) => this.#controller.onCancel(fn)
  }

  get post(): RemoteContext['post'] {
    return (message, transfer) => {
      if (this.#isOver) return
      const said: FromThread = { kind: 'message', id: this.id, message }
      this.#port.postMessage(said, transfer as readonly Transferable[] | undefined)
    }
  }

  get onMessage(): RemoteContext['onMessage'] {
    return (fn) => {
      this.#listener = fn
      const messages = this.#unheard
      this.#unheard = []
      for (const each of messages) fn(each)
    }
  }

  /** @internal */
  handleMessage(message: unknown): void {
    if (this.#listener === undefined) this.#unheard.push(message)
    else this.#listener(message)
  }

  /** @internal */
  get isAborted(): boolean {
    return this.#controllerMade?.future.cancelled() === true
  }

  /** @internal */
  abort(reason: unknown): void {
    this.#controller.future.cancel(reason)
  }

  /** @internal */
  end(): void {
    this.#isOver = true
  }

  get #controller(): FutureController<never> {
    return (this.#controllerMade ??= new FutureController())
  }
}
