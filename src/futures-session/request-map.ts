import { AsyncQueue, Fifo } from '../async-queue.ts'
import { checkBoolean, checkCount, checkSignal, describe, isThenable } from '../checks.ts'
import { type DoneListener, subscribe, unsubscribe } from '../future/listeners.ts'
import { Input } from '../input.ts'
import { LinkedList, type LinkedListElement } from '../linked-list.ts'
import type { RequestSpec } from '../session/options/options.ts'
import { listen, unlisten, type AbortListener } from '../shared-signal.ts'
import { FullQueue } from './full-queue.ts'
import { checkMapNames } from './futures-session-options.ts'
import type { ResponseFuture } from './response-future.ts'

/** One request of `map`: a URL for a GET, or everything about it. */
export type RequestInput = string | URL | RequestSpec

/** The type of an element that `map` accepts: an option that does not exist is a type error. */
export type KnownInput<I> = I extends string | URL ? I : I & { [K in Exclude<keyof I, keyof RequestSpec>]: never }

type GivenContext<I> = I extends string | URL ? undefined : 'context' extends keyof I ? I['context'] : undefined
/** The type of `future.request.context`: that of the `context` of the inputs. */
export type ContextOf<I> = [GivenContext<I>] extends [undefined] ? unknown : GivenContext<I>

/** How `map` goes through its input. */
export interface MapOptions {
  /** Deliver in input order instead of as they complete. @default false */
  ordered?: boolean | undefined
  /** How many requests may exist that are not handed out yet. A positive integer. @default twice the workers */
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

/**
 * Requests from an input of any length, with a bounded number in existence: the next is read from the input when one has
 * been handed out. Reading begins with the first `next()`.
 */
export class RequestMap<R> extends AsyncQueue<ResponseFuture<R>> implements AbortListener {
  readonly #source: MapSource<R>
  readonly #bufferSize: number
  readonly #signal: AbortSignal | undefined
  readonly #inFlight = new InFlight<R>((future) => this.#handleDone(future))
  /** With `ordered`: the futures that are not delivered yet, in input order. */
  readonly #order: Fifo<ResponseFuture<R>> | undefined
  #orderHead: ResponseFuture<R> | undefined
  #input: Input<RequestInput> | undefined
  /** The element that was read and is not submitted yet. */
  #held: { readonly input: RequestInput } | undefined
  #failure: { readonly error: unknown } | undefined
  /** The input was asked for an element, and has not answered. */
  #isReading = false
  /** The input, or a listener that is told of a request, may call `next()`: the guard stops the recursion. */
  #isFilling = false
  readonly #fullQueue = new FullQueue(() => this.#fill())
  #left: { readonly reason: unknown } | undefined

  /** @throws {TypeError | RangeError} bad arguments */
  constructor(
    source: MapSource<R>,
    requests: Iterable<RequestInput> | AsyncIterable<RequestInput>,
    options: MapOptions = {},
  ) {
    super()
    const { ordered = false, bufferSize = source.defaultBufferSize, signal } = checkMapNames(options)
    checkSignal(signal)
    checkBoolean('ordered', ordered)
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
    this.#fill()
    return answer
  }

  /** Cancels what was started, and tells the input. */
  override async return(): Promise<IteratorResult<ResponseFuture<R>, undefined>> {
    const input = this.#leave('The iteration of `map` was left')
    const answer = super.return()
    const isAtWork = input?.isAtWork === true
    const left = input?.leave()
    // An input that is busy is told once it answers; that is not waited for.
    if (isAtWork) left?.catch(() => undefined)
    else await left
    return answer
  }

  handleAbort(reason: unknown): void {
    const input = this.#leave(reason)
    this.clear()
    this.fail(reason)
    input?.leave().catch(() => undefined)
  }

  #handleDone(future: ResponseFuture<R>): void {
    if (this.#order === undefined) this.push(future)
    else this.#pushInOrder()
    this.#finishIfOver()
    this.#fill()
  }

  /** Requests that exist and are not handed out. */
  get #undelivered(): number {
    return (
      this.readyCount +
      (this.#order === undefined ? this.#inFlight.size : this.#order.size + (this.#orderHead === undefined ? 0 : 1))
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

  /** Reads and submits while there is room, in the async context of whoever called `map`. */
  #fill(): void {
    if (this.#isFilling || !this.#hasRoom) return
    this.#isFilling = true
    this.#input?.context.run(() => this.#fillNow())
    this.#isFilling = false
  }

  /** Handles one element at a time, whatever the input and listeners do meanwhile. */
  #fillNow(): void {
    while (this.#hasRoom) {
      if (this.#held === undefined) this.#read(this.#input as Input<RequestInput>)
      else if (!this.#submit(this.#held.input)) return
    }
  }

  get #hasRoom(): boolean {
    return !this.#isReading && this.#input !== undefined && this.#undelivered < this.#bufferSize
  }

  #read(input: Input<RequestInput>): void {
    this.#isReading = true
    try {
      const result = input.next()
      if (!isThenable(result)) return this.#receive(result)
      result.then(
        (settled) => {
          this.#receive(settled)
          this.#fill()
        },
        (error: unknown) => this.#endInput({ error }),
      )
    } catch (error) {
      this.#endInput({ error })
    }
  }

  #receive(result: IteratorResult<RequestInput>): void {
    this.#isReading = false
    if (this.#input === undefined) return
    if (result.done === true) this.#endInput(undefined)
    else this.#held = { input: result.value }
  }

  /** @returns false if it can't go on: the map is over, or the executor's queue is full and will be tried again */
  #submit(input: RequestInput): boolean {
    let future: ResponseFuture<R> | undefined
    try {
      // Listeners are told of the request, and may leave the map.
      future = this.#source.trySubmit(input)
    } catch (error) {
      this.#input?.leave().catch(() => undefined)
      this.#endInput({ error })
      return false
    }
    if (this.#left !== undefined) {
      future?.cancel(this.#left.reason)
      return false
    }
    if (future === undefined) {
      this.#fullQueue.handleFull()
      return false
    }
    this.#fullQueue.handleRoom()
    this.#held = undefined
    this.#order?.push(future)
    this.#inFlight.add(future)
    return true
  }

  /** No more will be read; what was started is delivered still, then the failure. */
  #endInput(failure: { readonly error: unknown } | undefined): void {
    if (this.#input === undefined) return
    this.#input = undefined
    this.#held = undefined
    this.#failure = failure
    this.#finishIfOver()
  }

  #finishIfOver(): void {
    if (this.#input !== undefined || this.#inFlight.size > 0 || this.#left !== undefined) return
    if (this.#signal !== undefined) unlisten(this.#signal, this)
    if (this.#failure === undefined) this.finish()
    else this.fail(this.#failure.error)
  }

  #leave(reason: unknown): Input<RequestInput> | undefined {
    const input = this.#input
    this.#left ??= { reason }
    this.#input = undefined
    this.#held = undefined
    this.#fullQueue.stop()
    if (this.#signal !== undefined) unlisten(this.#signal, this)
    this.#inFlight.cancel(reason)
    return input
  }
}

/** The requests of one map that are under way. */
class InFlight<R> {
  readonly #onDone: (future: ResponseFuture<R>) => void
  #requests = new LinkedList<RequestInFlight<R>>()

  constructor(onDone: (future: ResponseFuture<R>) => void) {
    this.#onDone = onDone
  }

  get size(): number {
    return this.#requests.size
  }

  /** Tells of a future that is done already at once. */
  add(future: ResponseFuture<R>): void {
    const request = new RequestInFlight(future, this)
    this.#requests.push(request)
    future[subscribe](request)
  }

  handleDone(request: RequestInFlight<R>): void {
    this.#requests.remove(request)
    this.#onDone(request.future)
  }

  /** Cancels all of them; their end is not told any more. */
  cancel(reason: unknown): void {
    const requests = [...this.#requests]
    this.#requests = new LinkedList()
    for (const request of requests) request.future[unsubscribe](request)
    for (const { future } of requests) future.cancel(reason)
  }
}

class RequestInFlight<R> implements DoneListener, LinkedListElement<RequestInFlight<R>> {
  next: RequestInFlight<R> | undefined = undefined
  previous: RequestInFlight<R> | undefined = undefined
  readonly future: ResponseFuture<R>
  readonly #inFlight: InFlight<R>

  constructor(future: ResponseFuture<R>, inFlight: InFlight<R>) {
    this.future = future
    this.#inFlight = inFlight
  }

  get isWait(): boolean {
    return true
  }

  handleDone(): void {
    this.#inFlight.handleDone(this)
  }
}

function openInput(requests: Iterable<RequestInput> | AsyncIterable<RequestInput>): Input<RequestInput> {
  const given = requests as Partial<Iterable<RequestInput> & AsyncIterable<RequestInput>> | null | undefined
  const later = typeof requests === 'string' ? undefined : given?.[Symbol.asyncIterator]?.()
  const iterator = typeof requests === 'string' ? undefined : (later ?? given?.[Symbol.iterator]?.())
  if (iterator !== undefined) return new Input(iterator, { isAsync: later !== undefined })
  throw new TypeError(`Expected an iterable or async iterable of requests, got ${describe(requests)}`)
}

/** An input as a spec. What is no object is taken for a URL: if it is none, its future is rejected. */
export function specOf(input: RequestInput): RequestSpec {
  const isSpec = typeof input === 'object' && (input as unknown) !== null && !(input instanceof URL)
  return isSpec ? input : { url: input as string | URL }
}
