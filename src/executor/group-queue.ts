import { LinkedList } from '../linked-list.ts'
import { type HeapElement, IndexedHeap } from './indexed-heap.ts'
import type { QueuedTask, TaskOwner } from './queued-task.ts'
import type { RateWindow } from './rate-window.ts'

/** Tasks that count together: for how many are at work, and how fast they start. */
export interface Group {
  readonly name: string
  readonly owner: TaskOwner
  /** Tasks of it that are alive. */
  aliveCount: number
  /** By limit: tasks of one group may have been submitted with different ones. */
  readonly queues: Map<number, GroupQueue>
  readonly rateWindow: RateWindow | undefined
}

/** The waiting tasks of one priority in one queue. */
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

/** The waiting tasks of one group with one limit. */
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

  /** What starts next from here: the highest priority, the longest wait. */
  get first(): QueuedTask | undefined {
    return this.#order.first?.first
  }

  *[Symbol.iterator](): Generator<QueuedTask> {
    for (const level of this.#levels.values()) yield* level
  }

  /** Of two queues with waiting tasks: whose first one comes first. */
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
