/** What a thread runs; a build entry. */
import { setImmediate } from 'node:timers'
import type { RequestError } from '../../errors.ts'
import type { TaskContext } from '../../executor/executor.ts'
import type { RemoteContext } from '../../executor/remote.ts'
import type { Call } from '../../session/call/call.ts'
import type { CallObserver } from '../../session/call/call-input.ts'
import { isNextAttempt, type NextAttempt, type RetryAttempt } from '../../session/call/retry.ts'
import type { PreparedRequest } from '../../session/prepared-request.ts'
import { findLargeBuffers } from '../../cloneable.ts'
import { incomingBody, Response } from '../../session/response/response.ts'
import { packContexts } from './response-unpacker.ts'
import type { MessageContent, RemoteCall, PackedNextAttempt, Envelope } from './protocol.ts'
import type { ResponsePacker } from './response-packer.ts'
import { ThreadCall } from './thread-call.ts'

/** The task: one attempt at a request, with its redirects, its authentication and its hooks. */
export function performRequest(
  remoteCall: RemoteCall,
  context: TaskContext & Partial<RemoteContext>,
): Promise<Envelope> {
  return new RemoteRequest(remoteCall, context).run()
}

/** One attempt and its messages, which are posted if the executor links the task, else returned with the outcome. */
class RemoteRequest implements CallObserver {
  readonly #context: TaskContext & Partial<RemoteContext>
  readonly #remoteCall: ThreadCall
  readonly #unsent: Envelope[] = []
  #bytes = 0
  /** The last response that came in: only this one can be the outcome, or belong to the error. */
  #last: Response | undefined
  #isOver = false

  constructor(remoteCall: RemoteCall, context: TaskContext & Partial<RemoteContext>) {
    this.#context = context
    this.#remoteCall = new ThreadCall(remoteCall, context.shared)
  }

  async run(): Promise<Envelope> {
    const call = this.#remoteCall.open(this)
    this.#context.onCancel(() => call.abort(this.#context.signal.reason))
    let outcome: Response | NextAttempt
    try {
      outcome = await call.attempt()
      // A hook may have returned a response that is still streamed.
      if (outcome instanceof Response && outcome[incomingBody] !== undefined) await outcome.read()
    } catch (error) {
      this.#remoteCall.packer.spend(this.#last)
      this.#tellFailure(error)
      throw error
    } finally {
      this.#isOver = true
    }
    this.#remoteCall.packer.spend(this.#last)
    if (isNextAttempt(outcome)) return this.#goOn(call, outcome)
    return this.#seal({ kind: 'done', response: this.#remoteCall.packer.pack(outcome) })
  }

  redirected(response: Response, next: PreparedRequest): void {
    const { packer } = this.#remoteCall
    this.#post({ kind: 'redirect', response: packer.pack(response), next: packer.packRequest(next) })
  }

  stopsBefore(origin: string): boolean {
    return this.#remoteCall.stopsBefore(origin)
  }

  received(bytes: number, response: Response): void {
    this.#bytes += bytes
    this.#last = response
  }

  /** Told before the outcome, because the body may take long; unless the outcome is there a turn later. */
  cookiesStored(): void {
    setImmediate(() => {
      if (!this.#isOver) this.#tellCookies()
    })
  }

  abandoned(error: unknown): void {
    const { message, request } = error as RequestError
    this.#post({ kind: 'timeout', text: message, request: this.#remoteCall.packer.packRequest(request) })
  }

  recovering(): void {
    this.#post({ kind: 'recovering' })
  }

  #goOn(call: Call, next: NextAttempt): Envelope {
    const { packer } = this.#remoteCall
    const { checkpoint } = call
    const error = next.kind === 'retry' ? next.error : undefined
    const content: MessageContent = {
      kind: 'next',
      elapsed: this.#remoteCall.elapsed,
      nextNumber: checkpoint.nextNumber,
      due: next.kind === 'retry' ? packRetry(next, packer) : { kind: 'redirect', origin: next.origin },
      contexts: packContexts(error, packer),
    }
    const beside = { checkpoint: this.#remoteCall.packCheckpoint(checkpoint) }
    if (error === undefined) return this.#seal(content, beside)
    if (this.#context.post === undefined) return this.#seal(content, { ...beside, error })
    this.#post(content, beside)
    throw error
  }

  #tellFailure(error: unknown): void {
    const contexts = packContexts(error, this.#remoteCall.packer)
    try {
      this.#post({ kind: 'failure', contexts })
    } catch {
      // A hook has put something in `data` that can't be cloned.
      this.#post({ kind: 'failure', contexts: contexts.map(({ depth, request }) => ({ depth, request })) })
    }
  }

  #post(content: MessageContent, beside?: Partial<Envelope>): void {
    const envelope = this.#seal(content, beside)
    if (this.#context.post === undefined) return void this.#unsent.push(envelope)
    try {
      this.#context.post(envelope, findLargeBuffers(envelope))
    } catch {
      // A buffer can't be moved (`markAsUntransferable`): nothing was posted.
      this.#context.post(envelope)
    }
  }

  #seal(content: MessageContent, beside?: Partial<Envelope>): Envelope {
    if (this.#bytes > 0) content.bytes = this.#bytes
    this.#bytes = 0
    const envelope = this.#remoteCall.packer.seal(content)
    if (this.#context.post === undefined) {
      return Object.assign(envelope, { cookies: this.#remoteCall.jar?.report(), unsent: this.#unsent }, beside)
    }
    // In a message of their own: the envelope may turn out not to be cloneable.
    this.#tellCookies()
    return beside === undefined ? envelope : Object.assign(envelope, beside)
  }

  #tellCookies(): void {
    if (this.#context.post === undefined) return
    const cookies = this.#remoteCall.jar?.report()
    if (cookies !== undefined) this.#context.post({ text: '{"kind":"cookies"}', cookies })
  }
}

function packRetry({ delay, response }: RetryAttempt, packer: ResponsePacker): PackedNextAttempt['due'] {
  return { kind: 'retry', delay, response: response && packer.pack(response) }
}
