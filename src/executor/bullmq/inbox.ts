import { setTimeout } from 'node:timers'
import type { RedisConnection } from './redis-connection.ts'
import { isReply } from './redis-errors.ts'
import { times } from './times.ts'

/** The fields of a stream entry: name, value, name, value ... */
export type EntryFields = readonly Buffer[]
type Entry = readonly [id: Buffer, fields: EntryFields]

/** The most entries of one read, and after how many entries the stream is trimmed. */
const entriesAtOnce = 256

export interface InboxOwner {
  /** Must not throw. */
  receive(entry: EntryFields): void
  readonly onError: (error: unknown) => void
}

/** Reads a stream from its beginning, entry by entry. After a broken connection it goes on where it was. */
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

  /** The stream was lost: reads a new one from its beginning. */
  restart(): void {
    this.#lastId = '0-0'
  }

  /** @returns the id up to which the stream may be trimmed; `undefined`: not worth it yet */
  takeTrim(): string | undefined {
    if (this.#read < entriesAtOnce) return undefined
    this.#read = 0
    return this.#lastId
  }

  /** Stops reading; the caller closes the connection. */
  close(): void {
    this.#isOver = true
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      try {
        this.#take(await this.#wait())
      } catch (error) {
        // The connection broke, or the key holds something else: tries again.
        if (isReply(error)) this.#owner.onError(error)
        await new Promise((resolve) => setTimeout(resolve, isReply(error) ? times.retry : times.pause).unref())
      }
    }
  }

  async #wait(): Promise<readonly Entry[]> {
    const lastId = this.#lastId
    const args = ['COUNT', entriesAtOnce, 'BLOCK', times.longestBlock, 'STREAMS', this.#key, lastId] as const
    const reply: unknown = await this.#connection.redis.callBuffer('XREAD', ...args)
    // `restart` was called meanwhile.
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

/** The entries of the only stream in a reply: a list of pairs (RESP 2), a flat list, or a Map (RESP 3). */
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
