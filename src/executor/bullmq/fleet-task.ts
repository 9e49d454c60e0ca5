import { subscribe, type DoneListener } from '../../future/listeners.ts'
import type { TaskReference } from '../../task-reference.ts'
import type { QueuedTask } from '../queued-task.ts'
import type { RemoteLink } from '../remote.ts'
import { SubmittedTask, type TaskDestination } from '../remote/submitted-task.ts'

const fleetDestination: TaskDestination = { name: 'another process', reach: 'process' }

/** 'unsent': handed over by the scheduler, not yet in Redis. 'taken': a worker has it, and has not begun it. */
export type Stage = 'unsent' | 'sent' | 'taken' | 'begun' | 'over'

/** A BullMQ job that was sent. `tasks` are those that are not over. */
export interface SentJob {
  readonly number: number
  readonly id: string
  readonly tasks: Set<FleetTask>
  /** The numbers of all its tasks, over or not. */
  readonly numbers: number[]
  readonly sentAt: number
  /** The worker that has said that it took the job. */
  worker: string | undefined
  /** When it was first seen as taken by a worker that has not said so; on the monotonic clock. */
  takenAt: number | undefined
  /** How many times it was looked for and not found. */
  misses: number
  /** Whether its tasks are being revoked. */
  isRevoked: boolean
}

/** Brings tasks to workers. */
export interface Carrier {
  /** The future was cancelled, or settled before the work has begun. */
  stop(task: FleetTask, reason: unknown): void
  tell(task: FleetTask, message: unknown): void
}

/** A task that runs in another process. */
export class FleetTask extends SubmittedTask implements DoneListener {
  readonly #carrier: Carrier
  /** Its number in this delivery; each delivery has a new one. */
  number = 0
  stage: Stage = 'unsent'
  job: SentJob | undefined
  worker: string | undefined
  /** The encoded arguments, as they were when it was first handed over. */
  bytes: Uint8Array | undefined
  /** How many workers have died with it. */
  deliveries = 0
  /** How often a worker lacked what the task needs. */
  shortages = 0
  /** It may have killed a worker, so it is sent in a job of its own. */
  isSuspect = false
  /** Whether its future was started. */
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

  /** The future is done: by an outcome, or settled by somebody else. */
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
    return fleetDestination
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
