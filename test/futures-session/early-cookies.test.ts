import { gzipSync } from 'node:zlib'
import { CookieJar } from 'tough-cookie'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CancelledError,
  ChunkedEncodingError,
  ContentDecodingError,
  type FuturesSession,
  type FuturesSessionOptions,
  ReadTimeoutError,
  ResponseTooLargeError,
  Session,
  TotalTimeoutError,
  WorkerThreadExecutor,
} from '../../src/index.ts'
import { closeRemoteSessionsAfterEach, hook, openHere, openRemote, serve } from '../helpers/remote-sessions.ts'
import type { Handler, TestServer } from '../helpers/server.ts'

/** One for all tests: threads take longer to start than any of them. */
const executor = new WorkerThreadExecutor({ threads: 1 })

beforeAll(async () => {
  // The clocks of the tests are for their servers, not for the thread, that has to start and to load us.
  const server = await serve()
  await openRemote({ executor }).get(server.url).result()
})
afterAll(() => executor.shutdown())
closeRemoteSessionsAfterEach()

/** Threads that start on a busy machine take their time. */
const patient = { timeout: 30_000 }

const setCookie = { 'set-cookie': ['new=1; Path=/', 'old=; Path=/; Max-Age=0'] }

/** Headers, a part of the body, and no more. */
const stalling: Handler = (_, response) => {
  response.writeHead(200, setCookie).write('part')
}

/** By the Content-Length alone; nothing of the body comes. */
const announcing: Handler = (_, response) => {
  response.writeHead(200, { ...setCookie, 'content-length': '1000000' }).flushHeaders()
}

const cutOff: Handler = (_, response) => {
  response.writeHead(200, { ...setCookie, 'content-length': '100' }).write('part', () => response.destroy())
}

const corrupt: Handler = (_, response) => {
  const body = gzipSync('text'.repeat(100))
  response.writeHead(200, { ...setCookie, 'content-encoding': 'gzip' }).end(body.fill(7, 12))
}

const bomb: Handler = (_, response) => {
  response.writeHead(200, { ...setCookie, 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1_000_000)))
}

interface Opened {
  readonly server: TestServer
  readonly jar: CookieJar
  /** Names and values that the jar holds now. */
  cookies(): string
}

async function openServer(handler: Handler): Promise<Opened> {
  const server = await serve(handler)
  const jar = new CookieJar()
  jar.setCookieSync('old=1; Path=/', server.url)
  return { server, jar, cookies: () => jar.getCookieStringSync(server.url) }
}

const places: [string, (options?: FuturesSessionOptions) => FuturesSession][] = [
  ['in process', (options) => openHere(options)],
  ['streamed', (options) => openHere({ stream: true, ...options })],
  ['in threads', (options) => openRemote({ executor, ...options })],
]

/** Ways for a body to fail by itself. */
const failures: [string, Handler, FuturesSessionOptions, new (...args: never[]) => Error][] = [
  ['the total timeout', stalling, { timeout: { total: 1000 } }, TotalTimeoutError],
  ['the read timeout', stalling, { timeout: { read: 500 } }, ReadTimeoutError],
  ['an announced length above maxResponseSize', announcing, { maxResponseSize: 10 }, ResponseTooLargeError],
  ['more bytes than maxResponseSize', stalling, { maxResponseSize: 2 }, ResponseTooLargeError],
  ['more decoded bytes than maxResponseSize', bomb, { maxResponseSize: 10_000 }, ResponseTooLargeError],
  ['a connection that is cut off', cutOff, {}, ChunkedEncodingError],
  ['what it is encoded in', corrupt, {}, ContentDecodingError],
]

describe.each(places)('Cookies of a response, %s,', (place, open) => {
  test.each(failures)('whose body fails by %s are kept', async (_, handler, options, errorClass) => {
    const { server, jar, cookies } = await openServer(handler)
    await expect(
      open({ cookies: jar, ...options })
        .get(server.url)
        .bytes(),
    ).rejects.toThrow(errorClass)
    expect(cookies()).toBe('new=1')
  })

  test('are there at its headers, for other requests too', async () => {
    const { server, jar, cookies } = await openServer((request, response) => {
      if (request.url === '/other') response.end(request.headers.cookie)
      else stalling(request, response)
    })
    const session = open({ cookies: jar })
    const future = session.get(server.url)
    await expect.poll(cookies, patient).toBe('new=1')
    const other = await session.get(`${server.url}/other`).result()
    expect(Buffer.from((await other.read()).content).toString()).toBe('new=1')
    expect(future.state).toBe(place === 'streamed' ? 'fulfilled' : 'running')
  })

  test('that is cancelled in its body are kept', async () => {
    const { server, jar, cookies } = await openServer(stalling)
    const session = open({ cookies: jar })
    const future = session.get(server.url)
    await expect.poll(cookies, patient).toBe('new=1')
    session.cancelAll('enough')
    if (place !== 'streamed') await expect(future.result()).rejects.toThrow(CancelledError)
    expect(cookies()).toBe('new=1')
  })

  test('whose session is left in its body are kept', async () => {
    const { server, jar, cookies } = await openServer(stalling)
    const session = open({ cookies: jar })
    void session.get(server.url)
    await expect.poll(cookies, patient).toBe('new=1')
    await session[Symbol.asyncDispose]()
    expect(cookies()).toBe('new=1')
  })

  test('that redirects, and whose body fails, are sent to where it leads', async () => {
    const { server, jar, cookies } = await openServer((request, response) => {
      if (request.url !== '/') return void response.end(request.headers.cookie)
      response.writeHead(302, { ...setCookie, location: '/next', 'content-length': '100' })
      response.write('part', () => response.destroy())
    })
    const response = await open({ cookies: jar }).get(server.url).result()
    expect((await response.read()).text()).toBe('new=1')
    expect(cookies()).toBe('new=1')
  })

  test('that comes too late are not kept', async () => {
    const { server, jar, cookies } = await openServer(() => {})
    await expect(
      open({ cookies: jar, timeout: { total: 100 } })
        .get(server.url)
        .result(),
    ).rejects.toThrow(TotalTimeoutError)
    expect(cookies()).toBe('old=1')
  })
})

describe('Cookies of a response', () => {
  test('are kept by a bare Session whose signal aborts in the body', async () => {
    const { server, jar, cookies } = await openServer(stalling)
    await using session = new Session({ cookies: jar })
    const controller = new AbortController()
    const promise = session.get(server.url, { signal: controller.signal })
    await expect.poll(cookies, patient).toBe('new=1')
    controller.abort()
    await expect(promise).rejects.toThrow(CancelledError)
    expect(cookies()).toBe('new=1')
  })

  test('are kept where a progress listener throws', async () => {
    const { server, jar, cookies } = await openServer((_, response) => response.writeHead(200, setCookie).end('body'))
    await using session = new Session({ cookies: jar })
    const onDownloadProgress = (): never => {
      throw new RangeError('enough')
    }
    await expect(session.get(server.url, { onDownloadProgress })).rejects.toThrow(RangeError)
    expect(cookies()).toBe('new=1')
  })

  test('of a thread that is ended with its body are kept', async () => {
    const { server, jar, cookies } = await openServer(stalling)
    const memory = new SharedArrayBuffer(8)
    const session = openRemote({ cookies: jar }, { threads: 1 })
    const future = session.get(server.url)
    await expect.poll(cookies, patient).toBe('new=1')
    // It computes for ever: it can't be told of anything, and ends with its thread.
    const busy = session.get(`${server.url}/`, { hooks: { request: hook('spin', memory) as never } })
    await expect.poll(() => Atomics.load(new Int32Array(memory), 0), patient).toBe(1)
    busy.cancel()
    await expect(future.result()).rejects.toThrow('terminated')
    expect(cookies()).toBe('new=1')
    await session.executor.shutdown()
  })

  test('fail the request where the jar can not take them, and end nothing else', async () => {
    const { server, jar } = await openServer((_, response) => response.writeHead(200, setCookie).end('body'))
    jar.store.removeCookie = () => {
      throw new RangeError('read-only')
    }
    await using session = new Session({ cookies: jar })
    await expect(session.get(server.url)).rejects.toThrow('read-only')
    session.cookies = false
    expect((await session.get(server.url)).text()).toBe('body')
  })

  test('of informational responses are none', async () => {
    const { server, jar, cookies } = await openServer((request, response) => {
      request.socket.write('HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\n')
      response.end()
    })
    await using session = new Session({ cookies: jar })
    await session.get(server.url)
    expect(cookies()).toBe('old=1')
  })
})
