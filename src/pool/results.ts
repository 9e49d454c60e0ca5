import type { Future } from '../future/future.ts'
import type { QueuedJob } from './job.ts'
import { ResultStream, type Failure } from './result-stream.ts'
import { ThreadException } from './thread-exception.ts'
import { toThreadResponse, type ThreadResponse } from './thread-response.ts'

/** Takes a result when it is asked for one: leaving it early loses nothing. */
export type ResultIterator<T> = AsyncIterableIterator<T, undefined> & AsyncDisposable

/** How many jobs ended how. Once the pool has ended, `submitted` is the sum of the others. */
export interface PoolStats {
  /** Handed over: those of a list at once, those of any other input when they are asked for. */
  submitted: number
  /** Those with a response. */
  responses: number
  /** Those that failed. */
  exceptions: number
  /** By `cancel()` or dispose, or because the pool failed before they could start. */
  cancelled: number
}

/** What became of a pool's jobs: each is in exactly one of the streams, or counted as cancelled. */
export class Results<R> {
  readonly responses: ResultStream<ThreadResponse<R>>
  readonly exceptions: ResultStream<ThreadException>
  readonly counts = { responses: 0, exceptions: 0, cancelled: 0 }

  /** @param onDemand called after somebody has taken a result, or waits for one */
  constructor(onDemand: () => void) {
    this.responses = new ResultStream(onDemand)
    this.exceptions = new ResultStream(onDemand)
  }

  /** How many wait to be taken. */
  get readyCount(): number {
    return this.responses.readyCount + this.exceptions.readyCount
  }

  /** Somebody waits for one. */
  get isAwaited(): boolean {
    return this.responses.isAwaited || this.exceptions.isAwaited
  }

  /** Never throws. @param isCancelled the pool was: else a cancelled future is an exception like any other */
  add(queued: QueuedJob, future: Future<R>, isCancelled: boolean): void {
    if (future.state === 'fulfilled') {
      this.counts.responses++
      this.responses.push(toThreadResponse(future.resultNow(), queued))
    } else if (future.state === 'cancelled' && isCancelled) {
      this.counts.cancelled++
    } else {
      const error = errorOf(future)
      this.counts.exceptions++
      this.exceptions.push(new ThreadException(queued.job, error, queued.attempts))
    }
  }

  /** What is there can still be taken; then comes the end, or the failure. */
  end(failure: Failure | undefined): void {
    this.responses.end(failure)
    this.exceptions.end(failure)
  }
}

function errorOf(future: Future<unknown>): unknown {
  try {
    return future.exceptionNow()
  } catch (cancelledError) {
    return cancelledError
  }
}
