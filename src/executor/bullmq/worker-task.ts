import { types } from 'node:util'
import { messageOf, textOf } from '../../checks.ts'
import { findUncloneable, notCloneable } from '../../cloneable.ts'
import { BrokenExecutorError, TaskNotCloneableError } from '../../errors.ts'
import { FutureController } from '../../future/future-controller.ts'
import { encode } from '../remote/error-codec.ts'
import type { RemoteContext, SharedCopy } from '../remote.ts'
import { encodeValue, readBlobs } from './codec.ts'
import type { PackedFunction, SharedName } from './protocol.ts'
import type { SubmitterLine } from './submitter-line.ts'

/** A BullMQ job that is here, until all of its tasks are over. */
export interface HeldJob {
  left: number
}

/** What a task in a worker is told, and what it says. */
export class WorkerTask implements RemoteContext {
  readonly line: SubmitterLine
  readonly number: number
  readonly job: HeldJob
  readonly fn: PackedFunction
  readonly isIdempotent: boolean
  readonly names: readonly SharedName[]
  args: readonly unknown[] = []
  /** Its function is called, or is about to be. */
  hasBegun = false
  isOver = false
  readonly #onOver: (task: WorkerTask) => void
  readonly #mostBytes: number
  #controllerMade: FutureController<never> | undefined
  #isSilent = false
  #listener: ((message: unknown) => void) | undefined
  #unheard: unknown[] = []

  constructor(
    line: SubmitterLine,
    job: HeldJob,
    { number, fn, isIdempotent, names }: Pick<WorkerTask, 'number' | 'fn' | 'isIdempotent' | 'names'>,
    { mostBytes, onOver }: { mostBytes: number; onOver: (task: WorkerTask) => void },
  ) {
    this.line = line
    this.job = job
    this.number = number
    this.fn = fn
    this.isIdempotent = isIdempotent
    this.names = names
    this.#mostBytes = mostBytes
    this.#onOver = onOver
  }

  get shared(): readonly SharedCopy[] {
    return this.line.copiesOf(this.names)
  }

  get signal(): AbortSignal {
    return this.#controller.future.signal
  }

  get isAborted(): boolean {
    return this.#controllerMade?.future.cancelled() === true
  }

  // Functions are made when they are asked for, so that they work without the object: few tasks ask.

  get onCancel(): RemoteContext['onCancel'] {
    return (fn) => this.#controller.onCancel(fn)
  }

  get post(): RemoteContext['post'] {
    return (message) => {
      if (this.isOver || this.#isSilent) return
      if (types.isPromise(readBlobs(message))) throw new Error('A Blob could not be cloned.')
      this.line.say(['message', this.number, encodeValue(message)])
    }
  }

  get onMessage(): RemoteContext['onMessage'] {
    return (fn) => {
      this.#listener = fn
      const messages = this.#unheard
      this.#unheard = []
      for (const each of messages) fn(each)
    }
  }

  handleMessage(message: unknown): void {
    if (this.#listener === undefined) this.#unheard.push(message)
    else this.#listener(message)
  }

  /** Whatever becomes of it, nobody is told. */
  silence(): void {
    this.#isSilent = true
  }

  abort(reason: unknown): void {
    this.#controller.future.cancel(reason)
  }

  /** Its outcome crosses. */
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
    this.line.say(['rejected', this.number, encodeRejection(error)])
    this.end()
  }

  /** Not begun, and it does not begin here. */
  giveBack(): void {
    if (this.isOver) return
    this.line.say(['back', this.number])
    this.end()
  }

  /** Nothing is said of it any more. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.#onOver(this)
  }

  #return(read: unknown, value: unknown): void {
    if (this.isOver) return
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
    this.line.sayResult(this.number, bytes, (error) => this.#failToReturn(error))
    this.end()
  }

  /** It could not be put into Redis. */
  #failToReturn(cause: unknown): void {
    const tried = `Can't bring the result of \`${this.fn[1]}\` back`
    const error = new BrokenExecutorError(`${tried}: ${messageOf(cause)}`, { cause })
    this.line.say(['rejected', this.number, encodeRejection(error)])
  }

  #refuse(value: unknown, cause: unknown): void {
    const tried = `Can't bring the result of \`${this.fn[1]}\` back from its process`
    this.reject(notCloneable(tried, findUncloneable(value, 'result', [], 'process'), cause))
  }

  get #controller(): FutureController<never> {
    return (this.#controllerMade ??= new FutureController())
  }
}

function encodeRejection(error: unknown): Uint8Array {
  try {
    return encodeValue(encode(error, 'process'))
  } catch {
    // Values that threads can share, and processes can't.
    return encodeValue(encode(new TaskNotCloneableError(`What was thrown can't leave its process: ${textOf(error)}`)))
  }
}
