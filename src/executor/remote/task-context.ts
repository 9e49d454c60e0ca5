import { FutureController } from '../../future/future-controller.ts'
import type { RemoteContext, SharedCopy } from '../remote.ts'

/**
 * The context of a task in another thread or process. Its getters make functions, so that they work when they are
 * destructured and cost nothing when they are not used.
 */
export abstract class TaskContextBase implements RemoteContext {
  abstract readonly shared: readonly SharedCopy[]
  abstract readonly post: RemoteContext['post']
  /** Brings `signal` and `onCancel`, by a future that nobody else holds. Made on first use. */
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
