import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const binary = process.env.UF_REDIS_SERVER ?? 'redis-server'

/** Tests that need a Redis: `describe.skipIf(!hasRedis)`. In CI its absence fails. */
export const hasRedis = findRedis()

function findRedis(): boolean {
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    const message = `No ${binary}: the tests of the fleet need one (Debian: apt-get install redis-server; or UF_REDIS_SERVER)`
    if (process.env.CI === 'true') throw new Error(message)
    console.log(`${message}: skipped`)
    return false
  }
}

export interface RedisOptions {
  /** Keeps its data when it is restarted. */
  persists?: boolean
  args?: readonly string[]
}

/** A Redis of its own, on a Unix socket, in a folder of its own. */
export class RedisServer {
  readonly path: string
  readonly #folder: string
  readonly #options: RedisOptions
  #child: ChildProcess | undefined

  private constructor(folder: string, options: RedisOptions) {
    this.#folder = folder
    this.#options = options
    this.path = join(folder, 'redis.sock')
  }

  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.prepare(options)
    await server.run()
    return server
  }

  /** One that is not there yet. */
  static async prepare(options: RedisOptions = {}): Promise<RedisServer> {
    return new RedisServer(await mkdtemp(join(tmpdir(), 'uf-redis-')), options)
  }

  get connection(): { path: string } {
    return { path: this.path }
  }

  async run(): Promise<void> {
    const { persists = false, args = [] } = this.#options
    const persistence = persists ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
    this.#child = spawn(
      binary,
      [
        ...['--port', '0', '--unixsocket', this.path, '--dir', this.#folder, '--save', ''],
        ...['--daemonize', 'no', '--loglevel', 'warning'],
        ...persistence,
        ...args,
      ],
      { stdio: 'ignore' },
    )
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`${binary} ended with ${this.#child.exitCode}`)
      if (existsSync(this.path) && (await this.ping())) return
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const over = once(child, 'exit')
    child.kill('SIGKILL')
    await over
    await rm(this.path, { force: true })
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.run()
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** One command, inline. */
  async command(line: string): Promise<string> {
    const socket = connect(this.path)
    try {
      socket.write(`${line}\r\n`)
      const [data] = (await once(socket, 'data')) as [Buffer]
      return data.toString()
    } finally {
      socket.destroy()
    }
  }

  async ping(): Promise<boolean> {
    try {
      return (await this.command('PING')).startsWith('+PONG')
    } catch {
      return false
    }
  }
}
