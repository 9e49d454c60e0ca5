import { Deadline } from '../../deadline.ts'
import { executorTimes } from '../executor-times.ts'
import type { ThreadTask, TaskHolder } from './thread-task.ts'

/** So many starts in a row that fail by themselves, and no more are made. */
const mostOwnFailures = 3
/** Before that many have failed in a row for want of something, what waits for a thread goes on waiting: some three seconds. */
const mostPatience = 6

/**
 * When threads may start: after one that has failed there is a pause, longer each time, until one becomes ready. What has no
 * thread meanwhile waits here.
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

  /** How many have failed, one after the other. */
  get failures(): number {
    return this.#failures
  }

  get isPausing(): boolean {
    return this.#pause !== undefined
  }

  /** They would go on failing. */
  get isHopeless(): boolean {
    return this.#ownFailures >= mostOwnFailures
  }

  /** What waits for a thread has waited long enough. */
  get isOutOfPatience(): boolean {
    return this.#failures >= mostPatience
  }

  noteReady(): void {
    this.#failures = this.#ownFailures = 0
    this.#pause?.clear()
    this.#pause = undefined
  }

  /**
   * @param failuresBefore how many there had been when the thread was started
   * @param isOwn nothing was lacking
   */
  noteFailure(failuresBefore: number, isOwn: boolean): void {
    // Threads that were started together fail together: that is one failure.
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

  /** @returns what has waited; it waits no longer */
  release(): ThreadTask[] {
    const tasks = [...this.#waitingTasks]
    this.#waitingTasks.clear()
    return tasks
  }

  /** @param isAwaited something waits for the end of the pause, here or elsewhere: that keeps the process alive */
  keepAlive(isAwaited: boolean): void {
    if (isAwaited || this.#waitingTasks.size > 0) this.#pause?.ref()
    else this.#pause?.unref()
  }

  /** It has not begun, and never will. */
  abort(task: ThreadTask): void {
    this.#waitingTasks.delete(task)
    task.fulfil(undefined)
  }
}
