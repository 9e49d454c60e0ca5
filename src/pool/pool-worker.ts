import { describe, isThenable } from '../checks.ts'
import { FutureController } from '../future/future-controller.ts'
import type { Future } from '../future/future.ts'
import { subscribe, type DoneListener } from '../future/listeners.ts'
import { FuturesSession, trySubmit } from '../futures-session/futures-session.ts'
import type { SessionLike } from '../futures-session/request-run.ts'
import type { OrReference } from '../session/options/options.ts'
import { incomingBody, Response } from '../session/response/response.ts'
import { coreOf } from '../session/session-attributes.ts'
import { Session } from '../session/session.ts'
import { isTaskReference, loadTaskReference } from '../task-reference.ts'
import type { QueuedJob } from './job-source.ts'
import type { ResolvedPoolOptions } from './pool-options.ts'

type AnySession = SessionLike<unknown>
type Step = (...args: unknown[]) => unknown

/** One of a pool's workers: a session, and one job at a time. */
export class PoolWorker<R> implements DoneListener {
  readonly #session: FuturesSession<R>
  /** The sessions that were made for this worker, and those that replaced them. */
  readonly #owned: ReadonlySet<AnySession>
  readonly #raiseForStatus: boolean | undefined
  /** A streamed body that is still coming in holds the worker. */
  #bodyEnd: Promise<void> | undefined
  #closing: Promise<void> | undefined

  /** @throws {TypeError} no session */
  constructor(session: SessionLike<R>, owned: ReadonlySet<AnySession>, options: ResolvedPoolOptions) {
    const { executor, raiseForStatus, numProcesses } = options
    // The sessions of all workers may be clones, which share their connections.
    if (session instanceof Session) session[coreOf].connections.keepFor(numProcesses)
    this.#session = new FuturesSession<R>({ session, executor, maxWorkers: 1, unobserved: 'ignore' })
    this.#owned = owned
    this.#raiseForStatus = raiseForStatus
  }

  /** Never throws: what is wrong with a job is its future's error. @returns `undefined` while the executor's queue is full */
  submit({ job, context }: QueuedJob): Future<R> | undefined {
    try {
      const spec = { ...job }
      if (this.#raiseForStatus !== undefined) spec.raiseForStatus ??= this.#raiseForStatus
      return context.run(() => {
        const future = this.#session[trySubmit](spec)
        future?.[subscribe](this)
        return future
      })
    } catch (error) {
      const controller = new FutureController<R>()
      controller.reject(error)
      return controller.future
    }
  }

  /** The end of a streamed body that is still coming in: until then the worker is not free. */
  get bodyEnd(): Promise<void> | undefined {
    return this.#bodyEnd
  }

  /** Code that reads a pool waits for its jobs. */
  get isWait(): boolean {
    return true
  }

  handleDone(future: Future<unknown>): void {
    const response = future.state === 'fulfilled' ? future.resultNow() : undefined
    if (!(response instanceof Response)) return
    this.#bodyEnd = response[incomingBody]?.ended.then(() => (this.#bodyEnd = undefined))
  }

  /** Stops what it does, streamed bodies included. */
  cancel(reason: unknown): void {
    this.#session.cancelAll(reason)
  }

  /** Resolves when what it did has really stopped, streamed bodies included, and its sessions are closed. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** The same, but for a streamed body: it goes on, and its session is closed later. */
  release(): Promise<void> {
    const closed = this.close()
    if (this.#bodyEnd === undefined) return closed
    closed.catch(() => undefined)
    return Promise.resolve()
  }

  async #close(): Promise<void> {
    await this.#bodyEnd
    await this.#session.close()
    await closeAll(this.#owned)
  }
}

/**
 * Makes the workers of a pool, all at once; each session in the order constructor, initializer, auth generator.
 *
 * @throws what the first of them that failed has thrown, when all have answered and what was made is closed again
 */
export async function openWorkers<R>(options: ResolvedPoolOptions): Promise<PoolWorker<R>[]> {
  const base = options.session === undefined ? new Session() : undefined
  const create = options.session ?? (() => base?.clone())
  const opening = Array.from({ length: options.numProcesses }, () => openWorker<R>(create, options))
  const outcomes = await Promise.allSettled(opening)
  // The clones keep the connections open.
  await base?.close()
  const workers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure === undefined) return workers
  await Promise.allSettled(workers.map((worker) => worker.close()))
  throw failure.reason
}

/** Awaits only thenables: with plain functions a session is ready before the next one is made. */
async function openWorker<R>(create: () => unknown, options: ResolvedPoolOptions): Promise<PoolWorker<R>> {
  const { initializer, initargs, authGenerator } = options
  const owned = new Set<AnySession>()
  try {
    let session = create()
    if (isThenable(session)) session = await session
    if (!isSession(session)) throw new TypeError(`Expected \`session()\` to make a session, got ${describe(session)}`)
    owned.add(session)
    for (const step of [() => callStep(initializer, session, ...initargs), () => callStep(authGenerator, session)]) {
      let returned = step()
      if (isThenable(returned)) returned = await returned
      if (isSession(returned)) owned.add((session = returned))
    }
    return new PoolWorker(session as SessionLike<R>, owned, options)
  } catch (error) {
    await closeAll(owned).catch(() => undefined)
    throw error
  }
}

function callStep(fn: OrReference<(...args: never[]) => unknown> | undefined, ...args: unknown[]): unknown {
  if (!isTaskReference(fn)) return (fn as Step | undefined)?.(...args)
  return loadTaskReference(fn).then((loaded) => loaded(...(fn.args ?? []), ...args))
}

function isSession(value: unknown): value is AnySession {
  return typeof (value as Partial<AnySession> | null | undefined)?.request === 'function'
}

async function closeAll(sessions: Iterable<AnySession>): Promise<void> {
  await Promise.all(Array.from(sessions, async (session) => session.close?.()))
}
