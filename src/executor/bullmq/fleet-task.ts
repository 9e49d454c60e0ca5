import { subscribe, type DoneListener } from '../../future/listeners.ts'
import type { TaskReference } from '../../task-reference.ts'
import type { QueuedTask } from '../queued-task.ts'
import type { RemoteLink } from '../remote.ts'
import { SubmittedTask, type TaskDestination } from '../remote/submitted-task.ts'

const destination: TaskDestination = { name: 'another process', reach: 'process' }

/** Unsent: handed over by the scheduler, and not in Redis. Taken: a worker has it. */
export type Stage = 'unsent' | 'sent' | 'taken' | 'begun' | 'over'

/** A BullMQ job on its way, and what in it is not over. */
export interface SentJob {
  readonly number: number
  readonly id: string
  readonly tasks: Set<FleetTask>
  /** Those of all of its tasks, over or not. */
  readonly numbers: number[]
  readonly sentAt: number
  /** The worker that has taken it, and says so. */
  worker: string | undefined
  /** When it was first seen to be taken by somebody who has not said so; on the monotonic clock. */
  takenAt: number | undefined
  /** How often it was looked for and not found. */
  misses: number
  /** It is being taken back. */
  isRevoked: boolean
}

/** Who brings tasks to workers. */
export interface Carrier {
  /** The future was settled before the work has begun, or its cancellation must reach the work. */
  stop(task: FleetTask, reason: unknown): void
  tell(task: FleetTask, message: unknown): void
}

/** A task that runs in another process. */
export class FleetTask extends SubmittedTask implements DoneListener {
  readonly #carrier: Carrier
  /** Of this delivery: each has a new one. */
  number = 0
  stage: Stage = 'unsent'
  job: SentJob | undefined
  worker: string | undefined
  /** The arguments, as they were when it was handed over first. */
  bytes: Uint8Array | undefined
  /** Workers that had begun it, or had it, and died. */
  deliveries = 0
  /** How often a worker lacked what the task needs. */
  shortages = 0
  /** It may have killed a worker: it travels by itself, for the sake of the others. */
  isSuspect = false
  /** Its future has been told that it runs. */
  hasBegun = false
  isStopped = false

  constructor(reference: TaskReference, link: RemoteLink, site: Error | undefined, carrier: Carrier) {
    super(reference, link, site)
    this.#carrier = carrier
  }

  get isIdempotent(): boolean {
    return this.link.isIdempotent === true
  }

  get key(): QueuedTask {
    return this.queued as QueuedTask
  }

  override begin(queued: QueuedTask): Promise<unknown> {
    const outcome = super.begin(queued)
    queued.controller.onCancel(this)
    queued.controller.future[subscribe](this)
    return outcome
  }

  /** The future is done: by an outcome, or by somebody who can't wait for one. */
  handleDone(): void {
    if (this.stage !== 'over' && !this.hasBegun) this.#carrier.stop(this, new Error('It is settled already'))
  }

  post(message: unknown): void {
    if (this.stage === 'begun') this.#carrier.tell(this, message)
  }

  abort(reason: unknown): void {
    if (this.stage !== 'over') this.#carrier.stop(this, reason)
  }

  protected destination(): TaskDestination {
    return destination
  }

  protected get wasTold(): boolean {
    return this.hasBegun
  }

  protected override end(): void {
    this.stage = 'over'
    this.bytes = undefined
    super.end()
  }
}
