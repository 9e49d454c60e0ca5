import { Worker } from 'node:worker_threads'
import type { CookieJar } from 'tough-cookie'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startHttpProxy } from '../../helpers/proxy.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import type { Handler } from '../../helpers/server.ts'
import { closeExecutorsAfterEach } from '../../helpers/thread-executors.ts'
import { startTlsServer, tlsFixture } from '../../helpers/tls.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()
afterEach(() => void vi.restoreAllMocks())

const echo: Handler = (request, response) => {
  response.end(JSON.stringify({ url: request.url, headers: request.headers }))
}
interface Echo {
  url: string
  headers: Record<string, string>
}

/** What crosses to threads from now on: the kinds of the messages, and how large what is shared is. */
function watchCrossing(): { kinds: string[]; count(kind: string): number } {
  const kinds: string[] = []
  const post = Worker.prototype.postMessage
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (
    this: Worker,
    message: { kind: string },
    ...rest
  ) {
    kinds.push(message.kind)
    return post.call(this, message, ...rest)
  })
  return { kinds, count: (kind) => kinds.filter((each) => each === kind).length }
}

describe('What a session adds to its requests', () => {
  test('is taken when a request is submitted, not when it starts', async () => {
    const server = await serve(echo)
    const session = openRemote({ headers: { 'X-A': '1' }, params: { p: 1 }, auth: ['early', ''] }, { maxWorkers: 1 })
    session.get(server.url)
    const early = session.get('', { allowRedirects: true, headers: { 'X-Own': '1' }, params: {} })
    early.cancel()
    const before = session.get(server.url).json<Echo>()
    session.headers.set('X-A', '2')
    session.params = { p: 2 }
    session.auth = ['late', '']
    const after = session.get(server.url).json<Echo>()
    const basicOf = (user: string) => `Basic ${Buffer.from(`${user}:`).toString('base64')}`
    expect(await before).toMatchObject({ url: '/?p=1', headers: { 'x-a': '1', authorization: basicOf('early') } })
    expect(await after).toMatchObject({ url: '/?p=2', headers: { 'x-a': '2', authorization: basicOf('late') } })
  })

  test('may be edited in place', async () => {
    const server = await serve(echo)
    const session = openRemote({ params: { a: 1n }, proxies: {} })
    await session.get(server.url).result()
    ;(session.params as Record<string, unknown>).b = 2
    session.hooks.response.push(hook('append', 'one'))
    expect((await session.get(server.url).result()).data).toEqual(['one'])
    session.hooks.response.push(hook('append', 'two'))
    const response = await session.get(server.url).result()
    expect([response.data, response.json<Echo>().url]).toEqual([['one', 'two'], '/?a=1&b=2'])
    session.hooks.response = []
    expect((await session.get(server.url).result()).data).toBeUndefined()
  })

  test('may be parameters of any kind, edited in place', async () => {
    const server = await serve(echo)
    const params = new Map<string, string | bigint>([['a', 12345678901234567890n]])
    const session = openRemote({ params } as never)
    expect(await session.get(server.url).json()).toMatchObject({ url: '/?a=12345678901234567890' })
    params.set('b', '2')
    expect(await session.get(server.url).json()).toMatchObject({ url: '/?a=12345678901234567890&b=2' })
  })

  test('crosses once to each thread, and once more when it changes', async () => {
    const server = await serve(echo)
    const session = openRemote({ verify: tlsFixture('ca.pem') }, { threads: 1 })
    const crossing = watchCrossing()
    for (let index = 0; index < 5; index++) await session.get(server.url).result()
    const first = crossing.count('share')
    expect(crossing.count('tasks')).toBe(5)
    for (let index = 0; index < 5; index++) await session.get(server.url).result()
    expect(crossing.count('share')).toBe(first)
    session.headers.set('X-A', '1')
    for (let index = 0; index < 5; index++) await session.get(server.url).result()
    expect(crossing.count('share')).toBe(first + 1)
    ;(session.cookies as CookieJar).setCookieSync('a=1', server.url)
    for (let index = 0; index < 5; index++) await session.get(server.url).result()
    expect(crossing.count('share')).toBe(first + 2)
  })

  test('stays in the thread where hooks change it', async () => {
    const server = await serve(echo)
    const session = openRemote({ hooks: { response: hook('changeSession') } }, { threads: 1 })
    expect((await session.get(server.url).result()).data).toBe('unchanged')
    const second = await session.get(server.url).result()
    expect(second.data).toBe('yes')
    expect(second.request.headers.get('x-changed')).toBe('yes')
    expect(session.headers.has('x-changed')).toBe(false)
  })

  test('is base URL, redirect limit, status check, size, retries and time, too', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/api/loop') response.writeHead(302, { location: '/api/loop' }).end()
      else if (request.url === '/api/slow') return
      else response.writeHead(request.url === '/api/bad' ? 404 : 200).end('x'.repeat(100))
    })
    const session = openRemote({
      baseUrl: `${server.url}/api/`,
      maxRedirects: 1,
      raiseForStatus: true,
      maxResponseSize: 100,
    })
    const names = await Promise.all(
      ['ok', 'loop', 'bad'].map(async (path) => ((await session.get(path).exception()) as Error | undefined)?.name),
    )
    expect(names).toEqual([undefined, 'TooManyRedirectsError', 'HTTPError'])
    session.timeout = { read: 60 }
    expect(((await session.get('slow').exception()) as Error).name).toBe('ReadTimeoutError')
    session.timeout = null
    session.maxResponseSize = 99
    expect(((await session.get('ok').exception()) as Error).name).toBe('ResponseTooLargeError')
  })

  test('is whether redirects are followed, too', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/go') response.writeHead(302, { location: '/there' })
      response.end()
    })
    const session = openRemote({ baseUrl: server.url, allowRedirects: false })
    expect((await session.get('/go').result()).status).toBe(302)
    session.allowRedirects = true
    expect((await session.head('/go').result()).status).toBe(200)
    session.allowRedirects = undefined
    expect((await session.head('/go').result()).status).toBe(302)
  })

  test('is proxies and certificates, too', async () => {
    const server = await serve(echo)
    const proxy = await startHttpProxy({ credentials: 'user:pass' })
    const secure = await startTlsServer()
    try {
      const proxies = { http: new URL(`http://user:pass@127.0.0.1:${proxy.port}`) }
      await openRemote({ proxies }).get(server.url).result()
      await openRemote().get(server.url, { proxies }).result()
      expect(proxy.seen).toEqual(Array(2).fill(`GET ${server.url}/`))
      const verify = tlsFixture('ca.pem')
      expect(await openRemote({ verify }).get(secure.url).text()).toBe('secure')
      expect(await openRemote().get(secure.url, { verify: false }).text()).toBe('secure')
      expect(((await openRemote().get(secure.url).exception()) as Error).name).toBe('SSLError')
    } finally {
      await Promise.all([proxy.close(), secure.close()])
    }
  })

  test('is how connections are made', async () => {
    const server = await serve(echo)
    const session = openRemote({ poolOptions: { pipelining: 0 } }, { threads: 1 })
    for (let index = 0; index < 3; index++) await session.get(server.url).result()
    expect(server.connections).toBe(3)
  })
})
