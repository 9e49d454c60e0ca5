import type { FutureController } from '../future/future-controller.ts'
import type { TaskContext } from './executor.ts'

/** What a task is told: its future knows. Functions are made when they are asked for: few tasks do. */
export class RunningContext implements TaskContext {
  readonly #controller: FutureController<unknown>

  constructor(controller: FutureController<unknown>) {
    this.#controller = controller
  }

  get signal(): AbortSignal {
    return this.#controller.future.signal
  }

  get onCancel(): TaskContext['onCancel'] {
    return (fn) => this.#controller.onCancel(fn)
  }
}
