import { randomUUID } from 'node:crypto'
import { SessionClosedError } from '../../errors.ts'
import type { Executor, SubmitOptions } from '../../executor/executor.ts'
import { forgetShared, isRemoteExecutor, type SharedValue, submitRemote } from '../../executor/remote.ts'
import { CloneCheck, SessionSnapshot, sharedRecipe } from './pack-options.ts'
import { type Common, packRequest } from './pack-request.ts'
import type { PackedPoolKey, RemoteCall } from './protocol.ts'
import { RemoteRun, type RunObserver } from './remote-run.ts'
import { SharedJar } from './shared-jar.ts'
import { RequestSubmitter, type SubmitterOptions } from '../request-submitter.ts'
import { ResponseController } from '../response-controller.ts'
import type { ResponseFuture } from '../response-future.ts'
import type { CallInput } from '../../session/call/call-input.ts'
import type { NextAttempt } from '../../session/call/retry.ts'
import { PreparedRequest } from '../../session/prepared-request.ts'
import type { Response } from '../../session/response/response.ts'
import { coreOf } from '../../session/session-attributes.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { Session } from '../../session/session.ts'
import type { TaskReference } from '../../task-reference.ts'

/** Submits requests to an isolated executor. */
export class RemoteSubmitter<R> extends RequestSubmitter<R, RemoteController<R>> {
  readonly #cloneCheck: CloneCheck
  /** Names the connections that threads keep for this session. */
  #poolKey: SharedValue | undefined
  #common: Common | undefined

  constructor(options: SubmitterOptions<R>) {
    super(options)
    this.#cloneCheck = cloneCheckFor(options.executor)
  }

  protected override control(future: ResponseFuture<R>): RemoteController<R> {
    return new RemoteController(future, this)
  }

  /**
   * Packs the request at its first attempt.
   *
   * @throws {TaskNotCloneableError} something in the request or the session can't leave this isolate
   * @throws {RequestError | SessionClosedError} it could not be sent from here, either
   */
  protected override submitAttempt(controller: RemoteController<R>, options: SubmitOptions<R>): void {
    const run = (controller.remoteRun ??= this.#pack(controller))
    const { executor } = this
    const remoteCall = run.callFor(options.maxPerGroup === undefined ? undefined : options.group)
    if (isRemoteExecutor(executor)) {
      executor[submitRemote](reference<R>(run.ownModule, remoteCall), options, run)
    } else {
      const { href } = entryBeside(import.meta.url)
      executor.submit(reference<R>(href, withShared(remoteCall, run.shared)), options)
    }
  }

  override open(controller: RemoteController<R>): RemoteRun {
    return controller.remoteRun as RemoteRun
  }

  /** Threads close the connections of this session, each when it is idle. */
  override close(): void {
    if (this.#poolKey !== undefined && isRemoteExecutor(this.executor)) this.executor[forgetShared](this.#poolKey)
  }

  #pack(controller: RemoteController<R>): RemoteRun {
    const { future } = controller
    const { request, options } = this.subjectOf(future)
    // `send` may have been given nothing at all.
    const subject = { request: (request as typeof request | undefined) ?? future.request, options }
    const core = this.#demandCore(subject)
    if (core.isClosed) throw new SessionClosedError('Could not send the request: the session is closed')
    if (core.hasDispatchers) throw this.#cloneCheck.error('dispatcher', 'a dispatcher')
    if (this.#common?.snapshot.isOf(core) !== true) this.#common = this.#commonOf(core)
    return new RemoteRun(packRequest(subject, this.#common, this.#cloneCheck), controller)
  }

  /** @throws {TaskNotCloneableError} a `request` or `send` of the caller's: no thread could call it, and it must not be bypassed */
  #demandCore({ request }: CallInput): SessionCore {
    const session: unknown = this.session
    if (!(session instanceof Session)) throw this.#cloneCheck.error('session', 'a session of your own')
    const name = request instanceof PreparedRequest ? 'send' : 'request'
    if (session[name] === Session.prototype[name]) return session[coreOf]
    throw this.#cloneCheck.error(`session.${name}`, 'a method of your own')
  }

  #commonOf(core: SessionCore): Common {
    // Before the snapshot, which includes the jar: this may make it.
    const jar = sharedJarOf(core, this.#cloneCheck)
    const snapshot = new SessionSnapshot(core, this.#cloneCheck)
    this.#poolKey ??= poolKeyOf(core, this.executor, this.#cloneCheck)
    const recipe = sharedRecipe(core.auth)
    const shared = recipe === undefined ? [this.#poolKey, snapshot] : [this.#poolKey, snapshot, recipe]
    const sharedIndex = {
      ...(recipe !== undefined && { sessionAuth: 2 }),
      ...(jar !== undefined && { jar: shared.length }),
    }
    return {
      core,
      snapshot,
      jar,
      jarNow: () => sharedJarOf(core, this.#cloneCheck),
      shared,
      sharedIndex,
      isLinked: isRemoteExecutor(this.executor),
    }
  }
}

function reference<R>(module: string, remoteCall: RemoteCall): TaskReference<R> {
  return { module, name: 'performRequest', args: [remoteCall] }
}

/** The module for executors of the caller's. Not `new URL(...)` in one piece: bundlers would take it for a file to copy. */
function entryBeside(moduleUrl: string): URL {
  return new URL('./remote-request.js', moduleUrl)
}

function poolKeyOf({ poolOptions, connections }: SessionCore, executor: Executor, cloneCheck: CloneCheck): SharedValue {
  const threads = isRemoteExecutor(executor) ? executor.threads : 1
  const value: PackedPoolKey = {
    id: randomUUID(),
    poolOptions: cloneCheck.check(poolOptions, 'poolOptions'),
    workers: Math.ceil(connections.limit / threads),
  }
  return { version: 0, value }
}

function sharedJarOf(core: SessionCore, cloneCheck: CloneCheck): SharedJar | undefined {
  const jar = core.demandJar()
  try {
    return jar && SharedJar.of(jar)
  } catch {
    throw cloneCheck.error('cookies', 'a jar whose store does not list its cookies')
  }
}

function cloneCheckFor(executor: Executor): CloneCheck {
  const isFar = isRemoteExecutor(executor) && executor.reach === 'process'
  return isFar
    ? new CloneCheck("Can't run the request in another process", 'process')
    : new CloneCheck("Can't run the request in a worker thread", 'thread')
}

/** For an executor that knows nothing of shared values. Getters stay getters: they are read when the call is sent. */
function withShared(remoteCall: RemoteCall, shared: readonly SharedValue[]): RemoteCall {
  const whole = { shared: shared.map(plainCopy) }
  return Object.defineProperties(whole, Object.getOwnPropertyDescriptors(remoteCall)) as typeof whole & RemoteCall
}

function plainCopy({ version, value }: SharedValue): SharedValue {
  return { version, value }
}

/** The write side of a request that is done in threads. It unpacks what the executor settles it with. */
class RemoteController<R> extends ResponseController<R> implements RunObserver {
  /** Made at the submission, not at the start: what can't leave this isolate is refused at once. */
  remoteRun: RemoteRun | undefined = undefined

  get isDone(): boolean {
    return this.future.done()
  }

  override start(): boolean {
    const hasStarted = super.start()
    const { remoteRun, context } = this
    if (hasStarted && remoteRun?.isLinked === false) {
      if (context === undefined) remoteRun.begin()
      else context.run(() => remoteRun.begin())
    }
    return hasStarted
  }

  override resolve(value: R): boolean {
    if (this.remoteRun === undefined || this.isDone) return super.resolve(value)
    let outcome: Response | NextAttempt
    try {
      outcome = this.remoteRun.unpack(value)
    } catch (error) {
      return this.#settled(super.reject(error))
    }
    return this.#settled(super.resolve(outcome as R))
  }

  override reject(error: unknown): boolean {
    const next = this.isDone ? undefined : this.remoteRun?.explain(error)
    return this.#settled(next === undefined ? super.reject(error) : super.resolve(next as R))
  }

  attemptBegan(): void {
    this.openRequests.attemptBegan()
  }

  attemptEnded(): void {
    this.openRequests.attemptEnded()
  }

  #settled(answer: boolean): boolean {
    if (this.isDone) this.remoteRun?.abort()
    return answer
  }
}
