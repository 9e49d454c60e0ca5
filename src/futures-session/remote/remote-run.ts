import { AsyncContext } from '../../async-context.ts'
import { Deadline } from '../../deadline.ts'
import { TotalTimeoutError } from '../../errors.ts'
import type { RemoteLink, RemoteTask, SharedValue } from '../../executor/remote.ts'
import { describeRequest, type CallSubject } from '../../session/call-subject.ts'
import { Continuation } from '../../session/continuation.ts'
import type { PreparedRequest } from '../../session/prepared-request.ts'
import type { Response } from '../../session/response.ts'
import { RequestRun } from '../request-run.ts'
import { attachContexts } from './error-contexts.ts'
import { monotonicTime } from './monotonic-time.ts'
import type { Message, Order } from './protocol.ts'
import type { ResponseUnpacker } from './response-unpacker.ts'
import type { SharedJar } from './shared-jar.ts'

/** A request that was taken in, on this side. */
export interface RemoteRequestParts {
  readonly subject: CallSubject
  readonly order: Order
  /** Home and settings first, then what the order names. The jar is added when they are read. */
  readonly shared: readonly SharedValue[]
  readonly jar: SharedJar | undefined
  readonly unpacker: ResponseUnpacker
  /** Milliseconds; Infinity: none. */
  readonly total: number
  /** The executor tells what happens while the task runs. */
  readonly isLinked: boolean
}

/** Who is told what comes from the thread. */
export interface RunObserver {
  readonly isDone: boolean
  redirected(response: Response, next: PreparedRequest): void
  received(bytes: number): void
  abandoned(error: unknown): void
  attemptBegan(): void
  attemptEnded(): void
}

type MessageOf<Kind> = Extract<Message, { kind: Kind }>

/** How long a thread may take to see to the total timeout itself, with its hooks, until that is done here; ms. */
const patience = 1000

/** How a request is done in threads: this end of the line. */
export class RemoteRun extends RequestRun<Response> implements RemoteLink {
  readonly #parts: RemoteRequestParts
  readonly #observer: RunObserver
  #task: RemoteTask | undefined
  /** Of the attempt: what is told of it belongs there. */
  #scope: AsyncContext | undefined
  #isAtWork = false
  /** As the thread says, once it has said so: it may have to load us first. */
  #startedAt: number | undefined
  #clock: Deadline | undefined
  /** What was said of an error, before that comes. */
  #aside: MessageOf<'again' | 'failure'> | undefined
  /** Where the last attempt stopped. */
  #position: MessageOf<'again'>['position'] | undefined

  constructor(parts: RemoteRequestParts, observer: RunObserver) {
    super(false)
    this.#parts = parts
    this.#observer = observer
  }

  get isLinked(): boolean {
    return this.#parts.isLinked
  }

  /** As they are when an attempt is handed to its thread. */
  get shared(): readonly SharedValue[] {
    const { shared, jar } = this.#parts
    return jar === undefined ? shared : [...shared, ...jar.values]
  }

  /** What the next attempt is to do. */
  orderFor(boundTo: string | undefined): Order {
    const { order } = this.#parts
    const position = this.#position
    if (position === undefined) return boundTo === undefined ? order : { ...order, boundTo }
    return { ...order, boundTo, position, startedAt: this.#startedAt }
  }

  /** Nobody calls it: attempts are made by the executor. */
  override attempt(): never {
    throw new TypeError('Attempts of this request are made in threads')
  }

  /** The executor has heard of it. */
  override abort(): void {
    // See above.
  }

  begin(): void {
    this.#isAtWork = true
    this.#startedAt ??= monotonicTime()
    this.attempts++
    this.#observer.attemptBegan()
    const enter = (): void => void (this.#scope = new AsyncContext())
    if (this.span === undefined) enter()
    else this.span.run(enter)
    this.#limit(patience)
  }

  end(): void {
    if (!this.#isAtWork) return
    this.#isAtWork = false
    this.#task = undefined
    this.#observer.attemptEnded()
  }

  /** The future is settled. */
  release(): void {
    this.#clock?.clear()
    if (!this.isLinked) this.end()
  }

  handleStart(task: RemoteTask): void {
    this.#task = task
    this.begin()
  }

  handleMessage(message: unknown): void {
    this.#scope?.run(() => this.#hear(message as Message))
  }

  handleEnd(): void {
    this.end()
  }

  /** @param value what the task was fulfilled with */
  unpack(value: unknown): Response | Continuation {
    const message = value as MessageOf<'done' | 'again'>
    for (const each of message.unsaid ?? []) this.handleMessage(each)
    this.#take(message)
    if (message.kind === 'done') return this.#parts.unpacker.unpack(message.response, message)
    return this.#rest(message, message.error)
  }

  /** Gives the error of a task what it had in its thread. @returns what follows, if another attempt does */
  explain(error: unknown): Continuation | undefined {
    const aside = this.#aside
    this.#aside = undefined
    if (aside === undefined) return undefined
    attachContexts(error, aside.contexts, this.#parts.unpacker, aside)
    return aside.kind === 'again' ? this.#rest(aside, error) : undefined
  }

  #hear(message: Message): void {
    this.#take(message)
    if (this.#observer.isDone) return
    const { unpacker } = this.#parts
    if (message.kind === 'redirect') {
      const response = unpacker.unpack(message.response, message)
      this.#observer.redirected(response, unpacker.unpackRequest(message.next, message))
    } else if (message.kind === 'timeout') {
      const request = unpacker.unpackFailedRequest(message.request, message)
      this.#observer.abandoned(new TotalTimeoutError(message.text, { request }))
    } else if (message.kind === 'failure' || message.kind === 'again') {
      this.#aside = message
    }
  }

  #take({ bytes, cookies }: Message): void {
    if (bytes !== undefined && bytes > 0) this.#observer.received(bytes)
    if (cookies !== undefined) this.#parts.jar?.merge(cookies)
  }

  #rest(message: MessageOf<'again'>, error: unknown): Continuation {
    const { startedAt, delay, attempt, origin } = message
    const response = message.response === undefined ? undefined : this.#parts.unpacker.unpack(message.response, message)
    this.#position = message.position
    this.#startedAt = startedAt
    if (!this.isLinked) this.end()
    this.#limit(0)
    const make = (): Continuation => new Continuation(delay, attempt, { response, error }, origin)
    return this.#scope === undefined ? make() : this.#scope.run(make)
  }

  /** Of the total timeout, seen from here. @param delay so many ms later */
  #limit(delay: number): void {
    const { total } = this.#parts
    if (total === Infinity) return
    this.#clock?.clear()
    const passed = monotonicTime() - (this.#startedAt ?? 0)
    this.#clock = new Deadline(Math.max(0, total - passed + delay), () => this.#expire())
  }

  #expire(): void {
    const { subject, total } = this.#parts
    const request = describeRequest(subject)
    const { method, url } = request
    const error = new TotalTimeoutError(`${method} ${url}: not done within ${total} ms`, { request })
    const task = this.#task
    this.#observer.abandoned(error)
    task?.abort(error)
  }
}
