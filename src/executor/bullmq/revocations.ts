import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers'
import type { FleetLink } from './fleet-link.ts'
import { contexts, fields, sealLetter, type Word } from './protocol.ts'
import { ignore, isReply } from './redis-errors.ts'
import { times } from './times.ts'

interface RevocationOptions {
  readonly clientTimeout: number
  readonly onError: (error: unknown) => void
}

/** Revoked tasks of a submitter, which must not begin, and marks in its stream: once a mark is read, all before it is known. */
export class Revocations {
  readonly #link: FleetLink
  readonly #options: RevocationOptions
  readonly #numbers = new Set<number>()
  readonly #marks = new Map<string, () => void>()

  constructor(link: FleetLink, options: RevocationOptions) {
    this.#link = link
    this.#options = options
  }

  /**
   * Revokes tasks: they no longer begin.
   *
   * @returns a promise that resolves when all earlier messages about them are read: a task not reported as begun has not
   */
  revoke(numbers: readonly number[]): Promise<void> {
    for (const each of numbers) this.#numbers.add(each)
    const nonce = randomUUID()
    return new Promise((resolve) => {
      this.#marks.set(nonce, resolve)
      if (this.#link.isUp) void this.#mark(numbers, [nonce])
    })
  }

  /** No worker can begin these any more: removes them from the set. */
  unrevoke(numbers: readonly number[]): void {
    if (this.#numbers.size === 0) return
    const known = numbers.filter((each) => this.#numbers.delete(each))
    const { id, keys, redis, isUp } = this.#link
    if (known.length > 0 && isUp) redis.srem(keys.revoked(id), ...known).catch(ignore)
  }

  /** Redis is up, and may have lost them: writes them again. */
  repeat(): void {
    void this.#mark([...this.#numbers], [...this.#marks.keys()])
  }

  /** A mark was read. */
  handleMarks(words: readonly Word[]): void {
    for (const [, nonce] of words) {
      this.#marks.get(String(nonce))?.()
      this.#marks.delete(String(nonce))
    }
  }

  /** Writes numbers and mark in one transaction: a mark means that the numbers are there. */
  async #mark(numbers: readonly number[], nonces: readonly string[]): Promise<void> {
    if (numbers.length === 0 && nonces.length === 0) return
    const { redis, keys, id, sealer } = this.#link
    const transaction = redis.multi()
    if (numbers.length > 0) {
      transaction.sadd(keys.revoked(id), ...numbers).pexpire(keys.revoked(id), this.#options.clientTimeout)
    }
    const words = nonces.map((nonce): Word => ['mark', nonce])
    const letter = sealLetter(sealer, { from: id, number: 0, said: words }, contexts.words(id))
    transaction.xadd(keys.words(id), 'NOMKSTREAM', '*', fields.letter, letter)
    try {
      await transaction.exec()
    } catch (error) {
      // All are written again when the connection is back. A Redis that is full is asked again.
      if (!isReply(error)) return
      this.#options.onError(error)
      setTimeout(() => this.#link.isUp && void this.#mark(numbers, nonces), times.retry).unref()
    }
  }
}
