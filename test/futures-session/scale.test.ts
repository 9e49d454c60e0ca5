import { describe, expect, test } from 'vitest'
import { FuturesSession, type ResponseFuture } from '../../src/index.ts'
import { gate, turn } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer } from '../helpers/server.ts'

const heap = (): number => {
  globalThis.gc!()
  return process.memoryUsage().heapUsed
}

describe('FuturesSession with 100 000 waiting requests', () => {
  const count = 100_000

  test('costs at most 360 bytes of heap for each, future, URL and bookkeeping together', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession() })
    for (let i = 0; i < 8; i++) session.get('http://x/')
    await turn()
    const futures = new Array<ResponseFuture<string> | undefined>(count)
    const before = heap()
    for (let i = 0; i < count; i++) futures[i] = session.get(`http://127.0.0.1:8080/items/${i}`)
    const perRequest = (heap() - before) / count
    console.log(`${perRequest.toFixed(0)} bytes per queued request`)
    expect(perRequest).toBeLessThan(360)
    expect(perRequest).toBeGreaterThan(100)
    session[Symbol.dispose]()
  })

  test('and options costs little more', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession() })
    const futures = new Array<ResponseFuture<string> | undefined>(count)
    const headers = { accept: 'text/plain' }
    for (let i = 0; i < 8; i++) session.get('http://x/')
    await turn()
    const before = heap()
    for (let i = 0; i < count; i++) futures[i] = session.get(`http://127.0.0.1:8080/items/${i}`, { headers })
    const perRequest = (heap() - before) / count
    console.log(`${perRequest.toFixed(0)} bytes per queued request with options`)
    expect(perRequest).toBeLessThan(500)
    session[Symbol.dispose]()
  })

  test('frees what is cancelled', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession() })
    for (let i = 0; i < 8; i++) session.get('http://x/')
    await turn()
    const before = heap()
    for (let i = 0; i < count; i++) session.get(`http://127.0.0.1:8080/items/${i}`).cancel()
    expect((heap() - before) / count).toBeLessThan(20)
    expect(session.stats()).toMatchObject({ cancelled: count, running: 8 })
    session[Symbol.dispose]()
  })
})

describe('FuturesSession with requests that wait for their next attempt', () => {
  test('keeps nothing of the attempt before: at most 3 KB for each', async () => {
    const count = 4_000
    const server = await startServer((_, response) => void response.writeHead(503).end('x'.repeat(1_000)))
    const backoff = { base: 3_600_000, factor: 1, max: 3_600_000, jitter: false }
    const retry = { total: 1, status: 1, statusCodes: [503], backoff }
    const session = new FuturesSession({ trustEnv: false, maxWorkers: 16, retry })
    const waiting = gate()
    let retries = 0
    session.on('retry', () => ++retries === count && waiting.open())
    session.get(server.url).cancel()
    const before = heap()
    const futures = Array.from({ length: count }, () => session.get(server.url))
    await waiting.promise
    await turn()
    expect((heap() - before) / count).toBeLessThan(3_000)
    expect(futures.every((future) => future.running())).toBe(true)
    session[Symbol.dispose]()
    await server.close()
  })
})
