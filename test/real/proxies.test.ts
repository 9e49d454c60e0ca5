import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FuturesSession, ProxyError, type SessionOptions } from '../../src/index.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { makeCertificates, type Certificates } from './helpers/certificates.ts'
import { startNginx, type Nginx } from './helpers/nginx.ts'
import { proxyPassword, proxyUser, startMicrosocks, startSquid, startTinyproxy, type Proxy } from './helpers/proxies.ts'

let origin: TestServer
let certificates: Certificates
let nginx: Nginx

beforeAll(async () => {
  origin = await startServer((request, response) => response.end(JSON.stringify(request.headers)))
  certificates = await makeCertificates()
  const { cert, key } = certificates.server
  nginx = await startNginx({
    tls: true,
    server: `ssl_certificate ${cert}; ssl_certificate_key ${key}; location / { return 200 '{"secure":"$scheme"}'; }`,
  })
})
afterAll(async () => {
  await origin.close()
  await nginx.close()
  await certificates.remove()
})

describe.each([
  ['tinyproxy', startTinyproxy],
  ['squid', startSquid],
  ['microsocks', startMicrosocks],
])('a FuturesSession behind %s', (name, start) => {
  let proxy: Proxy
  beforeAll(async () => {
    proxy = await start()
  })
  afterAll(() => proxy.close())

  const isSocks = name === 'microsocks'
  const through = (url: string, options?: SessionOptions): FuturesSession =>
    new FuturesSession({ proxies: { all: url }, trustEnv: false, verify: certificates.ca, ...options })

  test('reaches an http origin, which is not shown the credentials', async () => {
    await using session = through(proxy.url)
    const headers = await session.get(`${origin.url}/through`).json<Record<string, string>>()
    expect(headers['host']).toBe(origin.url.slice('http://'.length))
    expect(headers).not.toHaveProperty('proxy-authorization')
    if (!isSocks) expect(await proxy.log()).toContain('/through')
  })

  test('reaches an https origin through a tunnel', async () => {
    await using session = through(proxy.url)
    expect(await session.get(nginx.url).json()).toEqual({ secure: 'https' })
  })

  test('uses a tunnel again', async () => {
    await using session = through(proxy.url)
    for (let index = 0; index < 5; index++) await session.get(`${nginx.url}/again-${name}`).result()
    const connections = (await nginx.accessLog())
      .filter(({ request }) => request.includes(`/again-${name}`))
      .map(({ connection }) => connection)
    expect(connections).toHaveLength(5)
    expect(new Set(connections).size).toBe(1)
  })

  test('carries twenty requests at once', async () => {
    await using session = through(proxy.url)
    const futures = Array.from({ length: 20 }, (_, index) =>
      session.get(`${index % 2 ? nginx.url : origin.url}/${index}`),
    )
    for (const future of futures) expect((await future.result()).status).toBe(200)
  })

  test('that wants other credentials is a 407 in the clear and a ProxyError in a tunnel', async () => {
    const wrong = proxy.url.replace(proxyPassword, 'wrong-secret')
    await using session = through(wrong)
    const clear = session.get(`${origin.url}/`)
    const tunnel = session.get(nginx.url)
    if (isSocks) expect(await clear.exception()).toBeInstanceOf(ProxyError)
    // tinyproxy has a 401 for credentials that are wrong, and a 407 where there are none.
    else expect((await clear.result()).status).toBe(name === 'tinyproxy' ? 401 : 407)
    const error = await tunnel.exception()
    expect(error).toBeInstanceOf(ProxyError)
    expect(`${String(error)} ${inspect(error)} ${inspect(tunnel)}`).not.toContain('wrong-secret')
  })

  test('is not asked for what no_proxy names', async () => {
    const direct = await startServer()
    await using session = new FuturesSession({ trustEnv: false, proxies: { all: proxy.url, no_proxy: '127.0.0.0/8' } })
    expect((await session.get(direct.url).result()).status).toBe(200)
    await direct.close()
    expect(await proxy.log()).not.toContain(new URL(direct.url).port)
  })

  test('that is not there is a ProxyError', async () => {
    await using session = through(proxy.url.replace(/:\d+$/, ':1'))
    const error = await session.get(`${origin.url}/`).exception()
    expect(error).toBeInstanceOf(ProxyError)
    expect(inspect(error)).not.toContain(proxyPassword)
    expect(inspect(error)).not.toContain(Buffer.from(`${proxyUser}:${proxyPassword}`).toString('base64'))
  })

  test('lets a running request be cancelled', async () => {
    const slow = await startServer(() => {})
    const session = through(proxy.url)
    const future = session.get(slow.url)
    while (slow.active === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    future.cancel('enough')
    await session.close()
    expect(future.cancelled()).toBe(true)
    // tinyproxy goes on listening to the origin.
    while (name !== 'tinyproxy' && slow.active > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await slow.close()
  })
})
