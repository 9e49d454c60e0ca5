import { createHash } from 'node:crypto'

/** Each server has a set of places, one for each nonce, and some share theirs. */
const sets = 64
const placesInSet = 8

/** One nonce of one server. */
export interface NonceCount {
  /** From 1, each once. */
  next(): number
}

/**
 * How often each nonce was used, in all threads together: many servers give several clients the same one, and take a count
 * that they have seen before for a replay (RFC 7616, 3.4).
 *
 * The memory holds one word for each nonce: 32 bits of its hash, and its count. A word is replaced atomically,
 * so that threads may be ended at any time. Where a set is full a nonce takes the place of another: of that, each thread counts
 * on from what it knows itself.
 */
export class NonceCounts {
  #memory: SharedArrayBuffer | undefined

  constructor(memory?: SharedArrayBuffer) {
    this.#memory = memory
  }

  /** Made when it is first needed. */
  get memory(): SharedArrayBuffer {
    return (this.#memory ??= new SharedArrayBuffer(sets * placesInSet * BigUint64Array.BYTES_PER_ELEMENT))
  }

  of(origin: string, nonce: string): NonceCount {
    const tag = BigInt(hashOf(`${origin} ${nonce}`))
    return new SharedCount(new BigUint64Array(this.memory), tag, hashOf(origin) % sets)
  }
}

function hashOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0)
}

class SharedCount implements NonceCount {
  readonly #words: BigUint64Array
  readonly #tag: bigint
  readonly #start: number
  /** What this thread knows. */
  #last = 0n
  /** The word at the place that was found. */
  #seen = 0n

  constructor(words: BigUint64Array, tag: bigint, set: number) {
    this.#words = words
    this.#tag = tag
    this.#start = set * placesInSet
  }

  next(): number {
    for (;;) {
      const place = this.#find()
      const word = this.#seen
      const known = word >> 32n === this.#tag ? word & 0xffff_ffffn : 0n
      const count = (known > this.#last ? known : this.#last) + 1n
      // Another thread may have been here meanwhile.
      if (Atomics.compareExchange(this.#words, place, word, (this.#tag << 32n) | count) !== word) continue
      this.#last = count
      return Number(count)
    }
  }

  /** Its place, else the first that is free, else one that is the same for every thread: two of them must not take two. */
  #find(): number {
    let found = this.#start + Number(this.#tag % BigInt(placesInSet))
    this.#seen = Atomics.load(this.#words, found)
    for (let place = this.#start + placesInSet - 1; place >= this.#start; place--) {
      const word = Atomics.load(this.#words, place)
      const isOwn = word !== 0n && word >> 32n === this.#tag
      if (!isOwn && word !== 0n) continue
      found = place
      this.#seen = word
      if (isOwn) break
    }
    return found
  }
}
