import { checkCount, checkSignal, checkType, describe } from '../checks.ts'
import { checkController } from '../future/future-controller.ts'
import { isTaskReference } from '../task-reference.ts'
import type { SubmitOptions } from './executor.ts'
import { checkSubmitNames } from './option-names.ts'

/** @throws {TypeError | RangeError} what can't be run, or bad options */
export function checkSubmission<T>(work: unknown, options: SubmitOptions<T>): void {
  checkSubmitNames(options)
  const { priority, group, maxPerGroup, signal, controller } = options
  if (typeof work !== 'function' && !isTaskReference(work)) {
    throw new TypeError(`Expected a task to be a function or a task reference, got ${describe(work)}`)
  }
  checkSignal(signal)
  if (priority !== undefined) checkType('priority', priority, 'number')
  if (group !== undefined) checkType('group', group, 'string')
  if (maxPerGroup !== undefined) checkCount('maxPerGroup', maxPerGroup, { infinite: true })
  if (controller !== undefined) checkController(controller)
}
