import { randomUUID } from 'node:crypto'
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import type { Queue as BullQueue } from 'bullmq'
import { realTime } from '../../deadline.ts'
import { Connection, isReply } from './connection.ts'
import type { ResolvedExecutorOptions } from './fleet-options.ts'
import { fieldOf, Inbox, type Fields } from './inbox.ts'
import { Keys } from './keys.ts'
import { Queue } from './peers.ts'
import { contexts, fields, openLetter, sealLetter, type Command, type RefusedJob, type Word } from './protocol.ts'
import { Sealer } from './sealer.ts'

export interface LinkOwner {
  receive(worker: string, word: Word): void
  refuse(job: RefusedJob): void
  /** Redis is there. @param wasLost it has forgotten us, and all that we had there */
  handleReady(wasLost: boolean): void
  /** What else must stay in Redis as long as we live: keys. */
  keysToKeep(): Iterable<string>
}

/** A submitter's line to Redis: what it is told, what it tells workers, and what takes tasks away from them. */
export class FleetLink {
  readonly id = randomUUID()
  readonly keys: Keys
  readonly sealer: Sealer
  readonly #options: ResolvedExecutorOptions
  readonly #owner: LinkOwner
  readonly #commands: Connection
  readonly #reading: Connection
  #inbox: Inbox | undefined
  #queue: BullQueue | undefined
  #isUp = false
  /** Since when Redis is there, or is not; on the monotonic clock. */
  #changedAt = realTime()
  #hasReturned = false
  #hasStream = false
  readonly #revoked = new Set<number>()
  readonly #marks = new Map<string, () => void>()
  #unsaid = new Map<string, Command[]>()
  #isTelling = false
  #heartbeat: NodeJS.Timeout | undefined

  constructor(options: ResolvedExecutorOptions, owner: LinkOwner) {
    const { connection, prefix, queueName, secret, onError } = options
    this.#options = options
    this.#owner = owner
    this.keys = new Keys(prefix, queueName)
    this.sealer = new Sealer(secret, this.id)
    // A job that is sent twice would be done twice: what was under way is asked for instead.
    this.#commands = new Connection(connection, { resends: false, isWanted: false }, onError)
    this.#reading = new Connection(connection, { resends: true, isWanted: false }, onError)
    this.#commands.redis.on('ready', () => void this.#prepare())
    this.#commands.redis.on('close', () => this.#setUp(false))
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** ms since Redis has come back, if it was away. */
  get calm(): number {
    return this.#hasReturned ? realTime() - this.#changedAt : Infinity
  }

  get error(): unknown {
    return this.#commands.error
  }

  get redis(): Connection['redis'] {
    return this.#commands.redis
  }

  /** Once it has been up. */
  get queue(): BullQueue {
    return (this.#queue ??= this.#openQueue())
  }

  /** Somebody needs it, or nobody does. */
  want(isWanted: boolean): void {
    this.#commands.want(isWanted)
    this.#reading.want(isWanted)
  }

  /**
   * From now on these do not begin any more.
   *
   * @returns a promise that resolves when all is known that was said of them before: what was not said to have begun has not
   */
  revoke(numbers: readonly number[]): Promise<void> {
    for (const each of numbers) this.#revoked.add(each)
    const nonce = randomUUID()
    return new Promise((resolve) => {
      this.#marks.set(nonce, resolve)
      if (this.#isUp) void this.#mark(numbers, [nonce])
    })
  }

  /** No worker can begin these any more, whatever the set says. */
  unrevoke(numbers: readonly number[]): void {
    const known = numbers.filter((each) => this.#revoked.delete(each))
    if (known.length > 0 && this.#isUp) this.redis.srem(this.keys.revoked(this.id), ...known).catch(() => undefined)
  }

  /** In order, and again when Redis is back; but not if the worker is gone. */
  tell(worker: string, command: Command): void {
    const commands = this.#unsaid.get(worker)
    if (commands === undefined) this.#unsaid.set(worker, [command])
    else commands.push(command)
    if (this.#isTelling) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      this.#sayAll()
    })
  }

  /** Leaves nothing of ours in Redis, if that is there. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    const { keys, id } = this
    if (this.#isUp) {
      const all = [keys.words(id), keys.revoked(id), ...this.#owner.keysToKeep()]
      await this.redis.del(...all).catch(() => undefined)
    }
    this.#setUp(false)
    this.#inbox?.close()
    await this.#queue?.close().catch(() => undefined)
    this.#commands.close()
    this.#reading.close()
  }

  #openQueue(): BullQueue {
    const { prefix, queueName, onError } = this.#options
    const queue = new Queue(queueName, {
      connection: this.redis,
      prefix,
      skipMetasUpdate: true,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    })
    queue.on('error', onError)
    return queue
  }

  #setUp(isUp: boolean): void {
    if (this.#isUp === isUp) return
    this.#isUp = isUp
    this.#hasReturned ||= !isUp
    this.#changedAt = realTime()
  }

  /** Redis has just come: makes sure that everything of ours is there. */
  async #prepare(): Promise<void> {
    const { redis, keys, id } = this
    try {
      const wasLost = (await redis.exists(keys.words(id))) === 0
      if (wasLost) {
        await redis.xadd(keys.words(id), '*', 'begin', '1')
        this.#inbox?.restart()
      }
      await redis.pexpire(keys.words(id), this.#options.clientTimeout)
      this.#inbox ??= new Inbox(this.#reading, keys.words(id), (entry) => this.#read(entry))
      this.#heartbeat ??= setInterval(() => void this.#renew(), this.#options.clientTimeout / 4).unref()
      const hadStream = this.#hasStream
      this.#hasStream = true
      this.#setUp(true)
      void this.#mark([...this.#revoked], [...this.#marks.keys()])
      this.#sayAll()
      this.#owner.handleReady(hadStream && wasLost)
    } catch (error) {
      this.#options.onError(error)
      // A connection that broke will come again; Redis itself (it is full, it is loading) is asked again.
      if (isReply(error)) setTimeout(() => void this.#prepare(), 1000).unref()
    }
  }

  async #renew(): Promise<void> {
    if (!this.#isUp) return
    const { redis, keys, id } = this
    const { clientTimeout } = this.#options
    const read = this.#inbox?.takeTrim()
    try {
      if (read !== undefined) await redis.xtrim(keys.words(id), 'MINID', read)
      const pipeline = redis.pipeline().pexpire(keys.words(id), clientTimeout).pexpire(keys.revoked(id), clientTimeout)
      for (const key of this.#owner.keysToKeep()) pipeline.pexpire(key, clientTimeout)
      const replies = await pipeline.exec()
      if (replies?.[0]?.[1] === 0) await this.#prepare()
    } catch (error) {
      this.#options.onError(error)
    }
  }

  /** Numbers and mark together, or neither: a mark means that the numbers are there. */
  async #mark(numbers: readonly number[], nonces: readonly string[]): Promise<void> {
    if (numbers.length === 0 && nonces.length === 0) return
    const { redis, keys, id, sealer } = this
    const transaction = redis.multi()
    if (numbers.length > 0) {
      transaction.sadd(keys.revoked(id), ...numbers).pexpire(keys.revoked(id), this.#options.clientTimeout)
    }
    const words = nonces.map((nonce): Word => ['mark', nonce])
    const letter = sealLetter(sealer, id, words, contexts.words(id))
    transaction.xadd(keys.words(id), 'NOMKSTREAM', '*', fields.letter, letter)
    try {
      await transaction.exec()
    } catch (error) {
      // When the connection is back, all are said again. Redis is full: it is asked again.
      if (!isReply(error)) return
      this.#options.onError(error)
      setTimeout(() => this.#isUp && void this.#mark(numbers, nonces), 1000).unref()
    }
  }

  #sayAll(): void {
    if (!this.#isUp) return
    const all = this.#unsaid
    this.#unsaid = new Map()
    for (const [worker, commands] of all) {
      const letter = sealLetter(this.sealer, this.id, commands, contexts.commands(worker))
      this.redis.xadd(this.keys.orders(worker), 'NOMKSTREAM', '*', fields.letter, letter).catch((error: unknown) => {
        this.#options.onError(error)
        this.#unsaid.set(worker, [...commands, ...(this.#unsaid.get(worker) ?? [])])
        if (isReply(error)) setTimeout(() => this.#sayAll(), 1000).unref()
      })
    }
  }

  #read(entry: Fields): void {
    try {
      const letter = fieldOf(entry, fields.letter)
      if (letter !== undefined) {
        const [worker, words] = openLetter<Word>(this.sealer, letter, contexts.words(this.id))
        for (const word of words) this.#hear(worker, word)
      }
      const refusal = fieldOf(entry, fields.refusal)
      if (refusal !== undefined) this.#owner.refuse(JSON.parse(refusal.toString()) as RefusedJob)
    } catch (error) {
      // Garbage, or from somebody who has not got the secret.
      this.#options.onError(error)
    }
  }

  #hear(worker: string, word: Word): void {
    if (word[0] !== 'mark') return this.#owner.receive(worker, word)
    // Only we ourselves know what we have read.
    if (worker !== this.id) return
    this.#marks.get(word[1])?.()
    this.#marks.delete(word[1])
  }
}
