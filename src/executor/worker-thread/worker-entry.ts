/** What runs in a worker thread: a build entry of its own. It does as it is told in `messages.ts`. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { AsyncContext } from '../../async-context.ts'
import { isThenable } from '../../checks.ts'
import { loadTaskReference, type TaskReference } from '../../task-reference.ts'
import type { SharedCopy } from '../remote.ts'
import { findUncloneable, notCloneable } from '../../cloneable.ts'
import { decode, encode } from './error-codec.ts'
import { findLargeBuffers } from './large-buffers.ts'
import type { FromThread, ThreadData, ToThread } from './messages.ts'
import { TaskTable } from './task-table.ts'
import { ThreadTaskContext } from './thread-task-context.ts'

type TaskMessage = Extract<ToThread, { kind: 'task' }>
type TaskFunction = (...args: unknown[]) => unknown

class ThreadSide {
  readonly #port: MessagePort
  readonly #runningTasks = new TaskTable<ThreadTaskContext>()
  readonly #shared = new Map<number, SharedCopy>()
  /** By module and name: importing takes longer than an empty task. */
  readonly #functions = new Map<string, TaskFunction>()

  constructor(port: MessagePort) {
    this.#port = port
    process.on('uncaughtExceptionMonitor', (error) => this.#post({ kind: 'crash', error: encode(error) }))
  }

  /** Listens only then: an initializer that waits for nothing that can happen ends the thread, and the parent hears of it. */
  async start(initializer: TaskReference | undefined): Promise<void> {
    try {
      if (initializer !== undefined) await (await loadTaskReference(initializer))(...(initializer.args ?? []))
    } catch (error) {
      this.#post({ kind: 'initializer-failed', error: encode(error) })
      return
    }
    this.#port.on('message', (message: ToThread) => this.#receive(message))
    this.#port.on('messageerror', () => this.#post({ kind: 'lost' }))
    this.#post({ kind: 'ready' })
  }

  #receive(message: ToThread): void {
    switch (message.kind) {
      case 'task':
        return this.#run(message)
      case 'message':
        return this.#runningTasks.get(message.id)?.handleMessage(message.message)
      case 'abort':
        return this.#runningTasks.get(message.id)?.abort(decode(message.reason))
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

  #run(message: TaskMessage): void {
    const { id, module, name, shared = [] } = message
    const context = new ThreadTaskContext(
      this.#port,
      id,
      shared.map((key) => this.#shared.get(key) as SharedCopy),
    )
    this.#runningTasks.add(context)
    const key = `${name} ${module}`
    const known = this.#functions.get(key)
    if (known !== undefined) return this.#call(known, message, context)
    loadTaskReference({ module, name }).then(
      (loaded) => {
        this.#functions.set(key, loaded)
        if (context.isAborted) this.#reject(id, context.signal.reason)
        else this.#call(loaded, message, context)
      },
      (error: unknown) => this.#reject(id, error),
    )
  }

  /** In an async context of its own: what it does with `enterWith` is nobody else's business. */
  #call(fn: TaskFunction, { id, args }: TaskMessage, context: ThreadTaskContext): void {
    try {
      const returned = new AsyncContext().run(() => fn(...args, context))
      if (!isThenable(returned)) return this.#fulfil(id, returned)
      Promise.resolve(returned).then(
        (value) => this.#fulfil(id, value),
        (error: unknown) => this.#reject(id, error),
      )
    } catch (error) {
      this.#reject(id, error)
    }
  }

  #fulfil(id: number, value: unknown): void {
    const message: FromThread = { kind: 'fulfilled', id, value }
    try {
      this.#end(id)
      this.#postResult(message)
    } catch (error) {
      const tried = "Can't bring the result back from its worker thread"
      this.#reject(id, notCloneable(tried, findUncloneable(value, 'result'), error))
    }
  }

  #postResult(message: Extract<FromThread, { kind: 'fulfilled' }>): void {
    const buffers = findLargeBuffers(message.value)
    if (buffers.length === 0) return this.#post(message)
    try {
      this.#port.postMessage(message, buffers)
    } catch {
      // Some can't be moved (`markAsUntransferable`, WebAssembly memory), and nothing was.
      this.#post(message)
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

if (parentPort !== null) void new ThreadSide(parentPort).start((workerData as ThreadData).initializer)
