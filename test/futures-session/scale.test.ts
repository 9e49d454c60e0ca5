import { describe, expect, test } from 'vitest'
import { FuturesSession, type ResponseFuture } from '../../src/index.ts'
import { turn } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'

const heap = (): number => {
  globalThis.gc!()
  return process.memoryUsage().heapUsed
}

describe('FuturesSession with 100 000 waiting requests', () => {
  const count = 100_000

  test('costs at most 400 bytes of heap for each, future, URL and bookkeeping together', async () => {
    const session = new FuturesSession<string>({ session: new GatedSession() })
    for (let i = 0; i < 8; i++) session.get('http://x/')
    await turn()
    const futures = new Array<ResponseFuture<string> | undefined>(count)
    const before = heap()
    for (let i = 0; i < count; i++) futures[i] = session.get(`http://127.0.0.1:8080/items/${i}`)
    const perRequest = (heap() - before) / count
    console.log(`${perRequest.toFixed(0)} bytes per queued request`)
    expect(perRequest).toBeLessThan(400)
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
