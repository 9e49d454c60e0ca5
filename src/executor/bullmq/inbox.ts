import { setTimeout } from 'node:timers'
import type { Connection } from './connection.ts'

/** An entry of a stream: name, value, name, value ... */
export type Fields = readonly Buffer[]
type Entry = readonly [id: Buffer, fields: Fields | null]

/** ms that Redis may let a read wait. */
const longestBlock = 5000
/** Entries that one read brings at most, and entries after which what was read is thrown away. */
const mostEntries = 256

/** Reads a stream, entry by entry, from its beginning. Nothing is lost when the connection breaks: it goes on where it was. */
export class Inbox {
  readonly #connection: Connection
  readonly #key: string
  readonly #receive: (fields: Fields) => void
  #lastId = '0-0'
  #read = 0
  #isOver = false

  /** @param receive must not throw */
  constructor(connection: Connection, key: string, receive: (fields: Fields) => void) {
    this.#connection = connection
    this.#key = key
    this.#receive = receive
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

  close(): void {
    this.#isOver = true
    this.#connection.close()
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      try {
        this.#take(await this.#wait())
      } catch {
        // The connection broke, or somebody has put something else there: it is looked at again.
        await new Promise((resolve) => setTimeout(resolve, 100).unref())
      }
    }
  }

  async #wait(): Promise<readonly Entry[]> {
    const lastId = this.#lastId
    const args = ['COUNT', mostEntries, 'BLOCK', longestBlock, 'STREAMS', this.#key, lastId] as const
    const reply: unknown = await this.#connection.redis.callBuffer('XREAD', ...args)
    // The stream has become another one meanwhile.
    return lastId === this.#lastId ? entriesOf(reply) : []
  }

  #take(entries: readonly Entry[]): void {
    for (const [id, fields] of entries) {
      if (this.#isOver) return
      this.#lastId = id.toString('latin1')
      this.#read++
      if (fields !== null) this.#receive(fields)
    }
  }
}

/** Of the one stream that was asked for: a list of pairs (RESP 2), or key and entries as they are, or a Map (RESP 3). */
function entriesOf(reply: unknown): readonly Entry[] {
  if (reply === null || typeof reply !== 'object') return []
  const [first, second] =
    reply instanceof Map ? [[...(reply as Map<unknown, unknown>)][0], undefined] : (reply as unknown[])
  return ((Array.isArray(first) ? first[1] : second) ?? []) as readonly Entry[]
}

/** @returns the value of a field, if the entry has it */
export function fieldOf(entry: Fields, name: string): Buffer | undefined {
  for (let at = 0; at + 1 < entry.length; at += 2) if (entry[at]?.toString('latin1') === name) return entry[at + 1]
  return undefined
}
