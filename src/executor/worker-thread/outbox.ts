import type { Transferable, Worker } from 'node:worker_threads'
import { findUnmovable } from '../../transfer-list.ts'
import type { SharedValue } from '../remote.ts'
import type { PackedTask, ToThread } from './messages.ts'
import type { ThreadTask } from './thread-task.ts'

/** Sends messages to one thread. Tasks that are sent together share a message if their arguments are primitive. */
export class Outbox {
  readonly #worker: Worker
  readonly #shared = new SharedValues((message) => this.post(message))
  /** The keys of functions, by module and name. */
  readonly #functions = new Map<string, Map<string, number>>()
  #lastFunction = 0
  #lastId = 0

  constructor(worker: Worker) {
    this.#worker = worker
  }

  /** The number of the task that was sent last. */
  get lastId(): number {
    return this.#lastId
  }

  /** @throws {DOMException} a DataCloneError */
  post(message: ToThread, transfer?: readonly unknown[]): void {
    this.#worker.postMessage(message, transfer as readonly Transferable[] | undefined)
  }

  /** @returns the tasks that were sent, with their numbers set; the others have failed */
  send(tasks: readonly ThreadTask[]): ThreadTask[] {
    const sent: ThreadTask[] = []
    let together: ThreadTask[] = []
    for (const task of tasks) {
      if (together[0]?.hasPlainArgs === false || (together.length > 0 && !task.hasPlainArgs)) {
        sent.push(...this.#sendTogether(together))
        together = []
      }
      together.push(task)
    }
    sent.push(...this.#sendTogether(together))
    return sent
  }

  forget(shared: SharedValue): void {
    this.#shared.forget(shared)
  }

  #sendTogether(tasks: readonly ThreadTask[]): readonly ThreadTask[] {
    if (tasks.length === 0) return tasks
    const packed: PackedTask[] = []
    const [only] = tasks.length === 1 ? tasks : []
    // Another task may have transferred it since the submission. Node 20 would send it again, detached.
    if (only !== undefined && findUnmovable(only.transfer) !== undefined) {
      only.failToPost(undefined)
      return []
    }
    try {
      for (const each of tasks) packed.push(this.#pack(each))
      this.post({ kind: 'tasks', tasks: packed }, only?.transfer)
    } catch (error) {
      // One of them can't be cloned, and the error does not say which: sends each by itself.
      if (tasks.length > 1) return tasks.flatMap((each) => this.#sendTogether([each]))
      only?.failToPost(error)
      return []
    }
    for (const [index, [id]] of packed.entries()) (tasks[index] as ThreadTask).id = id
    return tasks
  }

  #pack({ module, name, args, link }: ThreadTask): PackedTask {
    const { ownModule } = link
    const fn = this.#functionKey(ownModule ?? module, name, ownModule !== undefined)
    if (link.shared === undefined) return [++this.#lastId, fn, args]
    return [++this.#lastId, fn, args, this.#shared.send(link.shared)]
  }

  #functionKey(module: string, name: string, isOwn: boolean): number {
    let keys = this.#functions.get(module)
    if (keys === undefined) this.#functions.set(module, (keys = new Map<string, number>()))
    let key = keys.get(name)
    if (key === undefined) {
      key = ++this.#lastFunction
      keys.set(name, key)
      this.post({ kind: 'function', key, module, name, isOwn })
    }
    return key
  }
}

/** Which versions of shared values one thread has. */
class SharedValues {
  readonly #post: (message: ToThread) => void
  readonly #known = new WeakMap<SharedValue, { readonly key: number; version: unknown }>()
  readonly #garbage: FinalizationRegistry<number>
  #lastKey = 0

  constructor(post: (message: ToThread) => void) {
    this.#post = post
    this.#garbage = new FinalizationRegistry((key) => post({ kind: 'forget', key }))
  }

  /**
   * Sends the versions that the thread does not have.
   *
   * @returns their keys, for the message with the task
   * @throws {DOMException} a value can't be cloned
   */
  send(values: readonly SharedValue[]): number[] {
    return values.map((each) => this.#send(each))
  }

  forget(shared: SharedValue): void {
    const known = this.#known.get(shared)
    if (known === undefined) return
    this.#known.delete(shared)
    this.#garbage.unregister(shared)
    this.#post({ kind: 'forget', key: known.key })
  }

  #send(shared: SharedValue): number {
    const known = this.#known.get(shared)
    const { version } = shared
    if (known !== undefined && known.version === version) return known.key
    const key = known?.key ?? ++this.#lastKey
    this.#post({ kind: 'share', key, version, value: shared.localValue ?? shared.value })
    if (known === undefined) {
      this.#known.set(shared, { key, version })
      this.#garbage.register(shared, key, shared)
    } else {
      known.version = version
    }
    return key
  }
}
