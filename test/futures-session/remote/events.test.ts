import { describe, expect, test } from 'vitest'
import type { FuturesSession, Response } from '../../../src/index.ts'
import { gate } from '../../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, openRemote, serve } from '../../helpers/remote-sessions.ts'
import type { Handler } from '../../helpers/server.ts'
import { closeExecutorsAfterEach } from '../../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

const begin: Record<string, Handler> = {
  redirect: (_, response) => response.writeHead(302, { location: '/next' }).end('found'),
  'retry after a status': (_, response) => response.writeHead(503).end('found'),
  'retry after an error': (request) => request.socket.destroy(),
}

describe('An event of a request in a thread', () => {
  test.each(Object.keys(begin))('comes while the request is still running: %s', async (name) => {
    const go = gate()
    const server = await serve((request, response) => {
      if (server.seen.length === 1) begin[name]!(request, response)
      else void go.promise.then(() => response.end('end'))
    })
    const session: FuturesSession = openRemote()
    const heard = gate<string>()
    const listen = ({ future, response, error }: { future: unknown; response?: unknown; error?: unknown }): void => {
      const what = error === undefined ? (response as Response).text() : (error as Error).name
      heard.open(`${what} ${(future as { state: string }).state}`)
    }
    session.on('redirect', listen)
    session.on('retry', listen)
    const retry = { total: 1, backoff: { base: 1, jitter: false } }
    const future = session.get(server.url, { retry })
    // Only now may the server answer, and the request end.
    expect(await heard.promise).toBe(`${name.endsWith('error') ? 'ConnectionError' : 'found'} running`)
    expect(session.stats()).toMatchObject({ running: 1, done: 0, bytes: name.endsWith('error') ? 0 : 5 })
    go.open()
    expect(await future.text()).toBe('end')
  })
})
