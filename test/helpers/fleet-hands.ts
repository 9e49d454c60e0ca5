import { randomUUID } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { decodeValue, encodeValue } from '../../src/executor/bullmq/codec.ts'
import { entriesOf, fieldOf } from '../../src/executor/bullmq/inbox.ts'
import { Keys, protocolVersion } from '../../src/executor/bullmq/keys.ts'
import {
  contexts,
  openLetter,
  sealLetter,
  type Command,
  type JobData,
  type PackedJob,
  type JobTask,
  type Word,
} from '../../src/executor/bullmq/protocol.ts'
import { Sealer } from '../../src/executor/bullmq/sealer.ts'
import { eventually, type Fleet } from './fleet.ts'

const queueName = 'undici-futures'

/** A job as a worker sees it. */
export interface HandJob {
  readonly submitter: string
  readonly number: number
  readonly packed: PackedJob
  /** Of its tasks. */
  readonly numbers: readonly number[]
  readonly data: JobData
  /** Strikes it out. */
  complete(): Promise<void>
}

abstract class Hand {
  readonly id = randomUUID()
  readonly keys = new Keys('bull', queueName)
  readonly sealer: Sealer
  readonly redis: Redis
  #lastLetter = 0
  #lastId = '0-0'

  constructor(fleet: Fleet, secret?: string) {
    this.redis = fleet.client()
    this.sealer = new Sealer(secret, this.id)
  }

  protected async write(key: string, context: string, said: readonly unknown[], number?: number): Promise<void> {
    const letter = sealLetter(this.sealer, { from: this.id, number: number ?? ++this.#lastLetter, said }, context)
    await this.redis.xadd(key, 'NOMKSTREAM', '*', 'd', letter)
  }

  /** What has come since the last time. */
  protected async read<Said>(key: string, context: string): Promise<Said[]> {
    const reply = await this.redis.callBuffer('XREAD', 'STREAMS', key, this.#lastId)
    return entriesOf(reply).flatMap(([id, fields]) => {
      this.#lastId = id.toString()
      const letter = fieldOf(fields, 'd')
      return letter === undefined ? [] : openLetter<Said>(this.sealer, letter, context).said
    })
  }
}

/** A worker that does what a test says, and nothing else. */
export class HandWorker extends Hand {
  readonly #heard: Command[] = []
  readonly #subscription: Redis
  readonly #bull: Worker
  #lastToken = 0
  #isClosed = false

  constructor(fleet: Fleet, secret?: string) {
    super(fleet, secret)
    this.#subscription = fleet.client()
    this.#bull = new Worker(queueName, null, {
      connection: { path: fleet.redis.path, maxRetriesPerRequest: null },
      autorun: false,
      skipVersionCheck: true,
    })
    this.#bull.on('error', () => undefined)
  }

  /** Submitters see it. */
  async open({ alive = 60_000, isConnected = true } = {}): Promise<this> {
    await this.redis
      .multi()
      .set(this.keys.alive(this.id), '1', 'PX', alive)
      .sadd(this.keys.workers, this.id)
      .xadd(this.keys.orders(this.id), '*', 'begin', '1')
      .exec()
    if (isConnected) await this.#subscription.subscribe(this.keys.channel(this.id))
    return this
  }

  /** As if it had died. */
  disconnect(): void {
    this.#subscription.disconnect()
  }

  async take(): Promise<HandJob> {
    for (;;) {
      const token = `${this.id}:${++this.#lastToken}`
      const job = await this.#bull.getNextJob(token)
      if (this.#isClosed) throw new Error('The test is over')
      if (job === undefined) continue
      const data = job.data as JobData
      const bytes = this.sealer.open(Buffer.from(data.d, 'base64'), contexts.job(data.s, data.j))
      const packed = decodeValue(bytes) as PackedJob
      const numbers = packed.tasks.map(([number]) => number)
      const complete = async (): Promise<void> => {
        await job.moveToCompleted('', token, false)
      }
      return { submitter: data.s, number: data.j, packed, numbers, data, complete }
    }
  }

  /** Takes the next job, and says so. @param begun how many of its tasks begin at once */
  async takeAndSay(begun = Infinity): Promise<HandJob> {
    const job = await this.take()
    await this.say(job.submitter, ['taken', job.number, job.numbers.slice(0, begun)])
    return job
  }

  say(submitter: string, ...words: unknown[]): Promise<void> {
    return this.write(this.keys.words(submitter), contexts.words(submitter), words)
  }

  /** A letter with a number of the test's choice. */
  sayNumbered(submitter: string, number: number, ...words: unknown[]): Promise<void> {
    return this.write(this.keys.words(submitter), contexts.words(submitter), words, number)
  }

  fulfil(job: HandJob, at: number, value: unknown): Promise<void> {
    return this.say(job.submitter, ['fulfilled', job.numbers[at], encodeValue(value)])
  }

  /** What it was told since the last time. */
  orders(): Promise<Command[]> {
    return this.read<Command>(this.keys.orders(this.id), contexts.commands(this.id))
  }

  /** Waits until it is told something of that kind. */
  order(kind: Command[0]): Promise<Command> {
    return next(this.#heard, kind, () => this.orders())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#bull.close(true)
  }
}

/** A submitter that does what a test says, and nothing else. */
export class HandSubmitter extends Hand {
  readonly queue: Queue
  readonly #heard: Word[] = []
  #lastJob = 0

  constructor(fleet: Fleet, secret?: string) {
    super(fleet, secret)
    this.queue = new Queue(queueName, { connection: { path: fleet.redis.path } })
    this.queue.on('error', () => undefined)
  }

  async open(): Promise<this> {
    await this.redis.xadd(this.keys.words(this.id), '*', 'begin', '1')
    return this
  }

  /** Of tasks of the module `fleet-tasks`. @returns the number of the job */
  async send(...tasks: readonly [number: number, name: string, ...rest: unknown[]][]): Promise<number> {
    const packed = tasks.map(([number, , args = [], isIdempotent = false, shared = []], index): JobTask => [
      number,
      index,
      isIdempotent as boolean,
      args === null ? null : encodeValue(args),
      shared as JobTask[4],
    ])
    return this.sendPacked({
      clientTimeout: 60_000,
      functions: tasks.map(([, name]) => ['fleet-tasks', name]),
      tasks: packed,
    })
  }

  async sendPacked(packed: unknown): Promise<number> {
    const number = ++this.#lastJob
    const sealed = this.sealer.seal(encodeValue(packed), contexts.job(this.id, number))
    const data: JobData = { v: protocolVersion, s: this.id, j: number, d: sealed.toString('base64') }
    await this.queue.add('tasks', data, { jobId: `${this.id}-${number}` })
    return number
  }

  tell(worker: string, ...commands: readonly unknown[]): Promise<void> {
    return this.write(this.keys.orders(worker), contexts.commands(worker), commands)
  }

  tellNumbered(worker: string, number: number, ...commands: readonly unknown[]): Promise<void> {
    return this.write(this.keys.orders(worker), contexts.commands(worker), commands, number)
  }

  /** What it was told since the last time. */
  words(): Promise<Word[]> {
    return this.read<Word>(this.keys.words(this.id), contexts.words(this.id))
  }

  /** Waits until it is told something of that kind. */
  word(kind: Word[0]): Promise<Word> {
    return next(this.#heard, kind, () => this.words())
  }

  async close(): Promise<void> {
    await this.queue.close()
  }
}

/** The first of that kind, now or later. */
async function next<Said extends Word | Command>(
  heard: Said[],
  kind: string,
  read: () => Promise<readonly Said[]>,
): Promise<Said> {
  let at = -1
  await eventually(async () => {
    heard.push(...(await read()))
    at = heard.findIndex((each) => each[0] === kind)
    return at >= 0
  })
  return heard.splice(at, 1)[0] as Said
}
