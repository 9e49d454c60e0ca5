/**
 * `undici-futures/bullmq`: an executor whose workers are other machines.
 *
 * @module undici-futures/bullmq
 */

export { BullMQExecutor } from './bullmq-executor.ts'
export type { BullMQExecutorOptions, BullMQSubmitOptions, FleetOptions } from './fleet-options.ts'
export type { FleetConnection } from './redis-connection.ts'
export { startWorker } from './start-worker.ts'
export type { CloseWorkerOptions, FleetWorker } from './fleet-worker.ts'
export type { FleetWorkerOptions } from './worker-options.ts'
