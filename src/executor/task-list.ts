import type { QueuedTask } from './queued-task.ts'

/**
 * A doubly linked list that runs through the tasks themselves: any of them leaves at once, and a task is in one list at
 * most. No Set: the tables that a Set has outgrown keep what was in them, and its answers with it, for as long as the old
 * generation is not collected.
 */
export class TaskList {
  first: QueuedTask | undefined
  last: QueuedTask | undefined

  push(task: QueuedTask): void {
    const { last } = this
    task.previous = last
    if (last === undefined) this.first = task
    else last.next = task
    this.last = task
  }

  unshift(task: QueuedTask): void {
    const { first } = this
    task.next = first
    if (first === undefined) this.last = task
    else first.previous = task
    this.first = task
  }

  /** A task of this list. */
  remove(task: QueuedTask): void {
    const { next, previous } = task
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    task.next = task.previous = undefined
  }

  *[Symbol.iterator](): Generator<QueuedTask> {
    for (let task = this.first; task !== undefined; task = task.next) yield task
  }
}
