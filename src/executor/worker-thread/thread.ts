import type { Worker } from 'node:worker_threads'
import { Deadline } from '../../deadline.ts'
import { TaskNotCloneableError } from '../../errors.ts'
import { executorTimes } from '../executor-times.ts'
import type { SharedValue } from '../remote.ts'
import { ExitReason, GracePeriod, IdleTimer, type StartFailure, StartWatch, startThread } from './thread-life.ts'
import { decode, encode } from '../remote/error-codec.ts'
import type { FromThread } from './messages.ts'
import { Outbox } from './outbox.ts'
import { TaskTable } from './task-table.ts'
import type { ThreadOptions } from './thread-options.ts'
import type { TaskHolder, ThreadTask } from './thread-task.ts'

export interface ThreadOwner {
  handleReady(thread: Thread): void
  /** The thread takes no more tasks, and ends when it has none. */
  handleRetired(thread: Thread): void
  /** @param failure set if the thread never became ready; its unsent tasks are handed over */
  handleGone(thread: Thread, unsentTasks: Iterable<ThreadTask>, failure: StartFailure | undefined): void
}

const nothingToDo = Promise.resolve()

type Phase = 'starting' | 'ready' | 'ending' | 'gone'

/** One worker thread and its tasks. It keeps the process alive only while it has some. */
export class Thread implements TaskHolder {
  readonly failedStarts: number
  readonly #owner: ThreadOwner
  readonly #worker: Worker
  readonly #outbox: Outbox
  /** Tasks assigned in this turn, or before the thread was ready. */
  readonly #unsentTasks = new Set<ThreadTask>()
  readonly #runningTasks = new TaskTable<ThreadTask>()
  readonly #idleTimer: IdleTimer
  readonly #exitReason = new ExitReason()
  readonly #gone: Promise<void>
  #phase: Phase = 'starting'
  #isRetired = false
  readonly #sendLater = (): void => this.#sendTasks()
  readonly #start: StartWatch
  #endTimer: Deadline | undefined
  /** How many messages have come from the thread. */
  #heard = 0

  /** @param failedStarts how many starts in a row had failed before this one */
  constructor(owner: ThreadOwner, options: ThreadOptions, failedStarts: number) {
    const { initializer, resourceLimits, idleTimeout, startTimeout } = options
    this.#owner = owner
    this.failedStarts = failedStarts
    this.#idleTimer = new IdleTimer(idleTimeout, () => this.#end())
    this.#worker = startThread(initializer, resourceLimits)
    this.#outbox = new Outbox(this.#worker)
    this.#worker.on('message', (message: FromThread | null | undefined) => {
      // Users' modules may post messages on the same port.
      if (message?.kind !== undefined) this.#receive(message)
    })
    this.#worker.on('messageerror', () => this.#findLost())
    this.#worker.on('error', (error) => this.#exitReason.noteError(error))
    this.#start = new StartWatch(startTimeout, (why) => this.#terminate(why))
    this.#gone = new Promise((resolve) => {
      this.#worker.on('exit', (exitCode) => {
        this.#handleExit(exitCode)
        resolve()
      })
    })
  }

  /** How many tasks it has. */
  get load(): number {
    return this.#unsentTasks.size + this.#runningTasks.size
  }

  /** Whether it takes tasks. */
  get isOpen(): boolean {
    return (this.#phase === 'starting' || this.#phase === 'ready') && !this.#isRetired
  }

  assign(task: ThreadTask): void {
    if (this.load === 0) {
      this.#worker.ref()
      this.#idleTimer.stop()
    }
    task.holder = this
    this.#unsentTasks.add(task)
    // In a microtask, together with those assigned after it: each message wakes the thread.
    if (this.#phase === 'ready' && this.#unsentTasks.size === 1) void nothingToDo.then(this.#sendLater)
  }

  tell(task: ThreadTask, message: unknown, transfer?: readonly unknown[]): void {
    if (this.#runningTasks.get(task.id) === task) this.#outbox.post({ kind: 'message', id: task.id, message }, transfer)
  }

  forget(shared: SharedValue): void {
    this.#outbox.forget(shared)
  }

  /** Stops a task: at once if it was not sent; else by telling it, and then by terminating the thread. */
  abort(task: ThreadTask, reason: unknown): void {
    if (this.#unsentTasks.delete(task)) {
      task.fulfil(undefined)
      this.#restIfIdle()
    } else if (this.#runningTasks.get(task.id) === task && task.gracePeriod === undefined) {
      this.#outbox.post({ kind: 'abort', id: task.id, reason: encode(reason) })
      task.gracePeriod = new GracePeriod(
        () => this.#heard,
        () => this.#endWith(task),
      )
    }
  }

  #endWith(task: ThreadTask): void {
    this.#terminate(`was terminated: \`${task.name}\` did not stop within ${executorTimes.grace} ms of being cancelled`)
  }

  /** Ends a thread without tasks. @returns a promise that resolves when it has exited */
  end(): Promise<void> {
    // The process must not end before those who await this have gone on.
    this.#worker.ref()
    this.#end()
    return this.#gone
  }

  #end(): void {
    if (this.#phase === 'starting') return this.#terminate()
    if (this.#phase !== 'ready') return
    this.#phase = 'ending'
    this.#idleTimer.clear()
    this.#outbox.post({ kind: 'end' })
    this.#endTimer = new Deadline(executorTimes.grace, () => this.#terminate()).unref()
  }

  #terminate(why?: string): void {
    this.#phase = 'ending'
    if (why !== undefined) this.#exitReason.noteDecision(why)
    void this.#worker.terminate()
  }

  #sendTasks(): void {
    if (this.#phase !== 'ready') return
    const wanted: ThreadTask[] = []
    for (const each of this.#unsentTasks) {
      if (each.isDone) each.fulfil(undefined)
      else wanted.push(each)
    }
    this.#unsentTasks.clear()
    for (const each of this.#outbox.send(wanted)) {
      this.#runningTasks.add(each)
      each.handleSent()
    }
    this.#restIfIdle()
  }

  #receive(message: FromThread): void {
    this.#heard++
    switch (message.kind) {
      case 'ready':
        return this.#handleReady()
      case 'fulfilled':
        return this.#fulfil(message.results)
      case 'rejected':
        return this.#take(message.id)?.fail(decode(message.error))
      case 'message':
        return this.#runningTasks.get(message.id)?.handleMessage(message.message)
      case 'told':
        return this.#runningTasks.get(message.id)?.gracePeriod?.noteTold()
      case 'lost':
        return this.#findLost()
      case 'census':
        return this.#rejectLost(message.upTo, new Set(message.running))
      case 'initializer-failed':
        this.#start.noteInitializerError(decode(message.error), message.isFinal)
        return this.#terminate()
      case 'retired':
        return this.#retire()
      case 'crash':
        return this.#exitReason.noteUncaught(decode(message.error))
    }
  }

  /** @param results number, result, number, result ... */
  #fulfil(results: readonly unknown[]): void {
    for (let index = 0; index < results.length; index += 2) {
      this.#take(results[index] as number)?.fulfil(results[index + 1])
    }
  }

  /** Removes a task that has ended. */
  #take(id: number): ThreadTask | undefined {
    const task = this.#runningTasks.get(id)
    this.#runningTasks.delete(id)
    this.#restIfIdle()
    return task
  }

  #handleReady(): void {
    if (this.#phase !== 'starting') return
    this.#phase = 'ready'
    this.#start.noteReady()
    this.#owner.handleReady(this)
    this.#sendTasks()
  }

  /** A message could not be read, on either side, and its task is unknown: asks which tasks the thread still has. */
  #findLost(): void {
    this.#outbox.post({ kind: 'census', upTo: this.#outbox.lastId })
  }

  #rejectLost(upTo: number, running: ReadonlySet<number>): void {
    for (const task of this.#runningTasks.list()) {
      if (task.id > upTo || running.has(task.id)) continue
      this.#take(task.id)
      const message = `Can't run \`${task.name}\` in a worker thread: its arguments or its result can't be read on the other side`
      task.fail(new TaskNotCloneableError(message))
    }
  }

  #restIfIdle(): void {
    if (this.load > 0) return
    this.#worker.unref()
    if (this.#isRetired) this.#end()
    else if (this.#phase === 'ready') this.#idleTimer.start()
  }

  /** A module could not be read for lack of descriptors, and Node 20 does not try that again in the same thread. */
  #retire(): void {
    this.#isRetired = true
    this.#owner.handleRetired(this)
    this.#restIfIdle()
  }

  #handleExit(exitCode: number): void {
    this.#phase = 'gone'
    this.#idleTimer.clear()
    this.#endTimer?.clear()
    const tasks = this.#runningTasks.list()
    for (const { id } of tasks) this.#runningTasks.delete(id)
    for (const task of tasks) task.fail(this.#exitReason.toError(`that ran \`${task.name}\``, exitCode))
    this.#owner.handleGone(this, this.#unsentTasks, this.#start.end(this.#exitReason, exitCode))
  }
}
