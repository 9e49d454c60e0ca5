/** What submitters and workers say to each other. Everything is a list: names of properties would cross each time. */
import { decodeValue, encodeValue } from './codec.ts'
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
  readonly tasks: readonly PackedTask[]
}

export type PackedFunction = readonly [module: string, name: string]

/** Arguments: encoded, `null` if they lie in a key of their own. */
export type PackedTask = readonly [
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
  /** The job is here; these tasks begin at once. Acknowledged by Redis before anything of it does. */
  | readonly ['taken', job: number, begun: readonly number[]]
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
  /** The job has come a second time, and was not run. */
  | readonly ['again', job: number]
  /** The answer to a census: which of the tasks that were asked for are here. */
  | readonly ['here', nonce: string, tasks: readonly number[]]
  /** The submitter to itself: all that was said before has been read. */
  | readonly ['mark', nonce: string]

/** To a worker. */
export type Command =
  | readonly ['abort', task: number, reason: Uint8Array]
  | readonly ['post', task: number, value: Uint8Array]
  | readonly ['forget', key: number]
  | readonly ['census', nonce: string, tasks: readonly number[]]

/** What a worker says of a job that it can't read. In the clear, as JSON, the same in every version. */
export interface RefusedJob {
  readonly job: number
  readonly why: 'version' | 'secret'
  /** That of the worker. */
  readonly version: number
}

/** Fields of a stream's entry. */
export const fields = { letter: 'd', refusal: 'x' } as const

/** Several words or commands, and who says them. */
export function sealLetter(sealer: Sealer, from: string, said: readonly unknown[], context: string): Buffer {
  return sealer.seal(encodeValue([from, said]), context)
}

/** @throws it is none, or was sealed otherwise */
export function openLetter<Said>(
  sealer: Sealer,
  bytes: Buffer,
  context: string,
): [from: string, said: readonly Said[]] {
  const letter = decodeValue(sealer.open(bytes, context))
  if (Array.isArray(letter) && typeof letter[0] === 'string' && Array.isArray(letter[1])) {
    return letter as [string, readonly Said[]]
  }
  throw new TypeError('That is no letter')
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
