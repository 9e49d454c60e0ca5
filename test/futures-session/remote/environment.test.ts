import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { SSLError, WorkerThreadExecutor, type FuturesSession, type RetryOptions } from '../../../src/index.ts'
import { gate } from '../../helpers/gate.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import type { TestServer } from '../../helpers/server.ts'
import { startTlsServer, tlsFixture, type TlsServer } from '../../helpers/tls.ts'

/** Its threads have started before any of the variables is set. */
const executor = new WorkerThreadExecutor({ threads: 2 })
const retry: RetryOptions = { total: 2, backoff: { base: 1, jitter: false } }
const folder = mkdtempSync(join(tmpdir(), 'undici-futures-'))

let server: TestServer
let proxy: TestServer
let session: FuturesSession

beforeAll(async () => {
  const started = await serve()
  const first = openRemote({ executor })
  await Promise.all([first.get(started.url).result(), first.get(started.url).result()])
})
beforeEach(async () => {
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'all_proxy', 'no_proxy', 'NO_PROXY', 'NETRC'])
    vi.stubEnv(name, undefined)
  server = await serve((request, response) => {
    if (request.url === '/again') response.writeHead(503).end()
    else if (request.url?.startsWith('/to/')) response.writeHead(302, { location: request.url.slice(4) }).end()
    else response.end(request.headers.authorization ?? 'direct')
  })
  proxy = await serve((request, response) => void response.end(`proxied ${request.url}`))
  session = openRemote({ executor })
})
afterEach(() => void vi.unstubAllEnvs())
closeRemoteSessionsAfterEach()
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await executor.shutdown()
})

function netrc(name: string, password: string): string {
  const path = join(folder, name)
  writeFileSync(path, `machine 127.0.0.1 login user password ${password}\n`)
  return path
}

const basic = (password: string): string => `Basic ${Buffer.from(`user:${password}`).toString('base64')}`

describe('The environment of requests in threads', () => {
  test('is that of the submitter: proxies that are set and deleted after the threads have started', async () => {
    const url = `${server.url}/`
    expect(await session.get(url).text()).toBe('direct')
    vi.stubEnv('http_proxy', proxy.url)
    expect(await session.get(url).text()).toBe(`proxied ${url}`)
    vi.stubEnv('no_proxy', '127.0.0.1')
    expect(await session.get(url).text()).toBe('direct')
    vi.stubEnv('no_proxy', undefined)
    vi.stubEnv('http_proxy', undefined)
    vi.stubEnv('ALL_PROXY', proxy.url)
    expect(await session.get(url).text()).toBe(`proxied ${url}`)
    vi.stubEnv('ALL_PROXY', undefined)
    expect(await session.get(url).text()).toBe('direct')
  })

  test('is that of the submission, however soon it changes again', async () => {
    const url = `${server.url}/`
    const before = session.get(url).text()
    process.env.http_proxy = proxy.url
    const after = session.get(url).text()
    process.env.NO_PROXY = '*'
    const last = session.get(url).text()
    delete process.env.http_proxy
    delete process.env.NO_PROXY
    expect(await Promise.all([before, after, last])).toEqual(['direct', `proxied ${url}`, 'direct'])
  })

  test('holds for retries and redirects of a request, whatever happens meanwhile', async () => {
    vi.stubEnv('NETRC', netrc('first', 'first'))
    let hits = 0
    const target = await serve((request, response) => {
      if (++hits === 1) response.writeHead(503).end()
      else response.end(request.headers.authorization)
    })
    session.on('retry', () => vi.stubEnv('NETRC', netrc('second', 'second')))
    expect(await session.get(`${server.url}/to/${target.url}/`, { retry }).text()).toBe(basic('first'))
    expect(await session.get(`${server.url}/to/${target.url}/`, { retry }).text()).toBe(basic('second'))
  })

  test('holds where a redirect waits its turn', async () => {
    const reached = gate()
    const go = gate()
    const slow = await serve((_, response) => {
      reached.open()
      void go.promise.then(() => response.writeHead(302, { location: `${server.url}/` }).end())
    })
    const bounded = openRemote({ executor, maxWorkersPerOrigin: 1 })
    vi.stubEnv('NETRC', netrc('turn', 'turn'))
    const future = bounded.get(slow.url)
    await reached.promise
    vi.stubEnv('NETRC', '')
    go.open()
    expect(await future.text()).toBe(basic('turn'))
  })

  test('names a .netrc that is there, or is not, or is another', async () => {
    vi.stubEnv('NETRC', netrc('one', 'one'))
    expect(await session.get(server.url).text()).toBe(basic('one'))
    vi.stubEnv('NETRC', netrc('two', 'two'))
    expect(await session.get(server.url).text()).toBe(basic('two'))
    vi.stubEnv('NETRC', '')
    expect(await session.get(server.url).text()).toBe('direct')
    vi.stubEnv('NETRC', undefined)
    vi.stubEnv('HOME', folder)
    netrc('.netrc', 'home')
    expect(await session.get(server.url).text()).toBe(basic('home'))
  })

  test('names authorities', async () => {
    const secure: TlsServer = await startTlsServer()
    try {
      await expect(session.get(secure.url).result()).rejects.toThrow(SSLError)
      vi.stubEnv('REQUESTS_CA_BUNDLE', tlsFixture('ca.pem'))
      expect(await session.get(secure.url).text()).toBe('secure')
      vi.stubEnv('REQUESTS_CA_BUNDLE', undefined)
      await expect(session.get(secure.url).result()).rejects.toThrow(SSLError)
      vi.stubEnv('CURL_CA_BUNDLE', tlsFixture('ca.pem'))
      expect(await session.get(secure.url).text()).toBe('secure')
    } finally {
      await secure.close()
    }
  })

  test('does not count with `trustEnv: false`, and counts again after', async () => {
    const url = `${server.url}/`
    vi.stubEnv('http_proxy', proxy.url)
    session.trustEnv = false
    expect(await session.get(url).text()).toBe('direct')
    session.trustEnv = true
    expect(await session.get(url).text()).toBe(`proxied ${url}`)
  })

  test('counts for prepared requests, for what hooks send, and for clones of their session', async () => {
    const url = `${server.url}/`
    vi.stubEnv('http_proxy', proxy.url)
    expect(await session.send(session.prepareRequest({ url })).text()).toBe(`proxied ${url}`)
    const response = await session.get(url, { hooks: { response: hook('askAgain') } }).result()
    expect(response.data).toEqual([`proxied ${url}`, `proxied ${url}`])
  })

  test('is not what somebody has left on Object.prototype', async () => {
    const prototype = Object.prototype as { http_proxy?: string }
    prototype.http_proxy = proxy.url
    try {
      expect(await session.get(server.url).text()).toBe('direct')
    } finally {
      delete prototype.http_proxy
    }
  })

  test('crosses when one of its variables changes, and only then', async () => {
    const post = vi.spyOn(Worker.prototype, 'postMessage')
    const countShared = (): number => post.mock.calls.filter(([message]) => message?.kind === 'share').length
    const alone = new WorkerThreadExecutor({ threads: 1 })
    const own = openRemote({ executor: alone })
    await own.get(server.url).result()
    const first = countShared()
    vi.stubEnv('UNDICI_FUTURES_OTHER', '1')
    await own.get(server.url).result()
    await own.get(server.url).result()
    expect(countShared()).toBe(first)
    vi.stubEnv('no_proxy', '*')
    await own.get(server.url).result()
    await own.get(server.url).result()
    expect(countShared()).toBe(first + 1)
    own.trustEnv = false
    await own.get(server.url).result()
    vi.stubEnv('no_proxy', undefined)
    await own.get(server.url).result()
    expect(countShared()).toBe(first + 2)
    await alone.shutdown()
    post.mockRestore()
  })
})
