import { describe, expect, test } from 'vitest'
import { Pool } from '../../src/pool/index.ts'
import { closeExecutorsAfterEach, fixture, open } from '../helpers/thread-executors.ts'
import { closeRemoteSessionsAfterEach, serve } from '../helpers/remote-sessions.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

describe('Pool on a borrowed WorkerThreadExecutor', () => {
  test('runs every job in threads, with initializers and auth named by reference', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/cut') return void request.socket.destroy()
      response.end(`${String(request.headers['x-key'])} ${String(request.headers.authorization)}`)
    })
    const executor = open({ maxWorkers: 4, threads: 2 })
    const pool = new Pool({
      jobQueue: Array.from({ length: 20 }, (_, index) => ({ url: `${server.url}/${index === 7 ? 'cut' : index}` })),
      numProcesses: 3,
      executor,
      initializer: fixture('session-setup.mjs', 'setHeader', 'X-Key'),
      initargs: ['k'],
      authGenerator: fixture('session-setup.mjs', 'useBasicAuth', 'me'),
    })
    const bodies = new Set<string>()
    for await (const response of pool.responses()) bodies.add(response.text())
    const failed: string[] = []
    for await (const { exception } of pool.exceptions()) failed.push((exception as Error).name)
    await pool.joinAll()
    expect([...bodies]).toEqual([`k Basic ${Buffer.from('me:secret').toString('base64')}`])
    expect(failed).toEqual(['ConnectionError'])
    expect(pool.stats()).toMatchObject({ submitted: 20, responses: 19, exceptions: 1, cancelled: 0 })
    expect(executor.stats()).toMatchObject({ pending: 0, running: 0 })
  })
})
