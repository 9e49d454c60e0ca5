import { setImmediate, setTimeout } from 'node:timers'
import type { Redis } from 'ioredis'
import { realTime } from '../../deadline.ts'
import type { SharedCopy } from '../remote.ts'
import { decodeValue } from './codec.ts'
import type { Keys } from './keys.ts'
import { contexts, fields, largeBytes, sealLetter, type RefusedJob, type SharedName, type Word } from './protocol.ts'
import { SealError, type Sealer } from './sealer.ts'
import { times } from './times.ts'
import type { WorkerTask } from './worker-task.ts'

/** What the channels of one worker share. */
export interface WorkerEndpoint {
  readonly id: string
  readonly redis: Redis
  readonly keys: Keys
  readonly sealer: Sealer
  readonly onError: (error: unknown) => void
  /** The number of the last letter written, to any submitter. */
  lastLetter: number
}

/** Tasks that are about to begin, unless they were revoked. */
interface Check {
  readonly numbers: readonly number[]
  /** @param revoked `undefined`: the submitter is gone */
  resolve(revoked: ReadonlySet<number> | undefined): void
}

/** A worker's side of one submitter: the words to it, which are written in order, its tasks, and copies of its shared values. */
export class SubmitterChannel {
  readonly id: string
  /** Its tasks here, by number. */
  readonly tasks = new Map<number, WorkerTask>()
  /** How many ms its keys in Redis are kept. */
  clientTimeout = 60_000
  /** The number of its last letter that was read. */
  lastLetter = 0
  readonly #end: WorkerEndpoint
  readonly #copies = new Map<number, { version: number; copy: SharedCopy & { version: unknown; value: unknown } }>()
  #words: Word[] = []
  #checks: Check[] = []
  #isPumping = false
  #isWaiting = false
  #drained: (() => void)[] = []
  /** When the submitter was first found missing: the worker waits for its return only once, not with each word. */
  #missingSince: number | undefined
  readonly #storing = new Set<Promise<void>>()

  constructor(id: string, end: WorkerEndpoint) {
    this.id = id
    this.#end = end
  }

  /** Whether there is nothing to write to it, and no task of it. */
  get isIdle(): boolean {
    return this.tasks.size === 0 && this.#storing.size === 0 && this.#words.length === 0 && !this.#isPumping
  }

  /** Writes a word, together with others of this turn. */
  say(word: Word): void {
    this.#words.push(word)
    if (this.#isPumping || this.#isWaiting) return
    this.#isWaiting = true
    setImmediate(() => {
      this.#isWaiting = false
      void this.#pump()
    })
  }

  /** Writes a result; a large one is stored under a key of its own. */
  sayResult(number: number, bytes: Uint8Array, onError: (error: unknown) => void): void {
    if (bytes.byteLength <= largeBytes) return this.say(['fulfilled', number, bytes])
    const { redis, keys, sealer } = this.#end
    const name = `result:${number}`
    const sealed = sealer.seal(bytes, contexts.large(this.id, name))
    const stored = redis
      .set(keys.large(this.id, name), sealed, 'PX', this.clientTimeout)
      .then(() => this.say(['fulfilled', number, null]), onError)
    this.#storing.add(stored)
    void stored.then(() => this.#storing.delete(stored))
  }

  /**
   * Writes a word at once, and looks which of these tasks were revoked.
   *
   * @returns those, once Redis has the word; `undefined` if the submitter is gone
   */
  sayBefore(word: Word, numbers: readonly number[]): Promise<ReadonlySet<number> | undefined> {
    return new Promise((resolve) => {
      this.#words.push(word)
      this.#checks.push({ numbers, resolve })
      void this.#pump()
    })
  }

  /** Writes, unsealed, that a job could not be read. */
  refuse(refusal: RefusedJob): void {
    const { redis, keys, onError } = this.#end
    const text = JSON.stringify(refusal)
    redis.xadd(keys.words(this.id), 'NOMKSTREAM', '*', fields.refusal, text).catch(onError)
  }

  /** @returns a promise that resolves when everything is written, or the submitter is gone */
  async flush(): Promise<void> {
    await Promise.all(this.#storing)
    if (!this.#isPumping && this.#words.length === 0) return
    void this.#pump()
    await new Promise<void>((resolve) => this.#drained.push(resolve))
  }

  /**
   * Fetches the shared values that are not here yet.
   *
   * @returns the keys of missing values: Redis has lost them, or (with an error) they can't be read here
   */
  async fetch(names: readonly SharedName[]): Promise<ReadonlyMap<number, unknown>> {
    const missing = new Map<number, unknown>()
    const wanted = new Map(names.filter(([key, version]) => this.#versionOf(key) < version))
    if (wanted.size === 0) return missing
    const { redis, keys } = this.#end
    const list = [...wanted.keys()]
    const found = await redis.mgetBuffer(...list.map((key) => keys.shared(this.id, key)))
    for (const [index, key] of list.entries()) {
      try {
        this.#open(key, found[index] as Buffer | null)
        if (this.#versionOf(key) < (wanted.get(key) as number)) missing.set(key, undefined)
      } catch (error) {
        // It was not sealed with our secret, or for something else: as if it were missing.
        missing.set(key, error instanceof SealError ? undefined : error)
      }
    }
    return missing
  }

  /** @returns the copies; the same objects each time */
  copiesOf(names: readonly SharedName[]): SharedCopy[] {
    return names.map(([key]) => (this.#copies.get(key) as { copy: SharedCopy }).copy)
  }

  forget(key: number): void {
    const copy = this.#copies.get(key)?.copy
    this.#copies.delete(key)
    copy?.onForget?.()
  }

  forgetAll(): void {
    for (const key of [...this.#copies.keys()]) this.forget(key)
  }

  #versionOf(key: number): number {
    return this.#copies.get(key)?.version ?? 0
  }

  #open(key: number, bytes: Buffer | null): void {
    if (bytes === null) return
    const opened = decodeValue(this.#end.sealer.open(bytes, contexts.shared(this.id, key)))
    const [number, version, value] = opened as readonly [number, unknown, unknown]
    const known = this.#copies.get(key)
    if (known === undefined) this.#copies.set(key, { version: number, copy: { version, value } })
    // Another job may have fetched it meanwhile.
    else if (known.version < number) {
      known.version = number
      Object.assign(known.copy, { version, value })
    }
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#words.length > 0) {
      const words = this.#words
      const checks = this.#checks
      this.#words = []
      this.#checks = []
      const revoked = await this.#send(
        words,
        checks.flatMap(({ numbers }) => numbers),
      )
      for (const check of checks) check.resolve(revoked)
    }
    this.#isPumping = false
    for (const resolve of this.#drained) resolve()
    this.#drained = []
  }

  async #send(words: readonly Word[], numbers: readonly number[]): Promise<ReadonlySet<number> | undefined> {
    const { id: from, redis, keys, sealer, onError } = this.#end
    const letter = sealLetter(sealer, { from, number: ++this.#end.lastLetter, said: words }, contexts.words(this.id))
    for (;;) {
      try {
        const said = redis.xadd(keys.words(this.id), 'NOMKSTREAM', '*', fields.letter, letter)
        // After the word: a submitter that revokes a task either reads the word first, or is seen here.
        const looked = numbers.length === 0 ? [] : redis.smismember(keys.revoked(this.id), ...numbers)
        const [entry, flags] = await Promise.all([said, looked])
        if (entry !== null) {
          this.#missingSince = undefined
          return new Set(numbers.filter((_, index) => flags[index] === 1))
        }
        this.#missingSince ??= realTime()
        if (realTime() - this.#missingSince > times.repeat) return undefined
      } catch (error) {
        if (redis.status === 'end') return undefined
        // Redis is full: tries again.
        onError(error)
      }
      await new Promise((resolve) => setTimeout(resolve, times.repeatPause))
    }
  }
}
