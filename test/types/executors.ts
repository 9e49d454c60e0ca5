// Executors: what a task gives, and what it is given.
import {
  FutureController,
  InProcessExecutor,
  taskReference,
  type Executor,
  type Future,
  type Task,
  type TaskContext,
  type TaskReference,
} from '../../src/index.ts'
import { executorContract, ManualExecutor } from '../../src/testing/index.ts'
import { exactly } from './exactly.ts'

declare const executor: Executor
const module = new URL('file:///tasks.js')

export function submit(): void {
  exactly<Future<number>>()(executor.submit(() => 1))
  exactly<Future<string>>()(executor.submit(async () => 'text'))
  exactly<Future<void>>()(executor.submit(() => {}))
  executor.submit(
    ({ signal, onCancel }) => {
      exactly<AbortSignal>()(signal)
      onCancel((reason) => exactly<unknown>()(reason))
    },
    { priority: 1, group: 'a', maxPerGroup: 2, signal: AbortSignal.timeout(5) },
  )
  exactly<Future<number>>()(executor.submit(() => 1, { controller: new FutureController<number>() }))

  exactly<TaskReference<Uint8Array>>()(taskReference<Uint8Array>(module, 'resize', 1, 'a'))
  exactly<Future<Uint8Array>>()(executor.submit(taskReference<Uint8Array>(module, 'resize')))
  exactly<Future<unknown>>()(executor.submit(taskReference(module, 'resize')))
  exactly<Future<unknown>>()(executor.submit({ module: 'a-package', name: 'run', args: [1], transfer: [] }))
  exactly<Future<boolean>>()(new ManualExecutor().submit(() => true))

  // @ts-expect-error -- a promise is no task
  executor.submit(Promise.resolve(1))
  // @ts-expect-error -- a task has no other arguments
  executor.submit((context: TaskContext, n: number) => n)
  // @ts-expect-error -- an option nobody knows
  executor.submit(() => 1, { prio: 1 })
  // @ts-expect-error -- the controller is of another type
  executor.submit<string>(() => 'text', { controller: new FutureController<number>() })
  // @ts-expect-error -- the reference gives another type
  exactly<Future<string>>()(executor.submit(taskReference<number>(module, 'count')))
  // @ts-expect-error -- a reference needs the name of an export
  taskReference(module)
}

export async function construct(): Promise<void> {
  await using own: Executor = new InProcessExecutor({ maxWorkers: Infinity, rateLimit: { limit: 5, interval: 1_000 } })
  exactly<number>()(own.stats().pending)
  await own.shutdown({ wait: false, cancelPending: true, cancelRunning: true })
  for (const { title, run } of executorContract) await run(() => new InProcessExecutor()).catch(() => title)

  // @ts-expect-error -- a number
  new InProcessExecutor({ maxWorkers: '8' })
  // @ts-expect-error -- both are needed
  new InProcessExecutor({ rateLimit: { limit: 5 } })
  // @ts-expect-error -- an option nobody knows
  new InProcessExecutor({ concurrency: 8 })
}

/** Whoever writes one needs no more than this. */
export class TinyExecutor implements Executor {
  readonly maxWorkers = 1
  readonly isolated = false

  submit<T>(task: Task<T> | TaskReference<T>, options?: { controller?: FutureController<T> | undefined }): Future<T> {
    const { future } = options?.controller ?? new FutureController<T>()
    return typeof task === 'function' ? future : future
  }

  async shutdown(): Promise<void> {}

  stats(): ReturnType<Executor['stats']> {
    return { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }
}
