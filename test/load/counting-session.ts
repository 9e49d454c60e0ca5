import {
  FuturesSession,
  type FuturesSessionOptions,
  type RequestOptions,
  type ResponseFuture,
} from '../../src/index.ts'
import { bodyFaultOf, faultOf, type Plan } from './plan.ts'

/** What is found on `request.context` of each. */
export interface Marks {
  readonly plan: Plan
  /** Whoever made it may cancel it at any time. */
  readonly mayBeCancelled?: boolean
}

/** Counts by hand, beside the books that sessions and executors keep, and looks at every outcome. */
export class Tally {
  submitted = 0
  fulfilled = 0
  rejected = 0
  cancelled = 0
  /** Streamed bodies that are being read. */
  readonly bodies = new Set<Promise<void>>()
  /** The first that went wrong, in words. */
  readonly wrong: string[] = []
  /** Everything is being cancelled. */
  isStopping = false
  /** Told of each settlement. */
  onSettled: (() => void) | undefined

  get open(): number {
    return this.submitted - this.fulfilled - this.rejected - this.cancelled
  }

  note(message: string): void {
    if (this.wrong.length < 10) this.wrong.push(message)
  }

  take(future: ResponseFuture, marks: Marks): void {
    this.submitted++
    future.addDoneCallback(() => this.#settle(future, marks))
  }

  #settle(future: ResponseFuture, marks: Marks): void {
    const { plan, mayBeCancelled } = marks
    const { state } = future
    if (state === 'pending' || state === 'running') return this.note(`#${plan.id} is ${state} and called done`)
    this[state]++
    if (state === 'cancelled') {
      const isWanted = this.isStopping || mayBeCancelled === true || plan.cancel !== undefined
      if (!isWanted) this.note(`#${plan.id} (${plan.kind.answer}) was cancelled by nobody`)
    } else {
      const fault = faultOf(plan, future)
      if (fault !== undefined) this.note(`#${plan.id} (${plan.kind.answer}): ${fault}`)
      else if (state === 'fulfilled' && plan.kind.options?.stream === true) this.#readBody(future, marks)
    }
    this.onSettled?.()
  }

  /** At once or later, when the connection may have ended; to its end, or, each third, only its beginning. */
  #readBody(future: ResponseFuture, { plan, mayBeCancelled }: Marks): void {
    const { answer, bodyError } = plan.kind
    const read = async (): Promise<void> => {
      const response = future.resultNow()
      if (Number(plan.id) % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
      // What is nothing is over without a reader.
      if (answer === 'nothing' && Number(plan.id) % 4 === 0) return
      try {
        if (Number(plan.id) % 3 === 0) {
          const chunks = response.iterContent()[Symbol.asyncIterator]()
          await chunks.next()
          await chunks.return?.()
          return
        }
        await response.read()
        const fault = bodyError === undefined ? bodyFaultOf(plan, response) : `no ${bodyError}`
        if (fault !== undefined) this.note(`#${plan.id} (${plan.kind.answer}): ${fault}`)
      } catch (error) {
        // Its session may have been left before.
        const isLeft = this.isStopping || mayBeCancelled === true || plan.cancel !== undefined
        const isExpected = (error as Error).name === bodyError || isLeft
        if (!isExpected) this.note(`#${plan.id} (${answer}), its body: ${String(error)}`)
      }
    }
    const over = read().finally(() => this.bodies.delete(over))
    this.bodies.add(over)
  }
}

/** A session that puts all its requests on a tally, and cancels those that are planned to be. */
export class CountingSession extends FuturesSession {
  readonly #tally: Tally

  constructor(tally: Tally, options: FuturesSessionOptions) {
    super(options)
    this.#tally = tally
    this.on('start', ({ future }) => this.#cancelLater(future, (future.request.context as Marks).plan))
  }

  override request(method: string, url: string | URL, options?: RequestOptions): ResponseFuture {
    const marks = options?.context as Marks
    const { plan } = marks
    const stop = plan.cancel?.when === 'signal' ? new AbortController() : undefined
    const future = super.request(method, url, stop === undefined ? options : { ...options, signal: stop.signal })
    this.#tally.take(future, marks)
    if (stop !== undefined) setTimeout(() => stop.abort(), plan.cancel!.after).unref()
    if (plan.cancel?.when === 'submitted') this.#cancel(future)
    return future
  }

  #cancelLater(future: ResponseFuture, { cancel }: Plan): void {
    if (cancel?.when === 'milliseconds') setTimeout(() => this.#cancel(future), cancel.after).unref()
    if (cancel?.when === 'turns') void this.#cancelInTurns(future, cancel.after)
  }

  async #cancelInTurns(future: ResponseFuture, turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    this.#cancel(future)
  }

  #cancel(future: ResponseFuture): void {
    const hasCancelled = future.cancel('as planned')
    if (hasCancelled !== (future.state === 'cancelled'))
      this.#tally.note(`cancel() said ${hasCancelled}: ${future.state}`)
  }
}
