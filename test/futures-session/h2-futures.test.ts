/** What futures, hooks, events and threads see of HTTP/2: what they see of HTTP/1.1. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test } from 'vitest'
import {
  asCompleted,
  ChunkedEncodingError,
  ConnectTimeoutError,
  QueueTimeoutError,
  ReadTimeoutError,
  TotalTimeoutError,
  WorkerThreadExecutor,
  type FuturesSession,
  type FuturesSessionOptions,
  type ResponseFuture,
} from '../../src/index.ts'
import { gate, turn, until, type Gate } from '../helpers/gate.ts'
import type { FrameServer } from '../helpers/h2/frame-server.ts'
import { answer, codes, data, goaway, response, rstStream } from '../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../helpers/h2/site.ts'
import { straysOf } from '../helpers/strays.ts'
import { startTlsServer } from '../helpers/tls.ts'

const site = new Http2Site()
afterEach(() => site.close())

const ways: Record<string, () => FuturesSessionOptions> = {
  'in process': () => ({}),
  streamed: () => ({ stream: true }),
  'in a thread': () => {
    const executor = new WorkerThreadExecutor({ maxWorkers: 32, threads: 1 })
    site.later(() => executor.shutdown())
    return { executor }
  },
}

describe.each(Object.keys(ways))('A session with HTTP/2 %s', (way) => {
  const open = (options: FuturesSessionOptions = {}): FuturesSession => site.session({ ...ways[way]!(), ...options })

  test('answers hundreds of requests, each with its own answer, on one connection', async () => {
    const server = await site.server((request, answering) => answering.end(request.url))
    const session = open(way === 'in a thread' ? {} : { maxWorkers: 100 })
    const futures = Array.from({ length: 300 }, (_, index) => session.get(`${server.url}/${index}`))
    const texts = new Set<string>()
    for await (const future of asCompleted(futures)) {
      const received = await (await future.result()).read()
      expect(received.httpVersion).toBe('2')
      expect(received.text()).toBe(new URL(received.url).pathname)
      texts.add(received.text())
    }
    expect(texts.size).toBe(300)
    expect(server.protocols).toEqual(['h2'])
  })

  test('tries again what fails, by status and by reset, as its retry policy says', async () => {
    const counts: Record<string, number> = {}
    const server = await site.frames(async (peer) => {
      for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
        const { id, path } = stream
        counts[path] = (counts[path] ?? 0) + 1
        if (counts[path] === 3) await peer.send(answer(id))
        else if (path === '/status') await peer.send(answer(id, 'later', [], 503))
        else await peer.send(rstStream(id, codes.internalError))
      }
    })
    const session = open({ retry: { total: 2, backoff: { base: 1 } } })
    const events: string[] = []
    session.on('retry', ({ attempt }) => events.push(`retry ${attempt}`))
    session.on('response', ({ attempt }) => events.push(`response ${attempt}`))
    for (const path of ['/status', '/reset']) {
      events.length = 0
      expect(await outcomeOf(session.get(server.url + path))).toBe('200 fine')
      expect(events).toEqual(['retry 1', 'retry 2', 'response 3'])
    }
    expect(counts).toEqual({ '/status': 3, '/reset': 3 })
  })

  test('follows redirects, within the connection and to another protocol, with its cookies', async () => {
    const old = await startTlsServer((request, answering) => void answering.end(`old ${request.headers.cookie ?? ''}`))
    site.later(() => old.close())
    const server = await site.server((request, answering) => {
      if (request.url === '/one')
        answering.writeHead(302, { location: '/two', 'set-cookie': ['a=1', 'b=2'] }).end('hop')
      else if (request.url === '/away') answering.writeHead(307, { location: old.url }).end('hop')
      else answering.end(`${request.method} ${request.headers.cookie ?? ''}`)
    })
    const session = open()
    const received = await (await session.post(`${server.url}/one`, { data: 'body' }).result()).read()
    expect(received.text()).toBe('GET a=1; b=2')
    expect(received.history.map(({ status, httpVersion }) => [status, httpVersion])).toEqual([[302, '2']])
    expect(await outcomeOf(session.get(`${server.url}/two`))).toBe('200 GET a=1; b=2')
    const away = await (await session.get(`${server.url}/away`).result()).read()
    expect([away.httpVersion, away.history[0]!.httpVersion]).toEqual(['1.1', '2'])
    expect(server.protocols).toEqual(['h2'])
  })

  test('cancels at any moment, and ends by itself', async () => {
    const server = await site.server((request, answering) => {
      if (request.url === '/fine') answering.end('fine')
      else if (Math.random() < 0.5) answering.write('half')
    })
    const session = open({ timeout: { read: 20_000 } })
    const strays = await straysOf(async () => {
      for (const rests of [0, 1, 2, 3, 5, 8, 13, 21]) {
        const futures = Array.from({ length: 30 }, () => session.get(server.url))
        for (let turns = 0; turns < rests; turns++) await turn()
        for (const future of futures) future.cancel()
        // Bodies that are open, too.
        session.cancelAll()
        for (const future of futures) {
          if (way !== 'streamed') expect(future.state).toBe('cancelled')
        }
        await session.onIdle()
        expect(await outcomeOf(session.get(`${server.url}/fine`))).toBe('200 fine')
      }
      await until(() => server.active === 0)
    })
    expect(strays).toEqual([])
  })

  test('leaves nothing when it is disposed in the middle', async () => {
    const server = await site.server((_request, answering) => void answering.write('half'))
    const session = open()
    const futures = Array.from({ length: 30 }, () => session.get(server.url))
    await until(() => server.active === 30)
    const strays = await straysOf(async () => {
      await session[Symbol.asyncDispose]()
      for (const future of futures) expect(future.done()).toBe(true)
      await until(() => server.openSockets.size === 0)
    })
    expect(strays).toEqual([])
  })

  test('times out, to connect, to read and in all', async () => {
    const server = await site.frames(
      answering((id, path) => (path === '/body' ? Buffer.concat([response(id, 200), data(id, 'ha')]) : undefined)),
    )
    const session = open()
    const failed = async (future: ResponseFuture): Promise<unknown> => {
      try {
        await (await future.result()).read()
      } catch (error) {
        return error
      }
      return undefined
    }
    for (const path of ['/', '/body']) {
      expect(await failed(session.get(server.url + path, { timeout: { read: 150 } }))).toBeInstanceOf(ReadTimeoutError)
      expect(await failed(session.get(server.url + path, { timeout: { total: 150 } }))).toBeInstanceOf(
        TotalTimeoutError,
      )
    }
  })
})

describe('A future of HTTP/2', () => {
  test('is cancelled in every state', async () => {
    const dialled: Gate[] = []
    const SNICallback = (_name: string, done: (error: Error | null) => void): void => {
      dialled.push(gate())
      void dialled.at(-1)!.promise.then(() => done(null))
    }
    const server = await site.server(
      (request, answering) => {
        if (request.url === '/headers') request.stream.respond({ ':status': 200 })
        else if (request.url === '/body') answering.write('half')
        else if (request.url === '/fine') answering.end('fine')
      },
      { SNICallback: SNICallback },
    )
    const session = site.session({ maxWorkers: 4 })
    const cancelled = async (future: ResponseFuture): Promise<void> => {
      expect(future.cancel('enough')).toBe(true)
      expect(future.cancelled()).toBe(true)
      await expect(future.result()).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    }
    const [dialling, waiting, third, fourth] = Array.from({ length: 4 }, () => session.get(`${server.url}/fine`))
    const queued = session.get(`${server.url}/fine`)
    await until(() => dialled.length === 1)
    // Queued; waiting for the dial of another; the one whose dial it is.
    for (const future of [queued, waiting!, dialling!]) await cancelled(future)
    dialled[0]!.open()
    for (const future of [third!, fourth!]) expect(await outcomeOf(future)).toBe('200 fine')
    expect(dialled).toHaveLength(1)
    // Sent; its headers are there; in its body; streamed, before and while it is read.
    for (const path of ['/held', '/headers', '/body']) {
      const count = server.seen.length
      const future = session.get(server.url + path)
      await until(() => server.seen.length > count)
      for (let turns = 0; turns < 5; turns++) await turn()
      await cancelled(future)
    }
    for (const isRead of [false, true]) {
      const future = session.get(`${server.url}/body`, { stream: true })
      const received = await future.result()
      const chunks = received.iterContent()[Symbol.asyncIterator]()
      if (isRead) await chunks.next()
      session.cancelAll('enough')
      await expect(chunks.next()).rejects.toThrow()
    }
    await until(() => server.active === 0)
    // Done.
    const done = session.get(`${server.url}/fine`)
    await done.result()
    expect(done.cancel()).toBe(false)
    expect(server.protocols).toEqual(['h2'])
  })

  test('is cancelled between two sendings of what was refused', async () => {
    const server = await site.frames(async (peer) => {
      const stream = (await peer.request())!
      if (peer.index === 0) await peer.send(rstStream(stream.id, codes.refusedStream), goaway(0))
    })
    const session = site.session()
    const future = session.get(server.url)
    await until(() => server.seen.length === 2)
    future.cancel()
    await until(() => server.peers[1]!.streams.get(1)!.resetCode === codes.cancel)
    expect(future.cancelled()).toBe(true)
  })

  test('times out in the queue, and while it waits for the dial of another', async () => {
    const server = await site.server(undefined, { SNICallback: () => {} })
    const session = site.session({ maxWorkers: 2 })
    const dialling = session.get(server.url, { timeout: { connect: 20_000 } })
    const waiting = session.get(server.url, { timeout: { connect: 150 } })
    const queued = session.get(server.url, { timeout: { queue: 50 } })
    expect(await queued.exception()).toBeInstanceOf(QueueTimeoutError)
    expect(await waiting.exception()).toBeInstanceOf(ConnectTimeoutError)
    expect(dialling.state).toBe('running')
    dialling.cancel()
    const totalled = session.get(server.url, { timeout: { total: 150 } })
    expect(await totalled.exception()).toBeInstanceOf(TotalTimeoutError)
  })

  test('names what was missing, and carries its request', async () => {
    const server = await site.frames(
      answering((id) =>
        Buffer.concat([response(id, 200, [['content-length', '10']]), data(id, 'half'), rstStream(id, 2)]),
      ),
    )
    const error = await site.session().get(`${server.url}/a`, { context: 7 }).exception()
    expect(error).toBeInstanceOf(ChunkedEncodingError)
    expect((error as ChunkedEncodingError).request).toMatchObject({ method: 'GET', url: `${server.url}/a` })
    expect((error as Error).message).toMatch(/localhost:\d+: .* 6 of 10 bytes are missing$/)
  })
})

describe('AsyncLocalStorage', () => {
  const storage = new AsyncLocalStorage<number>()
  const counted: Record<string, number> = {}
  /** Refuses, redirects, fails and answers, so that everything is told. */
  const start = (): Promise<FrameServer> =>
    site.frames(
      answering((id, path) => {
        counted[path] = (counted[path] ?? 0) + 1
        if (counted[path] === 1 && path.startsWith('/refused')) return rstStream(id, codes.refusedStream)
        if (counted[path] === 1 && path.startsWith('/retry')) return rstStream(id, codes.internalError)
        if (path.startsWith('/moved')) return answer(id, '', [['location', '/fine']], 302)
        return path.startsWith('/broken') ? rstStream(id, codes.internalError) : answer(id)
      }),
    )

  test('is that of whoever submitted, in hooks, events, progress, and what the body is made of', async () => {
    const server = await start()
    const seen: Record<string, Set<string>> = {}
    const note = (name: string, context: unknown): void => {
      const here = storage.getStore()
      ;(seen[name] ??= new Set()).add(here === context ? 'own' : `${String(here)} for ${String(context)}`)
    }
    const session = site.session({
      retry: { total: 1, backoff: { base: 1 }, methods: ['GET', 'POST'] },
      hooks: {
        request: (_request, { context }) => note('request hook', context),
        response: (_response, { context }) => note('response hook', context),
        redirect: (_response, { context }) => note('redirect hook', context),
        error: (_error, { context }) => note('error hook', context),
      },
    })
    for (const name of ['submit', 'start', 'retry', 'redirect', 'response', 'failure', 'cancel'] as const) {
      session.on(name, ({ request }) => note(name, request.context))
    }
    const paths = ['/fine', '/refused', '/retry', '/moved', '/broken', '/fine']
    const futures = Array.from({ length: 30 }, (_, index) =>
      storage.run(index, () => {
        const progress = (name: string) => () => note(name, index)
        async function* source(): AsyncGenerator<Buffer> {
          note('source', index)
          yield Buffer.from('body')
          await turn()
          note('source', index)
        }
        return session.post(`${server.url}${paths[index % 6]}?${index}`, {
          context: index,
          data: source,
          onUploadProgress: progress('upload'),
          onDownloadProgress: progress('download'),
        })
      }),
    )
    storage.run(99, () => futures[5]!.cancel())
    await Promise.all(futures.map((future) => future.exception().catch(() => undefined)))
    const told = [
      'submit',
      'start',
      'retry',
      'redirect',
      'response',
      'failure',
      'cancel',
      'source',
      'upload',
      'download',
    ]
    const hooks = ['request hook', 'response hook', 'redirect hook', 'error hook']
    for (const name of [...told, ...hooks]) expect([name, [...(seen[name] ?? [])]]).toEqual([name, ['own']])
  })

  test('is that of the reader where a streamed body is read, and nobody’s connection keeps one', async () => {
    const server = await start()
    const session = site.session()
    const first = storage.run(1, () => session.get(`${server.url}/fine`, { stream: true }))
    const received = await first.result()
    await storage.run(2, async () => {
      for await (const chunk of received.iterContent()) expect([chunk.length, storage.getStore()]).toEqual([4, 2])
    })
    const next = session.get(`${server.url}/fine`)
    next.addDoneCallback(() => expect(storage.getStore()).toBeUndefined())
    await next.result()
    expect(server.connections).toBe(1)
  })
})
