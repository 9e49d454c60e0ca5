import { clearInterval, setInterval } from 'node:timers'
import { decodeValue } from './codec.ts'
import type { Connection } from './connection.ts'
import { fieldOf, Inbox, type Fields } from './inbox.ts'
import { contexts, decodeThrown, fields, openLetter, type Command } from './protocol.ts'
import { SubmitterLine, type WorkerEnd } from './submitter-channel.ts'
import { times } from './times.ts'
import type { WorkerTask } from './worker-task.ts'

/** A worker's submitters, and what they tell it. */
export class LineDesk {
  readonly #end: WorkerEnd
  readonly #reading: Connection
  readonly #onAbort: (task: WorkerTask) => void
  readonly #lines = new Map<string, SubmitterLine>()
  readonly #absent = new Set<string>()
  #inbox: Inbox | undefined
  #sweeper: NodeJS.Timeout | undefined
  #isSweeping = false

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
    const { onError } = this.#end
    this.#inbox = new Inbox(this.#reading, key, { receive: (entry) => this.#attempt(() => this.#read(entry)), onError })
    this.#sweeper = setInterval(() => void this.#sweep(), times.sweep)
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
    this.#reading.close()
  }

  #read(entry: Fields): void {
    const bytes = fieldOf(entry, fields.letter)
    if (bytes === undefined) return
    const { from, number, said } = openLetter<Command>(this.#end.sealer, bytes, contexts.commands(this.#end.id))
    const line = this.#lines.get(from)
    // Its connection broke: it does not know whether it has said that already.
    if (line === undefined || number <= line.lastLetter) return
    line.lastLetter = number
    // What is said of one task is no matter of the others.
    for (const command of said) this.#attempt(() => this.#obey(line, command))
  }

  #attempt(fn: () => void): void {
    try {
      fn()
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
    task.abort(decodeThrown(reason))
    if (!task.hasBegun) this.#onAbort(task)
  }

  /** Forgets submitters that are gone. */
  async #sweep(): Promise<void> {
    if (this.#isSweeping) return
    this.#isSweeping = true
    const { redis, keys, onError } = this.#end
    try {
      for (const [id, line] of this.#lines) this.#judge(line, (await redis.exists(keys.words(id))) === 1)
    } catch (error) {
      onError(error)
    } finally {
      this.#isSweeping = false
    }
  }

  /** Not at the first look, for Redis may have lost its memory. What has not begun does not begin, what runs ends. */
  #judge(line: SubmitterLine, isThere: boolean): void {
    const { id, tasks } = line
    const wasAbsent = this.#absent.delete(id)
    if (isThere) return
    if (!wasAbsent) return void this.#absent.add(id)
    for (const task of [...tasks.values()]) if (!task.hasBegun) task.end()
    if (!line.isIdle) return void this.#absent.add(id)
    this.#lines.delete(id)
    line.forgetAll()
  }
}
