import type { NextAttempt } from '../../session/call/retry.ts'
import type { Response } from '../../session/response/response.ts'
import type { OpenRequests } from '../open-requests.ts'
import { ResponseController } from '../response-controller.ts'
import type { RequestSubmitter } from '../request-submitter.ts'
import type { ResponseFuture } from '../response-future.ts'
import type { RemoteRun, RunObserver } from './remote-run.ts'

/** The write side of a request that is done in threads: what the executor settles it with is unpacked first. */
export class RemoteController<R> extends ResponseController<R> implements RunObserver {
  readonly #openRequests: OpenRequests<R>
  /** Made when the request is taken in. */
  run: RemoteRun | undefined = undefined

  constructor(future: ResponseFuture<R>, submitter: RequestSubmitter<R>) {
    super(future, submitter)
    this.#openRequests = submitter.openRequests
  }

  get isDone(): boolean {
    return this.future.done()
  }

  override start(): boolean {
    const hasStarted = super.start()
    const { run, context } = this
    if (hasStarted && run?.isLinked === false) {
      if (context === undefined) run.begin()
      else context.run(() => run.begin())
    }
    return hasStarted
  }

  override resolve(value: R): boolean {
    if (this.run === undefined || this.isDone) return super.resolve(value)
    let outcome: Response | NextAttempt
    try {
      outcome = this.run.unpack(value)
    } catch (error) {
      return this.#settled(super.reject(error))
    }
    return this.#settled(super.resolve(outcome as R))
  }

  override reject(error: unknown): boolean {
    const next = this.isDone ? undefined : this.run?.explain(error)
    return this.#settled(next === undefined ? super.reject(error) : super.resolve(next as R))
  }

  override handleCancel(reason: unknown): void {
    super.handleCancel(reason)
    this.run?.release()
  }

  attemptBegan(): void {
    this.#openRequests.attemptBegan()
  }

  attemptEnded(): void {
    this.#openRequests.attemptEnded()
  }

  #settled(answer: boolean): boolean {
    if (this.isDone) this.run?.release()
    return answer
  }
}
