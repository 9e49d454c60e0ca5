import { BrokenExecutorError } from '../../errors.ts'
import type { FleetLink } from './fleet-link.ts'
import type { FleetTask } from './fleet-task.ts'
import { contexts } from './protocol.ts'
import { hideArguments, ignore, isReply } from './redis-errors.ts'
import { SealError } from './sealer.ts'

export interface ResultTaker {
  fulfil(task: FleetTask, bytes: Uint8Array): void
  reject(task: FleetTask, error: unknown): void
  /** Redis has lost it, and it may be done again. */
  handleMissing(task: FleetTask): void
}

/** Results that lie in a key of their own. */
export class LargeResults {
  readonly #link: FleetLink
  readonly #taker: ResultTaker
  /** Not here yet: Redis may be gone. */
  readonly #unfetched = new Set<FleetTask>()

  constructor(link: FleetLink, taker: ResultTaker) {
    this.#link = link
    this.#taker = taker
  }

  /** Redis is there again. */
  fetchAll(): void {
    for (const task of this.#unfetched) void this.fetch(task)
  }

  forget(task: FleetTask): void {
    this.#unfetched.delete(task)
  }

  /** Nobody waits for it any more. */
  throwAway(number: number): void {
    const { id, keys, redis } = this.#link
    redis.del(keys.large(id, `result:${number}`)).catch(ignore)
  }

  async fetch(task: FleetTask): Promise<void> {
    const { id, keys, redis, sealer } = this.#link
    const { number, job } = task
    const name = `result:${number}`
    // It may have been sent again meanwhile, or given up.
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
      // A connection that broke comes again, and Redis still has it.
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
