import { TaskNotCloneableError } from '../../src/errors.ts'
import type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task } from '../../src/executor/executor.ts'
import type { Future } from '../../src/future/future.ts'
import type { TaskReference } from '../../src/task-reference.ts'
import { SelfRunningExecutor } from './self-running-executor.ts'

/** Takes only what could leave the isolate, and clones it, but runs it here. */
export class PretendIsolatedExecutor implements Executor {
  readonly isolated = true
  readonly maxWorkers: number
  readonly #inner: SelfRunningExecutor

  constructor({ maxWorkers }: { maxWorkers: number }) {
    this.maxWorkers = maxWorkers
    this.#inner = new SelfRunningExecutor({ maxWorkers })
  }

  submit<T>(task: Task<T> | TaskReference<T>, options?: SubmitOptions<T>): Future<T> {
    if (typeof task === 'function') throw new TaskNotCloneableError('A function')
    const path = findFunction(task.args ?? [], '')
    if (path !== undefined) throw new TaskNotCloneableError(`A function at ${path}`, { path })
    return this.#inner.submit(structuredClone(task), options)
  }

  shutdown(options?: ShutdownOptions): Promise<void> {
    return this.#inner.shutdown(options)
  }

  stats(): ExecutorStats {
    return this.#inner.stats()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }
}

function findFunction(value: unknown, path: string): string | undefined {
  if (typeof value === 'function') return path
  if (typeof value !== 'object' || value === null || value instanceof SharedArrayBuffer) return undefined
  for (const [key, each] of Object.entries(value)) {
    const found = findFunction(each, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}
