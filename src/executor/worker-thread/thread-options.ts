import type { ResourceLimits } from 'node:worker_threads'
import { checkTimeout, checkType, describe } from '../../checks.ts'
import { checkCloneable } from '../../cloneable.ts'
import { TaskNotCloneableError } from '../../errors.ts'
import { isTaskReference } from '../../task-reference.ts'
import type { InitializerReference } from './messages.ts'

/** The options that all threads of an executor share. */
export interface ThreadOptions {
  readonly initializer: InitializerReference | undefined
  readonly resourceLimits: ResourceLimits | undefined
  /** After how many ms without a task the thread ends; Infinity = never. */
  readonly idleTimeout: number
  /** How many ms the thread may take to become ready; Infinity = for ever. */
  readonly startTimeout: number
}

/**
 * @throws {TypeError | RangeError} bad options
 * @throws {TaskNotCloneableError} an initializer that can't be sent to a thread
 */
export function checkThreadOptions(options: { readonly [Name in keyof ThreadOptions]: unknown }): ThreadOptions {
  const { initializer, resourceLimits, idleTimeout, startTimeout } = options
  return {
    initializer: initializer === undefined ? undefined : checkInitializer(initializer),
    resourceLimits: checkResourceLimits(resourceLimits),
    idleTimeout: checkDelay('idleTimeout', idleTimeout, 0),
    startTimeout: checkDelay('startTimeout', startTimeout, 1),
  }
}

/** @param path the name of the argument or option that is a function */
export function functionInThread(path: string): TaskNotCloneableError {
  const message = `Can't run a function in a worker thread, got one as \`${path}\`: name it with taskReference()`
  return new TaskNotCloneableError(`${message} (README, "Executors: which one, when")`, { path })
}

/** @returns only the properties that are sent to threads */
function checkInitializer(initializer: unknown): InitializerReference {
  if (typeof initializer === 'function') throw functionInThread('initializer')
  if (!isTaskReference(initializer)) {
    throw new TypeError(`Expected \`initializer\` to be a task reference, got ${describe(initializer)}`)
  }
  const { module, name, args = [] } = initializer
  checkCloneable([args], { names: ['initializer.args'] })
  return { module, name, args }
}

function checkDelay(name: string, delay: unknown, minimum: number): number {
  const timeout = checkTimeout(name, delay)
  if (timeout >= minimum) return timeout
  throw new RangeError(`Expected \`${name}\` to be ${minimum} or more milliseconds, got ${describe(delay)}`)
}

/** Node ignores what is no number, and limits nothing then. */
function checkResourceLimits(resourceLimits: unknown): ResourceLimits | undefined {
  if (resourceLimits === undefined) return undefined
  if (typeof resourceLimits !== 'object' || resourceLimits === null) {
    throw new TypeError(`Expected \`resourceLimits\` to be an object, got ${describe(resourceLimits)}`)
  }
  for (const [key, limit] of Object.entries(resourceLimits)) {
    if (limit === undefined) continue
    const name = `resourceLimits.${key}`
    checkType(name, limit, 'number')
    if (limit <= 0) throw new RangeError(`Expected \`${name}\` to be a positive number, got ${describe(limit)}`)
  }
  return resourceLimits
}
