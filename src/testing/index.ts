export type { ContractCase, ContractOptions } from './contract/contract-case.ts'
export { executorContract } from './executor-contract.ts'
export { ManualExecutor } from './manual-executor.ts'
export type { ManualExecutorOptions } from './manual-executor.ts'
