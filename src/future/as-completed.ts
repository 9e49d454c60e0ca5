import { setImmediate } from 'node:timers'
import { AsyncQueue } from '../async-queue.ts'
import { describe } from '../checks.ts'
import { TimeoutError } from '../errors.ts'
import { Input } from '../input.ts'
import type { Future } from './future.ts'
import { checkFuture, type LimitListener, listFutures, WaitLimits, type WaitOptions } from './waiting.ts'
import { subscribe, unsubscribe, type DoneListener } from './listeners.ts'

/**
 * The futures themselves, as they are done: those that are done already first, in input order, then in the order of
 * their settlement. Duplicates are collapsed; cancelled futures are done futures. Leaving the loop detaches it and
 * cancels nothing. A yielded future is no longer referenced.
 *
 * An async iterable is read while somebody waits and nothing is done; nothing bounds how many futures it starts then:
 * `session.map` does that.
 *
 * @param options the clock of `timeout` (ms) starts at the call. When it runs out, or `signal` aborts, everything that is
 *   done is delivered first; then `next()` rejects, with a TimeoutError ("2 (of 4) futures unfinished", with `unfinished`
 *   and `total`) or the signal's reason, and the iteration is over.
 * @throws {TypeError} at the call: bad arguments; as a rejection: an element of an async iterable that is no future
 */
export function asCompleted<F extends Future<any>>( // eslint-disable-line @typescript-eslint/no-explicit-any -- any future at all
  futures: Iterable<F> | AsyncIterable<F>,
  options?: WaitOptions,
): AsyncIterableIterator<F, undefined> & AsyncDisposable {
  return new CompletedFutures(futures, options)
}

class CompletedFutures<F extends Future<unknown>> extends AsyncQueue<F> implements DoneListener, LimitListener {
  readonly #limits: WaitLimits
  readonly #unfinished = new Set<F>()
  /** Only with an async input: the futures that it gave before, to collapse duplicates. */
  #seen: WeakSet<F> | undefined
  #source: Input<F> | undefined
  /** The error of the input. It is delivered after the futures that the input gave before. */
  #failure: { readonly error: unknown } | undefined
  #isPulling = false
  #total = 0

  constructor(futures: Iterable<F> | AsyncIterable<F>, options: WaitOptions | undefined) {
    super()
    this.#limits = new WaitLimits(options)
    const input = futures as Partial<AsyncIterable<F> & Iterable<F>> | null | undefined
    if (typeof input?.[Symbol.iterator] !== 'function' && typeof input?.[Symbol.asyncIterator] === 'function') {
      this.#source = new Input((futures as AsyncIterable<F>)[Symbol.asyncIterator](), { isAsync: true })
      this.#seen = new WeakSet()
      return
    }
    if (typeof input?.[Symbol.iterator] !== 'function') {
      throw new TypeError(`Expected an iterable or async iterable of futures, got ${describe(futures)}`)
    }
    for (const future of new Set(listFutures(input as Iterable<F>))) this.#add(future)
    if (this.#unfinished.size === 0) this.finish()
  }

  override next(): Promise<IteratorResult<F, undefined>> {
    if (this.readyCount === 0 && !this.isClosed && this.#limits.isOver) this.#giveUp()
    const answer = super.next()
    if (this.demand === 1) this.#limits.arm(this)
    if (this.demand > 0) this.#pull()
    return answer
  }

  override return(): Promise<IteratorResult<F, undefined>> {
    const source = this.#source
    this.#detach()
    const answer = super.return()
    if (source === undefined) return answer
    const { isAtWork } = source
    const left = source.leave()
    if (!isAtWork) return left.then(() => answer)
    // A generator handles `return()` only after its present step: not awaited.
    left.catch(() => undefined)
    return answer
  }

  get isWait(): boolean {
    return true
  }

  handleDone(future: Future<unknown>): void {
    this.#unfinished.delete(future as F)
    this.push(future as F)
    this.#finishIfOver()
    if (this.demand === 0) this.#limits.disarm()
  }

  handleLimit(): void {
    this.#giveUp()
  }

  #add(future: F): void {
    this.#total++
    if (future.done()) return this.push(future)
    this.#unfinished.add(future)
    future[subscribe](this)
  }

  #giveUp(): void {
    const counts = { unfinished: this.#unfinished.size, total: this.#total }
    const { isAborted, signal } = this.#limits
    this.#source?.leave().catch(() => undefined)
    this.#detach()
    this.fail(
      isAborted
        ? signal?.reason
        : new TimeoutError(`${counts.unfinished} (of ${counts.total}) futures unfinished`, counts),
    )
  }

  #detach(): void {
    this.#limits.disarm()
    for (const future of this.#unfinished) future[unsubscribe](this)
    this.#unfinished.clear()
    this.#source = undefined
  }

  /** Reads the async input, one element a turn, as long as somebody waits. */
  #pull(): void {
    if (this.#isPulling || this.#source === undefined) return
    this.#isPulling = true
    readNext(this.#source).then(
      (result) => this.#receive(result),
      (error: unknown) => this.#fail(error),
    )
  }

  #receive(result: IteratorResult<F>): void {
    this.#isPulling = false
    if (this.#source === undefined) return
    if (result.done === true) {
      this.#source = undefined
      this.#finishIfOver()
      return
    }
    try {
      checkFuture(result.value, this.#total)
    } catch (error) {
      this.#source.leave().catch(() => undefined)
      this.#fail(error)
      return
    }
    if (this.#seen?.has(result.value) === false) {
      this.#seen.add(result.value)
      this.#add(result.value)
      if (this.demand === 0) this.#limits.disarm()
    }
    // In a later turn of the event loop, so that an endless input can't starve the work that it started.
    if (this.demand > 0) setImmediate(() => this.#pull())
  }

  #fail(error: unknown): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.#failure = { error }
    this.#finishIfOver()
  }

  #finishIfOver(): void {
    if (this.#unfinished.size > 0 || this.#source !== undefined) return
    this.#limits.disarm()
    if (this.#failure === undefined) this.finish()
    else this.fail(this.#failure.error)
  }
}

/** Handwritten iterators may throw synchronously, or return what is no promise: `async` makes that a rejection. */
async function readNext<F>(source: Input<F>): Promise<IteratorResult<F>> {
  return source.context.run(() => source.next())
}
