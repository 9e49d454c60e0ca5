import { IndexedHeap } from './indexed-heap.ts'
import { Lane, type Group, type Level } from './group-queue.ts'
import type { QueuedTask, TaskOwner } from './queued-task.ts'
import { StartLog, type RateLimit } from './rate-window.ts'

export interface Placement {
  readonly priority: number
  readonly group: string | undefined
  readonly maxPerGroup: number
  /** Before all others of its priority. */
  readonly atFront: boolean
}

/**
 * Tasks that wait: which is next, and how to forget one. Higher priority first, then first come first served; a group at
 * its limit stands aside without holding up the others. Adding and taking cost O(log groups), leaving O(1) but for the
 * last of a priority.
 */
export class TaskQueue {
  readonly #owner: TaskOwner
  readonly #groups = new Map<string, Group>()
  /** Of tasks without a group: they share nothing but a rate limit. */
  readonly #ungrouped: Group
  /** Where starts are counted: of all together, or of each group. */
  readonly #log: StartLog | undefined
  readonly #groupRate: RateLimit | undefined
  /** Lanes that have a task that may start now. */
  readonly #readyLanes = new IndexedHeap<Lane>((a, b) => a.isBefore(b))
  readonly #onReady: () => void
  readonly #onAlarm = (): void => {
    // A start that came in time, and before the timer: it is not yet the next one's turn.
    this.#setAlarm()
    this.#onReady()
  }
  #sequence = 0
  #sweepAt = 1024
  #size = 0

  /** @param onReady called when time has made a task ready (only with `rate`) */
  constructor(owner: TaskOwner, rate: RateLimit | undefined, onReady: () => void) {
    this.#owner = owner
    const isPerGroup = rate?.perGroup === true
    this.#log = rate === undefined || isPerGroup ? undefined : new StartLog(rate)
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
    return this.#readyLanes.first !== undefined && (this.#log === undefined || this.#log.delay <= 0)
  }

  /** Everything that waits, in no particular order. */
  list(): QueuedTask[] {
    return [this.#ungrouped, ...this.#groups.values()]
      .flatMap((group) => [...group.lanes.values()])
      .flatMap((lane) => [...lane])
  }

  add(task: QueuedTask, { priority, group: name, maxPerGroup, atFront }: Placement): void {
    const group = this.#group(name)
    const limit = name === undefined ? Infinity : maxPerGroup
    let lane = group.lanes.get(limit)
    if (lane === undefined) {
      lane = new Lane(group, limit)
      group.lanes.set(limit, lane)
    }
    this.#sequence++
    task.sequence = atFront ? -this.#sequence : this.#sequence
    const head = lane.first
    lane.add(task, priority, atFront)
    this.#size++
    if (lane.first !== head) this.#refresh(lane)
    this.#setAlarm()
  }

  /** Forgets a task that waits; of any other it knows nothing. */
  remove(task: QueuedTask): void {
    if (!task.isWaiting) return
    const { lane } = task.level as Level
    const isHead = lane.first === task
    lane.remove(task)
    this.#size--
    if (isHead) this.#refresh(lane)
    this.#setAlarm()
  }

  /** Takes the next task out; it counts as alive until it is released. */
  take(): QueuedTask | undefined {
    if (!this.hasReady) return undefined
    const lane = this.#readyLanes.first as Lane
    const task = lane.first as QueuedTask
    const { group } = lane
    lane.remove(task)
    this.#size--
    group.aliveCount++
    this.#refresh(lane)
    this.#refreshAll(group)
    return task
  }

  /**
   * A task that was taken has begun. Only that is a start, and it is dated after the beginning: what comes between a
   * decision and its task (the system may stop us there) does not shorten a window.
   */
  confirm(task: QueuedTask): void {
    const { group } = (task.level as Level).lane
    const log = this.#log ?? group.log
    if (log === undefined) return
    log.add()
    this.#refreshAll(group)
    this.#setAlarm()
  }

  /** A task that was taken has ended. */
  release(task: QueuedTask): void {
    const { group } = (task.level as Level).lane
    group.aliveCount--
    this.#refreshAll(group)
    if (group.lanes.size === 0) this.#leave(group)
    this.#setAlarm()
  }

  #refreshAll(group: Group): void {
    for (const lane of group.lanes.values()) this.#refresh(lane)
  }

  /** Puts a lane where it belongs after anything about it has changed. */
  #refresh(lane: Lane): void {
    const { group } = lane
    if (lane.first === undefined) {
      this.#readyLanes.remove(lane)
      // That of the tasks without a group empties after every request of a sequential caller: it stays.
      if (group !== this.#ungrouped) group.lanes.delete(lane.limit)
      if (group === this.#ungrouped || group.lanes.size === 0) this.#leave(group)
      return
    }
    const delay = group.log?.delay ?? 0
    if (group.aliveCount < lane.limit && delay <= 0) return this.#readyLanes.place(lane)
    this.#readyLanes.remove(lane)
    if (delay > 0) {
      group.log?.wake(() => {
        this.#refreshAll(group)
        this.#onReady()
      })
    }
  }

  /** Where starts of all together are counted: calls back when the first that is ready may start, if that is later. */
  #setAlarm(): void {
    const log = this.#log
    if (log === undefined) return
    if (this.#readyLanes.first === undefined) return log.sleep()
    if (log.delay > 0) log.wake(this.#onAlarm)
  }

  /** Nothing of this group waits any more. */
  #leave(group: Group): void {
    group.log?.sleep()
    if (group.aliveCount === 0 && group.log === undefined && group !== this.#ungrouped) this.#groups.delete(group.name)
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
    const log = this.#groupRate === undefined ? undefined : new StartLog(this.#groupRate)
    return { name, owner: this.#owner, aliveCount: 0, lanes: new Map(), log }
  }

  /** Groups with a rate must be remembered for one interval: forgets those that no longer have to be. */
  #sweep(): void {
    for (const group of this.#groups.values()) {
      if (group.aliveCount === 0 && group.lanes.size === 0 && group.log?.isEmpty === true)
        this.#groups.delete(group.name)
    }
    this.#sweepAt = Math.max(1024, this.#groups.size * 2)
  }
}
