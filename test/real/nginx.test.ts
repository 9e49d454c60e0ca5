import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asCompleted, FuturesSession } from '../../src/index.ts'
import { startNginx, type Nginx } from './helpers/nginx.ts'

let nginx: Nginx

beforeEach(async () => {
  nginx = await startNginx({
    server: `
      location / { return 200 '{"path":"$uri"}'; }
      location /missing { return 404 '{}'; }
      location /goodbye { keepalive_timeout 0; return 200 '{}'; }
      location /gzip { gzip on; gzip_min_length 1; gzip_types *; return 200 '{"padding":"${'x'.repeat(2_000)}"}'; }`,
  })
})
afterEach(() => nginx.close())

describe('FuturesSession and nginx', () => {
  test('a thousand requests with eight workers: each arrives once, on at most eight connections', async () => {
    const session = new FuturesSession({ maxWorkers: 8, baseUrl: nginx.url, trustEnv: false })
    const futures = Array.from({ length: 1_000 }, (_, index) => session.get(`item/${index}`))
    const paths = new Set<string>()
    for await (const future of asCompleted(futures)) paths.add((await future.json<{ path: string }>()).path)
    await session.close()
    const log = await nginx.accessLog()
    expect(paths.size).toBe(1_000)
    expect(log).toHaveLength(1_000)
    expect(new Set(log.map(({ request }) => request)).size).toBe(1_000)
    expect(new Set(log.map(({ connection }) => connection)).size).toBeLessThanOrEqual(8)
  })

  test('fifty sequential requests use one connection, HEAD and 404 included', async () => {
    const session = new FuturesSession({ baseUrl: nginx.url, trustEnv: false })
    for (let index = 0; index < 50; index++) {
      const method = index % 5 === 0 ? 'HEAD' : 'GET'
      await session.request(method, index % 7 === 0 ? 'missing' : 'item').result()
    }
    await session.close()
    const log = await nginx.accessLog()
    expect(log).toHaveLength(50)
    expect(new Set(log.map(({ connection }) => connection)).size).toBe(1)
  })

  test('a connection that nginx closes is followed by one that is kept', async () => {
    const session = new FuturesSession({ baseUrl: nginx.url, trustEnv: false })
    for (const path of ['a', 'goodbye', 'b', 'c', 'd', 'e']) await session.get(path).result()
    await session.close()
    const connections = (await nginx.accessLog()).map(({ connection }) => connection)
    expect(connections).toHaveLength(6)
    expect(new Set(connections).size).toBe(2)
  })

  test('cancelled requests that wait are never sent', async () => {
    const session = new FuturesSession({ maxWorkers: 1, baseUrl: nginx.url, trustEnv: false })
    const futures = Array.from({ length: 100 }, (_, index) => session.get(`item/${index}`))
    for (const future of futures.slice(10)) future.cancel()
    await session.close()
    expect(futures.filter((future) => future.state === 'fulfilled')).toHaveLength(10)
    expect(await nginx.accessLog()).toHaveLength(10)
  })

  test('map keeps the connections down over a long input', async () => {
    const session = new FuturesSession({ maxWorkers: 4, baseUrl: nginx.url, trustEnv: false })
    const urls = Array.from({ length: 500 }, (_, index) => `item/${index}`)
    const answers: string[] = []
    for await (const future of session.map(urls, { ordered: true })) {
      answers.push((await future.json<{ path: string }>()).path)
    }
    await session.close()
    expect(answers).toEqual(urls.map((url) => `/${url}`))
    expect(new Set((await nginx.accessLog()).map(({ connection }) => connection)).size).toBeLessThanOrEqual(4)
  })

  test('gzip made on the fly is decoded', async () => {
    const session = new FuturesSession({ baseUrl: nginx.url, trustEnv: false })
    const response = await session.get('gzip').result()
    await session.close()
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(response.json<{ padding: string }>().padding).toHaveLength(2_000)
  })
})
