import { AsyncResource } from 'node:async_hooks'
import { FutureController, QueueFullError, type Executor, type Future } from '../../src/index.ts'
import type { ExecutorStats, SubmitOptions, Task } from '../../src/executor/executor.ts'

/** Somebody else's executor, by hand: so many at work, so many that wait, and the next attempt of a request counts like any task. */
export class NarrowExecutor implements Executor {
  readonly maxWorkers: number
  readonly isolated = false
  readonly #maxQueue: number
  readonly #waiting: (() => void)[] = []
  #running = 0
  /** How often it was full. */
  refusals = 0

  constructor(maxWorkers: number, maxQueue: number) {
    this.maxWorkers = maxWorkers
    this.#maxQueue = maxQueue
  }

  submit<T>(task: Task<T>, { controller = new FutureController<T>(), signal }: SubmitOptions<T> = {}): Future<T> {
    if (this.#waiting.length >= this.#maxQueue) {
      this.refusals++
      throw new QueueFullError('narrow')
    }
    const context = { signal: controller.future.signal, onCancel: controller.onCancel.bind(controller) }
    const run = async (): Promise<void> => {
      if (!controller.future.running() && !controller.start()) return
      this.#running++
      try {
        const value = await task(context)
        if (!controller.future.done()) controller.resolve(value)
      } catch (error) {
        if (!controller.future.done()) controller.reject(error)
      }
      this.#running--
      this.#next()
    }
    signal?.addEventListener('abort', () => controller.future.cancel(signal.reason))
    this.#waiting.push(AsyncResource.bind(() => void run()))
    queueMicrotask(() => this.#next())
    return controller.future
  }

  stats(): ExecutorStats {
    return { pending: this.#waiting.length, running: this.#running, fulfilled: 0, rejected: 0, cancelled: 0 }
  }

  async shutdown(): Promise<void> {
    // Nothing to end.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  #next(): void {
    while (this.#running < this.maxWorkers && this.#waiting.length > 0) this.#waiting.shift()?.()
  }
}
