import { setTimeout } from 'node:timers'
import type { RedisConnection } from './redis-connection.ts'
import { isReply } from './redis-errors.ts'
import { times } from './times.ts'

/** An entry of a stream: name, value, name, value ... */
export type EntryFields = readonly Buffer[]
type Entry = readonly [id: Buffer, fields: EntryFields]

/** Entries that one read brings at most, and entries after which what was read is thrown away. */
const mostEntries = 256

export interface InboxOwner {
  /** Must not throw. */
  receive(entry: EntryFields): void
  readonly onError: (error: unknown) => void
}

/** Reads a stream, entry by entry, from its beginning. Nothing is lost when the connection breaks: it goes on where it was. */
export class Inbox {
  readonly #connection: RedisConnection
  readonly #key: string
  readonly #owner: InboxOwner
  #lastId = '0-0'
  #read = 0
  #isOver = false

  constructor(connection: RedisConnection, key: string, owner: InboxOwner) {
    this.#connection = connection
    this.#key = key
    this.#owner = owner
    void this.#loop()
  }

  /** The stream was lost, and is a new one. */
  restart(): void {
    this.#lastId = '0-0'
  }

  /** @returns up to where the stream may be thrown away; `undefined`: it is not worth it yet */
  takeTrim(): string | undefined {
    if (this.#read < mostEntries) return undefined
    this.#read = 0
    return this.#lastId
  }

  /** Its connection is to be closed then. */
  close(): void {
    this.#isOver = true
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      try {
        this.#take(await this.#wait())
      } catch (error) {
        // The connection broke, or somebody has put something else there: it is looked at again.
        if (isReply(error)) this.#owner.onError(error)
        await new Promise((resolve) => setTimeout(resolve, isReply(error) ? times.retry : times.pause).unref())
      }
    }
  }

  async #wait(): Promise<readonly Entry[]> {
    const lastId = this.#lastId
    const args = ['COUNT', mostEntries, 'BLOCK', times.longestBlock, 'STREAMS', this.#key, lastId] as const
    const reply: unknown = await this.#connection.redis.callBuffer('XREAD', ...args)
    // The stream has become another one meanwhile.
    return lastId === this.#lastId ? entriesOf(reply) : []
  }

  #take(entries: readonly Entry[]): void {
    for (const [id, fields] of entries) {
      this.#lastId = id.toString('latin1')
      this.#read++
      this.#owner.receive(fields)
    }
  }
}

/** Of the one stream that was asked for: a list of pairs (RESP 2), or key and entries as they are, or a Map (RESP 3). */
export function entriesOf(reply: unknown): readonly Entry[] {
  if (reply === null) return []
  const [first, second] = [...(reply as Iterable<unknown>)]
  return (Array.isArray(first) ? first[1] : second) as readonly Entry[]
}

/** @returns the value of a field, if the entry has it */
export function fieldOf(entry: EntryFields, name: string): Buffer | undefined {
  const at = entry.findIndex((each, index) => index % 2 === 0 && each.toString('latin1') === name)
  return at < 0 ? undefined : entry[at + 1]
}
