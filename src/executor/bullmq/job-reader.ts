import { notCloneable } from '../../cloneable.ts'
import { decodeValue } from './codec.ts'
import type { TakenJob } from './job-loop.ts'
import { protocolVersion } from './keys.ts'
import { contexts, type JobData, type PackedJob, type JobTask } from './protocol.ts'
import { SealError } from './sealer.ts'
import type { SubmitterChannel, WorkerEndpoint } from './submitter-channel.ts'
import type { ResolvedWorkerOptions } from './worker-options.ts'
import { WorkerTask } from './worker-task.ts'

/** A job that was read. */
export interface OpenedJob {
  readonly channel: SubmitterChannel
  readonly number: number
  readonly job: TakenJob
  readonly packed: PackedJob
}

/** Reads jobs, and makes tasks of them. */
export class JobReader {
  readonly #end: WorkerEndpoint
  readonly #mostBytes: number
  readonly #onOver: (task: WorkerTask) => void

  constructor(end: WorkerEndpoint, { maxMessageBytes }: ResolvedWorkerOptions, onOver: (task: WorkerTask) => void) {
    this.#end = end
    this.#mostBytes = maxMessageBytes
    this.#onOver = onOver
  }

  /**
   * @returns `undefined` if the job must not run; its submitter was told why
   * @throws {TypeError} no job of a BullMQExecutor
   */
  read(job: TakenJob, channelOf: (submitter: string) => SubmitterChannel): OpenedJob | undefined {
    const data = job.data as Partial<JobData> | null
    const { v: version, s: submitter, j: number, d: text } = data ?? {}
    if (typeof version !== 'number' || typeof submitter !== 'string' || typeof number !== 'number') {
      throw new TypeError('Found a job in the queue that no BullMQExecutor has put there')
    }
    const channel = channelOf(submitter)
    if (version !== protocolVersion) {
      channel.refuse({ job: number, why: 'version', version: protocolVersion })
      return undefined
    }
    if (job.hasComeAgain) {
      channel.say(['again', number])
      return undefined
    }
    try {
      const bytes = this.#end.sealer.open(Buffer.from(String(text), 'base64'), contexts.job(submitter, number))
      return { channel, number, job, packed: decodeValue(bytes) as PackedJob }
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      channel.refuse({ job: number, why: 'secret', version: protocolVersion })
      return undefined
    }
  }

  /** @returns the tasks that have all that they need; the others were sent back */
  async unpack({ channel, job, packed }: OpenedJob): Promise<readonly WorkerTask[]> {
    channel.clientTimeout = packed.clientTimeout
    // Made first, so that garbage throws before anything is counted.
    const all = packed.tasks.map((each) => this.#make(channel, job, packed, each))
    const missing = await channel.fetch(all.flatMap(({ names }) => names))
    const tasks: WorkerTask[] = []
    for (const [index, task] of all.entries()) {
      const lost = task.names.map(([key]) => key).filter((key) => missing.has(key))
      const bytes = lost.length > 0 ? undefined : await this.#argsOf(channel, packed.tasks[index] as JobTask)
      job.left++
      channel.tasks.set(task.number, task)
      if (bytes === undefined) this.#miss(task, lost, missing)
      else if (takeArgs(task, bytes)) tasks.push(task)
    }
    return tasks
  }

  #miss(task: WorkerTask, lost: readonly number[], errors: ReadonlyMap<number, unknown>): void {
    const error = lost.map((key) => errors.get(key)).find((each) => each !== undefined)
    if (error !== undefined) return task.reject(notReadable(task, error))
    task.channel.say(['missing', task.number, lost])
    task.end()
  }

  #make(channel: SubmitterChannel, job: TakenJob, { functions }: PackedJob, packed: JobTask): WorkerTask {
    const [number, place, isIdempotent, , names] = packed
    const fn = functions[place]
    if (fn === undefined) throw new TypeError('Found a job in the queue that calls nothing')
    return new WorkerTask(
      channel,
      job,
      { number, fn, isIdempotent, names },
      { mostBytes: this.#mostBytes, onOver: this.#onOver },
    )
  }

  async #argsOf(channel: SubmitterChannel, [number, , , args]: JobTask): Promise<Uint8Array | undefined> {
    if (args !== null) return args
    const { keys, redis, sealer } = this.#end
    const name = `args:${number}`
    try {
      const bytes = await redis.getdelBuffer(keys.large(channel.id, name))
      return bytes === null ? undefined : sealer.open(bytes, contexts.large(channel.id, name))
    } catch {
      // It was not sealed with our secret, or for something else: as if it were missing.
      return undefined
    }
  }
}

/** @returns false if the arguments can't be read here; the submitter was told so */
function takeArgs(task: WorkerTask, bytes: Uint8Array): boolean {
  try {
    task.args = decodeValue(bytes) as unknown[]
    task.shared = task.channel.copiesOf(task.names)
    return true
  } catch (error) {
    task.reject(notReadable(task, error))
    return false
  }
}

function notReadable({ fn: [, name] }: WorkerTask, cause: unknown): Error {
  return notCloneable(`Can't read the arguments of \`${name}\``, undefined, cause)
}
