import { IndexedHeap } from './indexed-heap.ts'
import { GroupQueue, type Group, type PriorityLevel } from './group-queue.ts'
import type { QueuedTask, TaskOwner } from './queued-task.ts'
import { RateWindow, type RateLimit } from './rate-window.ts'

export interface Placement {
  readonly priority: number
  readonly group: string | undefined
  readonly maxPerGroup: number
  /** Whether it goes before all others of its priority. */
  readonly atFront: boolean
}

/**
 * The waiting tasks. Higher priority comes first, then first come, first served; a group at its limit is passed over
 * without holding up the others. Adding and taking cost O(log groups); removing costs O(1), except for the
 * last task of a priority.
 */
export class TaskQueue {
  readonly #owner: TaskOwner
  readonly #groups = new Map<string, Group>()
  /** Tasks without a group. They share nothing but a rate limit. */
  readonly #ungrouped: Group
  /** Counts the starts of all tasks; `undefined` if there is no rate limit, or one for each group. */
  readonly #rateWindow: RateWindow | undefined
  readonly #groupRate: RateLimit | undefined
  /** Queues whose first task may start now, but for `#rateWindow`. */
  readonly #readyQueues = new IndexedHeap<GroupQueue>((a, b) => a.isBefore(b))
  readonly #onReady: () => void
  readonly #onAlarm = (): void => {
    // A task may have started just before the timer fired: then the window is full again.
    this.#setAlarm()
    this.#onReady()
  }
  #sequence = 0
  #sweepAt = 1024
  #size = 0

  /** @param onReady called when the rate limit lets a task start again */
  constructor(owner: TaskOwner, rate: RateLimit | undefined, onReady: () => void) {
    this.#owner = owner
    const isPerGroup = rate?.perGroup === true
    this.#rateWindow = rate === undefined || isPerGroup ? undefined : new RateWindow(rate)
    this.#groupRate = isPerGroup ? rate : undefined
    this.#onReady = onReady
    this.#ungrouped = this.#makeGroup('')
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#size
  }

  /** Whether one of them may start. */
  get hasReady(): boolean {
    return this.#readyQueues.first !== undefined && (this.#rateWindow === undefined || this.#rateWindow.delay <= 0)
  }

  /** All waiting tasks, in no particular order. */
  list(): QueuedTask[] {
    return [this.#ungrouped, ...this.#groups.values()]
      .flatMap((group) => [...group.queues.values()])
      .flatMap((queue) => [...queue])
  }

  add(task: QueuedTask, { priority, group: name, maxPerGroup, atFront }: Placement): void {
    const group = this.#group(name)
    const limit = name === undefined ? Infinity : maxPerGroup
    let queue = group.queues.get(limit)
    if (queue === undefined) {
      queue = new GroupQueue(group, limit)
      group.queues.set(limit, queue)
    }
    this.#sequence++
    task.sequence = atFront ? -this.#sequence : this.#sequence
    const head = queue.first
    queue.add(task, priority, atFront)
    this.#size++
    if (queue.first !== head) this.#refresh(queue)
    this.#setAlarm()
  }

  /** Removes a task; one that does not wait is ignored. */
  remove(task: QueuedTask): void {
    if (!task.isWaiting) return
    const { queue } = task.level as PriorityLevel
    const isHead = queue.first === task
    queue.remove(task)
    this.#size--
    if (isHead) this.#refresh(queue)
    this.#setAlarm()
  }

  /** Removes and returns the next task. It counts as alive until it is released. */
  take(): QueuedTask | undefined {
    if (!this.hasReady) return undefined
    const queue = this.#readyQueues.first as GroupQueue
    const task = queue.first as QueuedTask
    const { group } = queue
    queue.remove(task)
    this.#size--
    group.aliveCount++
    this.#refresh(queue)
    this.#refreshAll(group)
    return task
  }

  /**
   * Counts a task that was taken as started, dated after its beginning: the process may be suspended between `take` and
   * the beginning, and that must not shorten a window.
   */
  confirm(task: QueuedTask): void {
    const { group } = (task.level as PriorityLevel).queue
    const rateWindow = this.#rateWindow ?? group.rateWindow
    if (rateWindow === undefined) return
    rateWindow.add()
    this.#refreshAll(group)
    this.#setAlarm()
  }

  /** A task that was taken is no longer alive. */
  release(task: QueuedTask): void {
    const { group } = (task.level as PriorityLevel).queue
    group.aliveCount--
    this.#refreshAll(group)
    if (group.queues.size === 0) this.#leave(group)
    this.#setAlarm()
  }

  #refreshAll(group: Group): void {
    for (const queue of group.queues.values()) this.#refresh(queue)
  }

  /** Puts a queue among the ready ones, or takes it out, after anything about it has changed. */
  #refresh(queue: GroupQueue): void {
    const { group } = queue
    if (queue.first === undefined) {
      this.#readyQueues.remove(queue)
      // The queue of ungrouped tasks is kept: with sequential callers it becomes empty after every request.
      if (group !== this.#ungrouped) group.queues.delete(queue.limit)
      if (group === this.#ungrouped || group.queues.size === 0) this.#leave(group)
      return
    }
    const delay = group.rateWindow?.delay ?? 0
    if (group.aliveCount < queue.limit && delay <= 0) return this.#readyQueues.place(queue)
    this.#readyQueues.remove(queue)
    if (delay > 0) {
      group.rateWindow?.wake(() => {
        this.#refreshAll(group)
        this.#onReady()
      })
    }
  }

  /** With one window for all tasks: sets the timer for when the next ready task may start. */
  #setAlarm(): void {
    const rateWindow = this.#rateWindow
    if (rateWindow === undefined) return
    if (this.#readyQueues.first === undefined) return rateWindow.sleep()
    if (rateWindow.delay > 0) rateWindow.wake(this.#onAlarm)
  }

  /** No task of this group waits any more: forgets it, unless it has tasks alive or a rate window. */
  #leave(group: Group): void {
    group.rateWindow?.sleep()
    if (group.aliveCount === 0 && group.rateWindow === undefined && group !== this.#ungrouped)
      this.#groups.delete(group.name)
  }

  #group(name: string | undefined): Group {
    if (name === undefined) return this.#ungrouped
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = this.#makeGroup(name)
      this.#groups.set(name, group)
      if (this.#groups.size >= this.#sweepAt) this.#sweep()
    }
    return group
  }

  #makeGroup(name: string): Group {
    const rateWindow = this.#groupRate === undefined ? undefined : new RateWindow(this.#groupRate)
    return { name, owner: this.#owner, aliveCount: 0, queues: new Map(), rateWindow }
  }

  /** Groups with a rate window are kept for one interval after their last start: forgets those that are past it. */
  #sweep(): void {
    for (const group of this.#groups.values()) {
      if (group.aliveCount === 0 && group.queues.size === 0 && group.rateWindow?.isEmpty === true)
        this.#groups.delete(group.name)
    }
    this.#sweepAt = Math.max(1024, this.#groups.size * 2)
  }
}
