/** A session on a dispatcher of the caller's: everything but the connections is as it is without one. */
import * as undici7 from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FuturesSession, ReadTimeoutError, TotalTimeoutError, type FuturesSessionOptions } from '../../src/index.ts'
import { until } from '../helpers/gate.ts'
import { startHttpProxy, type TestProxy } from '../helpers/proxy.ts'
import { readBody, startServer, type TestServer } from '../helpers/server.ts'
import { hasUndici8, undici8 } from '../helpers/undici-8.ts'

type Undici = typeof undici7
type Kind = 'Agent' | 'Pool' | 'Client' | 'ProxyAgent'

const kinds: Kind[] = ['Agent', 'Pool', 'Client', 'ProxyAgent']
const size = 2_000_000

let server: TestServer
let proxy: TestProxy
let session: FuturesSession
let dispatcher: undici7.Dispatcher

beforeEach(async () => {
  proxy = await startHttpProxy()
  server = await startServer((request, response) => {
    void readBody(request).then((body) => {
      if (request.url === '/redirect') response.writeHead(303, { location: '/end', 'set-cookie': 'a=b' }).end()
      else if (request.url === '/end') response.end(`${request.method ?? ''} ${request.headers.cookie ?? ''}`)
      else if (request.url === '/large') response.end(Buffer.alloc(size, 'x'))
      else if (request.url === '/half') response.writeHead(200, { 'content-length': '9' }).write('half')
      else if (request.url === '/echo') response.end(body)
      else if (request.url === '/busy') response.writeHead(server.seen.length > 1 ? 200 : 503).end()
    })
  })
})

afterEach(async () => {
  await session[Symbol.asyncDispose]()
  // It was not ours to close.
  await dispatcher.destroy()
  // A proxy keeps connections of its own.
  if (proxy.connections === 0) await until(() => server.openSockets.size === 0)
  await Promise.all([server.close(), proxy.close()])
})

function open(undici: Undici, kind: Kind, options?: FuturesSessionOptions): void {
  const makers = {
    Agent: () => new undici.Agent(),
    Pool: () => new undici.Pool(server.url, { connections: 2 }),
    Client: () => new undici.Client(server.url),
    ProxyAgent: () => new undici.ProxyAgent(`http://127.0.0.1:${proxy.port}`),
  }
  dispatcher = makers[kind]()
  session = new FuturesSession({ dispatcher, unobserved: 'ignore', ...options })
}

describe.each(kinds)('FuturesSession on the %s of undici 7', (kind) => testSession(() => undici7, kind))
describe.skipIf(!hasUndici8).each(kinds)('FuturesSession on the %s of undici 8', (kind) =>
  testSession(() => undici8, kind),
)

function testSession(undici: () => Undici, kind: Kind): void {
  test('follows redirects, cookies included', async () => {
    open(undici(), kind)
    const response = await session.post(`${server.url}/redirect`, { data: 'body' }).result()
    expect(response.text()).toBe('GET a=b')
    expect(response.history.map(({ status }) => status)).toEqual([303])
    expect(proxy.seen.length > 0).toBe(kind === 'ProxyAgent')
  })

  test('streams both ways', async () => {
    open(undici(), kind)
    const part = Buffer.alloc(size / 20, 'y')
    const data = (async function* () {
      for (let count = 0; count < 20; count++) yield part
    })()
    expect(await session.post(`${server.url}/echo`, { data }).bytes()).toHaveLength(size)
    await using response = await session.get(`${server.url}/large`, { stream: true }).result()
    let length = 0
    for await (const chunk of response.iterContent()) length += chunk.byteLength
    expect(length).toBe(size)
  })

  test('cancels before the headers, and in the middle of a body', async () => {
    open(undici(), kind)
    const silent = session.get(`${server.url}/silence`)
    await until(() => server.active === 1)
    expect(silent.cancel()).toBe(true)
    await until(() => server.active === 0)
    const half = session.get(`${server.url}/half`)
    await until(() => server.active === 1)
    half.cancel('enough')
    await expect(half.result()).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    await until(() => server.active === 0)
    expect(await session.get(`${server.url}/end`).text()).toBe('GET ')
  })

  test('lets go of a streamed body that is cancelled, or disposed of', async () => {
    open(undici(), kind, { maxWorkers: 1 })
    const response = await session.get(`${server.url}/half`, { stream: true }).result()
    expect(session.cancelAll()).toBe(1)
    await expect(response.read()).rejects.toMatchObject({ name: 'AbortError' })
    const unread = await session.get(`${server.url}/half`, { stream: true }).result()
    await unread.close()
    await until(() => server.active === 0)
    expect(await session.get(`${server.url}/end`).text()).toBe('GET ')
  })

  test('has its timeouts: read, and total', async () => {
    open(undici(), kind)
    const timeouts = [{ read: 80 }, { total: 80 }].map((timeout) => ({ timeout }))
    for (const path of ['/silence', '/half']) {
      const [read, total] = timeouts.map((options) => session.get(server.url + path, options))
      expect(await read!.exception()).toBeInstanceOf(ReadTimeoutError)
      expect(await total!.exception()).toBeInstanceOf(TotalTimeoutError)
    }
    await until(() => server.active === 0)
  })

  test('retries, and tells of the upload', async () => {
    open(undici(), kind)
    const sent: number[] = []
    const response = await session
      .put(`${server.url}/busy`, {
        data: 'body',
        retry: { total: 1, backoff: { base: 0 } },
        onUploadProgress: ({ transferredBytes }) => sent.push(transferredBytes),
      })
      .result()
    expect(response.status).toBe(200)
    expect(sent.at(-1)).toBe(4)
    expect(server.seen).toEqual(['PUT /busy', 'PUT /busy'])
  })

  test('mounted, answers for its prefix only, and is left open', async () => {
    open(undici(), kind)
    await session.close()
    session = new FuturesSession()
    session.mount(`${server.url}/end`, dispatcher)
    expect(await session.get(`${server.url}/redirect`).text()).toBe('GET a=b')
    await session.close()
    session = new FuturesSession({ dispatcher })
    expect(await session.get(`${server.url}/end`).text()).toBe('GET ')
    // By the mount, then by itself; the redirect went over a connection of ours.
    if (kind === 'ProxyAgent') expect(proxy.connections).toBeGreaterThan(0)
    expect(server.seen).toEqual(['GET /redirect', 'GET /end', 'GET /end'])
  })
}
