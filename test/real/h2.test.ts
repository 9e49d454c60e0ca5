/** HTTP/2 with nginx, which ends each connection after so many requests, by itself and behind proxies. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  asCompleted,
  FuturesSession,
  WorkerThreadExecutor,
  type FuturesSessionOptions,
  type ResponseFuture,
} from '../../src/index.ts'
import { makeCertificates, type Certificates } from './helpers/certificates.ts'
import { startNginx, type Nginx } from './helpers/nginx.ts'
import { startMicrosocks, startSquid, startTinyproxy, type Proxy } from './helpers/proxies.ts'

let certificates: Certificates
let nginx: Nginx

beforeAll(async () => {
  certificates = await makeCertificates()
  const { cert, key } = certificates.server
  nginx = await startNginx({
    tls: true,
    http2: true,
    server: `
      ssl_certificate ${cert}; ssl_certificate_key ${key};
      keepalive_requests 100;
      location / { return 200 '{"path":"$request_uri","protocol":"$server_protocol"}'; }
      location /large { return 200 '${'x'.repeat(4000)}'; }
      location /gzip { gzip on; gzip_min_length 1; gzip_types *; return 200 '{"padding":"${'x'.repeat(2_000)}"}'; }`,
  })
})
afterAll(async () => {
  await nginx.close()
  await certificates.remove()
})

const open = (options: FuturesSessionOptions = {}): FuturesSession =>
  new FuturesSession({
    ...{ http2: true, trustEnv: false, verify: certificates.ca },
    ...(options.executor === undefined && { maxWorkers: 100 }),
    ...options,
  })

/** The requests whose path begins so, and on how many connections they came. */
async function logOf(path: string): Promise<{ requests: string[]; connections: number }> {
  const entries = (await nginx.accessLog()).filter(({ request }) => request.includes(` ${path}`))
  return {
    requests: entries.map(({ request }) => request),
    connections: new Set(entries.map(({ connection }) => connection)).size,
  }
}

interface Answer {
  readonly path: string
  readonly protocol: string
}

async function expectAnswers(futures: readonly ResponseFuture[]): Promise<void> {
  for await (const future of asCompleted(futures)) {
    const received = await future.result()
    const { path, protocol } = received.json<Answer>()
    expect([received.status, received.httpVersion, protocol, new URL(received.url).pathname]).toEqual([
      ...[200, '2', 'HTTP/2.0', path],
    ])
  }
}

describe('FuturesSession with HTTP/2 and nginx, 100 requests a connection', () => {
  test.each(['GET', 'POST'])('a thousand %s, a hundred at once: each arrives, and none is lost', async (method) => {
    const session = open()
    const options = method === 'POST' ? { data: 'x'.repeat(500) } : {}
    await expectAnswers(
      Array.from({ length: 1_000 }, (_, index) => session.request(method, `${nginx.url}/${method}/${index}`, options)),
    )
    await session.close()
    const { requests, connections } = await logOf(`/${method}/`)
    expect(new Set(requests).size).toBe(1_000)
    // Those that nginx had not looked at are sent once more, and were not in its log.
    expect(requests).toHaveLength(1_000)
    expect(connections).toBeGreaterThanOrEqual(10)
    expect(connections).toBeLessThanOrEqual(30)
  })

  test('three hundred one after the other: three connections', async () => {
    const session = open()
    for (let index = 0; index < 300; index++) await expectAnswers([session.post(`${nginx.url}/one/${index}`)])
    await session.close()
    expect((await logOf('/one/')).connections).toBe(3)
  })

  test('a thousand that are streamed, read in part or whole', async () => {
    const session = open({ stream: true })
    let index = 0
    const read = async (): Promise<void> => {
      while (index < 500) {
        const isLeft = index++ % 3 === 0
        const received = await session.get(`${nginx.url}/large/${index}`).result()
        if (isLeft) await received.close()
        else expect((await received.read()).content).toHaveLength(4000)
      }
    }
    await Promise.all(Array.from({ length: 50 }, read))
    await session.close()
  })

  test('five hundred from threads', async () => {
    const executor = new WorkerThreadExecutor({ maxWorkers: 100, threads: 2 })
    const session = open({ executor })
    await expectAnswers(Array.from({ length: 500 }, (_, index) => session.post(`${nginx.url}/threads/${index}`)))
    await session.close()
    await executor.shutdown()
    expect((await logOf('/threads/')).requests).toHaveLength(500)
  })

  test('gzip made on the fly is decoded', async () => {
    const session = open()
    const received = await session.get(`${nginx.url}/gzip`).result()
    await session.close()
    expect(received.headers.get('content-encoding')).toBe('gzip')
    expect(received.json<{ padding: string }>().padding).toHaveLength(2_000)
  })
})

describe.each([
  ['tinyproxy', startTinyproxy],
  ['squid', startSquid],
  ['microsocks', startMicrosocks],
])('FuturesSession with HTTP/2 behind %s', (name, start) => {
  let proxy: Proxy
  beforeAll(async () => {
    proxy = await start()
  })
  afterAll(() => proxy.close())

  test('three hundred requests, a hundred at once, through few tunnels', async () => {
    const session = open({ proxies: { all: proxy.url } })
    await expectAnswers(Array.from({ length: 300 }, (_, index) => session.post(`${nginx.url}/${name}/${index}`)))
    await session.close()
    const { requests, connections } = await logOf(`/${name}/`)
    expect(requests).toHaveLength(300)
    expect(connections).toBeLessThanOrEqual(15)
  })
})
