import { SubmittedTask, type TaskDestination } from '../remote/submitted-task.ts'
import type { GracePeriod } from './thread-life.ts'
import { isPrimitive } from './messages.ts'

/** Where a task is once it has been taken: in a thread, or waiting for one. */
export interface TaskHolder {
  /** Only a thread has this: nobody has anything to say to a task before it was handed over. */
  tell?(task: ThreadTask, message: unknown, transfer?: readonly unknown[]): void
  abort(task: ThreadTask, reason: unknown): void
}

const destination: TaskDestination = { name: 'a worker thread', reach: 'thread' }

/** A task that runs in a thread. */
export class ThreadTask extends SubmittedTask {
  /** Where it is, and its number there. */
  holder: TaskHolder | undefined
  id = 0
  /** Ends its thread, unless it has ended before. */
  gracePeriod: GracePeriod | undefined

  /** Nothing in them has an identity: it may cross together with others. */
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
    return destination
  }

  /** It has a number from when it was handed over. */
  protected get wasTold(): boolean {
    return this.id !== 0
  }

  protected override end(): void {
    this.gracePeriod?.clear()
    super.end()
  }
}
