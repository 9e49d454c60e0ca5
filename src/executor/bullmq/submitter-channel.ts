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

/** What channels have in common. */
export interface WorkerEndpoint {
  readonly id: string
  readonly redis: Redis
  readonly keys: Keys
  readonly sealer: Sealer
  readonly onError: (error: unknown) => void
  /** The number of the letter that was written last, to whomever. */
  lastLetter: number
}

/** Tasks that are about to begin. */
interface Check {
  readonly numbers: readonly number[]
  /** `undefined`: there is no submitter any more */
  resolve(revoked: ReadonlySet<number> | undefined): void
}

/** What a worker says to one submitter, and what it has of it. Everything is said in order. */
export class SubmitterChannel {
  readonly id: string
  /** By their numbers. */
  readonly tasks = new Map<number, WorkerTask>()
  /** How long what lies in Redis for it is kept, ms. */
  clientTimeout = 60_000
  /** The number of the letter of its that was read last. */
  lastLetter = 0
  readonly #end: WorkerEndpoint
  readonly #copies = new Map<number, { version: number; copy: SharedCopy & { version: unknown; value: unknown } }>()
  #words: Word[] = []
  #checks: Check[] = []
  #isPumping = false
  #isWaiting = false
  #drained: (() => void)[] = []
  /** Since when there is no submitter, at each look: who has left much behind keeps a worker only once. */
  #missingSince: number | undefined
  readonly #storing = new Set<Promise<void>>()

  constructor(id: string, end: WorkerEndpoint) {
    this.id = id
    this.#end = end
  }

  /** Nothing is to be said to it, or to be done for it. */
  get isIdle(): boolean {
    return this.tasks.size === 0 && this.#storing.size === 0 && this.#words.length === 0 && !this.#isPumping
  }

  /** With what else is said in this turn. */
  say(word: Word): void {
    this.#words.push(word)
    if (this.#isPumping || this.#isWaiting) return
    this.#isWaiting = true
    setImmediate(() => {
      this.#isWaiting = false
      void this.#pump()
    })
  }

  /** A result that is too large to be said lies in a key of its own. */
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
   * Says something, at once, and looks which of these tasks were taken back.
   *
   * @returns those; `undefined` if there is no submitter any more. Redis has what was said by then.
   */
  sayBefore(word: Word, numbers: readonly number[]): Promise<ReadonlySet<number> | undefined> {
    return new Promise((resolve) => {
      this.#words.push(word)
      this.#checks.push({ numbers, resolve })
      void this.#pump()
    })
  }

  /** In the clear: the job could not be read. */
  refuse(refusal: RefusedJob): void {
    const { redis, keys, onError } = this.#end
    const text = JSON.stringify(refusal)
    redis.xadd(keys.words(this.id), 'NOMKSTREAM', '*', fields.refusal, text).catch(onError)
  }

  /** @returns a promise that resolves when everything has been said, or there is nobody to say it to */
  async flush(): Promise<void> {
    await Promise.all(this.#storing)
    if (!this.#isPumping && this.#words.length === 0) return
    void this.#pump()
    await new Promise<void>((resolve) => this.#drained.push(resolve))
  }

  /**
   * Fetches the values that are not here yet.
   *
   * @returns the keys of those that are missing: Redis has lost them, or (then with an error) they can't be read here
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
        // Nobody has sealed that for us: it is not there.
        missing.set(key, error instanceof SealError ? undefined : error)
      }
    }
    return missing
  }

  /** @returns the same objects each time */
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
    // Others may have fetched it meanwhile.
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
        // After what was said: who takes a task back reads that first, or is seen here.
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
        // Redis is full: what has to be said waits for it.
        onError(error)
      }
      await new Promise((resolve) => setTimeout(resolve, times.repeatPause))
    }
  }
}
