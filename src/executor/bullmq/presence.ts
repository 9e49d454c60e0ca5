import { clearInterval, setInterval } from 'node:timers'
import type { RedisConnection } from './redis-connection.ts'
import { ignore } from './redis-errors.ts'
import type { WorkerEndpoint } from './submitter-channel.ts'

/** Shows submitters that a worker is alive: by a connection whose end they see, and by a key that expires. */
export class Presence {
  readonly #end: WorkerEndpoint
  readonly #timeout: number
  readonly #subscription: RedisConnection
  readonly #timer: NodeJS.Timeout
  #isOver = false

  constructor(end: WorkerEndpoint, subscription: RedisConnection, timeout: number) {
    this.#end = end
    this.#timeout = timeout
    this.#subscription = subscription
    this.#timer = setInterval(() => void this.#renew(), timeout / 4)
    end.redis.on('ready', () => void this.#renew())
  }

  async open(): Promise<void> {
    const { redis } = this.#subscription
    const channel = this.#end.keys.channel(this.#end.id)
    redis.on('ready', () => void redis.subscribe(channel).catch(ignore))
    this.#subscription.want(true)
    await redis.subscribe(channel)
    await this.#register()
  }

  async close(): Promise<void> {
    this.#isOver = true
    clearInterval(this.#timer)
    const { id, keys, redis } = this.#end
    const gone = redis.pipeline().srem(keys.workers, id).del(keys.alive(id), keys.orders(id))
    if (redis.status === 'ready') await gone.exec().catch(ignore)
    this.#subscription.close()
  }

  async #register(): Promise<void> {
    const { id, keys, redis } = this.#end
    await redis
      .multi()
      .set(keys.alive(id), '1', 'PX', this.#timeout)
      .sadd(keys.workers, id)
      .xadd(keys.orders(id), '*', 'begin', '1')
      .pexpire(keys.orders(id), this.#timeout * 2)
      .exec()
  }

  /** Renews the keys by commands that a full Redis executes, too. */
  async #renew(): Promise<void> {
    const { id, keys, redis, onError } = this.#end
    try {
      const replies = await redis
        .pipeline()
        .pexpire(keys.alive(id), this.#timeout)
        .pexpire(keys.orders(id), this.#timeout * 2)
        .sismember(keys.workers, id)
        .exec()
      // The key has expired: this process was suspended for too long, or Redis has lost its data.
      const isForgotten = replies?.some(([, reply]) => reply !== 1) === true
      if (isForgotten && !this.#isOver) await this.#register()
    } catch (error) {
      if (!this.#isOver) onError(error)
    }
  }
}
