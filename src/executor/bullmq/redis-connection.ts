import type { Redis as RedisClient, RedisOptions } from 'ioredis'
import { describe } from '../../checks.ts'
import { Redis } from './peers.ts'
import { hideArguments, ignore } from './redis-errors.ts'
import { times } from './times.ts'

/** Options or URL for ioredis; of a Redis that is given, its options are used: it is duplicated, and never closed. */
export type FleetConnection = RedisOptions | string | RedisClient

/** Options that users can't choose, because we rely on them. */
const fixedOptions: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: true,
  // If the offline queue failed, its error would reach nobody and end the process.
  autoResubscribe: false,
  // With it, commands could overtake each other, or those that block.
  enableAutoPipelining: false,
  stringNumbers: false,
  disconnectTimeout: times.grace,
}

/** With `exactOptionalPropertyTypes`, ioredis 6 does not accept its own option type (TS2769, at `replyMapping`). */
const Client = Redis as unknown as new (...args: readonly [string, object] | readonly [object]) => RedisClient

/** @throws {TypeError} */
export function checkConnection(connection: unknown): FleetConnection {
  const expected = 'Expected `connection` to be options or a URL for ioredis, or a Redis'
  const isObject = typeof connection === 'object' && connection !== null && !Array.isArray(connection)
  if (typeof connection !== 'string' && !isObject) throw new TypeError(`${expected}, got ${describe(connection)}`)
  if ((connection as { isCluster?: unknown }).isCluster === true) throw new TypeError(`${expected}, got a cluster`)
  const checked = connection as FleetConnection
  if (Boolean(optionsOf(checked).keyPrefix)) {
    throw new TypeError('Expected `connection` to have no `keyPrefix`, which BullMQ does not support: use `prefix`')
  }
  return checked
}

function optionsOf(connection: FleetConnection): RedisOptions {
  if (isClient(connection)) return connection.options
  // A URL may bring options, too.
  return typeof connection === 'string' ? new Client(connection, fixedOptions).options : connection
}

function isClient(value: unknown): value is RedisClient {
  return typeof (value as Partial<RedisClient> | null | undefined)?.duplicate === 'function'
}

const attempts = new Set(['connecting', 'connect', 'reconnecting'])

/** One connection to Redis. */
export class RedisConnection {
  readonly redis: RedisClient
  /** The last error, until it is connected again. */
  error: unknown
  /** Whether it keeps the process alive, and connects again for ever. */
  #isWanted: boolean

  /** @param resends whether commands under way when the connection breaks are sent again; they may be executed twice then */
  constructor(
    connection: FleetConnection,
    options: { resends: boolean; isWanted: boolean },
    onError: (error: unknown) => void,
  ) {
    this.#isWanted = options.isWanted
    this.redis = open(connection, {
      ...fixedOptions,
      autoResendUnfulfilledCommands: options.resends,
      // 0: commands that are not resent fail when the connection breaks. With `null` they would never settle.
      maxRetriesPerRequest: options.resends ? null : 0,
      retryStrategy: (count) => (this.#isWanted ? Math.min(times.longestPause, 25 * 2 ** Math.min(count, 10)) : null),
    })
    this.redis.on('error', (error) => {
      this.error = hideArguments(error)
      onError(error)
    })
    this.redis.on('close', () => (this.error ??= new Error('The connection to Redis was closed')))
    this.redis.on('ready', () => (this.error = undefined))
    this.redis.on('connect', () => this.#applyRef())
    this.redis.on('end', () => this.#isWanted && this.#connect())
  }

  /** Sets `#isWanted`. */
  want(isWanted: boolean): void {
    this.#isWanted = isWanted
    const { status } = this.redis
    if (isWanted && (status === 'wait' || status === 'end')) this.#connect()
    // Nothing waits for this connection, and it would keep the process alive.
    if (!isWanted && attempts.has(status)) this.#disconnect()
    this.#applyRef()
  }

  /** Fails the commands under way. */
  close(): void {
    this.#isWanted = false
    this.#disconnect()
  }

  #disconnect(): void {
    // Between two attempts ioredis would stop and forget waiting commands: only the end of an attempt makes them fail.
    if (this.redis.status === 'reconnecting') this.#connect()
    this.redis.disconnect()
  }

  #connect(): void {
    this.redis.connect().catch(ignore)
  }

  #applyRef(): void {
    const { stream } = this.redis as { stream?: { ref?(): void; unref?(): void } }
    if (this.#isWanted) stream?.ref?.()
    else stream?.unref?.()
  }
}

function open(connection: FleetConnection, overrides: RedisOptions): RedisClient {
  if (isClient(connection)) return connection.duplicate(overrides)
  if (typeof connection === 'string') return new Client(connection, overrides)
  return new Client({ ...connection, ...overrides })
}

/** @param info the reply of INFO */
export function warningsOf(info: string): readonly Error[] {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction'
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? '6.2'
  const warnings: Error[] = []
  if (policy !== 'noeviction') {
    const problem = 'it may throw away jobs and results: set it to `noeviction`'
    warnings.push(new Error(`Redis has \`maxmemory-policy ${policy}\`: ${problem}`))
  }
  if (Number(/^\d+\.\d+/.exec(version)?.[0]) < 6.2) {
    warnings.push(new Error(`Redis has version ${version}: a fleet needs 6.2 or later`))
  }
  return warnings
}
