import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import {
  BodyNotReadError,
  CancelledError,
  FuturesSession,
  ResponseTooLargeError,
  TotalTimeoutError,
  type FuturesSessionOptions,
} from '../../src/index.ts'
import { fakeTime } from '../helpers/fake-time.ts'
import { startFaultServer } from '../helpers/fault-server.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { straysOf } from '../helpers/strays.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Sends headers and a first chunk at once, the rest when the gate opens. */
async function serveSlowly(): Promise<TestServer & { finish(): void }> {
  const rest = gate()
  const server = await startServer((request, response) => {
    response.write('first,')
    if (request.url !== '/never') void rest.promise.then(() => response.end('rest'))
  })
  cleanups.push(() => server.close())
  return Object.assign(server, { finish: () => rest.open() })
}

function open(options?: FuturesSessionOptions): FuturesSession {
  const session = new FuturesSession(options)
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

describe('FuturesSession with `stream: true`', () => {
  test('resolves at the headers and holds its worker until the body ends', async () => {
    const server = await serveSlowly()
    const session = open({ maxWorkers: 1 })
    const streamed = await session.get(server.url, { stream: true }).result()
    expect(streamed.status).toBe(200)
    expect(() => streamed.text()).toThrow(BodyNotReadError)
    const next = session.get(`${server.url}/next`)
    await turn()
    await turn()
    expect(next.state).toBe('pending')
    server.finish()
    await streamed.read()
    expect(streamed.text()).toBe('first,rest')
    expect(await next.text()).toBe('first,rest')
  })

  test('text() of the future reads a body that is over already: an empty one, and one that has failed', async () => {
    const empty = ['/length', '/204', '/chunked']
    const server = await startServer((request, response) => {
      if (request.url === '/length') response.writeHead(200, { 'content-length': '0' }).end()
      else if (request.url === '/204') response.writeHead(204).end()
      else if (request.url === '/chunked') response.writeHead(200).end()
      else response.writeHead(200).end('too much')
    })
    cleanups.push(() => server.close())
    const session = open({ stream: true, maxResponseSize: 3 })
    for (const path of empty) {
      const future = session.get(server.url + path)
      await future.result()
      await turn()
      expect(await future.text()).toBe('')
    }
    const failed = session.get(`${server.url}/large`)
    await failed.result()
    await turn()
    await expect(failed.text()).rejects.toThrow(ResponseTooLargeError)
  })

  test('json(), text() and bytes() of the future read the body first', async () => {
    const server = await serveSlowly()
    const session = open({ stream: true })
    server.finish()
    expect(await session.get(server.url).text()).toBe('first,rest')
    expect(Buffer.from(await session.get(server.url).bytes()).toString()).toBe('first,rest')
    await expect(session.get(server.url).json()).rejects.toThrow(/JSON/)
  })

  test('cancelAll() and dispose end a body in the middle', async () => {
    const server = await serveSlowly()
    const session = open({ maxWorkers: 2 })
    const [one, two] = await Promise.all([
      session.get(`${server.url}/never`, { stream: true }).result(),
      session.get(`${server.url}/never`, { stream: true }).result(),
    ])
    const reading = one.read()
    expect(session.cancelAll('enough')).toBe(2)
    await expect(reading).rejects.toThrow(CancelledError)
    await expect(two.read()).rejects.toThrow()
    await until(() => server.active === 0)
    const three = await session.get(`${server.url}/never`, { stream: true }).result()
    const rest = three.read()
    session[Symbol.dispose]()
    await expect(rest).rejects.toThrow(CancelledError)
    await until(() => server.openSockets.size === 0)
  })

  test('a signal acts until the body ends', async () => {
    const server = await serveSlowly()
    const session = open()
    const controller = new AbortController()
    const response = await session.get(`${server.url}/never`, { stream: true, signal: controller.signal }).result()
    const reading = response.read()
    controller.abort('stop')
    await expect(reading).rejects.toThrow(CancelledError)
    await until(() => server.active === 0)
  })

  test('a signal that a callback of the future aborts ends the body', async () => {
    const server = await serveSlowly()
    const controller = new AbortController()
    const future = open().get(`${server.url}/never`, { stream: true, signal: controller.signal })
    future.addDoneCallback(() => controller.abort('enough'))
    const response = await future.result()
    await expect(response.read()).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
  })

  test('the total timeout acts until the body ends', async () => {
    const server = await serveSlowly()
    const session = open()
    fakeTime.enable()
    try {
      const future = session.get(`${server.url}/never`, { stream: true, timeout: { total: 150 } })
      const response = await future.result()
      const reading = response.read()
      fakeTime.tick(150)
      await expect(reading).rejects.toThrow(TotalTimeoutError)
      expect(future.state).toBe('fulfilled')
    } finally {
      fakeTime.disable()
    }
  })

  test('close() drops a body that nobody reads, and waits for one that somebody reads', async () => {
    const server = await serveSlowly()
    const session = open({ maxWorkers: 2 })
    const unread = await session.get(`${server.url}/never`, { stream: true }).result()
    const read = await session.get(server.url, { stream: true }).result()
    const reading = read.read()
    const closing = session.close()
    await expect(unread.read()).rejects.toThrow()
    server.finish()
    await reading
    expect(read.text()).toBe('first,rest')
    await closing
    await until(() => server.openSockets.size === 0)
  })

  test.each([
    ['empty chunks', {}, ''],
    ['gzip of nothing', { 'content-encoding': 'gzip' }, gzipSync('')],
    ['Content-Length: 0', { 'content-length': '0' }, ''],
  ])('a body that is nothing holds no worker: %s', async (_name, headers, bytes) => {
    const server = await startServer((request, response) => {
      response.writeHead(200, request.url === '/next' ? {} : headers)
      response.end(request.url === '/next' ? 'next' : bytes)
    })
    cleanups.push(() => server.close())
    const session = open({ maxWorkers: 1 })
    const unread = await Promise.all(
      Array.from({ length: 5 }, () => session.get(server.url, { stream: true }).result()),
    )
    expect(await session.get(`${server.url}/next`).text()).toBe('next')
    for (const response of unread) expect(await response.read()).toHaveProperty('status', 200)
    for (const response of unread) expect(response.text()).toBe('')
  })

  test('what a server sends before it closes is read to its end, however late: HTTP/1.0, as Python serves files', async () => {
    const sizes = Array.from({ length: 40 }, (_, index) => index * 16_384)
    const server = await startFaultServer(async (peer) => {
      const size = Number(/\d+/.exec((await peer.request()) ?? '')?.[0])
      await peer.write(`HTTP/1.0 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      for (let sent = 0; sent < size; sent += 65_536) await peer.write('x'.repeat(Math.min(65_536, size - sent)))
      peer.socket.end()
    })
    cleanups.push(() => server.close())
    const session = open({ stream: true })
    const strays = await straysOf(async () => {
      const reads = sizes.map(async (size) => {
        let length = 0
        for await (const chunk of (await session.get(`${server.url}/${size}`).result()).iterContent()) {
          if (length === 0) await new Promise((resolve) => setTimeout(resolve, 60))
          length += chunk.byteLength
        }
        return length
      })
      expect(await Promise.all(reads)).toEqual(sizes)
    })
    expect(strays).toEqual([])
  })
})
