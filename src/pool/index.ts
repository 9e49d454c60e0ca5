/**
 * `undici-futures/pool`: the `threaded` module of requests-toolbelt.
 *
 * @module undici-futures/pool
 */

export { map } from './map.ts'
export { Pool } from './pool.ts'
export type { AuthGenerator, Initializer, PoolOptions, ResponseOf } from './pool-options.ts'
export type { Attempted, Job } from './job-source.ts'
export type { PoolStats, ResultIterator } from './results.ts'
export { ThreadException } from './thread-response.ts'
export type { ThreadResponse } from './thread-response.ts'
