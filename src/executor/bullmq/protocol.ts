/** What submitters and workers say to each other. Everything is a list: names of properties would cross each time. */
import { textOf } from '../../checks.ts'
import { notCloneable } from '../../cloneable.ts'
import { TaskNotCloneableError } from '../../errors.ts'
import { decode, encode, type Encoded } from '../remote/error-codec.ts'
import { hasBlobs } from './blobs.ts'
import { decodeValue, encodeValue } from './codec.ts'
import { protocolVersion } from './keys.ts'
import type { Sealer } from './sealer.ts'

/** The data of a BullMQ job, as JSON. */
export interface JobData {
  /** Protocol version. `v`, `s` and `j` are the same in every version, so that any worker can refuse a job. */
  readonly v: number
  /** The submitter's id, and the job's number there. */
  readonly s: string
  readonly j: number
  /** A sealed PackedJob, in base64. */
  readonly d: string
}

export interface PackedJob {
  /** After how many ms of silence the submitter is taken for dead. */
  readonly clientTimeout: number
  readonly functions: readonly PackedFunction[]
  readonly tasks: readonly JobTask[]
}

export type PackedFunction = readonly [module: string, name: string]

/** Encoded arguments; `null` if they are stored under a key of their own. */
export type JobTask = readonly [
  number: number,
  fn: number,
  isIdempotent: boolean,
  args: Uint8Array | null,
  shared: readonly SharedName[],
]

/** Key and version of a shared value. */
export type SharedName = readonly [key: number, version: number]

/** A message to a submitter. Tasks and jobs are named by its own numbers. */
export type Word =
  | TaskWord
  /** The worker has the job, and begins these tasks at once. Written to Redis before any of them begins. */
  | readonly ['taken', job: number, begun: readonly number[]]
  /** The job was delivered a second time, and not run. */
  | readonly ['again', job: number]
  /** The answer to a census: which of those tasks the worker has. */
  | readonly ['here', nonce: string, tasks: readonly number[]]
  /** A mark that the submitter writes to itself: it has read all that was written before. */
  | readonly ['mark', nonce: string]

/** About one task. */
export type TaskWord =
  /** The task begins. */
  | readonly ['started', task: number]
  | readonly ['message', task: number, value: Uint8Array]
  /** `null`: the result is stored under a key of its own. */
  | readonly ['fulfilled', task: number, value: Uint8Array | null]
  | readonly ['rejected', task: number, error: Uint8Array]
  /** The task will not begin here: it was revoked or aborted, or the worker closes. */
  | readonly ['back', task: number]
  /** The task was not begun: these shared values, or its arguments, are missing. */
  | readonly ['missing', task: number, keys: readonly number[]]
  /** The task had begun, and was stopped because the worker closes. */
  | readonly ['stopped', task: number]

/** A message to a worker. */
export type Command =
  | readonly ['abort', task: number, reason: Uint8Array]
  | readonly ['post', task: number, value: Uint8Array]
  | readonly ['forget', key: number]
  | readonly ['census', nonce: string, tasks: readonly number[]]

/** Several words or commands in one entry of a stream. */
export interface Letter<Said> {
  readonly from: string
  /** Counts the writer's letters, so that one that was written twice is read once. */
  readonly number: number
  readonly said: readonly Said[]
}

/** A worker's answer to a job that it can't read: not sealed, as JSON, the same in every version. */
export interface RefusedJob {
  readonly job: number
  readonly why: 'version' | 'secret'
  /** The worker's protocol version. */
  readonly version: number
}

/** The fields of a stream entry. */
export const fields = { letter: 'd', refusal: 'x' } as const

export function sealLetter(sealer: Sealer, { from, number, said }: Letter<unknown>, context: string): Buffer {
  return sealer.seal(encodeValue([from, number, said]), context)
}

/** @throws it is none, or was sealed otherwise */
export function openLetter<Said>(sealer: Sealer, bytes: Buffer, context: string): Letter<Said> {
  const [from, number, said] = arrayOf(decodeValue(sealer.open(bytes, context)))
  if (typeof from !== 'string' || typeof number !== 'number') throw new TypeError('Found a letter that is none')
  return { from, number, said: arrayOf(said) as readonly Said[] }
}

/** @throws it is none */
export function openRefusal(bytes: Buffer): RefusedJob {
  const { job, why, version } = Object(JSON.parse(bytes.toString())) as Partial<RefusedJob>
  if (typeof job === 'number' && typeof version === 'number' && (why === 'version' || why === 'secret')) {
    return { job, why, version }
  }
  throw new TypeError('Found a refusal that is none')
}

export function problemOf({ why, version }: RefusedJob): string {
  if (why === 'secret') return 'a worker was started with another `secret`, or without one'
  const versions = `version ${version} of the protocol, and this is version ${protocolVersion}`
  return `a worker speaks ${versions}: install the same undici-futures on both sides`
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Never throws. */
export function encodeThrown(thrown: unknown): Uint8Array {
  try {
    const encoded = encode(thrown, 'process')
    // Blobs were not read before, and Node 26 would write them as empty objects.
    if (hasBlobs(encoded)) throw new Error('A Blob could not be cloned.')
    return encodeValue(encoded)
  } catch {
    // The check has missed a value that can't be cloned.
    return encodeValue(encode(new TaskNotCloneableError(`What was thrown can't leave its process: ${textOf(thrown)}`)))
  }
}

/** @returns the thrown value; if that can't be read here, an error that says so */
export function decodeThrown(bytes: Uint8Array): unknown {
  try {
    return decode(decodeValue(bytes) as Encoded)
  } catch (error) {
    return notCloneable("Can't read what was thrown in another process", undefined, error)
  }
}

/** The purposes that things are sealed for. */
export const contexts = {
  job: (submitter: string, job: number): string => `job:${submitter}:${job}`,
  words: (submitter: string): string => `words:${submitter}`,
  commands: (worker: string): string => `commands:${worker}`,
  shared: (submitter: string, key: number): string => `shared:${submitter}:${key}`,
  large: (submitter: string, name: string): string => `large:${submitter}:${name}`,
}

/** From how many bytes on arguments and results are stored under a key of their own. */
export const largeBytes = 16 * 1024
