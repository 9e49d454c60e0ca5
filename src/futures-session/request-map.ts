import { AsyncQueue } from '../async-queue.ts'
import { checkCount, checkSignal, describe, isThenable } from '../checks.ts'
import { Fifo } from '../fifo.ts'
import type { RequestSpec } from '../session/options/options.ts'
import { listen, unlisten, type AbortListener } from '../shared-signal.ts'
import { Flights, type FlightOwner } from './flights.ts'
import type { ResponseFuture } from './response-future.ts'

/** One request of `map`: a URL for a GET, or everything about it. */
export type RequestInput = string | URL | RequestSpec

export interface MapOptions {
  /** Deliver in input order instead of as they complete. Default false. */
  ordered?: boolean | undefined
  /** How many requests may exist that are not handed out yet. A positive integer. Default twice the workers. */
  bufferSize?: number | undefined
  /** Aborted: what was started is cancelled and the iterator rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** What a map needs of its session. */
export interface MapSource<R> {
  readonly defaultBufferSize: number
  /** @returns the future, or `undefined` while the executor's queue is full. @throws {SessionClosedError} */
  trySubmit(input: RequestInput): ResponseFuture<R> | undefined
}

/** How long a full queue of somebody else's executor is left alone, where no end of ours can tell that there is room. Milliseconds. */
const retryDelay = 5

/**
 * Requests from an input of any length, with a bounded number in existence: the next is read from the input when one has
 * been handed out. Reading begins with the first `next()`.
 */
export class RequestMap<R> extends AsyncQueue<ResponseFuture<R>> implements FlightOwner<R>, AbortListener {
  readonly #source: MapSource<R>
  readonly #bufferSize: number
  readonly #signal: AbortSignal | undefined
  readonly #flights = new Flights<R>(this)
  /** With `ordered`: everything not delivered yet, in input order. */
  readonly #order: Fifo<ResponseFuture<R>> | undefined
  #orderHead: ResponseFuture<R> | undefined
  #input: Iterator<RequestInput> | AsyncIterator<RequestInput> | undefined
  /** Read, and not submitted yet: the queue was full. */
  #held: { readonly input: RequestInput } | undefined
  #failure: { readonly error: unknown } | undefined
  #isReading = false
  #left: { readonly reason: unknown } | undefined

  /** @throws {TypeError | RangeError} bad arguments */
  constructor(
    source: MapSource<R>,
    requests: Iterable<RequestInput> | AsyncIterable<RequestInput>,
    { ordered = false, bufferSize = source.defaultBufferSize, signal }: MapOptions = {},
  ) {
    super()
    checkSignal(signal)
    if (typeof (ordered as unknown) !== 'boolean')
      throw new TypeError(`Expected \`ordered\` to be a boolean, got ${describe(ordered)}`)
    this.#source = source
    this.#bufferSize = checkCount('bufferSize', bufferSize, { infinite: true })
    this.#signal = signal
    this.#order = ordered ? new Fifo() : undefined
    this.#input = openInput(requests)
    if (signal?.aborted === true) this.handleAbort(signal.reason)
    else if (signal !== undefined) listen(signal, this)
  }

  override next(): Promise<IteratorResult<ResponseFuture<R>, undefined>> {
    const answer = super.next()
    this.#read()
    return answer
  }

  /** Cancels what was started, and tells the input. */
  override async return(): Promise<IteratorResult<ResponseFuture<R>, undefined>> {
    const input = this.#leave('The iteration of `map` was left')
    const answer = super.return()
    const left = leave(input)
    // A generator at work hears of it when it is done with that: nobody waits so long.
    if (this.#isReading) left.catch(() => undefined)
    else await left
    return answer
  }

  handleAbort(reason: unknown): void {
    const input = this.#leave(reason)
    this.clear()
    this.fail(reason)
    leave(input).catch(() => undefined)
  }

  /** @internal */
  handleLanding(future: ResponseFuture<R>): void {
    if (this.#order === undefined) this.push(future)
    else this.#pushInOrder()
    this.#finishIfOver()
    this.#read()
  }

  /** Requests that exist and are not handed out. */
  get #undelivered(): number {
    return (
      this.readyCount +
      (this.#order === undefined ? this.#flights.size : this.#order.size + (this.#orderHead === undefined ? 0 : 1))
    )
  }

  #pushInOrder(): void {
    const order = this.#order as Fifo<ResponseFuture<R>>
    for (;;) {
      this.#orderHead ??= order.shift()
      if (this.#orderHead?.done() !== true) return
      this.push(this.#orderHead)
      this.#orderHead = undefined
    }
  }

  /** Reads the input while there is room: one element at a time, never two at once. */
  #read(): void {
    while (!this.#isReading && this.#input !== undefined && this.#undelivered < this.#bufferSize) {
      if (this.#held !== undefined) {
        if (!this.#submit(this.#held.input)) return
        continue
      }
      try {
        const result = this.#input.next()
        if (isThenable(result)) {
          this.#isReading = true
          result.then(
            (settled) => this.#receiveLater(settled),
            (error: unknown) => this.#endInput({ error }),
          )
        } else {
          this.#receive(result)
        }
      } catch (error) {
        this.#endInput({ error })
      }
    }
  }

  #receiveLater(result: IteratorResult<RequestInput>): void {
    this.#isReading = false
    this.#receive(result)
    this.#read()
  }

  #receive(result: IteratorResult<RequestInput>): void {
    if (this.#input === undefined) return
    if (result.done === true) this.#endInput(undefined)
    else this.#held = { input: result.value }
  }

  /** @returns false if the executor's queue is full: it will be tried again */
  #submit(input: RequestInput): boolean {
    let future: ResponseFuture<R> | undefined
    try {
      // It tells listeners, and those may ask for the next one, or leave.
      this.#isReading = true
      future = this.#source.trySubmit(input)
    } catch (error) {
      leave(this.#input).catch(() => undefined)
      this.#endInput({ error })
      return false
    } finally {
      this.#isReading = false
    }
    if (this.#left !== undefined) {
      future?.cancel(this.#left.reason)
      return false
    }
    if (future === undefined) {
      if (this.#flights.size === 0) setTimeout(() => this.#read(), retryDelay)
      return false
    }
    this.#held = undefined
    this.#order?.push(future)
    // One that failed at once answers at once: `#read` is already at work then.
    this.#isReading = true
    this.#flights.add(future)
    this.#isReading = false
    return true
  }

  /** No more will be read; what was started is delivered still, then the failure. */
  #endInput(failure: { readonly error: unknown } | undefined): void {
    this.#isReading = false
    if (this.#input === undefined) return
    this.#input = undefined
    this.#held = undefined
    this.#failure = failure
    this.#finishIfOver()
  }

  #finishIfOver(): void {
    if (this.#input !== undefined || this.#flights.size > 0 || this.#left !== undefined) return
    if (this.#signal !== undefined) unlisten(this.#signal, this)
    if (this.#failure === undefined) this.finish()
    else this.fail(this.#failure.error)
  }

  #leave(reason: unknown): Iterator<RequestInput> | AsyncIterator<RequestInput> | undefined {
    const input = this.#input
    this.#left ??= { reason }
    this.#input = undefined
    this.#held = undefined
    if (this.#signal !== undefined) unlisten(this.#signal, this)
    this.#flights.cancel(reason)
    return input
  }
}

/** Iterators that people write by hand throw at once. */
async function leave(input: Iterator<RequestInput> | AsyncIterator<RequestInput> | undefined): Promise<void> {
  await input?.return?.()
}

function openInput(
  requests: Iterable<RequestInput> | AsyncIterable<RequestInput>,
): Iterator<RequestInput> | AsyncIterator<RequestInput> {
  const input = requests as Partial<Iterable<RequestInput> & AsyncIterable<RequestInput>> | null | undefined
  const iterator =
    typeof requests === 'string' ? undefined : (input?.[Symbol.asyncIterator]?.() ?? input?.[Symbol.iterator]?.())
  if (iterator !== undefined) return iterator
  throw new TypeError(`Expected an iterable or async iterable of requests, got ${describe(requests)}`)
}

/** What stands for a request: anything that is no spec is taken for a URL, and it is its future that says so if it is none. */
export function specOf(input: RequestInput): RequestSpec {
  const isSpec = typeof input === 'object' && (input as unknown) !== null && !(input instanceof URL)
  return isSpec ? input : { url: input as string | URL }
}
