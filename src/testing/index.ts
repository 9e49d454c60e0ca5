/**
 * `undici-futures/testing`: an executor for tests, and what every executor must do, as a suite.
 *
 * @module undici-futures/testing
 */

export type { ContractCase, ContractOptions } from './contract/contract-case.ts'
export { executorContract } from './executor-contract.ts'
export { ManualExecutor } from './manual-executor.ts'
export type { ManualExecutorOptions } from './manual-executor.ts'
