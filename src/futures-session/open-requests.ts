import { setImmediate } from 'node:timers'
import { LinkedList } from '../linked-list.ts'
import type { GuardedEmitter, Progress, SessionEvents } from './events.ts'
import type { ResponseController } from './response-controller.ts'
import type { UnobservedFailures } from './unobserved.ts'

type EndState = 'fulfilled' | 'rejected' | 'cancelled'

/** The requests of one session that are open, and how many ended how; tells its events, and who waits for its end. */
export class OpenRequests<R> {
  readonly #emitter: GuardedEmitter<SessionEvents<R>>
  readonly #unobserved: UnobservedFailures<R>
  readonly #counts: Progress = {
    submitted: 0,
    done: 0,
    fulfilled: 0,
    rejected: 0,
    cancelled: 0,
    pending: 0,
    running: 0,
    bytes: 0,
  }
  readonly #controllers = new LinkedList<ResponseController<R>>()
  #attemptsAtWork = 0
  #idleWaiters: (() => void)[] = []
  #stopWaiters: (() => void)[] = []
  #isIdleCheckDue = false

  constructor(emitter: GuardedEmitter<SessionEvents<R>>, unobserved: UnobservedFailures<R>) {
    this.#emitter = emitter
    this.#unobserved = unobserved
  }

  get progress(): Progress {
    return { ...this.#counts }
  }

  get isIdle(): boolean {
    return this.#counts.pending + this.#counts.running === 0
  }

  /** Whether anybody listens; the object of an event is made only then. */
  hears(event: keyof SessionEvents<R>): boolean {
    return this.#emitter.listenerCount(event) > 0
  }

  tell<E extends keyof SessionEvents<R>>(event: E, ...payload: Parameters<SessionEvents<R>[E]>): void {
    this.#emitter.emit(event, ...(payload as never))
  }

  /** A request was made. */
  add(controller: ResponseController<R>): void {
    this.#counts.submitted++
    this.#counts.pending++
    this.#controllers.push(controller)
  }

  /** The request was not accepted: it is not counted at all. */
  retract(controller: ResponseController<R>): void {
    this.#counts.submitted--
    this.#counts.pending--
    this.remove(controller)
  }

  /** The first attempt is about to begin. */
  countStart(): void {
    this.#counts.pending--
    this.#counts.running++
  }

  /** Counts a settlement: before the future's callbacks, so that they see true figures. */
  countEnd(hasStarted: boolean, outcome: EndState): void {
    this.#counts[hasStarted ? 'running' : 'pending']--
    this.#counts[outcome]++
    this.#counts.done++
  }

  countBytes(bytes: number): void {
    this.#counts.bytes += bytes
  }

  /** The future is settled and its callbacks have run. */
  announceEnd(controller: ResponseController<R>): void {
    const { future } = controller
    if (future.state === 'rejected') this.#unobserved.hold(future, controller.context)
    if (this.hears('progress')) this.tell('progress', this.progress)
    if (this.isIdle) this.#scheduleIdleCheck()
  }

  /** The request is settled, and its streamed body, if there is one, has ended. Called again, it does nothing. */
  remove(controller: ResponseController<R>): void {
    this.#controllers.remove(controller)
  }

  /** The open requests, oldest first. */
  list(): ResponseController<R>[] {
    return [...this.#controllers]
  }

  attemptBegan(): void {
    this.#attemptsAtWork++
  }

  /** An arrow function, because it is passed as a callback. */
  readonly attemptEnded = (): void => {
    this.#attemptsAtWork--
    if (this.#attemptsAtWork > 0 || this.#stopWaiters.length === 0) return
    const waiters = this.#stopWaiters
    this.#stopWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** @returns a promise that resolves when no attempt is at work */
  onStopped(): Promise<void> {
    if (this.#attemptsAtWork === 0) return Promise.resolve()
    return new Promise((resolve) => this.#stopWaiters.push(resolve))
  }

  /** @returns a promise that resolves when nothing is pending or running, and the last outcome has led to no other request */
  onIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      if (this.isIdle) this.#scheduleIdleCheck()
    })
  }

  /** A turn later: code that awaits the last future has gone on by then, and may have submitted another request. */
  #scheduleIdleCheck(): void {
    if (this.#isIdleCheckDue) return
    this.#isIdleCheckDue = true
    setImmediate(() => {
      this.#isIdleCheckDue = false
      if (!this.isIdle) return
      const waiters = this.#idleWaiters
      this.#idleWaiters = []
      for (const resolve of waiters) resolve()
      if (this.hears('idle')) this.tell('idle', this.progress)
    })
  }
}
