import type { SharedValue } from '../remote.ts'
import { encodeValue } from './codec.ts'
import type { SharedName } from './protocol.ts'

/** What a submitter knows of a value that it has stored. */
interface Known {
  readonly key: number
  /** The version of the value when it was stored. */
  version: unknown
  /** Counts the versions, from 1. */
  number: number
}

/** A value that must be stored before a job names it. */
export interface ValueToStore {
  readonly key: number
  /** The encoded value, with its version. */
  readonly bytes: Uint8Array
}

/** The values that the tasks of a submitter share. Each is in Redis once, as long as it is used. */
export class SharedStore {
  readonly #known = new WeakMap<SharedValue, Known>()
  readonly #stored = new Set<number>()
  readonly #garbage: FinalizationRegistry<number>
  readonly #drop: (key: number) => void
  #lastKey = 0

  /** @param drop called with the key of a value that is no longer needed */
  constructor(drop: (key: number) => void) {
    this.#drop = drop
    this.#garbage = new FinalizationRegistry((key) => this.#forget(key))
  }

  /** The numbers of the stored values. */
  get keys(): Iterable<number> {
    return this.#stored
  }

  /**
   * @param toStore values that must be stored first are added to it
   * @throws {Error} a value can't be cloned
   */
  name(values: readonly SharedValue[] | undefined, toStore: ValueToStore[]): SharedName[] {
    return values === undefined ? [] : values.map((value) => this.#name(value, toStore))
  }

  /** Redis has lost the values with these keys, or all. */
  lose(keys: Iterable<number> = [...this.#stored]): void {
    for (const key of keys) this.#stored.delete(key)
  }

  forget(value: SharedValue): void {
    const known = this.#known.get(value)
    if (known === undefined) return
    this.#known.delete(value)
    this.#garbage.unregister(value)
    this.#forget(known.key)
  }

  #name(value: SharedValue, toStore: ValueToStore[]): SharedName {
    const { version } = value
    let known = this.#known.get(value)
    if (known === undefined) {
      known = { key: ++this.#lastKey, version, number: 1 }
      this.#known.set(value, known)
      this.#garbage.register(value, known.key, value)
    } else if (known.version !== version) {
      known.version = version
      known.number++
      this.#stored.delete(known.key)
    }
    const { key, number } = known
    if (!this.#stored.has(key)) {
      toStore.push({ key, bytes: encodeValue([number, version, value.value]) })
      this.#stored.add(key)
    }
    return [key, number]
  }

  #forget(key: number): void {
    this.#stored.delete(key)
    this.#drop(key)
  }
}
