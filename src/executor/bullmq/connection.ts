import type { Redis as RedisClient, RedisOptions } from 'ioredis'
import { describe } from '../../checks.ts'
import { Redis } from './peers.ts'

/** Options or URL for ioredis; of a Redis that is given, its options are used: it is duplicated, and never closed. */
export type FleetConnection = RedisOptions | string | RedisClient

/** The longest pause between two attempts to connect, ms. */
const longestPause = 1000

/** @throws {TypeError} */
export function checkConnection(connection: unknown): FleetConnection {
  const options = isClient(connection) ? connection.options : connection
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options)
  if (typeof options !== 'string' && !isObject) {
    throw new TypeError(
      `Expected \`connection\` to be options or a URL for ioredis, or a Redis, got ${describe(options)}`,
    )
  }
  if (isObject && Boolean((options as RedisOptions).keyPrefix)) {
    throw new TypeError('Expected `connection` to have no `keyPrefix`, which BullMQ does not support: use `prefix`')
  }
  return connection as FleetConnection
}

function isClient(value: unknown): value is RedisClient {
  return typeof (value as Partial<RedisClient> | null | undefined)?.duplicate === 'function'
}

/** One connection of ours. */
export class Connection {
  readonly redis: RedisClient
  /** The last one, until it is there again. */
  error: unknown
  /** Keeps the process alive, and tries again for ever. */
  #isWanted: boolean

  /** @param resends whether a command that was sent when the connection broke is sent again: it may be done twice then */
  constructor(
    connection: FleetConnection,
    options: { resends: boolean; isWanted: boolean },
    onError: (error: unknown) => void,
  ) {
    this.#isWanted = options.isWanted
    this.redis = open(connection, {
      lazyConnect: true,
      maxRetriesPerRequest: null,
      autoResendUnfulfilledCommands: options.resends,
      retryStrategy: (times) => (this.#isWanted ? Math.min(longestPause, 25 * 2 ** Math.min(times, 10)) : null),
    })
    this.redis.on('error', (error) => {
      this.error = error
      onError(error)
    })
    this.redis.on('close', () => (this.error ??= new Error('The connection to Redis was closed')))
    this.redis.on('ready', () => (this.error = undefined))
    this.redis.on('connect', () => this.#applyRef())
    this.redis.on('end', () => this.#isWanted && this.#connect())
  }

  get isReady(): boolean {
    return this.redis.status === 'ready'
  }

  /** From now on it keeps the process alive, or does not. */
  want(isWanted: boolean): void {
    this.#isWanted = isWanted
    const { status } = this.redis
    if (isWanted && (status === 'wait' || status === 'end')) this.#connect()
    // Nobody waits for it, and it would keep the process alive; between two attempts it has only a short timer.
    if (!isWanted && (status === 'connecting' || status === 'connect')) this.redis.disconnect()
    this.#applyRef()
  }

  close(): void {
    this.#isWanted = false
    this.redis.disconnect()
  }

  #connect(): void {
    this.redis.connect().catch(() => undefined)
  }

  #applyRef(): void {
    const { stream } = this.redis as { stream?: { ref?(): void; unref?(): void } }
    if (this.#isWanted) stream?.ref?.()
    else stream?.unref?.()
  }
}

/** With `exactOptionalPropertyTypes`, the options of ioredis 6 are none for its own constructor (TS2769, at `replyMapping`). */
const Client = Redis as unknown as new (...args: readonly [string, object] | readonly [object]) => RedisClient

function open(connection: FleetConnection, overrides: RedisOptions): RedisClient {
  if (isClient(connection)) return connection.duplicate(overrides)
  if (typeof connection === 'string') return new Client(connection, overrides)
  return new Client({ ...connection, ...overrides })
}

/** What Redis itself has answered, as opposed to a connection that broke. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}
