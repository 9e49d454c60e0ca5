import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { kindsWith, type Kind } from './plan.ts'
import type { ServerState } from './server-program.ts'

/** The server of `server-program.ts`, as seen from the process that asks it. */
export class ServerProcess {
  /** `http://127.0.0.1:port`, of each port. */
  readonly urls: readonly string[]
  readonly faultUrl: string
  /** What can be asked of it. */
  readonly kinds: readonly Kind[]
  readonly #child: ChildProcess
  readonly #onDeath = (): void => {
    console.error('The server has died')
    process.exit(1)
  }

  /** @param program the bundle of it */
  static async start(ports: number, program: URL): Promise<ServerProcess> {
    const child = fork(program, [String(ports)], { execArgv: [] })
    const [state] = (await once(child, 'message')) as [ServerState]
    return new ServerProcess(child, state)
  }

  private constructor(child: ChildProcess, { ports, faults, faultUrl }: ServerState) {
    this.#child = child
    child.once('exit', this.#onDeath)
    this.urls = ports.map(({ port }) => `http://127.0.0.1:${port}`)
    this.faultUrl = faultUrl
    this.kinds = kindsWith(faults)
  }

  async state(): Promise<ServerState> {
    this.#child.send('state')
    const [state] = (await once(this.#child, 'message')) as [ServerState]
    return state
  }

  /** What it says when all connections have ended, or when they have not in five seconds. */
  async finalState(): Promise<ServerState> {
    for (let attempt = 0; ; attempt++) {
      const state = await this.state()
      const isQuiet = state.ports.every(({ open, active }) => open + active === 0) && state.faultSockets === 0
      if (isQuiet || attempt === 100) return state
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Resolves when it is gone. */
  async close(): Promise<void> {
    this.#child.off('exit', this.#onDeath)
    const gone = once(this.#child, 'exit')
    this.#child.disconnect()
    await gone
  }
}
