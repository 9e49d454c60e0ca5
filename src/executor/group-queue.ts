import { LinkedList } from '../linked-list.ts'
import { type HeapElement, IndexedHeap } from './indexed-heap.ts'
import type { QueuedTask, TaskOwner } from './queued-task.ts'
import type { RateWindow } from './rate-window.ts'

/** Tasks that share one limit on how many are at work, and, with `perGroup`, one rate window. */
export interface Group {
  readonly name: string
  readonly owner: TaskOwner
  /** How many of its tasks are alive. */
  aliveCount: number
  /** By limit: tasks of one group may be submitted with different `maxPerGroup`s. */
  readonly queues: Map<number, GroupQueue>
  readonly rateWindow: RateWindow | undefined
}

/** The waiting tasks of one priority in one GroupQueue, in order. */
export class PriorityLevel extends LinkedList<QueuedTask> implements HeapElement {
  heapIndex = -1
  readonly priority: number
  readonly queue: GroupQueue

  constructor(priority: number, queue: GroupQueue) {
    super()
    this.priority = priority
    this.queue = queue
  }
}

/** The waiting tasks of one group that have the same limit. */
export class GroupQueue implements HeapElement {
  heapIndex = -1
  readonly group: Group
  readonly limit: number
  readonly #levels = new Map<number, PriorityLevel>()
  readonly #order = new IndexedHeap<PriorityLevel>((a, b) => a.priority > b.priority)

  constructor(group: Group, limit: number) {
    this.group = group
    this.limit = limit
  }

  /** The task that starts next: of the highest priority the one that has waited longest. */
  get first(): QueuedTask | undefined {
    return this.#order.first?.first
  }

  *[Symbol.iterator](): Generator<QueuedTask> {
    for (const level of this.#levels.values()) yield* level
  }

  /** Whether the first task of this queue comes before that of the other. Neither may be empty. */
  isBefore(other: GroupQueue): boolean {
    const [own, others] = [this.#order.first as PriorityLevel, other.#order.first as PriorityLevel]
    if (own.priority !== others.priority) return own.priority > others.priority
    return (own.first as QueuedTask).sequence < (others.first as QueuedTask).sequence
  }

  add(task: QueuedTask, priority: number, atFront: boolean): void {
    const level = this.#level(priority)
    task.level = level
    if (atFront) level.unshift(task)
    else level.push(task)
    if (level.size === 1) this.#order.place(level)
  }

  remove(task: QueuedTask): void {
    const level = task.level as PriorityLevel
    level.remove(task)
    task.sequence = 0
    if (level.first !== undefined) return
    this.#levels.delete(level.priority)
    this.#order.remove(level)
  }

  #level(priority: number): PriorityLevel {
    let level = this.#levels.get(priority)
    if (level === undefined) {
      level = new PriorityLevel(priority, this)
      this.#levels.set(priority, level)
    }
    return level
  }
}
