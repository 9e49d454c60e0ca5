import { adoptContext, AsyncContext, type ContextAdopter } from '../async-context.ts'
import { checkCount, checkSignal, checkType, describe } from '../checks.ts'
import { checkController, type FutureController } from '../future/future-controller.ts'
import { type DoneListener, subscribe } from '../future/listeners.ts'
import { type AbortListener, listen, unlisten } from '../shared-signal.ts'
import { isTaskReference, type TaskReference } from '../task-reference.ts'
import { UserScope } from '../user-scope.ts'
import type { SubmitOptions, Task, TaskContext } from './executor.ts'
import type { PriorityLevel } from './group-queue.ts'
import { checkSubmitNames } from './option-names.ts'

/** What a task does: a function, or the reference to one. */
export type Work = Task<unknown> | TaskReference

/** The scheduler, as its tasks know it. */
export interface TaskOwner {
  handleSettled(task: QueuedTask): void
  /** Code inside a UserScope waits for this task. */
  handleAwaited(task: QueuedTask): void
}

/** Where a task is counted. The next attempt of work that was submitted before is not counted again. */
const counters = ['pending', 'running', 'nextAttempt'] as const
type Counter = (typeof counters)[number]

/**
 * A task from its submission to its end, in the async context of its submitter. It is one object with few fields, because
 * 100 000 tasks may wait.
 */
export class QueuedTask extends AsyncContext implements DoneListener {
  /** While a user's function runs: the scope that it runs in. Cleared when the task is over. */
  work: Work | UserScope | undefined
  readonly controller: FutureController<unknown>
  /** The list that the task waits in, or has waited in. */
  level: PriorityLevel | undefined = undefined
  next: QueuedTask | undefined = undefined
  previous: QueuedTask | undefined = undefined
  /** `sequence * 4 + counters.indexOf(countedAs)`: one field for two, because 100 000 tasks may wait. */
  order = 0

  constructor(work: Work, controller: FutureController<unknown>) {
    super()
    this.work = work
    this.controller = controller
    this.order = counters.indexOf(controller.future.running() ? 'nextAttempt' : 'pending')
    ;(controller as Partial<ContextAdopter>)[adoptContext]?.(this)
  }

  get countedAs(): Counter {
    return counters[this.order - 4 * this.sequence] as Counter
  }

  set countedAs(counter: Counter) {
    this.order = 4 * this.sequence + counters.indexOf(counter)
  }

  /** Order of submission, negative for what goes to the front; 0 while it does not wait. */
  get sequence(): number {
    return Math.floor(this.order / 4)
  }

  set sequence(sequence: number) {
    this.order += 4 * (sequence - this.sequence)
  }

  get isWaiting(): boolean {
    return this.sequence !== 0
  }

  /** Subscribes to the future, so that the owner (that of its level) hears of the settlement. */
  attach(): void {
    const { future } = this.controller
    future[subscribe](this)
    // The future of a next attempt may be awaited already.
    if (UserScope.isInUse && UserScope.waitingFor(future).length > 0) this.handleAwaited()
  }

  handleDone(): void {
    ownerOf(this).handleSettled(this)
  }

  handleAwaited(): void {
    ownerOf(this).handleAwaited(this)
  }

  /** The work has ended, whatever became of the future: drops the work, and ends its scope. */
  letGo(): void {
    if (this.work instanceof UserScope) this.work.end()
    this.work = undefined
  }
}

/** A function, because a class with `#methods` has instances that are 8 bytes larger. */
function ownerOf(task: QueuedTask): TaskOwner {
  return (task.level as PriorityLevel).queue.group.owner
}

/** A task that a caller's signal cancels. */
export class SignalledTask extends QueuedTask implements AbortListener {
  readonly #signal: AbortSignal

  constructor(work: Work, controller: FutureController<unknown>, signal: AbortSignal) {
    super(work, controller)
    this.#signal = signal
  }

  override attach(): void {
    if (this.#signal.aborted) this.handleAbort(this.#signal.reason)
    else listen(this.#signal, this)
    super.attach()
  }

  override handleDone(): void {
    unlisten(this.#signal, this)
    super.handleDone()
  }

  handleAbort(reason: unknown): void {
    this.controller.future.cancel(reason)
  }
}

/** The context of a task that runs in this thread. It makes `signal` and `onCancel` on access, because few tasks ask for them. */
export class RunningContext implements TaskContext {
  readonly #controller: FutureController<unknown>

  constructor(controller: FutureController<unknown>) {
    this.#controller = controller
  }

  get signal(): AbortSignal {
    return this.#controller.future.signal
  }

  get onCancel(): TaskContext['onCancel'] {
    return (fn) => this.#controller.onCancel(fn)
  }
}

/** @throws {TypeError | RangeError} work that can't be run, or bad options */
export function checkSubmission<T>(work: unknown, options: SubmitOptions<T>): void {
  checkSubmitNames(options)
  const { priority, group, maxPerGroup, signal, controller } = options
  if (typeof work !== 'function' && !isTaskReference(work)) {
    throw new TypeError(`Expected a task to be a function or a task reference, got ${describe(work)}`)
  }
  checkSignal(signal)
  if (priority !== undefined) checkType('priority', priority, 'number')
  if (group !== undefined) checkType('group', group, 'string')
  if (maxPerGroup !== undefined) checkCount('maxPerGroup', maxPerGroup, { infinite: true })
  if (controller !== undefined) checkController(controller)
}
