/** Streams at once on a connection, whatever a server allows. */
const most = 100
/** Destinations that are remembered. */
const mostDestinations = 1_000

/** How many streams at once the destinations of a session allow on a connection, as each has said last. */
export class StreamLimits {
  readonly #limits = new Map<string, number>()

  /** @param key of a destination */
  of(key: string): number {
    return this.#limits.get(key) ?? most
  }

  /** @returns how many that makes */
  remember(key: string, allowed: number): number {
    const limit = Math.min(allowed, most)
    this.#limits.delete(key)
    if (this.#limits.size >= mostDestinations) this.#limits.delete(this.#limits.keys().next().value as string)
    this.#limits.set(key, limit)
    return limit
  }
}
