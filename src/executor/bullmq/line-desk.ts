import { clearInterval, setInterval } from 'node:timers'
import { decode, type Encoded } from '../remote/error-codec.ts'
import { decodeValue } from './codec.ts'
import type { Connection } from './connection.ts'
import { fieldOf, Inbox, type Fields } from './inbox.ts'
import { contexts, fields, openLetter, type Command } from './protocol.ts'
import { SubmitterLine, type WorkerEnd } from './submitter-line.ts'
import type { WorkerTask } from './worker-task.ts'

/** ms between two looks for submitters that are gone: missing in two looks in a row, they are. */
const sweepInterval = 5000

/** A worker's submitters, and what they tell it. */
export class LineDesk {
  readonly #end: WorkerEnd
  readonly #reading: Connection
  readonly #onAbort: (task: WorkerTask) => void
  readonly #lines = new Map<string, SubmitterLine>()
  readonly #absent = new Set<string>()
  #inbox: Inbox | undefined
  #sweeper: NodeJS.Timeout | undefined

  /** @param onAbort told of a task that was aborted and may wait for its turn */
  constructor(end: WorkerEnd, reading: Connection, onAbort: (task: WorkerTask) => void) {
    this.#end = end
    this.#reading = reading
    this.#onAbort = onAbort
  }

  get lines(): Iterable<SubmitterLine> {
    return this.#lines.values()
  }

  open(): void {
    const key = this.#end.keys.orders(this.#end.id)
    this.#inbox = new Inbox(this.#reading, key, (entry) => this.#read(entry))
    this.#sweeper = setInterval(() => void this.#sweep(), sweepInterval)
  }

  lineOf(id: string): SubmitterLine {
    let line = this.#lines.get(id)
    if (line === undefined) {
      line = new SubmitterLine(id, this.#end)
      this.#lines.set(id, line)
    }
    return line
  }

  /** Says what there is to say, and forgets everybody. */
  async close(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.flush()))
    clearInterval(this.#sweeper)
    for (const line of this.#lines.values()) line.forgetAll()
    this.#inbox?.close()
  }

  #read(entry: Fields): void {
    const bytes = fieldOf(entry, fields.letter)
    if (bytes === undefined) return
    try {
      const [submitter, said] = openLetter<Command>(this.#end.sealer, bytes, contexts.commands(this.#end.id))
      const line = this.#lines.get(submitter)
      if (line !== undefined) for (const command of said) this.#obey(line, command)
    } catch (error) {
      this.#end.onError(error)
    }
  }

  #obey(line: SubmitterLine, command: Command): void {
    switch (command[0]) {
      case 'abort':
        return this.#abort(line.tasks.get(command[1]), command[2])
      case 'post':
        line.tasks.get(command[1])?.handleMessage(decodeValue(command[2]))
        return
      case 'forget':
        return line.forget(command[1])
      case 'census':
        return line.say(['here', command[1], command[2].filter((number) => line.tasks.has(number))])
    }
  }

  #abort(task: WorkerTask | undefined, reason: Uint8Array): void {
    if (task === undefined) return
    task.abort(decode(decodeValue(reason) as Encoded))
    if (!task.hasBegun) this.#onAbort(task)
  }

  /** Forgets submitters that are gone: not at the first look, for Redis may have lost its memory. */
  async #sweep(): Promise<void> {
    const { redis, keys, onError } = this.#end
    for (const [id, line] of this.#lines) {
      try {
        const isThere = (await redis.exists(keys.words(id))) === 1
        if (isThere || line.tasks.size > 0) {
          this.#absent.delete(id)
        } else if (this.#absent.delete(id)) {
          this.#lines.delete(id)
          line.forgetAll()
        } else {
          this.#absent.add(id)
        }
      } catch (error) {
        onError(error)
      }
    }
  }
}
