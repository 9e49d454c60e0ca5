import { FutureController, TaskNotCloneableError } from '../../src/index.ts'
import type { Executor, ExecutorStats, Future, SubmitOptions, Task, TaskContext } from '../../src/index.ts'
import { loadTaskReference, type TaskReference } from '../../src/task-reference.ts'

/** Somebody else's: it knows the contract, clones what it is given, and nothing of ours beyond that. */
export class CloningExecutor implements Executor {
  readonly maxWorkers = 4
  readonly isolated = true
  readonly submitted: TaskReference[] = []

  submit<T>(task: Task<T> | TaskReference<T>, { controller, signal }: SubmitOptions<T> = {}): Future<T> {
    if (typeof task === 'function') throw new TaskNotCloneableError('a function')
    const { module, name, args = [] } = task
    this.submitted.push(structuredClone({ module, name, args }))
    const own = controller ?? new FutureController<T>()
    signal?.addEventListener('abort', () => own.future.cancel(signal.reason))
    void Promise.resolve().then(() => this.#run(own, structuredClone({ module, name, args })))
    return own.future
  }

  async shutdown(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
  stats(): ExecutorStats {
    return { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
  }

  async #run(controller: FutureController<any>, task: TaskReference): Promise<void> {
    const { future } = controller
    if (!future.running() && !controller.start()) return
    const fn = await loadTaskReference(task)
    const context: TaskContext = { signal: future.signal, onCancel: (handler) => controller.onCancel(handler) }
    try {
      controller.resolve(structuredClone(await fn(...(task.args ?? []), context)))
    } catch (error) {
      controller.reject(error)
    }
  }
}
