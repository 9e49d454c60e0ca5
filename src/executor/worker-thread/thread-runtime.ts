/** What runs in a worker thread: it answers the messages of `messages.ts`. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { AsyncContext } from '../../async-context.ts'
import { isThenable } from '../../checks.ts'
import { loadFunction, type ModuleNamespace } from '../../load-module.ts'
import { loadTaskReference, type TaskReference } from '../../task-reference.ts'
import type { SharedCopy } from '../remote.ts'
import { findUncloneable, notCloneable } from '../../cloneable.ts'
import { decode, encode } from '../remote/error-codec.ts'
import type { FromThread, InitializerReference, PackedTask, ThreadData, ToThread } from './messages.ts'
import { ResultSender, ThreadTaskContext } from './thread-task-context.ts'
import { scarcityIn } from './scarcity.ts'
import { TaskTable } from './task-table.ts'

type TaskFunction = (...args: unknown[]) => unknown

/** A function that tasks call. */
interface NamedFunction extends TaskReference {
  /** Set once it is imported: an import takes longer than an empty task. */
  fn?: TaskFunction
  /** `module` names a module of this package. */
  readonly isOwn: boolean
  /** Whether its last call returned within `quick` ms. */
  isQuick: boolean
}

/** For how many ms results may wait for others. */
const quick = 0.1

/** Modules of this package that threads run, by name. */
export type OwnModules = Readonly<Record<string, () => Promise<ModuleNamespace>>>

class ThreadRuntime {
  readonly #port: MessagePort
  readonly #ownModules: OwnModules
  readonly #runningTasks = new TaskTable<ThreadTaskContext>()
  readonly #shared = new Map<number, SharedCopy>()
  readonly #functions = new Map<number, NamedFunction>()
  readonly #results: ResultSender

  constructor(port: MessagePort, ownModules: OwnModules) {
    this.#port = port
    this.#ownModules = ownModules
    this.#results = new ResultSender(port)
    process.on('uncaughtExceptionMonitor', (error) => this.#post({ kind: 'crash', error: encode(error) }))
    process.on('exit', () => this.#results.flush())
  }

  /** Listens only after the initializer, so that one that waits for nothing that can happen ends the thread. */
  async start(initializer: InitializerReference | undefined): Promise<void> {
    let isFinal = false
    try {
      const fn = initializer === undefined ? undefined : await loadTaskReference(initializer)
      isFinal = true
      await fn?.(...(initializer as InitializerReference).args)
    } catch (error) {
      isFinal ||= scarcityIn(error) === undefined
      this.#post({ kind: 'initializer-failed', error: encode(error), isFinal })
      return
    }
    this.#port.on('message', (message: ToThread) => this.#receive(message))
    this.#port.on('messageerror', () => this.#post({ kind: 'lost' }))
    this.#post({ kind: 'ready' })
  }

  #receive(message: ToThread): void {
    switch (message.kind) {
      case 'function':
        return void this.#functions.set(message.key, { ...message, isQuick: false })
      case 'tasks':
        return this.#runAll(message.tasks)
      case 'message':
        return this.#runningTasks.get(message.id)?.handleMessage(message.message)
      case 'abort':
        return this.#abort(message.id, decode(message.reason))
      case 'share':
        return this.#share(message.key, message)
      case 'forget':
        return this.#forget(message.key)
      case 'census':
        return this.#post({
          kind: 'census',
          upTo: message.upTo,
          running: this.#runningTasks.list().map(({ id }) => id),
        })
      case 'end':
        process.exit(0)
    }
  }

  #runAll(tasks: readonly PackedTask[]): void {
    for (const each of tasks) this.#run(each)
    this.#results.flush()
  }

  #run(task: PackedTask): void {
    const [id, key, , shared = []] = task
    const context = new ThreadTaskContext(
      this.#port,
      id,
      shared.map((each) => this.#shared.get(each) as SharedCopy),
    )
    this.#runningTasks.add(context)
    const named = this.#functions.get(key) as NamedFunction
    if (named.fn !== undefined) return this.#call(named, named.fn, task, context)
    this.#load(named).then(
      (loaded) => {
        named.fn = loaded
        if (!context.isAborted) this.#call(named, loaded, task, context)
        this.#results.flush()
      },
      (error: unknown) => {
        if (scarcityIn(error) !== undefined) this.#post({ kind: 'retired' })
        if (!context.isAborted) this.#reject(id, error)
      },
    )
  }

  #load(named: NamedFunction): Promise<TaskFunction> {
    const own = named.isOwn ? this.#ownModules[named.module] : undefined
    return own === undefined ? loadTaskReference(named) : loadFunction(own, named)
  }

  /** A task whose module is still loading ends at once, however long the loading takes. */
  #abort(id: number, reason: unknown): void {
    const context = this.#runningTasks.get(id)
    if (context === undefined) return
    context.abort(reason)
    if (context.hasBegun) this.#post({ kind: 'told', id })
    else this.#reject(id, reason)
  }

  /** Calls the function in an async context of its own, so that its `enterWith` does not reach other tasks. */
  #call(named: NamedFunction, fn: TaskFunction, [id, , args]: PackedTask, context: ThreadTaskContext): void {
    // The call may block for long, and the results of others must not wait for that.
    if (!named.isQuick) this.#results.flush()
    const start = performance.now()
    context.hasBegun = true
    try {
      const returned = new AsyncContext().run(() => fn(...args, context))
      if (!isThenable(returned)) return this.#fulfil(id, returned, 'add')
      Promise.resolve(returned).then(
        (value) => this.#fulfil(id, value, 'send'),
        (error: unknown) => this.#reject(id, error),
      )
    } catch (error) {
      this.#reject(id, error)
    } finally {
      named.isQuick = performance.now() - start < quick
    }
  }

  /** @param how `add` lets the result wait for others of this turn */
  #fulfil(id: number, value: unknown, how: 'add' | 'send'): void {
    try {
      this.#end(id)
      this.#results[how](id, value)
    } catch (error) {
      const tried = "Can't bring the result back from its worker thread"
      this.#reject(id, notCloneable(tried, findUncloneable(value, 'result'), error))
    }
  }

  #reject(id: number, error: unknown): void {
    this.#end(id)
    this.#post({ kind: 'rejected', id, error: encode(error) })
  }

  #end(id: number): void {
    this.#runningTasks.get(id)?.end()
    this.#runningTasks.delete(id)
  }

  #share(key: number, { version, value }: SharedCopy): void {
    const copy = this.#shared.get(key)
    if (copy === undefined) this.#shared.set(key, { version, value })
    else Object.assign(copy, { version, value })
  }

  #forget(key: number): void {
    const copy = this.#shared.get(key)
    this.#shared.delete(key)
    copy?.onForget?.()
  }

  #post(message: FromThread): void {
    this.#port.postMessage(message)
  }
}

/** Serves the parent of this thread. Does nothing in a main thread, where a bundle may run this. */
export function runThread(ownModules: OwnModules): void {
  if (parentPort === null) return
  void new ThreadRuntime(parentPort, ownModules).start((workerData as ThreadData).initializer)
}
