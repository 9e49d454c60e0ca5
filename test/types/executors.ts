// Executors: what a task gives, and what it is given.
import {
  FutureController,
  FuturesSession,
  InProcessExecutor,
  taskReference,
  WorkerThreadExecutor,
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

// eslint-disable-next-line @typescript-eslint/consistent-type-imports -- so it is written where it is used
type Tasks = typeof import('./task-module.ts')

/** By the type of a module: the name, the arguments that are not filled in, the result. */
export function references(): void {
  exactly<TaskReference<number>>()(taskReference<Tasks>(module, 'sum', 1, 2))
  exactly<TaskReference<string>>()(taskReference<Tasks>(module, 'greet', 'you'))
  exactly<TaskReference<string>>()(taskReference<Tasks>('a-package', 'greet', 'you', true))
  exactly<TaskReference<Uint8Array>>()(taskReference<Tasks>(module, 'draw', 5))
  exactly<TaskReference<boolean>>()(taskReference<Tasks>(module, 'default'))
  exactly<Future<number>>()(executor.submit(taskReference<Tasks>(module, 'sum', 1, 2)))
  new FuturesSession({
    hooks: {
      response: [taskReference<Tasks>(module, 'label', 'a'), taskReference<Tasks>(module, 'mark', 'a')],
      error: taskReference<Tasks>(module, 'report', 'a'),
    },
    auth: taskReference<Tasks>(module, 'refresh', 'token'),
    executor: new WorkerThreadExecutor({ initializer: taskReference<Tasks>(module, 'setUp', './data') }),
  })

  // @ts-expect-error -- no such function
  taskReference<Tasks>(module, 'add', 1, 2)
  // @ts-expect-error -- no function
  taskReference<Tasks>(module, 'version')
  // @ts-expect-error -- a class
  taskReference<Tasks>(module, 'Helper')
  // @ts-expect-error -- one is missing
  taskReference<Tasks>(module, 'sum', 1)
  // @ts-expect-error -- one too many: the context is the executor's to give
  taskReference<Tasks>(module, 'draw', 5, {})
  // @ts-expect-error -- of another type
  taskReference<Tasks>(module, 'sum', 1, '2')
  // @ts-expect-error -- the session gives the response
  taskReference<Tasks>(module, 'label', 'a', 'b')
}

/** By the type of the result, whatever methods that has; and by what is expected. */
export function untyped(): void {
  exactly<TaskReference<string[]>>()(taskReference<string[]>(module, 'filter', 1))
  exactly<TaskReference<Map<string, Date>>>()(taskReference<Map<string, Date>>(module, 'get'))
  exactly<TaskReference<{ id: number } | undefined>>()(taskReference<{ id: number } | undefined>(module, 'find', 'a'))
  exactly<TaskReference>()(taskReference(module, 'run', 1))
  const expected: TaskReference<string> = taskReference(module, 'run', 1)
  exactly<TaskReference<string>>()(expected)
}

export const wrap = <T>(name: string, ...args: unknown[]): TaskReference<T> =>
  taskReference(module, name, ...args) as TaskReference<T>

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

type ExecutorMember = 'maxWorkers' | 'isolated' | 'submit' | 'shutdown' | 'stats'
type NamedMember<T> = Exclude<keyof T, symbol>

/** Members with names: a member more is a change of the contract. */
export function members(): void {
  exactly<ExecutorMember>()({} as NamedMember<Executor>)
  exactly<ExecutorMember | 'pause' | 'resume' | 'onIdle'>()({} as NamedMember<InProcessExecutor>)
  exactly<ExecutorMember | 'threads'>()({} as NamedMember<WorkerThreadExecutor>)
  exactly<ExecutorMember | 'runNext' | 'runAll'>()({} as NamedMember<ManualExecutor>)
}
