import { AsyncQueue, Fifo } from '../async-queue.ts'
import type { Future } from '../future/future.ts'
import type { QueuedJob } from './job-source.ts'
import { ThreadException, type ThreadResponse, toThreadResponse } from './thread-response.ts'

/** Takes a result only when it is asked for one, so leaving it early loses nothing. */
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

/** The outcomes of a pool's jobs: each is in exactly one of the streams, or counted as cancelled. */
export class Results<R> {
  readonly responses: ResultStream<ThreadResponse<R>>
  readonly exceptions: ResultStream<ThreadException>
  readonly counts = { responses: 0, exceptions: 0, cancelled: 0 }

  /** @param onDemand called after a reader has taken a result, or waits for one */
  constructor(onDemand: () => void) {
    this.responses = new ResultStream(onDemand)
    this.exceptions = new ResultStream(onDemand)
  }

  /** How many wait to be taken. */
  get readyCount(): number {
    return this.responses.readyCount + this.exceptions.readyCount
  }

  /** A reader waits for one. */
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
      const error = failureOf(future)
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

function failureOf(future: Future<unknown>): unknown {
  try {
    return future.exceptionNow()
  } catch (cancelledError) {
    return cancelledError
  }
}

/** Why a pool failed: wrapped, for anything may be thrown, `undefined` too. */
export interface Failure {
  readonly error: unknown
}

/**
 * The responses or the exceptions of a pool. Each result goes to one reader; results that no reader has taken are kept, and
 * every reader is told the end.
 */
class ResultStream<T> {
  readonly #ready = new Fifo<T>()
  readonly #waitingReaders = new Set<ResultReader<T>>()
  readonly #onDemand: () => void
  #end: { readonly failure: Failure | undefined } | undefined

  /** @param onDemand called after a reader has taken a result, or waits for one */
  constructor(onDemand: () => void) {
    this.#onDemand = onDemand
  }

  /** How many results wait to be taken. */
  get readyCount(): number {
    return this.#ready.size
  }

  /** A reader waits for a result. */
  get isAwaited(): boolean {
    return this.#waitingReaders.size > 0
  }

  push(result: T): void {
    for (const reader of this.#waitingReaders) {
      reader.push(result)
      // In turns: the next result is for the next reader.
      this.#waitingReaders.delete(reader)
      if (reader.demand > 0) this.#waitingReaders.add(reader)
      return
    }
    this.#ready.push(result)
  }

  take(): T | undefined {
    const result = this.#ready.shift()
    this.#onDemand()
    return result
  }

  /** Nothing will be added any more. What is there can still be taken. */
  end(failure: Failure | undefined): void {
    this.#end = { failure }
    for (const reader of this.#waitingReaders) this.supply(reader)
    this.#waitingReaders.clear()
  }

  read(): ResultReader<T> {
    return new ResultReader(this)
  }

  /** @internal Gives a reader a result or the end, if there is either. */
  supply(reader: ResultReader<T>): void {
    if (this.#ready.size > 0) reader.push(this.#ready.shift() as T)
    else if (this.#end?.failure !== undefined) reader.fail(this.#end.failure.error)
    else if (this.#end !== undefined) reader.finish()
  }

  /** @internal A reader has been served, waits, or has left. */
  note(reader: ResultReader<T>): void {
    if (reader.demand > 0) this.#waitingReaders.add(reader)
    else this.#waitingReaders.delete(reader)
    this.#onDemand()
  }
}

/** Fetches a result when it is asked for one, and not before. */
class ResultReader<T> extends AsyncQueue<T> {
  readonly #stream: ResultStream<T>

  constructor(stream: ResultStream<T>) {
    super()
    this.#stream = stream
  }

  override next(): Promise<IteratorResult<T, undefined>> {
    if (!this.isClosed) this.#stream.supply(this)
    const answer = super.next()
    this.#stream.note(this)
    return answer
  }

  override return(): Promise<IteratorResult<T, undefined>> {
    const answer = super.return()
    this.#stream.note(this)
    return answer
  }
}
