import { setImmediate } from 'node:timers'
import { checkCount, checkTimeout, checkType, describe, ownOptions } from '../../checks.ts'
import type { SubmitOptions } from '../executor.ts'
import { checkConnection, type FleetConnection } from './redis-connection.ts'
import { hideArguments, ignore } from './redis-errors.ts'

/** What both sides of a fleet must say alike, or at all. */
export interface FleetOptions {
  /** Options or a URL for ioredis; of a Redis that is given, its options are used: it is duplicated, and never closed. */
  connection: FleetConnection
  /** Of BullMQ. @default 'undici-futures' */
  queueName?: string | undefined
  /** Of BullMQ; '{bull}' for Dragonfly. @default 'bull' */
  prefix?: string | undefined
  /** The most bytes of one task's arguments, or of its result. @default 64 MiB */
  maxMessageBytes?: number | undefined
  /**
   * Seals everything that lies in Redis (AES-256-GCM); the same on both sides, and as hard to guess as a key. Without it,
   * who can read Redis reads the requests, and who can write there can make workers send some.
   *
   * @default none
   */
  secret?: string | undefined
  /** Told of connection errors, and of what was found in Redis that should not be there. @default nobody is */
  onError?: ((error: unknown) => void) | undefined
}

export interface BullMQExecutorOptions extends FleetOptions {
  /** How many tasks may be handed over and not over yet; what is beyond waits here, in order. @default 256 */
  maxWorkers?: number | undefined
  /** How many of one group, of this executor; keyed groups of the whole fleet are in BullMQ Pro only. @default no limit of its own */
  maxPerGroup?: number | undefined
  /** How many futures may be pending, handed over or not; one more is a QueueFullError. @default no limit */
  maxQueue?: number | undefined
  /** The most tasks in one BullMQ job. @default 32; 1: a job each, so that BullMQ's rate limits are exact, at 3.5 times the CPU */
  batchSize?: number | undefined
  /**
   * So many ms without Redis, or without any worker, and what was handed over is rejected with a BrokenExecutorError. Default
   * 60 000; null or Infinity: never.
   */
  fleetTimeout?: number | null | undefined
  /** Silent for so many ms, workers take this process for dead. @default 60 000 */
  clientTimeout?: number | undefined
  /** How many workers one idempotent task is tried on that die with it. @default 3 */
  maxDeliveries?: number | undefined
}

/** How a task is to run on a fleet. */
export interface BullMQSubmitOptions<T = unknown> extends SubmitOptions<T> {
  /** The task may be done twice if nobody knows whether it was done once. @default false */
  idempotent?: boolean | undefined
}

export interface ResolvedFleetOptions {
  readonly connection: FleetConnection
  readonly queueName: string
  readonly prefix: string
  readonly maxMessageBytes: number
  readonly secret: string | undefined
  readonly onError: (error: unknown) => void
}

export interface ResolvedExecutorOptions extends ResolvedFleetOptions {
  readonly maxWorkers: number
  readonly maxPerGroup: number | undefined
  readonly maxQueue: number | undefined
  readonly batchSize: number
  readonly fleetTimeout: number
  readonly clientTimeout: number
  readonly maxDeliveries: number
}

const common = ['connection', 'queueName', 'prefix', 'maxMessageBytes', 'secret', 'onError']
const own = ['maxWorkers', 'maxPerGroup', 'maxQueue', 'batchSize', 'fleetTimeout', 'clientTimeout', 'maxDeliveries']

/** @throws {TypeError | RangeError} */
export function resolveExecutorOptions(options: BullMQExecutorOptions): ResolvedExecutorOptions {
  const given = ownOptions(options)
  checkNames(given, own)
  const { maxWorkers = 256, maxPerGroup, maxQueue, batchSize = 32, fleetTimeout = 60_000 } = given
  const { clientTimeout = 60_000, maxDeliveries = 3 } = given
  const patience = checkTimeout('fleetTimeout', fleetTimeout)
  if (patience <= 0) {
    throw new RangeError(`Expected \`fleetTimeout\` to be a positive number, got ${describe(fleetTimeout)}`)
  }
  return {
    ...resolveFleetOptions(given),
    maxWorkers: checkCount('maxWorkers', maxWorkers, { infinite: true }),
    maxPerGroup,
    maxQueue,
    batchSize: checkCount('batchSize', batchSize),
    fleetTimeout: patience,
    clientTimeout: checkCount('clientTimeout', clientTimeout, { minimum: 100 }),
    maxDeliveries: checkCount('maxDeliveries', maxDeliveries),
  }
}

/** @throws {TypeError | RangeError} */
export function resolveFleetOptions(given: FleetOptions): ResolvedFleetOptions {
  const { connection, queueName = 'undici-futures', prefix = 'bull', secret, onError = ignore } = given
  const { maxMessageBytes = 64 * 1024 * 1024 } = given
  checkText('queueName', queueName)
  if (queueName.includes(':'))
    throw new RangeError(`Expected \`queueName\` to have no colon, got ${describe(queueName)}`)
  checkText('prefix', prefix)
  // Not `checkText`: what is wrong with a secret is not shown.
  if (secret !== undefined && (typeof secret !== 'string' || secret === '')) {
    throw new TypeError('Expected `secret` to be a string that is not empty')
  }
  if (typeof onError !== 'function')
    throw new TypeError(`Expected \`onError\` to be a function, got ${describe(onError)}`)
  checkCount('maxMessageBytes', maxMessageBytes)
  return {
    connection: checkConnection(connection),
    queueName,
    prefix,
    secret,
    maxMessageBytes,
    onError: careful(onError),
  }
}

/** @throws {TypeError} an option that nobody knows */
export function checkNames(given: object, names: readonly string[]): void {
  const known = [...common, ...names]
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    throw new TypeError(`Unknown option \`${name}\`: there are ${known.map((each) => `\`${each}\``).join(', ')}`)
  }
}

function checkText(name: string, value: unknown): void {
  checkType(name, value, 'string')
  if (value === '') throw new RangeError(`Expected \`${name}\` not to be empty`)
}

/** What a listener throws reaches nobody else. */
function careful(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      onError(hideArguments(error))
    } catch (thrown) {
      setImmediate(() => {
        throw thrown
      })
    }
  }
}
