/** What submitters and workers say to each other. Everything is a list: names of properties would cross each time. */
import { textOf } from '../../checks.ts'
import { notCloneable } from '../../cloneable.ts'
import { TaskNotCloneableError } from '../../errors.ts'
import { decode, encode, type Encoded } from '../remote/error-codec.ts'
import { hasBlobs } from './blobs.ts'
import { decodeValue, encodeValue } from './codec.ts'
import { protocolVersion } from './keys.ts'
import type { Sealer } from './sealer.ts'

/** What lies in BullMQ's job, as JSON. */
export interface JobData {
  /** Version of the protocol. What follows holds for every version, so that any worker can refuse a job. */
  readonly v: number
  /** The submitter's id, and the job's number there. */
  readonly s: string
  readonly j: number
  /** A sealed PackedJob, in base64. */
  readonly d: string
}

export interface PackedJob {
  /** ms of silence after which the submitter is dead. */
  readonly clientTimeout: number
  readonly functions: readonly PackedFunction[]
  readonly tasks: readonly JobTask[]
}

export type PackedFunction = readonly [module: string, name: string]

/** Arguments: encoded, `null` if they lie in a key of their own. */
export type JobTask = readonly [
  number: number,
  fn: number,
  isIdempotent: boolean,
  args: Uint8Array | null,
  shared: readonly SharedName[],
]

/** Key and version of a shared value. */
export type SharedName = readonly [key: number, version: number]

/** To a submitter. Tasks and jobs are named by the numbers that it has given them. */
export type Word =
  | TaskWord
  /** The job is here; these tasks begin at once. Acknowledged by Redis before anything of it does. */
  | readonly ['taken', job: number, begun: readonly number[]]
  /** The job has come a second time, and was not run. */
  | readonly ['again', job: number]
  /** The answer to a census: which of the tasks that were asked for are here. */
  | readonly ['here', nonce: string, tasks: readonly number[]]
  /** The submitter to itself: all that was said before has been read. */
  | readonly ['mark', nonce: string]

/** Of one task. */
export type TaskWord =
  /** The task begins. */
  | readonly ['started', task: number]
  | readonly ['message', task: number, value: Uint8Array]
  /** `null`: the result lies in a key of its own. */
  | readonly ['fulfilled', task: number, value: Uint8Array | null]
  | readonly ['rejected', task: number, error: Uint8Array]
  /** Not begun, and will not be here: revoked, aborted before, or the worker closes. */
  | readonly ['back', task: number]
  /** Not begun: these shared values, or the arguments, are gone. */
  | readonly ['missing', task: number, keys: readonly number[]]
  /** Begun, and stopped because the worker closes. */
  | readonly ['stopped', task: number]

/** To a worker. */
export type Command =
  | readonly ['abort', task: number, reason: Uint8Array]
  | readonly ['post', task: number, value: Uint8Array]
  | readonly ['forget', key: number]
  | readonly ['census', nonce: string, tasks: readonly number[]]

/** Several words or commands. */
export interface Letter<Said> {
  readonly from: string
  /** Counts the letters of who has written it: one that comes again was written once. */
  readonly number: number
  readonly said: readonly Said[]
}

/** What a worker says of a job that it can't read. In the clear, as JSON, the same in every version. */
export interface RefusedJob {
  readonly job: number
  readonly why: 'version' | 'secret'
  /** That of the worker. */
  readonly version: number
}

/** Fields of a stream's entry. */
export const fields = { letter: 'd', refusal: 'x' } as const

export function sealLetter(sealer: Sealer, { from, number, said }: Letter<unknown>, context: string): Buffer {
  return sealer.seal(encodeValue([from, number, said]), context)
}

/** @throws it is none, or was sealed otherwise */
export function openLetter<Said>(sealer: Sealer, bytes: Buffer, context: string): Letter<Said> {
  const [from, number, said] = listOf(decodeValue(sealer.open(bytes, context)))
  if (typeof from !== 'string' || typeof number !== 'number') throw new TypeError('Found a letter that is none')
  return { from, number, said: listOf(said) as readonly Said[] }
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

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Never throws. */
export function encodeThrown(thrown: unknown): Uint8Array {
  try {
    const encoded = encode(thrown, 'process')
    // Nobody has read them before, and Node 26 would write them as objects without properties.
    if (hasBlobs(encoded)) throw new Error('A Blob could not be cloned.')
    return encodeValue(encoded)
  } catch {
    // Values that the check has missed.
    return encodeValue(encode(new TaskNotCloneableError(`What was thrown can't leave its process: ${textOf(thrown)}`)))
  }
}

/** @returns what was thrown; an error that says so if it can't be read here */
export function decodeThrown(bytes: Uint8Array): unknown {
  try {
    return decode(decodeValue(bytes) as Encoded)
  } catch (error) {
    return notCloneable("Can't read what was thrown in another process", undefined, error)
  }
}

/** What things are sealed for. */
export const contexts = {
  job: (submitter: string, job: number): string => `job:${submitter}:${job}`,
  words: (submitter: string): string => `words:${submitter}`,
  commands: (worker: string): string => `commands:${worker}`,
  shared: (submitter: string, key: number): string => `shared:${submitter}:${key}`,
  large: (submitter: string, name: string): string => `large:${submitter}:${name}`,
}

/** Bytes of arguments and results from which on they lie in a key of their own. */
export const largeBytes = 16 * 1024
