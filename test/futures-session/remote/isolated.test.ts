import { describe, expect, test } from 'vitest'
import { bearer, ConnectionError, FuturesSession, TaskNotCloneableError } from '../../../src/index.ts'
import { CloningExecutor } from '../../helpers/cloning-executor.ts'
import { until } from '../../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'

closeRemoteSessionsAfterEach()

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
