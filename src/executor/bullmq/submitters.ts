import { clearInterval, setInterval } from 'node:timers'
import { decodeValue } from './codec.ts'
import type { RedisConnection } from './redis-connection.ts'
import { fieldOf, Inbox, type EntryFields } from './inbox.ts'
import { contexts, decodeThrown, fields, openLetter, type Command } from './protocol.ts'
import { SubmitterChannel, type WorkerEndpoint } from './submitter-channel.ts'
import { times } from './times.ts'
import type { WorkerTask } from './worker-task.ts'

/** A worker's submitters, and their commands. */
export class Submitters {
  readonly #end: WorkerEndpoint
  readonly #reading: RedisConnection
  readonly #onAbort: (task: WorkerTask) => void
  readonly #channels = new Map<string, SubmitterChannel>()
  readonly #absent = new Set<string>()
  #inbox: Inbox | undefined
  #sweeper: NodeJS.Timeout | undefined
  #isSweeping = false

  /** @param onAbort called with a task that was aborted before it has begun */
  constructor(end: WorkerEndpoint, reading: RedisConnection, onAbort: (task: WorkerTask) => void) {
    this.#end = end
    this.#reading = reading
    this.#onAbort = onAbort
  }

  get channels(): Iterable<SubmitterChannel> {
    return this.#channels.values()
  }

  open(): void {
    const key = this.#end.keys.orders(this.#end.id)
    const { onError } = this.#end
    this.#inbox = new Inbox(this.#reading, key, { receive: (entry) => this.#attempt(() => this.#read(entry)), onError })
    this.#sweeper = setInterval(() => void this.#sweep(), times.sweep)
  }

  channelOf(id: string): SubmitterChannel {
    let channel = this.#channels.get(id)
    if (channel === undefined) {
      channel = new SubmitterChannel(id, this.#end)
      this.#channels.set(id, channel)
    }
    return channel
  }

  /** Writes what waits, and forgets all submitters. */
  async close(): Promise<void> {
    await Promise.all([...this.#channels.values()].map((channel) => channel.flush()))
    clearInterval(this.#sweeper)
    for (const channel of this.#channels.values()) channel.forgetAll()
    this.#inbox?.close()
    this.#reading.close()
  }

  #read(entry: EntryFields): void {
    const bytes = fieldOf(entry, fields.letter)
    if (bytes === undefined) return
    const { from, number, said } = openLetter<Command>(this.#end.sealer, bytes, contexts.commands(this.#end.id))
    const channel = this.#channels.get(from)
    // A submitter whose connection broke writes again what it may have written before.
    if (channel === undefined || number <= channel.lastLetter) return
    channel.lastLetter = number
    // An error in one command must not keep others from their tasks.
    for (const command of said) this.#attempt(() => this.#obey(channel, command))
  }

  #attempt(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#end.onError(error)
    }
  }

  #obey(channel: SubmitterChannel, command: Command): void {
    switch (command[0]) {
      case 'abort':
        return this.#abort(channel.tasks.get(command[1]), command[2])
      case 'post':
        channel.tasks.get(command[1])?.handleMessage(decodeValue(command[2]))
        return
      case 'forget':
        return channel.forget(command[1])
      case 'census':
        return channel.say(['here', command[1], command[2].filter((number) => channel.tasks.has(number))])
    }
  }

  #abort(task: WorkerTask | undefined, reason: Uint8Array): void {
    if (task === undefined) return
    task.abort(decodeThrown(reason))
    if (!task.hasBegun) this.#onAbort(task)
  }

  /** Forgets submitters that are gone. */
  async #sweep(): Promise<void> {
    if (this.#isSweeping) return
    this.#isSweeping = true
    const { redis, keys, onError } = this.#end
    try {
      for (const [id, channel] of this.#channels) this.#judge(channel, (await redis.exists(keys.words(id))) === 1)
    } catch (error) {
      onError(error)
    } finally {
      this.#isSweeping = false
    }
  }

  /** Forgets a submitter at the second look without it, as Redis may have lost its data. Tasks that have not begun end; running ones go on. */
  #judge(channel: SubmitterChannel, isThere: boolean): void {
    const { id, tasks } = channel
    const wasAbsent = this.#absent.delete(id)
    if (isThere) return
    if (!wasAbsent) return void this.#absent.add(id)
    for (const task of [...tasks.values()]) if (!task.hasBegun) task.end()
    if (!channel.isIdle) return void this.#absent.add(id)
    this.#channels.delete(id)
    channel.forgetAll()
  }
}
