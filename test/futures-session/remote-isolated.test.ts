import { describe, expect, test } from 'vitest'
import {
  bearer,
  ConnectionError,
  FutureController,
  FuturesSession,
  TaskNotCloneableError,
  type Executor,
  type ExecutorStats,
  type Future,
  type SubmitOptions,
  type Task,
  type TaskContext,
} from '../../src/index.ts'
import { loadTaskReference, type TaskReference } from '../../src/task-reference.ts'
import { until } from '../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../helpers/remote-sessions.ts'

closeRemoteSessionsAfterEach()

/** Somebody else's: it knows the contract, clones what it is given, and nothing of ours beyond that. */
class CloningExecutor implements Executor {
  readonly maxWorkers = 4
  readonly isolated = true
  readonly submitted: TaskReference[] = []

  submit<T>(task: Task<T> | TaskReference<T>, { controller, signal }: SubmitOptions<T> = {}): Future<T> {
    if (typeof task === 'function') throw new TaskNotCloneableError('a function')
    const { module, name, args = [] } = task
    this.submitted.push(structuredClone({ module, name, args }))
    const own = controller ?? new FutureController<T>()
    signal?.addEventListener('abort', () => own.future.cancel(signal.reason))
    void Promise.resolve().then(() => this.#run(own, structuredClone({ module, name, args })))
    return own.future
  }

  async shutdown(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
  stats(): ExecutorStats {
    return { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
  }

  async #run(controller: FutureController<any>, task: TaskReference): Promise<void> {
    const { future } = controller
    if (!future.running() && !controller.start()) return
    const fn = await loadTaskReference(task)
    const context: TaskContext = { signal: future.signal, onCancel: (handler) => controller.onCancel(handler) }
    try {
      controller.resolve(structuredClone(await fn(...(task.args ?? []), context)))
    } catch (error) {
      controller.reject(error)
    }
  }
}

describe("FuturesSession on somebody else's isolated executor", () => {
  test('works by the contract alone: settings, hooks, redirects, retries and cookies', async () => {
    let failures = 1
    const server = await serve((request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: '/end', 'set-cookie': 'a=1; Path=/' }).end('on')
      else if (failures-- > 0) response.writeHead(503).end('bad')
      else response.end(JSON.stringify(request.headers))
    })
    const executor = new CloningExecutor()
    const session = openRemote({ executor: executor, auth: bearer('token'), headers: { 'X-Session': 'yes' } })
    const log: string[] = []
    for (const event of ['submit', 'start', 'redirect', 'retry', 'response'] as const)
      session.on(event, () => log.push(event))
    const retry = { total: 1, backoff: { base: 1, jitter: false } }
    const response = await session
      .get(`${server.url}/start`, { hooks: { response: hook('append', 'x') }, retry })
      .result()
    expect(response.json()).toMatchObject({ cookie: 'a=1', authorization: 'Bearer token', 'x-session': 'yes' })
    expect([response.data, response.history.map((each) => each.text())]).toEqual([['x'], ['on']])
    expect(log).toEqual(['submit', 'start', 'redirect', 'retry', 'response'])
    expect(executor.submitted).toHaveLength(2)
    expect(session.stats()).toMatchObject({ fulfilled: 1, running: 0 })
    expect(await session.get(server.url).json()).toMatchObject({ cookie: 'a=1' })
  })

  test('fails, cancels, refuses and ends as on ours', async () => {
    const server = await serve(() => undefined)
    const executor = new CloningExecutor()
    const session = new FuturesSession({ executor, unobserved: 'ignore' })
    expect(await session.get('http://127.0.0.1:1/').exception()).toMatchObject({ name: ConnectionError.prototype.name })
    expect(() => session.get(server.url, { hooks: { response: () => undefined } })).toThrow(TaskNotCloneableError)
    const future = session.get(server.url)
    await until(() => server.seen.length === 1)
    future.cancel()
    await until(() => server.openSockets.size === 0)
    await session[Symbol.asyncDispose]()
    expect(session.stats()).toMatchObject({ submitted: 2, rejected: 1, cancelled: 1, running: 0 })
  })
})
