import { randomUUID } from 'node:crypto'
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import type { Queue as BullQueue } from 'bullmq'
import { realTime } from '../../deadline.ts'
import { RedisConnection } from './redis-connection.ts'
import type { ResolvedExecutorOptions } from './fleet-options.ts'
import { fieldOf, type EntryFields, Inbox } from './inbox.ts'
import { Keys } from './keys.ts'
import { Queue } from './peers.ts'
import {
  type Command,
  contexts,
  fields,
  openLetter,
  openRefusal,
  type RefusedJob,
  sealLetter,
  type Word,
} from './protocol.ts'
import { ignore, isReply } from './redis-errors.ts'
import { Revocations } from './revocations.ts'
import { Sealer } from './sealer.ts'
import { times } from './times.ts'

export interface LinkOwner {
  receive(worker: string, word: Word): void
  refuse(job: RefusedJob): void
  /** Redis is up. @param wasLost it has lost all data of this submitter */
  handleReady(wasLost: boolean): void
  /** Further keys that must not expire while this submitter lives. */
  keysToKeep(): Iterable<string>
}

/** A submitter's connections to Redis: messages from workers, commands to them, and revocations. */
export class FleetLink {
  readonly id = randomUUID()
  readonly keys: Keys
  readonly sealer: Sealer
  readonly orders: Orders
  readonly revocations: Revocations
  /** How often Redis has lost its data. */
  losses = 0
  readonly #options: ResolvedExecutorOptions
  readonly #owner: LinkOwner
  readonly #commands: RedisConnection
  readonly #reading: RedisConnection
  #inbox: Inbox | undefined
  #queue: BullQueue | undefined
  #isUp = false
  /** When Redis was last seen to come up or go down; on the monotonic clock. */
  #changedAt = realTime()
  #hasReturned = false
  #hasStream = false
  /** The number of the last letter read, by worker. */
  readonly #letters = new Map<string, number>()
  #heartbeat: NodeJS.Timeout | undefined
  #isOver = false

  constructor(options: ResolvedExecutorOptions, owner: LinkOwner) {
    const { connection, prefix, queueName, secret, onError } = options
    this.#options = options
    this.#owner = owner
    this.keys = new Keys(prefix, queueName)
    this.sealer = new Sealer(secret, this.id)
    this.orders = new Orders(this, onError)
    this.revocations = new Revocations(this, options)
    // Commands are not resent: a job that is added twice would be done twice. Its state is asked for instead.
    this.#commands = new RedisConnection(connection, { resends: false, isWanted: false }, onError)
    this.#reading = new RedisConnection(connection, { resends: true, isWanted: false }, onError)
    this.#commands.redis.on('ready', () => void this.#prepare())
    this.#commands.redis.on('close', () => this.#setUp(false))
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** ms since Redis has come back; Infinity if it was never down. */
  get calm(): number {
    return this.#hasReturned ? realTime() - this.#changedAt : Infinity
  }

  get error(): unknown {
    return this.#commands.error
  }

  get redis(): RedisConnection['redis'] {
    return this.#commands.redis
  }

  /** Resolves when it was up once. */
  get queue(): BullQueue {
    return (this.#queue ??= this.#openQueue())
  }

  /** Keeps the process alive, or does not. */
  want(isWanted: boolean): void {
    this.#commands.want(isWanted)
    this.#reading.want(isWanted)
  }

  /** Removes our keys from Redis, if that is up. */
  async clear(): Promise<void> {
    const { keys, id } = this
    await this.redis.del(keys.words(id), keys.revoked(id), ...this.#owner.keysToKeep()).catch(ignore)
  }

  /** Redis does not answer: fails the commands under way. */
  abandon(): void {
    this.#isOver = true
    this.#commands.close()
  }

  async close(): Promise<void> {
    this.#isOver = true
    clearInterval(this.#heartbeat)
    this.#setUp(false)
    this.#inbox?.close()
    await this.#queue?.close().catch(this.#options.onError)
    this.#commands.close()
    this.#reading.close()
  }

  #openQueue(): BullQueue {
    const { prefix, queueName, onError } = this.#options
    const queue = new Queue(queueName, {
      connection: this.redis,
      prefix,
      // We check version and eviction policy ourselves, because BullMQ would write to the console.
      ...{ skipWaitingForReady: true, skipVersionCheck: true, skipMetasUpdate: true },
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

  /** Redis has come up: makes sure that all our keys are there. */
  async #prepare(): Promise<void> {
    const { redis, keys, id } = this
    try {
      const wasLost = (await redis.exists(keys.words(id))) === 0
      if (wasLost) {
        await redis.xadd(keys.words(id), '*', 'begin', '1')
        this.#inbox?.restart()
      }
      await redis.pexpire(keys.words(id), this.#options.clientTimeout)
      if (this.#isOver) return
      this.#inbox ??= new Inbox(this.#reading, keys.words(id), {
        receive: (entry) => this.#read(entry),
        onError: (error) => this.#report(error),
      })
      this.#heartbeat ??= setInterval(() => void this.#renew(), this.#options.clientTimeout / 4).unref()
      const isLoss = this.#hasStream && wasLost
      this.#hasStream = true
      if (isLoss) this.losses++
      this.#setUp(true)
      this.revocations.repeat()
      this.orders.sayAll()
      this.#owner.handleReady(isLoss)
    } catch (error) {
      this.#report(error)
      // A broken connection comes back by itself; a Redis that is full or loading is asked again.
      if (isReply(error)) setTimeout(() => void this.#prepare(), times.retry).unref()
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
      this.#report(error)
    }
  }

  #read(entry: EntryFields): void {
    // Garbage, or written by somebody without the secret.
    this.#attempt(() => {
      const letter = fieldOf(entry, fields.letter)
      if (letter !== undefined) this.#open(letter)
      const refusal = fieldOf(entry, fields.refusal)
      if (refusal !== undefined) this.#owner.refuse(openRefusal(refusal))
    })
  }

  #open(letter: Buffer): void {
    const { from, number, said } = openLetter<Word>(this.sealer, letter, contexts.words(this.id))
    // Our own mark: only we know what we have read.
    if (from === this.id) return this.revocations.handleMarks(said)
    // A worker whose connection broke writes again what it may have written before.
    if (number <= (this.#letters.get(from) ?? 0)) return
    this.#letters.set(from, number)
    // An error in one word must not keep others from their tasks.
    for (const word of said) this.#attempt(() => this.#owner.receive(from, word))
  }

  #attempt(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#report(error)
    }
  }

  /** Errors of a link that is closed are not reported. */
  #report(error: unknown): void {
    if (!this.#isOver) this.#options.onError(error)
  }
}

interface Box {
  readonly unsaid: Command[]
  /** Whether Redis has the command is not known. */
  letter: Buffer | undefined
  isBusy: boolean
}

/** A submitter's commands to workers: in order for each, and written again when Redis is back. Those to lost workers are dropped. */
class Orders {
  readonly #link: FleetLink
  readonly #onError: (error: unknown) => void
  readonly #boxes = new Map<string, Box>()
  #isWaiting = false
  #lastLetter = 0

  constructor(link: FleetLink, onError: (error: unknown) => void) {
    this.#link = link
    this.#onError = onError
  }

  /** Sends a command, together with others of this turn. */
  tell(worker: string, command: Command): void {
    const box = this.#boxes.get(worker)
    if (box === undefined) this.#boxes.set(worker, { unsaid: [command], letter: undefined, isBusy: false })
    else box.unsaid.push(command)
    if (this.#isWaiting) return
    this.#isWaiting = true
    queueMicrotask(() => {
      this.#isWaiting = false
      this.sayAll()
    })
  }

  /** Sends what waits, if Redis is up. */
  sayAll(): void {
    for (const [worker, box] of this.#boxes) if (!box.isBusy) void this.#say(worker, box)
  }

  async #say(worker: string, box: Box): Promise<void> {
    box.isBusy = true
    let isBroken = false
    while (!isBroken && this.#link.isUp && (box.letter !== undefined || box.unsaid.length > 0)) {
      box.letter ??= this.#seal(worker, box.unsaid.splice(0))
      try {
        await this.#link.redis.xadd(this.#link.keys.orders(worker), 'NOMKSTREAM', '*', fields.letter, box.letter)
        box.letter = undefined
      } catch (error) {
        this.#onError(error)
        // A Redis that is full is asked again; a broken connection comes back by itself.
        if (isReply(error)) await new Promise((resolve) => setTimeout(resolve, times.retry).unref())
        else isBroken = true
      }
    }
    box.isBusy = false
    if (box.letter === undefined && box.unsaid.length === 0) this.#boxes.delete(worker)
  }

  #seal(worker: string, said: readonly Command[]): Buffer {
    const letter = { from: this.#link.id, number: ++this.#lastLetter, said }
    return sealLetter(this.#link.sealer, letter, contexts.commands(worker))
  }
}
