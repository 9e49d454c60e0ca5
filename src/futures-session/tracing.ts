import { tracingChannel } from 'node:diagnostics_channel'
import { AsyncContext } from '../async-context.ts'
import { describeRequest } from '../session/call/call-input.ts'
import type { SubmittedRequest } from './response-future.ts'

/** What subscribers of `undici-futures:request` get. */
export interface RequestTrace {
  /** In capitals. */
  readonly method: string
  /** Without credentials. */
  readonly url: string
  /** `RequestOptions.context`. */
  readonly context: unknown
  /** The response, once there is one. */
  result?: unknown
  /** What the request failed with, or its CancelledError. */
  error?: unknown
}

const channel = tracingChannel<unknown, RequestTrace>('undici-futures:request')

/** The tracing span of one request: from its start on a worker to its settlement, all attempts included. */
export class RequestSpan {
  readonly #trace: RequestTrace
  #scope: AsyncContext | undefined

  /** @returns undefined if nobody has subscribed */
  static open(future: { readonly request: SubmittedRequest }): RequestSpan | undefined {
    if (!channel.hasSubscribers) return undefined
    const { method, url } = describeRequest(future)
    return new RequestSpan({ method, url, context: future.request.context })
  }

  private constructor(trace: RequestTrace) {
    this.#trace = trace
  }

  /** Runs an attempt within the span, so that what undici traces has it as a parent. */
  run<Result>(attempt: () => Result): Result {
    if (this.#scope !== undefined) return this.#scope.run(attempt)
    const result = channel.start.runStores(this.#trace, () => {
      this.#scope = new AsyncContext()
      return attempt()
    })
    channel.end.publish(this.#trace)
    return result
  }

  /** The context of the submitter with the stores that subscribers have bound to the start; set once the span has begun. */
  get scope(): AsyncContext | undefined {
    return this.#scope
  }

  /** A span that has not begun publishes no end. */
  close(outcome: { result: unknown } | { error: unknown }): void {
    Object.assign(this.#trace, outcome)
    this.#scope?.run(() => {
      if ('error' in outcome) channel.error.publish(this.#trace)
      channel.asyncStart.publish(this.#trace)
      channel.asyncEnd.publish(this.#trace)
    })
  }
}
