import { Deadline } from '../../deadline.ts'
import { executorTimes } from '../executor-times.ts'
import type { ThreadTask, TaskHolder } from './thread-task.ts'

/** After so many starts in a row that failed by themselves, no more are made. */
const mostOwnFailures = 3
/** After so many failures in a row for lack of resources (some three seconds), waiting tasks fail. */
const mostPatience = 6

/**
 * Decides when threads may start: after a start that failed there is a pause, longer each time, until a thread becomes
 * ready. Tasks that have no thread meanwhile wait here.
 */
export class ThreadStarts implements TaskHolder {
  readonly #onOver: () => void
  readonly #waitingTasks = new Set<ThreadTask>()
  #failures = 0
  #ownFailures = 0
  #pause: Deadline | undefined

  /** @param onOver called when a pause is over */
  constructor(onOver: () => void) {
    this.#onOver = onOver
  }

  /** How many starts in a row have failed. */
  get failures(): number {
    return this.#failures
  }

  get isPausing(): boolean {
    return this.#pause !== undefined
  }

  /** Further starts would fail, too. */
  get isHopeless(): boolean {
    return this.#ownFailures >= mostOwnFailures
  }

  /** Tasks have waited long enough for a thread. */
  get isOutOfPatience(): boolean {
    return this.#failures >= mostPatience
  }

  noteReady(): void {
    this.#failures = this.#ownFailures = 0
    this.#pause?.clear()
    this.#pause = undefined
  }

  /**
   * @param failuresBefore `failures` when the thread was started
   * @param isOwn it failed by itself, not for lack of resources
   */
  noteFailure(failuresBefore: number, isOwn: boolean): void {
    // Threads that were started together count as one failure.
    if (failuresBefore < this.#failures) return
    this.#failures++
    if (isOwn) this.#ownFailures++
    this.#pause?.clear()
    const { firstPause, longestPause } = executorTimes
    this.#pause = new Deadline(Math.min(firstPause * 2 ** (this.#failures - 1), longestPause), () => {
      this.#pause = undefined
      this.#onOver()
    }).unref()
  }

  hold(task: ThreadTask): void {
    task.holder = this
    this.#waitingTasks.add(task)
  }

  /** @returns the tasks that waited; they no longer do */
  release(): ThreadTask[] {
    const tasks = [...this.#waitingTasks]
    this.#waitingTasks.clear()
    return tasks
  }

  /** Keeps the process alive during a pause that tasks wait for. @param isAwaited tasks wait for it elsewhere */
  keepAlive(isAwaited: boolean): void {
    if (isAwaited || this.#waitingTasks.size > 0) this.#pause?.ref()
    else this.#pause?.unref()
  }

  /** Ends a task that waits here. */
  abort(task: ThreadTask): void {
    this.#waitingTasks.delete(task)
    task.fulfil(undefined)
  }
}
