import { SubmittedTask, type TaskDestination } from '../remote/submitted-task.ts'
import type { GracePeriod } from './thread-life.ts'
import { isPrimitive } from './messages.ts'

/** Where a started task is: in a thread, or waiting for one. */
export interface TaskHolder {
  /** Only threads have this: there are no messages to a task that was not sent. */
  tell?(task: ThreadTask, message: unknown, transfer?: readonly unknown[]): void
  abort(task: ThreadTask, reason: unknown): void
}

const threadDestination: TaskDestination = { name: 'a worker thread', reach: 'thread' }

/** A task that runs in a thread. */
export class ThreadTask extends SubmittedTask {
  /** Where it is, and its number in that thread; 0 = not sent. */
  holder: TaskHolder | undefined
  id = 0
  /** Runs once the task was told to stop. */
  gracePeriod: GracePeriod | undefined

  /** Whether it may share a message with other tasks. */
  get hasPlainArgs(): boolean {
    return this.args.every(isPrimitive)
  }

  post(message: unknown, transfer?: readonly unknown[]): void {
    this.holder?.tell?.(this, message, transfer)
  }

  abort(reason: unknown): void {
    this.holder?.abort(this, reason)
  }

  protected destination(): TaskDestination {
    return threadDestination
  }

  /** Tasks are numbered when they are sent. */
  protected get wasTold(): boolean {
    return this.id !== 0
  }

  protected override end(): void {
    this.gracePeriod?.clear()
    super.end()
  }
}
