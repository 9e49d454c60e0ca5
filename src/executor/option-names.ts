import { ownOptions } from '../checks.ts'
import { checkOptionNames } from '../unknown-option.ts'
import type { ShutdownOptions, SubmitOptions } from './executor.ts'

/** Option names by executor. (Their types are in the executors' files, which import this one.) */
const names = {
  InProcessExecutor: ['maxWorkers', 'maxPerGroup', 'rateLimit', 'maxQueue'],
  WorkerThreadExecutor: [
    ...['maxWorkers', 'threads', 'initializer', 'idleTimeout', 'startTimeout', 'resourceLimits'],
    ...['maxPerGroup', 'maxQueue'],
  ],
} as const satisfies Record<string, readonly string[]>

const submitNames = [
  'controller', 'signal', 'priority', 'group', 'maxPerGroup',
] as const satisfies readonly (keyof SubmitOptions)[] // prettier-ignore

const shutdownNames = ['wait', 'cancelPending', 'cancelRunning'] as const satisfies readonly (keyof ShutdownOptions)[]

/**
 * @returns the options of an executor, own properties only
 * @throws {TypeError} no object, or an unknown option, with a hint
 */
export function executorOptions<O extends object>(executor: keyof typeof names, options: O): O {
  const other = executor === 'InProcessExecutor' ? 'WorkerThreadExecutor' : 'InProcessExecutor'
  const otherNames = names[other].filter((name) => !(names[executor] as readonly string[]).includes(name))
  checkOptionNames(options, names[executor], [[`the ${other}`, otherNames]])
  return ownOptions(options)
}

/** @throws {TypeError} an unknown option, with a hint */
export function checkSubmitNames(options: object): void {
  checkOptionNames(options, submitNames, [['the BullMQExecutor', ['idempotent']]])
}

/** @throws {TypeError} an unknown option, with a hint */
export function checkShutdownNames<O extends object>(options: O): O {
  checkOptionNames(options, shutdownNames)
  return options
}
