import { AsyncContext } from '../../async-context.ts'
import { isThenable } from '../../checks.ts'
import { BrokenExecutorError, ModuleNotAllowedError } from '../../errors.ts'
import type { Future } from '../../future/future.ts'
import { limitModules, loadFunction, locateModule } from '../../load-module.ts'
import { taskReference } from '../../task-reference.ts'
import type { Executor } from '../executor.ts'
import { isRemoteExecutor, submitRemote, type RemoteExecutor } from '../remote.ts'
import { requestModule } from './keys.ts'
import type { ResolvedWorkerOptions } from './worker-options.ts'
import type { WorkerTask } from './worker-task.ts'

type TaskCallable = (...args: unknown[]) => unknown

/** Calls the functions that tasks name. */
export interface Runner {
  /** Tells the task of its outcome. */
  run(task: WorkerTask): void
  close(): void
}

// Functions, because a CommonJS bundle has no `import.meta.url`.
const requestEntry = (): string => new URL('./remote-request.js', import.meta.url).href
const limitedEntry = (): string => new URL('./limited-task.js', import.meta.url).href

export function makeRunner(options: ResolvedWorkerOptions): Runner {
  const { executor } = options
  if (executor !== undefined && isRemoteExecutor(executor)) return new RemoteRunner(options, executor)
  return new LocalRunner(options, executor)
}

/** @throws {ModuleNotAllowedError} */
function locateAllowed(module: string, { modules, requests }: ResolvedWorkerOptions): string {
  if (module !== requestModule) return locateModule(module, [modules])
  if (requests) return requestEntry()
  throw new ModuleNotAllowedError("Can't do a request: the worker was started with `requests: false`")
}

/** Runs tasks in this thread. */
class LocalRunner implements Runner {
  readonly #options: ResolvedWorkerOptions
  readonly #executor: Executor | undefined
  readonly #functions = new Map<string, TaskCallable>()
  readonly #lift: () => void

  constructor(options: ResolvedWorkerOptions, executor: Executor | undefined) {
    this.#options = options
    this.#executor = executor
    this.#lift = limitModules(options.modules)
  }

  close(): void {
    this.#lift()
  }

  run(task: WorkerTask): void {
    const [module, name] = task.fn
    const key = `${module}\0${name}`
    const fn = this.#functions.get(key)
    if (fn !== undefined) return this.#start(fn, task)
    this.#load(module, name).then(
      (loaded) => {
        this.#functions.set(key, loaded)
        this.#start(loaded, task)
      },
      (error: unknown) => task.reject(error),
    )
  }

  async #load(module: string, name: string): Promise<TaskCallable> {
    return loadFunction(locateAllowed(module, this.#options), { module, name })
  }

  #start(fn: TaskCallable, task: WorkerTask): void {
    if (this.#executor === undefined) return call(fn, task)
    let hasStarted = false
    const work = (): Promise<void> => {
      hasStarted = true
      return new Promise((resolve) => call(fn, task, resolve))
    }
    try {
      const future = this.#executor.submit(work)
      task.onCancel((reason) => future.cancel(reason))
      future.addDoneCallback(() => {
        if (!hasStarted) task.reject(errorOf(future, task))
      })
    } catch (error) {
      task.reject(error)
    }
  }
}

/** The error of a future that was not fulfilled; the executor may have cancelled it by itself. */
function errorOf(future: Future<unknown>, task: WorkerTask): unknown {
  if (!future.cancelled()) return future.exceptionNow()
  if (task.isAborted) return task.signal.reason
  return new BrokenExecutorError(`Can't run \`${task.fn[1]}\`: the worker's executor was shut down`)
}

/** Calls the function in an async context of its own, so that its `enterWith` does not reach other tasks. */
function call(fn: TaskCallable, task: WorkerTask, onEnd: () => void = nothing): void {
  // It may have been aborted while its module was loaded.
  if (task.isAborted) {
    task.reject(task.signal.reason)
    return onEnd()
  }
  try {
    const returned = new AsyncContext().run(() => fn(...task.args, task))
    if (isThenable(returned)) {
      Promise.resolve(returned).then(
        (value) => {
          task.fulfil(value)
          onEnd()
        },
        (error: unknown) => {
          task.reject(error)
          onEnd()
        },
      )
      return
    }
    task.fulfil(returned)
  } catch (error) {
    task.reject(error)
  }
  onEnd()
}

function nothing(): void {
  // Nothing waits for it.
}

/** Runs tasks in threads, whose modules are limited as those of this thread are. */
class RemoteRunner implements Runner {
  readonly #options: ResolvedWorkerOptions
  readonly #executor: RemoteExecutor
  readonly #table: readonly (readonly [string, string])[]

  constructor(options: ResolvedWorkerOptions, executor: RemoteExecutor) {
    this.#options = options
    this.#executor = executor
    this.#table = [...options.modules]
  }

  close(): void {
    // Threads stay limited for good: their executor serves this worker.
  }

  run(task: WorkerTask): void {
    const [module, name] = task.fn
    try {
      const limited = [this.#table, locateAllowed(module, this.#options), { module, name }, ...task.args]
      const reference = taskReference(limitedEntry(), 'runLimited', ...limited)
      let isAtWork = false
      const finish = (): void => {
        if (isAtWork || !future.done()) return
        if (future.state === 'fulfilled') task.fulfil(future.resultNow())
        else task.reject(errorOf(future, task))
      }
      const future = this.#executor[submitRemote](
        reference,
        {},
        {
          isChecked: true,
          shared: task.shared,
          handleStart: (remote) => {
            isAtWork = true
            task.onMessage((message) => remote.post(message))
          },
          handleMessage: (message) => this.#pass(task, message),
          handleEnd: () => {
            isAtWork = false
            finish()
          },
        },
      )
      task.onCancel((reason) => future.cancel(reason))
      future.addDoneCallback(finish)
    } catch (error) {
      task.reject(error)
    }
  }

  /** Passes a message on. It may not be cloneable here: threads can share what processes can't. */
  #pass(task: WorkerTask, message: unknown): void {
    try {
      task.post(message)
    } catch (error) {
      this.#options.onError(error)
    }
  }
}
