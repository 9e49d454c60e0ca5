import { AsyncContext } from '../async-context.ts'
import { AsyncQueue } from '../async-queue.ts'
import { cancelledRequest } from '../cancelled-request.ts'
import { isThenable } from '../checks.ts'
import { subscribe, unsubscribe, type DoneListener } from '../future/listeners.ts'
import { describeRequest } from '../session/call/call-input.ts'
import type { RequestSpec } from '../session/options/options.ts'
import { Response } from '../session/response/response.ts'
import { listen, unlisten, type AbortListener } from '../shared-signal.ts'
import { FullQueue } from './full-queue.ts'
import type { PageTrail } from './page-trail.ts'
import type { ResponseFuture } from './response-future.ts'

/** @returns the future, or `undefined` while the executor's queue is full. @throws what `request` throws */
export type TrySubmit<R> = (request: RequestSpec) => ResponseFuture<R> | undefined

/**
 * Iterates over pages. Each is requested when the one before it is handed out, the first by the first `next()`: while the
 * caller works on a page the next one is on its way, and no other.
 */
export class Pages<R> extends AsyncQueue<R> implements DoneListener, AbortListener {
  readonly #trail: PageTrail<R>
  readonly #trySubmit: TrySubmit<R>
  readonly #signal: AbortSignal | undefined
  /** The context of the `paginate` call: requests are sent, and `next` is called, in it. */
  readonly #context = new AsyncContext()
  readonly #fullQueue = new FullQueue(() => this.#advance())
  /** The next request, before it is submitted. */
  #due: RequestSpec | undefined
  #inFlight: ResponseFuture<R> | undefined
  /** The last page, until it is known what follows it. */
  #page: { readonly response: R } | undefined
  /** A page that has come and is not handed out. */
  #ahead: R | undefined
  #isBusy = false
  #left: { readonly reason: unknown } | undefined

  constructor(trail: PageTrail<R>, trySubmit: TrySubmit<R>) {
    super()
    this.#trail = trail
    this.#trySubmit = trySubmit
    this.#due = trail.first
    const signal: unknown = trail.first.signal
    // Not an AbortSignal: the first request rejects it.
    this.#signal = signal instanceof AbortSignal ? signal : undefined
    if (this.#signal?.aborted === true) this.handleAbort(this.#signal.reason)
    else if (this.#signal !== undefined) listen(this.#signal, this)
  }

  get isWait(): boolean {
    return true
  }

  override next(): Promise<IteratorResult<R, undefined>> {
    const answer = super.next()
    if (this.readyCount === 0) this.#ahead = undefined
    this.#context.run(() => this.#advance())
    return answer
  }

  /** Cancels the request for the page that nobody will see. */
  override return(): Promise<IteratorResult<R, undefined>> {
    this.#leave(new Error('The iteration of `paginate` was left'))
    return super.return()
  }

  handleAbort(reason: unknown): void {
    const request = describeRequest({ request: this.#inFlight?.request ?? this.#due ?? this.#trail.first })
    this.#leave(reason)
    this.clear()
    this.fail(cancelledRequest(request, reason))
  }

  /** @internal */
  handleDone(): void {
    const future = this.#inFlight as ResponseFuture<R>
    this.#inFlight = undefined
    try {
      const response = future.resultNow()
      this.#page = { response }
      if (this.demand === 0) this.#ahead = response
      this.push(response)
    } catch (error) {
      return this.#end({ error })
    }
    this.#context.run(() => this.#advance())
  }

  /** Listeners that are told of a request may call `next()`: the guard stops the recursion. */
  #advance(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      while (this.#mayAdvance && this.#step());
    } catch (error) {
      this.#end({ error })
    } finally {
      this.#isBusy = false
    }
  }

  get #mayAdvance(): boolean {
    return !this.isClosed && this.#inFlight === undefined && this.readyCount === 0
  }

  /** @returns whether there is more to do now */
  #step(): boolean {
    const { response } = this.#page ?? {}
    if (this.#due !== undefined) return this.#ask(this.#due)
    if (this.#page === undefined) return false
    this.#page = undefined
    const found = this.#trail.find(response as R)
    if (!isThenable(found)) return this.#follow(response as R, found)
    found
      .then(
        (target) => {
          if (this.isClosed) return
          this.#follow(response as R, target)
          this.#context.run(() => this.#advance())
        },
        (error: unknown) => this.#end({ error }),
      )
      .catch((error: unknown) => this.#end({ error }))
    return false
  }

  #follow(response: R, target: Awaited<ReturnType<PageTrail<R>['find']>>): boolean {
    if (target === undefined) this.#end(undefined)
    else this.#due = this.#trail.after(response, target)
    return target !== undefined
  }

  #ask(request: RequestSpec): boolean {
    const future = this.#trySubmit(request)
    if (this.#left !== undefined) {
      future?.cancel(this.#left.reason)
    } else if (future === undefined) {
      this.#fullQueue.handleFull()
    } else {
      this.#fullQueue.handleRoom()
      this.#due = undefined
      this.#inFlight = future
      future[subscribe](this)
    }
    return false
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    if (this.isClosed) return
    this.#leave(undefined)
    if (failure === undefined) this.finish()
    else this.fail(failure.error)
  }

  #leave(reason: unknown): void {
    this.#left ??= { reason }
    this.#due = this.#page = undefined
    this.#fullQueue.stop()
    if (this.#signal !== undefined) unlisten(this.#signal, this)
    const inFlight = this.#inFlight
    this.#inFlight = undefined
    inFlight?.[unsubscribe](this)
    inFlight?.cancel(reason)
    if (this.#ahead instanceof Response) void this.#ahead.close()
    this.#ahead = undefined
  }
}
