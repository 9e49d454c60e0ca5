import { TaskNotCloneableError } from '../../errors.ts'
import type { Future } from '../../future/future.ts'
import { checkType } from '../../checks.ts'
import { isTaskReference, type TaskReference } from '../../task-reference.ts'
import type { Executor, ExecutorStats, ShutdownOptions, SubmitOptions, Task } from '../executor.ts'
import { forgetShared, submitRemote, type RemoteLink, type SharedValue } from '../remote.ts'
import { StackBudget } from '../remote/submitted-task.ts'
import { TaskScheduler, type SchedulerHost } from '../task-scheduler.ts'
import { FleetDispatcher } from './fleet-dispatcher.ts'
import { resolveExecutorOptions, type BullMQExecutorOptions, type BullMQSubmitOptions } from './fleet-options.ts'
import { FleetTask } from './fleet-task.ts'

const withoutLink: RemoteLink = {}
const idempotentLink: RemoteLink = { isIdempotent: true }

/**
 * Runs tasks on other machines: on whichever has called `startWorker` for the same queue, by BullMQ and Redis.
 *
 * A task is a `taskReference` to a module that the workers were given by the same name (`modules`); requests of a
 * FuturesSession need none. It gets clones of its arguments, the caller gets a clone of its result; nothing is moved.
 *
 * Tasks wait here, in the order of their priorities; up to `maxWorkers` of them are handed over. Those are *pending* until a
 * worker begins them. *Waiting* ones that are cancelled never leave this process, those that were handed over and have not
 * begun never begin, *running* ones are told.
 *
 * Idempotent work (a request whose retry policy would repeat its method; a task submitted with `idempotent: true`) is done at
 * least once, and again if its worker is lost. All other work is begun at most once: if its outcome is lost, its future is
 * rejected with a `WorkerCrashedError`.
 *
 * It connects when the first task is submitted, and keeps the process alive only while it has some. Its own timers go by real
 * time, whatever a test makes of `setTimeout`: workers live in other processes, which know nothing of it.
 */
export class BullMQExecutor implements Executor {
  readonly maxWorkers: number
  readonly isolated = true
  /** @internal */
  readonly reach = 'process'
  /** That of one worker: how many workers there are is not known. @internal */
  readonly threads = 1
  readonly #scheduler: TaskScheduler
  readonly #dispatcher: FleetDispatcher
  readonly #sites = new StackBudget()
  readonly #onEnd = (): void => this.#balance()
  #closed: Promise<void> | undefined

  /** @throws {TypeError | RangeError} bad options */
  constructor(options: BullMQExecutorOptions) {
    const resolved = resolveExecutorOptions(options)
    const { maxWorkers, maxPerGroup, maxQueue } = resolved
    this.maxWorkers = maxWorkers
    const host: SchedulerHost = {
      startsLate: true,
      perform: (queued) => this.#dispatcher.send(queued.work as FleetTask, queued),
      balance: () => this.#balance(),
    }
    this.#scheduler = new TaskScheduler(host, { maxPerGroup, maxQueue })
    this.#dispatcher = new FleetDispatcher(resolved, (task) => this.#scheduler.begin(task))
  }

  submit<T>(task: Task<T> | TaskReference<T>, options: BullMQSubmitOptions<T> = {}): Future<T> {
    const { idempotent, ...common } = options
    if (idempotent !== undefined) checkType('idempotent', idempotent, 'boolean')
    return this.#submit(task, common, idempotent === true ? idempotentLink : withoutLink)
  }

  /** @internal */
  [submitRemote]<T>(task: TaskReference<T>, options: SubmitOptions<T>, link: RemoteLink): Future<T> {
    return this.#submit(task, options, link)
  }

  /** @internal */
  [forgetShared](value: SharedValue): void {
    this.#dispatcher.forgetShared(value)
  }

  /** How many futures of this submitter are in which state. */
  stats(): ExecutorStats {
    return this.#scheduler.stats()
  }

  /** With `wait`, it also waits until nothing of this executor is left in Redis, as far as that can be reached. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const isOver = this.#scheduler.shutdown(options)
    this.#closed ??= this.#scheduler.onIdle().then(() => this.#dispatcher.close())
    await isOver
    if (options.wait !== false) await this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  #balance(): void {
    const { maxWorkers } = this
    const scheduler = this.#scheduler
    while (scheduler.aliveCount < maxWorkers && scheduler.hasReady && scheduler.startNext(this.#onEnd));
  }

  #submit<T>(task: Task<T> | TaskReference<T>, options: SubmitOptions<T> | undefined, link: RemoteLink): Future<T> {
    if (typeof task === 'function') {
      const hint = 'name it with taskReference() (README, "Outgrowing one machine")'
      throw new TaskNotCloneableError(`Can't run a function in another process, got one as \`task\`: ${hint}`, {
        path: 'task',
      })
    }
    // The scheduler rejects what is no task at all.
    if (!isTaskReference(task)) return this.#scheduler.submit<T>(task, options)
    const site = this.#sites.take(this.#scheduler.stats().pending) ? new Error() : undefined
    return this.#scheduler.submit(new FleetTask(task, link, site, this.#dispatcher), options)
  }
}
