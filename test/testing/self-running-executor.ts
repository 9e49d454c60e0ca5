import type { SubmitOptions, Task } from '../../src/executor/executor.ts'
import type { Future } from '../../src/future/future.ts'
import type { TaskReference } from '../../src/task-reference.ts'
import { ManualExecutor } from '../../src/testing/index.ts'

/** A ManualExecutor that is told to run everything, always. */
export class SelfRunningExecutor extends ManualExecutor {
  override submit<T>(work: Task<T> | TaskReference<T>, options?: SubmitOptions<T>): Future<T> {
    const future = super.submit(work, options)
    void this.runAll()
    return future
  }
}
