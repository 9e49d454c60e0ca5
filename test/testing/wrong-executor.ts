import type { Executor, ShutdownOptions, SubmitOptions, Task, TaskContext } from '../../src/executor/executor.ts'
import type { Future } from '../../src/future/future.ts'
import { SelfRunningExecutor } from './self-running-executor.ts'

/** An executor that breaks one promise, and the case of the contract that must notice. */
export interface WrongExecutor {
  readonly flaw: string
  readonly noticedBy: string
  /** Its errors come where nobody can catch them: it is not to be run beside others. */
  readonly isLoud: boolean
  create(): Executor
}

type Overrides = Partial<Omit<Executor, 'submit'>> & {
  submit?(task: any, options?: SubmitOptions<any>): Future<any>
}

/** A right executor, but for what `overrides` says. */
export function wrong(
  flaw: string,
  noticedBy: string,
  override: (inner: SelfRunningExecutor) => Overrides,
  { maxWorkers = 2, innerWorkers = 2, isLoud = false } = {},
): WrongExecutor {
  const create = (): Executor => {
    const inner = new SelfRunningExecutor({ maxWorkers: innerWorkers })
    const executor: Executor = {
      maxWorkers,
      isolated: false,
      submit: (task, options) => inner.submit(task, options),
      shutdown: (options) => inner.shutdown(options),
      stats: () => inner.stats(),
      [Symbol.asyncDispose]: () => executor.shutdown(),
      ...(override(inner) as Partial<Executor>),
    }
    return executor
  }
  return { flaw, noticedBy, isLoud, create }
}

/** Runs the task in another way; task references are left alone. */
export function wrongRun(
  flaw: string,
  noticedBy: string,
  run: (task: Task<unknown>, context: TaskContext, options: SubmitOptions) => unknown,
): WrongExecutor {
  return wrong(flaw, noticedBy, (inner) => ({
    submit: (task, options = {}) =>
      inner.submit(
        typeof task === 'function' ? (context) => run(task as Task<unknown>, context, options) : task,
        options,
      ),
  }))
}

/** Changes the options of submit(). */
export function wrongOptions(
  flaw: string,
  noticedBy: string,
  change: (options: SubmitOptions<any>) => SubmitOptions<any>,
): WrongExecutor {
  return wrong(flaw, noticedBy, (inner) => ({ submit: (task, options = {}) => inner.submit(task, change(options)) }))
}

/** Changes the options of shutdown(). */
export function wrongShutdown(
  flaw: string,
  noticedBy: string,
  change: (options: ShutdownOptions) => ShutdownOptions,
): WrongExecutor {
  return wrong(flaw, noticedBy, (inner) => ({ shutdown: (options = {}) => inner.shutdown(change(options)) }))
}

export const never = new Promise<never>(() => {})
