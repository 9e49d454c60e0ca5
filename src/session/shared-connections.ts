import { Connections } from '../transport/connections.ts'
import type { PoolOptions } from '../transport/pool-options.ts'

/** The connections of a session and its clones: closed when the last of them is. */
export class SharedConnections {
  /** As they were given. */
  readonly options: PoolOptions | undefined
  readonly connections: Connections
  #users = 1

  /** @throws {TypeError | RangeError} bad options */
  constructor(options: PoolOptions | undefined) {
    this.options = options
    this.connections = new Connections(options)
  }

  share(): this {
    this.#users++
    return this
  }

  /** Once by each user. Resolves when they are closed, for the last one; at once for the others. */
  async release(): Promise<void> {
    if (--this.#users === 0) await this.connections.close()
  }
}
