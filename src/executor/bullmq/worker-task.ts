import { types } from 'node:util'
import { messageOf } from '../../checks.ts'
import { findUncloneable, notCloneable } from '../../cloneable.ts'
import { BrokenExecutorError, TaskNotCloneableError } from '../../errors.ts'
import type { RemoteContext, SharedCopy } from '../remote.ts'
import { TaskContextBase } from '../remote/task-context.ts'
import { hasBlobs, readBlobs } from './blobs.ts'
import { encodeValue } from './codec.ts'
import { hideArguments } from './redis-errors.ts'
import type { TakenJob } from './job-loop.ts'
import { encodeThrown, type PackedFunction, type SharedName } from './protocol.ts'
import type { SubmitterChannel } from './submitter-channel.ts'

/** A task in a worker, and its context. */
export class WorkerTask extends TaskContextBase {
  readonly channel: SubmitterChannel
  readonly number: number
  readonly job: TakenJob
  readonly fn: PackedFunction
  readonly isIdempotent: boolean
  readonly names: readonly SharedName[]
  /** Set once they are here, and kept, even if the submitter forgets a value meanwhile. */
  args: readonly unknown[] = []
  shared: readonly SharedCopy[] = []
  /** Whether its function was called, or is about to be. */
  hasBegun = false
  isOver = false
  readonly #onOver: (task: WorkerTask) => void
  readonly #mostBytes: number
  #isSilent = false

  constructor(
    channel: SubmitterChannel,
    job: TakenJob,
    { number, fn, isIdempotent, names }: Pick<WorkerTask, 'number' | 'fn' | 'isIdempotent' | 'names'>,
    { mostBytes, onOver }: { mostBytes: number; onOver: (task: WorkerTask) => void },
  ) {
    super()
    this.channel = channel
    this.job = job
    this.number = number
    this.fn = fn
    this.isIdempotent = isIdempotent
    this.names = names
    this.#mostBytes = mostBytes
    this.#onOver = onOver
  }

  get post(): RemoteContext['post'] {
    return (message) => {
      if (this.isOver || this.#isSilent) return
      if (hasBlobs(message)) throw new Error('A Blob could not be cloned.')
      this.channel.say(['message', this.number, encodeValue(message)])
    }
  }

  /** From now on the submitter hears neither of messages nor of the outcome. */
  silence(): void {
    this.#isSilent = true
  }

  /** Sends the result. */
  fulfil(value: unknown): void {
    if (this.isOver) return
    if (this.#isSilent) return this.end()
    let read: unknown
    try {
      read = readBlobs(value)
    } catch (error) {
      return this.#refuse(value, error)
    }
    if (!types.isPromise(read)) return this.#return(read, value)
    read.then(
      (whole) => this.#return(whole, value),
      (error: unknown) => this.reject(error),
    )
  }

  reject(error: unknown): void {
    if (this.isOver) return
    if (this.#isSilent) return this.end()
    this.channel.say(['rejected', this.number, encodeThrown(error)])
    this.end()
  }

  /** Sends the task back: it has not begun, and does not begin here. */
  giveBack(): void {
    if (this.isOver) return
    this.channel.say(['back', this.number])
    this.end()
  }

  /** The task is over: no more words about it. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.#onOver(this)
  }

  #return(read: unknown, value: unknown): void {
    let bytes: Uint8Array
    try {
      bytes = encodeValue(read)
    } catch (error) {
      return this.#refuse(value, error)
    }
    if (bytes.byteLength > this.#mostBytes) {
      const size = `it takes ${bytes.byteLength} bytes, more than \`maxMessageBytes\` (${this.#mostBytes})`
      return this.reject(new TaskNotCloneableError(`Can't bring the result of \`${this.fn[1]}\` back: ${size}`))
    }
    this.channel.sayResult(this.number, bytes, (error) => this.#failToReturn(error))
    this.end()
  }

  /** The result could not be stored in Redis. */
  #failToReturn(cause: unknown): void {
    const tried = `Can't bring the result of \`${this.fn[1]}\` back`
    const error = new BrokenExecutorError(`${tried}: ${messageOf(cause)}`, { cause: hideArguments(cause) })
    this.channel.say(['rejected', this.number, encodeThrown(error)])
  }

  #refuse(value: unknown, cause: unknown): void {
    const tried = `Can't bring the result of \`${this.fn[1]}\` back from its process`
    this.reject(notCloneable(tried, findUncloneable(value, 'result', [], 'process'), cause))
  }
}
