import { AsyncContext } from '../../async-context.ts'
import { Deadline, monotonicTime } from '../../deadline.ts'
import { TotalTimeoutError } from '../../errors.ts'
import type { RemoteLink, RemoteTask, SharedValue } from '../../executor/remote.ts'
import { describeRequest, totalTimeout } from '../../session/call/call-input.ts'
import { type NextAttempt, RedirectAttempt, RetryAttempt } from '../../session/call/retry.ts'
import type { PreparedRequest } from '../../session/prepared-request.ts'
import type { Response } from '../../session/response/response.ts'
import { RequestRun } from '../request-run.ts'
import { attachContexts, type ResponseUnpacker } from './response-unpacker.ts'
import type { MessageContent, RemoteCall, Envelope } from './protocol.ts'
import { unpackerFor, type PackedRequestParts } from './pack-request.ts'
import type { SharedJar } from './shared-jar.ts'

/** Told of what comes from the thread. */
export interface RunObserver {
  readonly isDone: boolean
  redirected(response: Response, next: PreparedRequest): void
  received(bytes: number): void
  abandoned(error: unknown): void
  attemptBegan(): void
  attemptEnded(): void
}

type ContentOf<Kind> = Extract<MessageContent, { kind: Kind }>

interface PendingError<Kind extends 'next' | 'failure'> {
  readonly content: ContentOf<Kind>
  readonly envelope: Envelope
}

/** Milliseconds for which the thread may handle its total timeout itself, hooks included, before it is done here. */
const timeoutGrace = 1000
/** The same where error hooks may recover the request: until the thread says that they run. */
const recoveryGrace = 10_000

/** The execution of a request in threads, seen from here. */
export class RemoteRun extends RequestRun implements RemoteLink {
  readonly #parts: PackedRequestParts
  #unpackerMade: ResponseUnpacker | undefined
  readonly #observer: RunObserver
  #task: RemoteTask | undefined
  /** The context of the attempt, in which its messages are handled. */
  #scope: AsyncContext | undefined
  #isAtWork = false
  #attempts = 0
  /** Counted by the thread. */
  #nextNumber = 1
  /** `monotonicTime()` of the first attempt; corrected by what the thread says, which may have to load the package first. */
  #startedAt: number | undefined
  #clock: Deadline | undefined
  /** What the thread has said of an error that is about to come. */
  #pendingError: PendingError<'next' | 'failure'> | undefined
  /** Where the last attempt stopped, for the next one. */
  #checkpoint: Envelope | undefined
  /** The jar of the attempt. */
  #jar: SharedJar | undefined

  constructor(parts: PackedRequestParts, observer: RunObserver) {
    super()
    this.#parts = parts
    this.#observer = observer
    this.#jar = parts.common.jar
  }

  /** `packRequest` has checked it, with better names. */
  get isChecked(): boolean {
    return true
  }

  get isIdempotent(): boolean {
    return this.#parts.isIdempotent
  }

  get ownModule(): 'remote-request' {
    return 'remote-request'
  }

  get isLinked(): boolean {
    return this.#parts.common.isLinked
  }

  /** Read when an attempt is handed to its thread. */
  get shared(): readonly SharedValue[] {
    const { shared } = this.#parts
    return this.#jar === undefined ? shared : [...shared, ...this.#jar.values]
  }

  /**
   * The call of the next attempt. Later attempts use the jar that the session has now.
   *
   * @throws {TaskNotCloneableError} the jar can't leave this isolate
   */
  callFor(boundTo: string | undefined): RemoteCall {
    const { remoteCall, shared, common } = this.#parts
    const checkpoint = this.#checkpoint
    if (checkpoint === undefined) return boundTo === undefined ? remoteCall : { ...remoteCall, boundTo }
    this.#jar = common.jarNow()
    const sharedIndex = { ...remoteCall.sharedIndex, jar: this.#jar === undefined ? undefined : shared.length }
    const startedAt = this.#startedAt ?? monotonicTime()
    // Read when the call crosses: it may wait for a worker until then.
    return {
      ...remoteCall,
      sharedIndex,
      boundTo,
      checkpoint,
      get elapsed() {
        return monotonicTime() - startedAt
      },
    }
  }

  override get attempts(): number {
    return this.#attempts
  }

  /** The executor aborts the task itself, and tells its end if it is linked. */
  override abort(): void {
    this.#clock?.clear()
    if (!this.isLinked) this.end()
  }

  begin(): void {
    this.#isAtWork = true
    this.#startedAt ??= monotonicTime()
    this.#attempts = this.#nextNumber
    this.#observer.attemptBegan()
    const enter = (): void => void (this.#scope = new AsyncContext())
    if (this.span === undefined) enter()
    else this.span.run(enter)
    this.#limit(this.#grace)
  }

  end(): void {
    if (!this.#isAtWork) return
    this.#isAtWork = false
    this.#task = undefined
    this.#observer.attemptEnded()
  }

  handleStart(task: RemoteTask): void {
    this.#task = task
    this.begin()
  }

  handleMessage(message: unknown): void {
    this.#scope?.run(() => this.#receive(message as Envelope))
  }

  handleEnd(): void {
    this.end()
  }

  /** @param value what the task was fulfilled with */
  unpack(value: unknown): Response | NextAttempt {
    const envelope = value as Envelope
    for (const each of envelope.unsent ?? []) this.handleMessage(each)
    const content = this.#open(envelope)
    if (content.kind === 'done') return this.#unpacker.unpack(content.response, envelope)
    return this.#goOn({ content: content as ContentOf<'next'>, envelope }, envelope.error)
  }

  /** Gives the error of a task the requests and responses it had in its thread. @returns the next attempt, if there is one */
  explain(error: unknown): NextAttempt | undefined {
    const pendingError = this.#pendingError
    this.#pendingError = undefined
    if (pendingError === undefined) return undefined
    const { content, envelope } = pendingError
    attachContexts(error, content.contexts, this.#unpacker, envelope)
    return content.kind === 'next' ? this.#goOn({ content, envelope }, error) : undefined
  }

  get #unpacker(): ResponseUnpacker {
    return (this.#unpackerMade ??= unpackerFor(this.#parts))
  }

  #receive(envelope: Envelope): void {
    const content = this.#open(envelope)
    if (this.#observer.isDone) return
    const unpacker = this.#unpacker
    if (content.kind === 'redirect') {
      const response = unpacker.unpack(content.response, envelope)
      this.#observer.redirected(response, unpacker.unpackRequest(content.next, envelope))
    } else if (content.kind === 'timeout') {
      const request = unpacker.unpackFailedRequest(content.request, envelope)
      this.#observer.abandoned(new TotalTimeoutError(content.text, { request }))
    } else if (content.kind === 'recovering') {
      this.#clock?.clear()
    } else if (content.kind === 'failure' || content.kind === 'next') {
      this.#pendingError = { content, envelope }
    }
  }

  #open({ text, cookies }: Envelope): MessageContent {
    const content = JSON.parse(text) as MessageContent
    if (content.bytes !== undefined) this.#observer.received(content.bytes)
    if (cookies !== undefined) this.#jar?.merge(cookies)
    return content
  }

  #goOn({ content, envelope }: PendingError<'next'>, error: unknown): NextAttempt {
    const { elapsed, nextNumber, due } = content
    this.#nextNumber = nextNumber
    this.#checkpoint = envelope.checkpoint
    this.#startedAt = monotonicTime() - elapsed
    if (!this.isLinked) this.end()
    this.#limit(0)
    const make = (): NextAttempt => {
      if (due.kind === 'redirect') return new RedirectAttempt(due.origin)
      const response = due.response === undefined ? undefined : this.#unpacker.unpack(due.response, envelope)
      return new RetryAttempt(due.delay, { response, error })
    }
    return this.#scope === undefined ? make() : this.#scope.run(make)
  }

  get #grace(): number {
    if (!this.#parts.mayRecover) return timeoutGrace
    // Without a link nobody tells whether error hooks run.
    return this.isLinked ? recoveryGrace : Infinity
  }

  /** Starts the timer of the total timeout here. @param delay milliseconds more */
  #limit(delay: number): void {
    const { total } = this.#parts
    this.#clock?.clear()
    if (total + delay === Infinity) return
    const passed = monotonicTime() - (this.#startedAt ?? 0)
    this.#clock = new Deadline(Math.max(0, total - passed + delay), () => this.#expire())
  }

  #expire(): void {
    const { subject, total } = this.#parts
    const error = totalTimeout(describeRequest(subject), total)
    const task = this.#task
    this.#observer.abandoned(error)
    task?.abort(error)
  }
}
