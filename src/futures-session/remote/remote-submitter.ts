import { randomUUID } from 'node:crypto'
import { SessionClosedError } from '../../errors.ts'
import type { Executor, SubmitOptions } from '../../executor/executor.ts'
import { forgetShared, isRemoteExecutor, submitRemote, type SharedValue } from '../../executor/remote.ts'
import type { CallSubject } from '../../session/call/call-subject.ts'
import { PreparedRequest } from '../../session/prepared-request.ts'
import { coreOf } from '../../session/session-attributes.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { Session } from '../../session/session.ts'
import type { TaskReference } from '../../task-reference.ts'
import { packRequest, type Common } from './pack-request.ts'
import type { RemoteCall } from './protocol.ts'
import { CloneCheck, SessionSnapshot, sharedRecipe } from './pack-options.ts'
import type { RemoteController } from './remote-controller.ts'
import { RemoteRun } from './remote-run.ts'
import { SharedJar } from './shared-jar.ts'
import type { PackedPoolKey } from './thread-call.ts'

/** Hands the requests of one session to an isolated executor. */
export class RemoteSubmitter {
  readonly #session: unknown
  readonly #executor: Executor
  readonly #cloneCheck: CloneCheck
  /** Threads keep connections for it. */
  #poolKey: SharedValue | undefined
  #common: Common | undefined

  constructor(session: unknown, executor: Executor) {
    this.#session = session
    this.#executor = executor
    this.#cloneCheck = cloneCheckFor(executor)
  }

  /**
   * Takes a request in.
   *
   * @throws {TaskNotCloneableError} something in the request or the session can't leave this isolate
   * @throws {RequestError | SessionClosedError} it could not be sent from here, either
   */
  open<R>(subject: CallSubject, controller: RemoteController<R>): RemoteRun {
    const core = this.#demandCore(subject)
    if (core.isClosed) throw new SessionClosedError('Could not send the request: the session is closed')
    if (core.hasDispatchers) throw this.#cloneCheck.error('dispatcher', 'a dispatcher')
    if (this.#common?.snapshot.isOf(core) !== true) this.#common = this.#commonOf(core)
    return new RemoteRun(packRequest(subject, this.#common, this.#cloneCheck), controller)
  }

  /** Hands an attempt to the executor. @throws what the executor throws */
  submit<R>(run: RemoteRun, options: SubmitOptions<R>): void {
    const { group, maxPerGroup } = options
    const remoteCall = run.callFor(maxPerGroup === undefined ? undefined : group)
    if (isRemoteExecutor(this.#executor)) {
      this.#executor[submitRemote](reference<R>(run.ownModule, remoteCall), options, run)
    } else {
      const { href } = entryBeside(import.meta.url)
      this.#executor.submit(reference<R>(href, withShared(remoteCall, run.shared)), options)
    }
  }

  /** Threads close the connections that are idle, and the others when they are. */
  close(): void {
    if (this.#poolKey !== undefined && isRemoteExecutor(this.#executor)) this.#executor[forgetShared](this.#poolKey)
  }

  /** A `request` or `send` of the caller's own could not be called in a thread, and must not be passed by. */
  #demandCore({ request }: CallSubject): SessionCore {
    const session = this.#session
    if (!(session instanceof Session)) throw this.#cloneCheck.error('session', 'a session of your own')
    const name = request instanceof PreparedRequest ? 'send' : 'request'
    if (session[name] === Session.prototype[name]) return coreOf(session)
    throw this.#cloneCheck.error(`session.${name}`, 'a method of your own')
  }

  #commonOf(core: SessionCore): Common {
    // First: it may make the jar, and the snapshot is one with that jar.
    const jar = jarOf(core, this.#cloneCheck)
    const snapshot = new SessionSnapshot(core, this.#cloneCheck)
    this.#poolKey ??= poolKeyOf(core, this.#executor, this.#cloneCheck)
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
      jarNow: () => jarOf(core, this.#cloneCheck),
      shared,
      sharedIndex,
      isLinked: isRemoteExecutor(this.#executor),
    }
  }
}

function reference<R>(module: string, remoteCall: RemoteCall): TaskReference<R> {
  return { module, name: 'performRequest', args: [remoteCall] }
}

/** For executors of the caller's own, which import it. In a form that bundlers do not look for: to them it would be a file to copy. */
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

function jarOf(core: SessionCore, cloneCheck: CloneCheck): SharedJar | undefined {
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

/** For an executor that knows nothing of shared values. What is read when it crosses stays so. */
function withShared(remoteCall: RemoteCall, shared: readonly SharedValue[]): RemoteCall {
  const whole = { shared: shared.map(copyOf) }
  return Object.defineProperties(whole, Object.getOwnPropertyDescriptors(remoteCall)) as typeof whole & RemoteCall
}

function copyOf({ version, value }: SharedValue): SharedValue {
  return { version, value }
}
