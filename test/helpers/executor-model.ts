import type { ExecutorStats, ShutdownOptions } from '../../src/executor/executor.ts'
import type { FutureState } from '../../src/future/future.ts'

export interface ModelLimits {
  readonly maxWorkers: number
  readonly maxPerGroup?: number | undefined
  readonly maxQueue?: number | undefined
}

export interface ModelTask {
  readonly id: number
  readonly priority: number
  readonly group: string | undefined
  readonly limit: number
  state: FutureState
}

/** What an executor should do, in as few words as possible: lists, and no hurry. */
export class ExecutorModel {
  readonly tasks: ModelTask[] = []
  /** In order of submission. */
  waiting: ModelTask[] = []
  /** Started and not ended, whatever became of them. */
  alive: ModelTask[] = []
  readonly started: number[] = []
  isPaused = false
  isClosed = false
  readonly #limits: ModelLimits

  constructor(limits: ModelLimits) {
    this.#limits = limits
  }

  get isIdle(): boolean {
    return this.alive.length === 0 && this.waiting.length === 0
  }

  get stats(): ExecutorStats {
    const stats: ExecutorStats = { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
    for (const { state } of this.tasks) stats[state]++
    return stats
  }

  /** @returns what it should throw */
  submit({ priority, group, maxPerGroup = Infinity }: Submission, isCancelled: boolean): string | undefined {
    if (this.isClosed) return 'ExecutorClosedError'
    if (this.waiting.length >= (this.#limits.maxQueue ?? Infinity)) return 'QueueFullError'
    const limit = Math.min(maxPerGroup, this.#limits.maxPerGroup ?? Infinity)
    const task: ModelTask = { id: this.tasks.length, priority, group, limit, state: 'pending' }
    this.tasks.push(task)
    this.waiting.push(task)
    if (isCancelled) this.settle(task, 'cancelled')
    return undefined
  }

  /** Its future; the work goes on. @returns false if it is settled already */
  settle(task: ModelTask, state: FutureState): boolean {
    if (task.state !== 'pending' && task.state !== 'running') return false
    task.state = state
    this.waiting = this.waiting.filter((each) => each !== task)
    return true
  }

  /** The work is over. */
  end(task: ModelTask, state: 'fulfilled' | 'rejected'): void {
    this.alive = this.alive.filter((each) => each !== task)
    this.settle(task, state)
  }

  shutdown({ cancelPending = false, cancelRunning = false }: ShutdownOptions): void {
    this.isClosed = true
    this.isPaused = false
    for (const task of [...this.tasks]) {
      if (task.state === 'pending' ? cancelPending : cancelRunning) this.settle(task, 'cancelled')
    }
  }

  /** Starts what should start next. @returns false if nothing may */
  startNext(): boolean {
    if (this.isPaused || this.alive.length >= this.#limits.maxWorkers) return false
    const [next] = this.waiting
      .filter(({ group, limit }) => group === undefined || this.#countOf(group) < limit)
      .sort((one, other) => other.priority - one.priority)
    if (next === undefined) return false
    next.state = 'running'
    this.waiting = this.waiting.filter((each) => each !== next)
    this.alive.push(next)
    this.started.push(next.id)
    return true
  }

  #countOf(group: string): number {
    return this.alive.filter((each) => each.group === group).length
  }
}

export interface Submission {
  readonly priority: number
  readonly group: string | undefined
  readonly maxPerGroup: number | undefined
}
