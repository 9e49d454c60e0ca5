/** 100 000 requests over a fleet: a worker is killed, many are cancelled, and everything adds up. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WorkerCrashedError } from '../../src/errors.ts'
import { FuturesSession } from '../../src/futures-session/futures-session.ts'
import { Fleet } from '../helpers/fleet.ts'
import { hasRedis } from '../helpers/redis.ts'

/** `npm run test:load` has the whole of it, `npm test` a small one. */
const { LOAD_REQUESTS } = process.env
const total = LOAD_REQUESTS === undefined ? 2000 : 2 * Number(LOAD_REQUESTS)

describe.skipIf(!hasRedis)('A storm over a fleet', () => {
  test('loses nothing, does no POST twice, and counts what it did', { timeout: 600_000 }, async () => {
    const seen = new Map<string, number>()
    const server = createServer((request, response) => {
      const key = `${request.method} ${request.url}`
      seen.set(key, (seen.get(key) ?? 0) + 1)
      request.resume().on('end', () => response.end('ok'))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const fleet = await Fleet.open()
    try {
      const workers = await Promise.all([fleet.worker(), fleet.worker()])
      const executor = fleet.executor()
      const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const session = new FuturesSession({ executor, baseUrl })
      const counts = { submitted: 0, fulfilled: 0, crashed: 0, cancelled: 0, other: 0 }
      let isKilled = false
      const specs = function* () {
        for (; counts.submitted < total; counts.submitted++) {
          const method = counts.submitted % 2 === 0 ? 'GET' : 'POST'
          yield { method, url: `/${counts.submitted}` }
        }
      }
      session.on('submit', ({ future }) => {
        if (Number(future.request.url.slice(1)) % 11 === 0) setTimeout(() => future.cancel(), 3)
      })
      for await (const future of session.map(specs(), { bufferSize: 1000 })) {
        if (future.cancelled()) counts.cancelled++
        else {
          const error = await future.exception()
          if (error === undefined) counts.fulfilled++
          else if (error instanceof WorkerCrashedError) counts.crashed++
          else counts.other++
        }
        if (!isKilled && counts.fulfilled > total / 3) {
          isKilled = true
          await workers[0].kill()
          await fleet.worker()
        }
      }
      expect(counts.other).toBe(0)
      expect(counts.fulfilled + counts.crashed + counts.cancelled).toBe(total)
      expect(counts.cancelled).toBeGreaterThan(0)
      expect(counts.crashed).toBeLessThan(300)
      const twice = [...seen].filter(([key, count]) => count > 1 && key.startsWith('POST'))
      expect(twice).toEqual([])
      expect(executor.stats()).toMatchObject({ pending: 0, running: 0, fulfilled: counts.fulfilled })
      console.log(counts, 'GET twice:', [...seen.values()].filter((count) => count > 1).length)
    } finally {
      await fleet[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    }
  })
})
