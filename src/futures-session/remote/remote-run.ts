import { AsyncContext } from '../../async-context.ts'
import { Deadline, monotonicTime } from '../../deadline.ts'
import { TotalTimeoutError } from '../../errors.ts'
import type { RemoteLink, RemoteTask, SharedValue } from '../../executor/remote.ts'
import { describeRequest, totalTimeout } from '../../session/call/call-subject.ts'
import { type NextAttempt, RedirectAttempt, RetryAttempt } from '../../session/call/retry.ts'
import type { PreparedRequest } from '../../session/prepared-request.ts'
import type { Response } from '../../session/response/response.ts'
import { RequestRun } from '../request-run.ts'
import { attachContexts, type ResponseUnpacker } from './response-unpacker.ts'
import type { MessageContent, RemoteCall, Envelope } from './protocol.ts'
import { unpackerFor, type PackedRequestParts } from './pack-request.ts'
import type { SharedJar } from './shared-jar.ts'

/** Who is told what comes from the thread. */
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

/** How long a thread may take to see to the total timeout itself, with its hooks, until that is done here; ms. */
const patience = 1000
/** Where error hooks may recover, until it says that they are asked. */
const longPatience = 10_000

/** How a request is done in threads: this end of the line. */
export class RemoteRun extends RequestRun implements RemoteLink {
  readonly #parts: PackedRequestParts
  #unpackerMade: ResponseUnpacker | undefined
  readonly #observer: RunObserver
  #task: RemoteTask | undefined
  /** Of the attempt: what is told of it belongs there. */
  #scope: AsyncContext | undefined
  #isAtWork = false
  #attempts = 0
  /** The thread has the count. */
  #nextNumber = 1
  /** As the thread says, once it has said so: it may have to load us first. */
  #startedAt: number | undefined
  #clock: Deadline | undefined
  /** What was said of an error, before that comes. */
  #pendingError: PendingError<'next' | 'failure'> | undefined
  /** Where the last attempt stopped. */
  #position: Envelope | undefined
  /** Of the attempt. */
  #jar: SharedJar | undefined

  constructor(parts: PackedRequestParts, observer: RunObserver) {
    super()
    this.#parts = parts
    this.#observer = observer
    this.#jar = parts.common.jar
  }

  /** packRequest has looked, and names what it finds better. */
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

  /** As they are when an attempt is handed to its thread. */
  get shared(): readonly SharedValue[] {
    const { shared } = this.#parts
    return this.#jar === undefined ? shared : [...shared, ...this.#jar.values]
  }

  /**
   * What the next attempt is to do. After the first it goes by the jar that the session has now.
   *
   * @throws {TaskNotCloneableError} a jar that can't leave this isolate
   */
  callFor(boundTo: string | undefined): RemoteCall {
    const { remoteCall, shared, common } = this.#parts
    const position = this.#position
    if (position === undefined) return boundTo === undefined ? remoteCall : { ...remoteCall, boundTo }
    this.#jar = common.jarNow()
    const sharedIndex = { ...remoteCall.sharedIndex, jar: this.#jar === undefined ? undefined : shared.length }
    const startedAt = this.#startedAt ?? monotonicTime()
    // Read when the call crosses: it may wait for a worker until then.
    return {
      ...remoteCall,
      sharedIndex,
      boundTo,
      position,
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
    this.#limit(this.#patience)
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

  /** Gives the error of a task what it had in its thread. @returns what follows, if another attempt does */
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
    this.#position = envelope.position
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

  get #patience(): number {
    if (!this.#parts.mayRecover) return patience
    // Where there is no line nobody knows what it is about.
    return this.isLinked ? longPatience : Infinity
  }

  /** Of the total timeout, seen from here. @param delay so many ms later */
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
