import { cancelling } from './contract/cancelling.ts'
import type { ContractCase } from './contract/contract-case.ts'
import { controllers } from './contract/controllers.ts'
import { counting, outcomes } from './contract/outcomes.ts'
import { limits } from './contract/limits.ts'
import { shutdowns } from './contract/shutdowns.ts'
import { starting } from './contract/starting.ts'

/**
 * What every executor that runs by itself must do: one case for each promise of `Executor`, bound to no test runner. A case
 * asks `create` for an executor, reads `maxWorkers` and `isolated` from it, and shuts it down. What does not apply (the limit
 * of an executor without one, functions where only task references are accepted) passes. Where the process runs with
 * `--expose-gc`, memory is looked at, too.
 *
 * @example
 * for (const { title, run } of executorContract) test(title, () => run(() => new MyExecutor({ maxWorkers: 3 })))
 */
export const executorContract: readonly ContractCase[] = [
  ...starting,
  ...limits,
  ...outcomes,
  ...cancelling,
  ...controllers,
  ...counting,
  ...shutdowns,
]
