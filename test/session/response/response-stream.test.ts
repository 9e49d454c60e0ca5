import { pipeline } from 'node:stream/promises'
import { Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  BodyNotReadError,
  CancelledError,
  ChunkedEncodingError,
  SessionClosedError,
  StreamConsumedError,
} from '../../../src/errors.ts'
import type { Response } from '../../../src/session/response/response.ts'
import { Session } from '../../../src/session/session.ts'
import { gate, until } from '../../helpers/gate.ts'
import { startServer } from '../../helpers/server.ts'
import type { Handler, TestServer } from '../../helpers/server.ts'

let server: TestServer
let session: Session
let handler: Handler

beforeEach(async () => {
  server = await startServer((request, response) => handler(request, response))
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<string> => {
  const list: Uint8Array[] = []
  for await (const chunk of chunks) list.push(chunk)
  return Buffer.concat(list).toString()
}

describe('Response with stream: true', () => {
  it('resolves at the headers, before the body is there', async () => {
    const rest = gate()
    handler = (_, response) => {
      response.write('first ')
      void rest.promise.then(() => response.end('second'))
    }

    const response = await session.get(server.url, { stream: true })
    rest.open()

    expect(response.status).toBe(200)
    expect(await collect(response.iterContent())).toBe('first second')
  })

  it('throws BodyNotReadError from the synchronous readers until read() has resolved', async () => {
    handler = (_, response) => response.end('{"a":1}')
    const response = await session.get(server.url, { stream: true })

    for (const read of [() => response.content, () => response.text(), () => response.json(), () => response.bytes()]) {
      expect(read).toThrow(BodyNotReadError)
    }
    expect(() => response.arrayBuffer()).toThrow(BodyNotReadError)
    expect(() => response.blob()).toThrow(BodyNotReadError)
    const [one, two] = await Promise.all([response.read(), response.read()])

    expect(one).toBe(response)
    expect(two).toBe(response)
    expect(response.json()).toEqual({ a: 1 })
    expect(await collect(response.iterContent())).toBe('{"a":1}')
  })

  it('can be read once: StreamConsumedError after that', async () => {
    handler = (_, response) => response.end('body')
    const response = await session.get(server.url, { stream: true })

    await collect(response.iterContent())

    expect(() => response.iterContent()).toThrow(StreamConsumedError)
    await expect(response.read()).rejects.toThrow(StreamConsumedError)
    await expect(response.read()).rejects.toMatchObject({ request: { method: 'GET' } })
    expect(() => response.text()).toThrow(BodyNotReadError)
  })

  it('rejects a second reader while the first one reads', async () => {
    handler = (_, response) => response.end('body')
    const response = await session.get(server.url, { stream: true })

    const reader = response.iterContent()[Symbol.asyncIterator]()
    const late = response.iterContent()[Symbol.asyncIterator]()
    await reader.next()

    await expect(late.next()).rejects.toThrow(StreamConsumedError)
    await reader.return?.()
  })

  it('iterContent(size) makes pieces of that size out of any chunks', async () => {
    handler = (_, response) => {
      response.write('ab')
      response.write('cdefg')
      response.end('h')
    }
    const response = await session.get(server.url, { stream: true })
    const pieces: string[] = []

    for await (const chunk of response.iterContent(3)) pieces.push(Buffer.from(chunk).toString())

    expect(pieces).toEqual(['abc', 'def', 'gh'])
  })

  it('iterLines() decodes over chunk borders', async () => {
    const bytes = Buffer.from('é1\r\né2\r\n\né3')
    handler = (_, response) => {
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      const step = (at: number): void => {
        if (at >= bytes.length) return void response.end()
        response.write(bytes.subarray(at, at + 1), () => setImmediate(step, at + 1))
      }
      step(0)
    }
    const response = await session.get(server.url, { stream: true })
    const lines: string[] = []

    for await (const line of response.iterLines()) lines.push(line)

    expect(lines).toEqual(['é1', 'é2', '', 'é3'])
  })

  it('is decompressed on the way', async () => {
    handler = (_, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync('plain text'))
    }
    const response = await session.get(server.url, { stream: true })

    expect(await collect(response.iterContent())).toBe('plain text')
  })

  it('body pipes into any Node stream', async () => {
    handler = (_, response) => response.end('x'.repeat(200_000))
    const response = await session.get(server.url, { stream: true })
    let length = 0
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        length += chunk.length
        setImmediate(done)
      },
    })

    await pipeline(response.body, sink)

    expect(length).toBe(200_000)
  })

  it('holds the server back while nobody reads', async () => {
    let written = 0
    const stop = gate()
    handler = (_, response) => {
      const chunk = Buffer.alloc(64 * 1024)
      const step = (): void => {
        while (written < 64 * 1024 * 1024) {
          written += chunk.length
          if (!response.write(chunk)) return void response.once('drain', step)
        }
        stop.open()
      }
      step()
    }
    const response = await session.get(server.url, { stream: true })
    let before = -1
    await until(() => {
      const isStill = before === written
      before = written
      return isStill && written > 0
    })

    expect(written).toBeLessThan(32 * 1024 * 1024)
    await response.close()
  })

  it('keeps its connection when it was read to the end', async () => {
    handler = (_, response) => response.end('body')

    for (let count = 0; count < 3; count++) await (await session.get(server.url, { stream: true })).read()

    expect(server.connections).toBe(1)
  })

  it('close() ends it unread; readers end, later ones are refused', async () => {
    handler = (_, response) => response.write('never ends')
    const response = await session.get(server.url, { stream: true })

    await response.close()
    await response.close()

    await until(() => server.openSockets.size === 0)
    expect(() => response.iterContent()).toThrow(StreamConsumedError)
  })

  it('is closed by destroying `body`, even if nothing was read of it', async () => {
    handler = (_, response) => response.write('never ends')
    const response = await session.get(server.url, { stream: true })

    response.body.destroy()

    await until(() => server.openSockets.size === 0)
  })

  it('is closed by leaving the iteration', async () => {
    handler = (_, response) => response.write('never ends')
    const response = await session.get(server.url, { stream: true })

    for await (const chunk of response.iterContent()) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }

    await until(() => server.openSockets.size === 0)
  })

  it('is closed by Symbol.asyncDispose', async () => {
    handler = (_, response) => response.write('never ends')
    const response = await session.get(server.url, { stream: true })

    await response[Symbol.asyncDispose]()

    await until(() => server.openSockets.size === 0)
  })

  it('a body that breaks off fails its reader, with the request', async () => {
    handler = (_, response) => {
      response.setHeader('content-length', '100')
      response.write('short', () => response.destroy())
    }
    const response = await session.get(server.url, { stream: true })
    const reading = response.read()

    await expect(reading).rejects.toThrow(ChunkedEncodingError)
    await expect(reading).rejects.toMatchObject({ request: { url: `${server.url}/` } })
    expect(() => response.content).toThrow(BodyNotReadError)
  })

  it('signal acts until the body ends', async () => {
    handler = (_, response) => response.write('never ends')
    const controller = new AbortController()
    const response = await session.get(server.url, { stream: true, signal: controller.signal })
    const reading = collect(response.iterContent())

    controller.abort('enough')

    await expect(reading).rejects.toThrow(CancelledError)
    await expect(reading).rejects.toMatchObject({ cause: 'enough' })
    await until(() => server.openSockets.size === 0)
  })

  it('unread, it is dropped when the session closes', async () => {
    handler = (_, response) => response.write('never ends')
    const response = await session.get(server.url, { stream: true })

    await session.close()

    await expect(response.read()).rejects.toThrow(StreamConsumedError)
    await until(() => server.openSockets.size === 0)
    await expect(session.get(server.url)).rejects.toThrow(SessionClosedError)
  })

  it('being read, it goes on when the session closes', async () => {
    const rest = gate()
    handler = (_, response) => {
      response.write('first ')
      void rest.promise.then(() => response.end('second'))
    }
    const response = await session.get(server.url, { stream: true })
    const reading = collect(response.iterContent())
    const closing = session.close()
    rest.open()

    expect(await reading).toBe('first second')
    await closing
  })

  it('of an HTTPError is read first, so that the error shows it and nothing is left open', async () => {
    handler = (_, response) => response.writeHead(404).end('not here')

    const error: unknown = await session
      .get(server.url, { stream: true, raiseForStatus: true })
      .catch((reason: unknown) => reason)

    expect((error as { response: Response }).response.text()).toBe('not here')
    await session.get(server.url)
    expect(server.connections).toBe(1)
  })

  it('a redirect on the way is drained, so that its connection is used again', async () => {
    handler = (request, response) => {
      if (request.url === '/go') response.writeHead(302, { location: '/end' }).end('hop')
      else response.end('end')
    }
    const response = await session.get(`${server.url}/go`, { stream: true })

    expect(await collect(response.iterContent())).toBe('end')
    expect(response.history[0]?.text()).toBe('hop')
    expect(server.connections).toBe(1)
  })
})
