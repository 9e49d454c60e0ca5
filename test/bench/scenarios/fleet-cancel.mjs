// How long it takes until the server sees the end of a running request that is cancelled, when a fleet does it.
import { once } from 'node:events'
import http from 'node:http'
import { hasRedis } from '../fleet/redis.mjs'

export const title = 'Cancel of a request that runs in a fleet, until its server sees the end'
export const contenders = ['fleet']
export const rounds = { full: 5, quick: 1 }
export const missing = hasRedis ? [] : ['redis-server']

export async function keep({ open, isQuick }) {
  const server = http.createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = await open({ url: `http://127.0.0.1:${server.address().port}/` })
  await cancelOne(server, client)
  return {
    async measure() {
      const times = []
      while (times.length < (isQuick ? 50 : 100)) times.push(await cancelOne(server, client))
      times.sort((a, b) => a - b)
      return { p50: times[times.length >> 1], p95: times[Math.floor(times.length * 0.95)] }
    },
    async close() {
      await client.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

/** @returns ms */
async function cancelOne(server, { session, url }) {
  const future = session.get(url)
  const [, response] = await once(server, 'request')
  const ended = once(response, 'close')
  const begin = performance.now()
  future.cancel()
  await ended
  return performance.now() - begin
}

export const columns = {
  p50: { title: 'p50 ms', best: 'min', digits: 1 },
  p95: { title: 'p95 ms', best: 'min', digits: 1 },
}
