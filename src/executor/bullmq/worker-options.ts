import { checkCount, checkType, describe, ownOptions } from '../../checks.ts'
import type { ModuleTable } from '../../load-module.ts'
import { taskReference } from '../../task-reference.ts'
import type { Executor } from '../executor.ts'
import { isRemoteExecutor } from '../remote.ts'
import { checkNames, resolveFleetOptions, type FleetOptions, type ResolvedFleetOptions } from './fleet-options.ts'

export interface FleetWorkerOptions extends FleetOptions {
  /** How many tasks are at work here at once. @default 64 */
  concurrency?: number | undefined
  /**
   * Where tasks run; it is not shut down with the worker. A WorkerThreadExecutor keeps the event loop free.
   *
   * @default in this thread
   */
  executor?: Executor | undefined
  /**
   * Which modules tasks, hooks and auth functions may name, and where those lie here: URLs or package specifiers, by the names
   * that submitters use. A list: each under its own name. Nothing else is imported for them. It holds for the
   * whole isolate: while the worker is open, references of anybody else here are limited to it, too.
   *
   * @default none
   */
  modules?: Readonly<Record<string, string | URL>> | readonly (string | URL)[] | undefined
  /** Requests of FuturesSessions are done here. @default true */
  requests?: boolean | undefined
  /** Of BullMQ: at most `max` jobs of the whole queue are taken in `duration` ms. */
  limiter?: { max: number; duration: number } | undefined
  /** Silent for so many ms, connected or not, the worker is taken for lost. @default 30 000 */
  workerTimeout?: number | undefined
  /** Of BullMQ, ms. @default 30 000 */
  lockDuration?: number | undefined
  /** Of BullMQ, ms. @default 30 000 */
  stalledInterval?: number | undefined
}

export interface ResolvedWorkerOptions extends ResolvedFleetOptions {
  readonly concurrency: number
  readonly executor: Executor | undefined
  readonly modules: ModuleTable
  readonly requests: boolean
  readonly limiter: { max: number; duration: number } | undefined
  readonly workerTimeout: number
  readonly lockDuration: number
  readonly stalledInterval: number
}

const workerOptionNames = [
  ...['concurrency', 'executor', 'modules', 'requests', 'limiter', 'workerTimeout', 'lockDuration', 'stalledInterval'],
]

/** @throws {TypeError | RangeError} bad options */
export function resolveWorkerOptions(options: FleetWorkerOptions): ResolvedWorkerOptions {
  const given = ownOptions(options)
  checkNames(given, workerOptionNames)
  const { concurrency = 64, executor, modules, requests = true, limiter } = given
  const { workerTimeout = 30_000, lockDuration = 30_000, stalledInterval = 30_000 } = given
  checkType('requests', requests, 'boolean')
  checkExecutor(executor)
  const most = executor === undefined ? Infinity : executor.maxWorkers
  return {
    ...resolveFleetOptions(given),
    concurrency: Math.min(checkCount('concurrency', concurrency), most),
    executor,
    modules: tableOf(modules),
    requests,
    limiter: limiter === undefined ? undefined : checkLimiter(limiter),
    workerTimeout: checkCount('workerTimeout', workerTimeout, { minimum: 100 }),
    lockDuration: checkCount('lockDuration', lockDuration, { minimum: 100 }),
    stalledInterval: checkCount('stalledInterval', stalledInterval, { minimum: 100 }),
  }
}

function checkExecutor(executor: unknown): void {
  if (executor === undefined) return
  const { submit, maxWorkers, isolated } = (executor ?? {}) as Partial<Executor>
  if (typeof submit !== 'function' || typeof maxWorkers !== 'number') {
    throw new TypeError(`Expected \`executor\` to be an executor, got ${describe(executor)}`)
  }
  if (isolated === true && !isRemoteExecutor(executor as Executor)) {
    throw new TypeError('Expected `executor` to be one of this package, or not isolated: tasks could say nothing')
  }
  if ((executor as { reach?: unknown }).reach === 'process') {
    throw new TypeError('Expected `executor` to run tasks in this process, got one that sends them to others')
  }
}

function checkLimiter(limiter: { max: number; duration: number }): { max: number; duration: number } {
  if (typeof (limiter as unknown) !== 'object' || (limiter as unknown) === null) {
    throw new TypeError(`Expected \`limiter\` to be an object, got ${describe(limiter)}`)
  }
  const { max, duration } = limiter
  return { max: checkCount('limiter.max', max), duration: checkCount('limiter.duration', duration) }
}

function tableOf(modules: unknown): ModuleTable {
  const table = new Map<string, string>()
  if (modules === undefined) return table
  if (typeof modules !== 'object' || modules === null || modules instanceof URL) {
    throw new TypeError(`Expected \`modules\` to be an object or an array, got ${describe(modules)}`)
  }
  for (const [name, module] of Object.entries(modules as Record<string, string | URL>)) {
    // As for a task reference: a relative path would be relative to this file.
    const location = taskReference(module, name).module
    table.set(Array.isArray(modules) ? location : name, location)
  }
  return table
}
