import { checkSignal, describe } from '../checks.ts'
import { checkOptionNames } from '../unknown-option.ts'
import type { Executor } from '../executor/executor.ts'
import type { RateLimit } from '../executor/in-process-executor.ts'
import type { SessionOptions } from '../session/options/options.ts'
import type { Response } from '../session/response/response.ts'
import { requestOptionNames } from '../session/options/option-table.ts'
import { checkSessionNames } from '../session/options/resolve-options.ts'
import type { Session } from '../session/session.ts'
import type { MapOptions } from './request-map.ts'
import type { SessionLike } from './request-run.ts'

/**
 * The type of `FuturesSession.session`: a Session where the responses are ours. (A session of the caller's that answers with
 * our responses has that type, too; who passed it knows better.)
 */
export type InnerSession<R> = SessionLike<R> & ([R] extends [never] ? unknown : R extends Response ? Session : unknown)

/** What a FuturesSession wraps, where it runs, and what its own session is made of. */
export interface FuturesSessionOptions<R = Response> extends SessionOptions {
  /** The session to wrap: ours, or anything with a `request`. Never closed by us. Together with session options: TypeError. */
  session?: SessionLike<R> | undefined
  /** Where requests run. Never shut down by us; wins over `maxWorkers`. */
  executor?: Executor | undefined
  /** How many requests are at work at once: a positive integer or Infinity. @default 8 */
  maxWorkers?: number | undefined
  /** How many of them to one origin. @default no limit */
  maxWorkersPerOrigin?: number | undefined
  /** How fast requests start; with `perGroup` each origin by itself. Of the executor that is made: with a given one a TypeError. */
  rateLimit?: RateLimit | undefined
  /** How many requests may wait; the future of one more rejects with QueueFullError. Of the executor that is made, likewise. */
  maxQueue?: number | undefined
  /** What becomes of failures that nobody asks for, where nobody listens to `unobserved`: a process warning (default), or nothing. */
  unobserved?: 'warn' | 'ignore' | undefined
}

/** How a session is closed. */
export interface CloseOptions {
  /** Cancel what is not done, instead of waiting for it. @default false */
  cancel?: boolean | undefined
  /** Aborted: cancels what is left. */
  signal?: AbortSignal | undefined
}

/** @throws {TypeError} no object, or an unknown option, with a hint */
export function checkMapNames(options: MapOptions): MapOptions {
  const places = [
    ['the session', ownNames],
    ['each request', ['method', ...requestOptionNames]],
  ] as const
  checkOptionNames(options, ['ordered', 'bufferSize', 'signal'], places)
  return options
}

/** @throws {TypeError} bad options */
export function checkCloseOptions(options: CloseOptions): CloseOptions {
  checkOptionNames(options, ['cancel', 'signal'], [['the `shutdown` of an executor', ['wait']]])
  checkSignal(options.signal)
  return options
}

const unobservedModes = ['warn', 'ignore']

/** The options that the wrapped session does not know. */
const ownNames = [
  'session', 'executor', 'maxWorkers', 'maxWorkersPerOrigin', 'rateLimit', 'maxQueue', 'unobserved',
] as const satisfies readonly Exclude<keyof FuturesSessionOptions, keyof SessionOptions>[] // prettier-ignore

/**
 * @param sessionOptions those of them that are for the wrapped session
 * @throws {TypeError} an unknown option, with a hint; what can't be used, or not together
 */
export function checkFuturesOptions<R>(options: FuturesSessionOptions<R>, sessionOptions: SessionOptions): void {
  const { session, executor, rateLimit, maxQueue, unobserved } = options
  checkSessionNames(sessionOptions, ownNames)
  if (session !== undefined && typeof (session as Partial<SessionLike<R>> | null)?.request !== 'function') {
    throw new TypeError(`Expected \`session\` to have a method \`request\`, got ${describe(session)}`)
  }
  if (session !== undefined && 'executor' in session) {
    throw new TypeError('Expected `session` to answer with responses, got a FuturesSession: wrap its own `session`')
  }
  if (executor !== undefined && typeof (executor as Partial<Executor> | null)?.submit !== 'function') {
    throw new TypeError(`Expected \`executor\` to have a method \`submit\`, got ${describe(executor)}`)
  }
  if (unobserved !== undefined && !unobservedModes.includes(unobserved)) {
    throw new TypeError(`Expected \`unobserved\` to be 'warn' or 'ignore', got ${describe(unobserved)}`)
  }
  const [stray] = Object.entries(sessionOptions).find(([, value]) => value !== undefined) ?? []
  if (session !== undefined && stray !== undefined) {
    throw new TypeError(`Can't use \`${stray}\` together with \`session\`: set it on that session`)
  }
  if (executor === undefined) return
  if (rateLimit !== undefined)
    throw new TypeError("Can't use `rateLimit` together with `executor`: it is the executor's")
  if (maxQueue !== undefined) throw new TypeError("Can't use `maxQueue` together with `executor`: it is the executor's")
}
