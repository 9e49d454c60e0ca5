import type { FutureController } from '../future/future-controller.ts'
import type { TaskContext } from './executor.ts'

/** What a task is told: its future knows. */
export class RunningContext implements TaskContext {
  readonly #controller: FutureController<unknown>

  constructor(controller: FutureController<unknown>) {
    this.#controller = controller
  }

  get signal(): AbortSignal {
    return this.#controller.future.signal
  }

  onCancel(fn: (reason: unknown) => void): void {
    this.#controller.onCancel(fn)
  }
}
