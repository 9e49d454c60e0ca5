/** What a thread runs: a build entry of its own. */
import type { RequestError } from '../../errors.ts'
import type { TaskContext } from '../../executor/executor.ts'
import type { RemoteContext } from '../../executor/remote.ts'
import type { Call } from '../../session/call.ts'
import type { CallObserver } from '../../session/call-observer.ts'
import { Continuation } from '../../session/continuation.ts'
import type { PreparedRequest } from '../../session/prepared-request.ts'
import { openBody, type Response } from '../../session/response.ts'
import { packContexts } from './error-contexts.ts'
import type { Message, MessageContent, Order } from './protocol.ts'
import { ThreadOrder } from './thread-order.ts'

/** The task: one attempt at a request, with its redirects, its authentication and its hooks. */
export function performRequest(order: Order, context: TaskContext & Partial<RemoteContext>): Promise<Message> {
  return new RemoteRequest(order, context).run()
}

/** An attempt, and what is told of it: live, if the executor has a line, else all in the end. */
class RemoteRequest implements CallObserver {
  readonly #context: TaskContext & Partial<RemoteContext>
  readonly #order: ThreadOrder
  readonly #unsaid: Message[] = []
  #bytes = 0

  constructor(order: Order, context: TaskContext & Partial<RemoteContext>) {
    this.#context = context
    this.#order = new ThreadOrder(order, context.shared)
  }

  async run(): Promise<Message> {
    const call = this.#order.open(this)
    this.#context.onCancel(() => call.abort(this.#context.signal.reason))
    let outcome: Response | Continuation
    try {
      outcome = await call.attempt()
    } catch (error) {
      this.#tellFailure(error)
      throw error
    }
    if (outcome instanceof Continuation) return this.#goOn(call, outcome)
    if (openBody(outcome) !== undefined) await outcome.read()
    return this.#seal({ kind: 'done', response: this.#order.packer.pack(outcome) })
  }

  redirected(response: Response, next: PreparedRequest): void {
    const { packer } = this.#order
    // Copied: hooks may still want to read it.
    this.#say({ kind: 'redirect', response: packer.pack(response), next: packer.packRequest(next) })
  }

  stopsBefore(origin: string): boolean {
    return this.#order.stopsBefore(origin)
  }

  received(bytes: number): void {
    this.#bytes += bytes
  }

  abandoned(error: unknown): void {
    const { message, request } = error as RequestError
    this.#say({ kind: 'timeout', text: message, request: this.#order.packer.packRequest(request) })
  }

  #goOn(call: Call, { delay, attempt, response, error, origin }: Continuation): Message {
    const { packer } = this.#order
    const content: MessageContent = {
      kind: 'again',
      startedAt: this.#order.startedAt,
      delay,
      attempt,
      origin,
      response: response && packer.pack(response),
      contexts: packContexts(error, packer),
      position: this.#order.packPosition(call.position),
    }
    if (error === undefined) return this.#seal(content)
    if (this.#context.post === undefined) return this.#seal({ ...content, error })
    this.#say(content)
    throw error
  }

  #tellFailure(error: unknown): void {
    const contexts = packContexts(error, this.#order.packer)
    try {
      this.#say({ kind: 'failure', contexts })
    } catch {
      // A hook has left something in `data` that can't be cloned.
      this.#say({ kind: 'failure', contexts: contexts.map(({ depth, request }) => ({ depth, request })) })
    }
  }

  #say(content: MessageContent): void {
    const message = this.#seal(content)
    if (this.#context.post === undefined) this.#unsaid.push(message)
    else this.#context.post(message)
  }

  #seal(content: MessageContent): Message {
    const message = this.#order.packer.seal(content)
    return Object.assign(message, this.#report())
  }

  #report(): object {
    const bytes = this.#bytes
    const cookies = this.#order.jar?.report()
    this.#bytes = 0
    if (this.#context.post === undefined) return { bytes, cookies, unsaid: this.#unsaid }
    // By themselves: what they would go with may turn out not to be cloneable.
    if (cookies !== undefined) this.#context.post({ kind: 'cookies', cookies })
    return { bytes }
  }
}
