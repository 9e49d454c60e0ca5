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
  readonly orders: Orders
  readonly revocations: Revocations
  /** How often Redis has lost its memory. */
  losses = 0
  readonly #options: ResolvedExecutorOptions
  readonly #owner: LinkOwner
  readonly #commands: RedisConnection
  readonly #reading: RedisConnection
  #inbox: Inbox | undefined
  #queue: BullQueue | undefined
  #isUp = false
  /** Since when Redis is there, or is not; on the monotonic clock. */
  #changedAt = realTime()
  #hasReturned = false
  #hasStream = false
  /** The numbers of the letters that were read last, by who has written them. */
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
    // A job that is sent twice would be done twice: what was under way is asked for instead.
    this.#commands = new RedisConnection(connection, { resends: false, isWanted: false }, onError)
    this.#reading = new RedisConnection(connection, { resends: true, isWanted: false }, onError)
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

  get redis(): RedisConnection['redis'] {
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

  /** Leaves nothing of ours in Redis, if that is there. */
  async clear(): Promise<void> {
    const { keys, id } = this
    await this.redis.del(keys.words(id), keys.revoked(id), ...this.#owner.keysToKeep()).catch(ignore)
  }

  /** Redis does not answer: what it was asked fails. */
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
      // It is there, and we look at its version and its policy ourselves: BullMQ would write to the console.
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
      // A connection that broke will come again; Redis itself (it is full, it is loading) is asked again.
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
    // Garbage, or from somebody who has not got the secret.
    this.#attempt(() => {
      const letter = fieldOf(entry, fields.letter)
      if (letter !== undefined) this.#open(letter)
      const refusal = fieldOf(entry, fields.refusal)
      if (refusal !== undefined) this.#owner.refuse(openRefusal(refusal))
    })
  }

  #open(letter: Buffer): void {
    const { from, number, said } = openLetter<Word>(this.sealer, letter, contexts.words(this.id))
    // Only we ourselves know what we have read.
    if (from === this.id) return this.revocations.handleMarks(said)
    // The connection of a worker broke: it does not know whether it has said that already.
    if (number <= (this.#letters.get(from) ?? 0)) return
    this.#letters.set(from, number)
    // What is said of one task is no matter of the others.
    for (const word of said) this.#attempt(() => this.#owner.receive(from, word))
  }

  #attempt(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#report(error)
    }
  }

  /** What breaks because it is closed is no news. */
  #report(error: unknown): void {
    if (!this.#isOver) this.#options.onError(error)
  }
}

interface Box {
  readonly unsaid: Command[]
  /** It is not known whether Redis has it. */
  letter: Buffer | undefined
  isBusy: boolean
}

/** What a submitter tells workers: to each in order, and again when Redis is back. Who is gone hears nothing. */
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

  /** With what else it is told in this turn. */
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

  /** What there is to say, if Redis is there. */
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
        // Redis itself, which is full, is asked again; a connection that broke comes again.
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
