import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import {
  BullMQExecutor,
  startWorker,
  type BullMQExecutorOptions,
  type FleetWorker,
  type FleetWorkerOptions,
} from '../../src/executor/bullmq/index.ts'
import { entriesFolder } from './build-entries.ts'
import { RedisServer, type RedisOptions } from './redis.ts'

const program = fileURLToPath(new URL('../fixtures/fleet-worker.mjs', import.meta.url))
export const entry = `${entriesFolder}bullmq.js`
/** Modules that tests name. */
export const modules = {
  'fleet-tasks': new URL('../fixtures/fleet-tasks.mjs', import.meta.url).href,
  'fleet-hooks': new URL('../fixtures/fleet-hooks.mjs', import.meta.url).href,
}

/** A worker in a process of its own. */
export class WorkerProcess {
  readonly child: ChildProcess
  id = ''

  constructor(options: object, execPath?: string) {
    const execArgv: string[] = []
    this.child = fork(program, [JSON.stringify({ entry, modules, ...options })], {
      execArgv,
      ...(execPath && { execPath }),
    })
  }

  async ready(): Promise<this> {
    const [message] = (await once(this.child, 'message')) as [{ id: string }]
    this.id = message.id
    return this
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const over = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await over
  }

  freeze(): void {
    this.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.child.kill('SIGCONT')
  }

  block(time: number): void {
    this.child.send({ kind: 'block', time })
  }

  async close(options?: { timeout?: number }): Promise<void> {
    const over = once(this.child, 'exit')
    this.child.send({ kind: 'close', options })
    await over
  }
}

/** A Redis, workers and submitters, all of them gone in the end. */
export class Fleet implements AsyncDisposable {
  readonly redis: RedisServer
  readonly errors: unknown[] = []
  readonly #workers: WorkerProcess[] = []
  readonly #executors: BullMQExecutor[] = []
  readonly #locals: FleetWorker[] = []
  readonly #clients: Redis[] = []

  private constructor(redis: RedisServer) {
    this.redis = redis
  }

  static async open(options?: RedisOptions): Promise<Fleet> {
    return new Fleet(await RedisServer.start(options))
  }

  static async withoutRedis(options?: RedisOptions): Promise<Fleet> {
    return new Fleet(await RedisServer.prepare(options))
  }

  /** Starts one, and waits until it takes tasks. */
  worker(options: object = {}, execPath?: string): Promise<WorkerProcess> {
    return this.startWorker(options, execPath).ready()
  }

  startWorker(options: object = {}, execPath?: string): WorkerProcess {
    const worker = new WorkerProcess({ connection: this.redis.connection, ...options }, execPath)
    this.#workers.push(worker)
    return worker
  }

  executor(options: Partial<BullMQExecutorOptions> = {}): BullMQExecutor {
    const onError = (error: unknown): void => void this.errors.push(error)
    const executor = new BullMQExecutor({ connection: this.redis.connection, onError, ...options })
    this.#executors.push(executor)
    return executor
  }

  /** A worker in this process: what it does is counted. */
  async local(options: Partial<FleetWorkerOptions> = {}): Promise<FleetWorker> {
    const onError = (error: unknown): void => void this.errors.push(error)
    const worker = await startWorker({ connection: this.redis.connection, modules, onError, ...options })
    this.#locals.push(worker)
    return worker
  }

  /** Somebody who looks at Redis, or writes there. */
  client(): Redis {
    // What ioredis subscribes to again by itself, nobody waits for: a rejection in the middle of some test.
    const client = new Redis(this.redis.path, { autoResubscribe: false })
    client.on('error', () => undefined)
    this.#clients.push(client)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const over = this.#executors.map((each) => each.shutdown({ cancelPending: true, cancelRunning: true }))
    await Promise.race([Promise.all(over), new Promise((resolve) => setTimeout(resolve, 3000))])
    await Promise.all(this.#locals.map((each) => each.close({ timeout: 0 })))
    await Promise.all(this.#workers.map((each) => each.kill()))
    for (const client of this.#clients) client.disconnect()
    await this.redis.stop()
  }
}

/** Waits until the condition holds; the test's timeout is the bound. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
