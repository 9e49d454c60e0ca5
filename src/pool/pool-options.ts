import { availableParallelism } from 'node:os'
import { checkBoolean, checkCount, describe, ownOptions } from '../checks.ts'
import { TaskNotCloneableError } from '../errors.ts'
import type { Executor } from '../executor/executor.ts'
import type { SessionLike } from '../futures-session/request-run.ts'
import type { OrReference } from '../session/options/options.ts'
import type { Session } from '../session/session.ts'
import { requestOptionNames } from '../session/options/option-table.ts'
import { checkOptionNames } from '../unknown-option.ts'
import { isTaskReference } from '../task-reference.ts'
import type { Attempted, Job } from './job-source.ts'

/** What a session answers with. */
export type ResponseOf<S> = S extends SessionLike<infer R> ? R : never

/**
 * Sets a session up. It may return a session, or a promise of one, to be used in its place; anything else that it returns
 * is passed over, so that `(session) => session.headers.set(...)` will do. Written as a method so that it may name the
 * types of its `initargs`.
 */
export type Initializer<S> = { initialize(session: S, ...initargs: unknown[]): unknown }['initialize']

/** Sets a session's `auth`. Returns as an initializer does. */
export type AuthGenerator<S> = (session: S) => unknown

/** How a pool gets its jobs and does them. */
export interface PoolOptions<S extends SessionLike<unknown> = Session> {
  /**
   * The jobs. A list is checked and counted at once; anything else is asked for the next job when a worker is free. Without
   * it the pool waits for `put()`.
   */
  jobQueue?: Iterable<Job | Attempted> | AsyncIterable<Job | Attempted> | undefined
  /** How many workers, each with a session of its own: a positive integer. @default `availableParallelism()` */
  numProcesses?: number | undefined
  /** Called with each session when it is made, before any job starts, then `initargs`. */
  initializer?: OrReference<Initializer<S>> | undefined
  /** What `initializer` is called with, after the session. @default none */
  initargs?: readonly unknown[] | undefined
  /** Called with each session after `initializer`. */
  authGenerator?: OrReference<AuthGenerator<S>> | undefined
  /** Makes a session; it is closed with the pool. @default sessions that share their connections, and nothing else */
  session?: (() => S | PromiseLike<S>) | undefined
  /**
   * Where the jobs run. Never shut down by the pool. On an isolated one initializers and auth generators are task
   * references; they run here, and what they set travels with each request.
   *
   * @default each worker has its own
   */
  executor?: Executor | undefined
  /**
   * How many jobs may be under way or done and not taken, responses and exceptions together: the next one starts when one
   * has been taken. A positive integer. With a limit, read both kinds at the same time: a full buffer of the kind that nobody
   * reads stops the pool.
   *
   * @default Infinity: any number of results may wait, so that the two kinds can be read one after the other
   */
  maxBuffered?: number | undefined
  /** For jobs that don't say: 4xx and 5xx are exceptions. @default as the session has it */
  raiseForStatus?: boolean | undefined
}

/** Checked, and with the defaults; the jobs aside. */
export interface ResolvedPoolOptions {
  readonly numProcesses: number
  readonly maxBuffered: number
  readonly initializer: OrReference<Initializer<unknown>> | undefined
  readonly initargs: readonly unknown[]
  readonly authGenerator: OrReference<AuthGenerator<unknown>> | undefined
  readonly session: (() => unknown) | undefined
  readonly executor: Executor | undefined
  readonly raiseForStatus: boolean | undefined
}

const poolOptionNames = [
  'jobQueue', 'numProcesses', 'initializer', 'initargs', 'authGenerator', 'session', 'executor', 'maxBuffered',
  'raiseForStatus',
] as const satisfies readonly (keyof PoolOptions)[] // prettier-ignore

const requestNames = ['method', 'url', ...requestOptionNames]

/**
 * @param place where the options of requests belong
 * @throws {TypeError} no object, or an unknown option, with a hint
 */
export function checkPoolNames<O extends object>(options: O, place = 'each job'): O {
  checkOptionNames(options, poolOptionNames, [[place, requestNames]])
  return options
}

/**
 * @throws {TypeError | RangeError} an unknown option, with a hint, or one with a value that can't be used
 * @throws {TaskNotCloneableError} a function where the executor is isolated
 */
export function resolvePoolOptions<S extends SessionLike<unknown>>(given: PoolOptions<S>): ResolvedPoolOptions {
  const options = ownOptions(checkPoolNames(given))
  const { numProcesses = availableParallelism(), maxBuffered = Infinity, initargs = [], executor } = options
  const { initializer, authGenerator, session, raiseForStatus } = options
  checkOption('session', session, typeof session === 'function', 'a function that makes a session')
  checkOption('executor', executor, typeof executor?.submit === 'function', 'an executor')
  checkOption('initargs', initargs, Array.isArray(initargs), 'an array')
  if (raiseForStatus !== undefined) checkBoolean('raiseForStatus', raiseForStatus)
  for (const [name, step] of Object.entries({ initializer, authGenerator })) {
    const isFunction = typeof step === 'function'
    checkOption(name, step, isFunction || isTaskReference(step), 'a function or a taskReference')
    if (isFunction && executor?.isolated === true) throw functionError(name)
  }
  return {
    numProcesses: checkCount('numProcesses', numProcesses),
    maxBuffered: checkCount('maxBuffered', maxBuffered, { infinite: true }),
    initializer,
    initargs: [...initargs],
    authGenerator: authGenerator as OrReference<AuthGenerator<unknown>> | undefined,
    ...{ session, executor, raiseForStatus },
  }
}

/** @throws {TypeError} `requestKwargs` of `Pool.fromUrls` with what is no option of a request */
export function checkRequestKwargs(requestKwargs: object, isForeign: boolean): void {
  const poolNames = poolOptionNames.filter((name) => !requestNames.includes(name))
  const misplaced = Object.keys(requestKwargs).find((name) => poolNames.some((each) => each === name))
  if (misplaced !== undefined) throw new TypeError(`Unknown option \`${misplaced}\`: it belongs to the third argument`)
  // A foreign session may know other options.
  if (!isForeign) checkOptionNames(requestKwargs, requestNames)
}

function checkOption(name: string, value: unknown, isValid: boolean, expected: string): void {
  if (value === undefined || isValid) return
  throw new TypeError(`Expected \`${name}\` to be ${expected}, got ${describe(value)}`)
}

function functionError(path: string): TaskNotCloneableError {
  const message = `Could not use \`${path}\` on an isolated executor: a function can't leave this isolate; name it by a taskReference (README, "Pool and map")`
  return new TaskNotCloneableError(message, { path })
}
