import { BrokenExecutorError } from '../../errors.ts'
import type { FleetLink } from './fleet-link.ts'
import type { FleetTask } from './fleet-task.ts'
import { contexts } from './protocol.ts'
import { hideArguments, ignore, isReply } from './redis-errors.ts'
import { SealError } from './sealer.ts'

export interface ResultTaker {
  fulfil(task: FleetTask, bytes: Uint8Array): void
  reject(task: FleetTask, error: unknown): void
  /** Redis has lost the result, and the task may be done again. */
  handleMissing(task: FleetTask): void
}

/** Fetches results that are stored under keys of their own. */
export class LargeResults {
  readonly #link: FleetLink
  readonly #taker: ResultTaker
  /** Tasks whose results are not here yet. Redis may be down. */
  readonly #unfetched = new Set<FleetTask>()

  constructor(link: FleetLink, taker: ResultTaker) {
    this.#link = link
    this.#taker = taker
  }

  /** Redis is up again: fetches what is missing. */
  fetchAll(): void {
    for (const task of this.#unfetched) void this.fetch(task)
  }

  forget(task: FleetTask): void {
    this.#unfetched.delete(task)
  }

  /** The result is no longer needed. */
  throwAway(number: number): void {
    const { id, keys, redis } = this.#link
    redis.del(keys.large(id, `result:${number}`)).catch(ignore)
  }

  async fetch(task: FleetTask): Promise<void> {
    const { id, keys, redis, sealer } = this.#link
    const { number, job } = task
    const name = `result:${number}`
    // The task may have been sent again meanwhile, or given up.
    const isAwaited = (): boolean => task.job === job && task.stage !== 'over'
    this.#unfetched.add(task)
    try {
      const bytes = await redis.getBuffer(keys.large(id, name))
      this.throwAway(number)
      if (!isAwaited()) return
      this.#unfetched.delete(task)
      if (bytes === null) this.#miss(task)
      else this.#taker.fulfil(task, sealer.open(bytes, contexts.large(id, name)))
    } catch (error) {
      // Fetched again when the connection is back: Redis still has it.
      if (isAwaited() && (isReply(error) || error instanceof SealError)) this.#fail(task, error)
    }
  }

  #miss(task: FleetTask): void {
    if (task.isIdempotent) this.#taker.handleMissing(task)
    else this.#fail(task, new Error('It is not there'))
  }

  #fail(task: FleetTask, error: Error): void {
    this.#unfetched.delete(task)
    const tried = `Can't fetch the result of \`${task.name}\` from Redis`
    const cause = hideArguments(error)
    this.#taker.reject(task, new BrokenExecutorError(`${tried}: ${error.message}`, { cause }))
  }
}
