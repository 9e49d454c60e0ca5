import { FutureController } from '../../future/future-controller.ts'
import type { RemoteContext, SharedCopy } from '../remote.ts'

/**
 * What a task elsewhere is told, and what it says while it runs. Functions are made when they are asked for, so that they work
 * without the object: few tasks ask.
 */
export abstract class TaskContextBase implements RemoteContext {
  abstract readonly shared: readonly SharedCopy[]
  abstract readonly post: RemoteContext['post']
  /** Of a future that nobody holds: it knows how to tell of a cancellation. Made for those who want to hear of one. */
  #controllerMade: FutureController<never> | undefined
  #listener: ((message: unknown) => void) | undefined
  #unheard: unknown[] = []

  get signal(): AbortSignal {
    return this.#controller.future.signal
  }

  get onCancel(): RemoteContext['onCancel'] {
    return (fn) => this.#controller.onCancel(fn)
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

  get #controller(): FutureController<never> {
    return (this.#controllerMade ??= new FutureController())
  }
}
