import zlib from 'node:zlib'
import { pipeline } from 'node:stream/promises'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ContentDecodingError, StreamConsumedError } from '../../src/errors.ts'
import { TestConnections, readAll } from '../helpers/exchanges.ts'
import { always, answer, silence, startFaultServer } from '../helpers/fault-server.ts'
import type { FaultServer, Peer } from '../helpers/fault-server.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'

let transport: TestConnections
beforeEach(() => void (transport = new TestConnections()))
afterEach(async () => transport.close())

const chunked = (body: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), Buffer.from(body), Buffer.from('\r\n')])
const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

/** Sends headers, then whatever the test puts in. */
async function startScripted(script: (peer: Peer) => unknown, headers = head): Promise<FaultServer> {
  return startFaultServer(async (peer) => {
    await peer.request()
    await peer.write(headers)
    await script(peer)
    await silence(peer)
  })
}

describe('BodyStream', () => {
  it('is there at the headers, and gives chunks as they come', async () => {
    const server = await startScripted(() => {})
    const { status, stream, content } = await transport.fetch(server.url, { stream: true })
    expect(status).toBe(200)
    expect(content).toHaveLength(0)
    const chunks = stream![Symbol.asyncIterator]()
    const [socket] = server.openSockets
    for (const word of ['one', 'two']) {
      const next = chunks.next()
      socket!.write(chunked(word))
      expect(Buffer.from((await next).value as Uint8Array).toString()).toBe(word)
    }
    expect(stream!.bytes).toBe(6)
    socket!.write('0\r\n\r\n')
    expect((await chunks.next()).done).toBe(true)
    await stream!.ended
    await server.close()
  })

  it('lets the socket rest until somebody reads', async () => {
    let written = 0
    const server = await startScripted(async (peer) => {
      const chunk = chunked(Buffer.alloc(65_536))
      while (!peer.socket.destroyed && written < 64 * 1024 * 1024) {
        await peer.write(chunk)
        written += 65_536
      }
    })
    const { stream } = await transport.fetch(server.url, { stream: true })
    // As much as the kernel holds goes out; then nothing moves.
    let before = -1
    while (written !== before) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(written).toBeLessThan(32 * 1024 * 1024)
    expect(stream!.bytes).toBeLessThan(256 * 1024)
    let read = 0
    for await (const chunk of stream!) if ((read += chunk.byteLength) > 8 * 1024 * 1024) break
    await until(() => server.openSockets.size === 0)
    await server.close()
  })

  it('decodes no further than it is read', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(50_000_000))
    const server = await startScripted(
      async (peer) => peer.write(bomb),
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`,
    )
    const { stream } = await transport.fetch(server.url, { stream: true })
    const before = process.memoryUsage().arrayBuffers
    for await (const chunk of stream!) {
      expect(chunk.byteLength).toBeGreaterThan(0)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
      break
    }
    await server.close()
  })

  it('closes the socket when the reader leaves early', async () => {
    const server = await startScripted(async (peer) => peer.write(chunked('one')))
    const { stream } = await transport.fetch(server.url, { stream: true })
    for await (const chunk of stream!) {
      expect(Buffer.from(chunk).toString()).toBe('one')
      break
    }
    await stream!.ended
    await until(() => server.openSockets.size === 0)
    await server.close()
  })

  it('destroy() closes the socket of a body that nobody reads', async () => {
    const server = await startScripted(() => {})
    const { stream } = await transport.fetch(server.url, { stream: true })
    stream!.destroy()
    await stream!.ended
    await until(() => server.openSockets.size === 0)
    expect(await readAll(stream!)).toHaveLength(0)
    await server.close()
  })

  it.each([
    ['plain', head],
    ['gzip', head.replace('\r\n\r\n', '\r\nContent-Encoding: gzip\r\n\r\n')],
  ])('destroy() gives a %s reader the end, or the error', async (_name, headers) => {
    const server = await startScripted(async (peer) => peer.write(chunked(zlib.gzipSync('a').subarray(0, 12))), headers)
    const quiet = (await transport.fetch(server.url, { stream: true })).stream!
    const reading = readAll(quiet)
    await turn()
    quiet.destroy()
    await reading
    const loud = (await transport.fetch(server.url, { stream: true })).stream!
    const failing = readAll(loud)
    await turn()
    const reason = new Error('enough')
    loud.destroy(reason)
    await expect(failing).rejects.toBe(reason)
    await server.close()
  })

  it('can be read once', async () => {
    const server = await startServer()
    const { stream } = await transport.fetch(server.url, { stream: true })
    await readAll(stream!)
    expect(() => stream![Symbol.asyncIterator]()).toThrow(StreamConsumedError)
    await server.close()
  })

  it('ends when the last byte is read, and the connection is back', async () => {
    const server = await startServer((_request, response) => response.end('all of it'))
    const { stream } = await transport.fetch(server.url, { stream: true })
    let isEnded = false
    void stream!.ended.then(() => (isEnded = true))
    await turn()
    expect(isEnded).toBe(false)
    expect((await readAll(stream!)).toString()).toBe('all of it')
    await stream!.ended
    await transport.fetch(server.url)
    expect(server.connections).toBe(1)
    await server.close()
  })

  it('without a body ends by itself, and gives the connection back', async () => {
    const server = await startServer((request, response) => {
      if (request.url === '/204') response.statusCode = 204
      response.setHeader('content-length', '0').end()
    })
    for (const part of [{ method: 'HEAD' }, { path: '/204' }, {}]) {
      const { stream } = await transport.fetch(server.url, { ...part, stream: true })
      await stream!.ended
      expect(stream!.bytes).toBe(0)
    }
    expect(server.connections).toBe(1)
    await server.close()
  })

  const nothing: readonly [string, string, Buffer][] = [
    ['in chunks', 'Transfer-Encoding: chunked', Buffer.from('0\r\n\r\n')],
    ['in chunks, with a trailer', 'Transfer-Encoding: chunked', Buffer.from('000;a=b\r\nX-Sum: 0\r\n\r\n')],
    ['of identity', 'Transfer-Encoding: chunked\r\nContent-Encoding: identity', Buffer.from('0\r\n\r\n')],
    ['of gzip, not even a header', 'Transfer-Encoding: chunked\r\nContent-Encoding: gzip', Buffer.from('0\r\n\r\n')],
    ...[
      ['gzip', 'gzip', zlib.gzipSync('')] as const,
      ['gzip, in two members', 'gzip', Buffer.concat([zlib.gzipSync(''), zlib.gzipSync('')])] as const,
      ['gzip in gzip', 'gzip, gzip', zlib.gzipSync(zlib.gzipSync(''))] as const,
      ['deflate', 'deflate', zlib.deflateSync('')] as const,
      ['bare deflate', 'deflate', zlib.deflateRawSync('')] as const,
      ['br', 'br', zlib.brotliCompressSync('')] as const,
    ].flatMap(([name, coding, bytes]): [string, string, Buffer][] => [
      [`of ${name}`, `Content-Encoding: ${coding}\r\nContent-Length: ${bytes.length}`, bytes],
      [
        `of ${name}, in chunks`,
        `Content-Encoding: ${coding}\r\nTransfer-Encoding: chunked`,
        Buffer.concat([...[...bytes].map((byte) => chunked(Buffer.of(byte))), Buffer.from('0\r\n\r\n')]),
      ],
    ]),
  ]

  it.each(nothing)('of nothing %s ends by itself, and gives the connection back', async (_name, headers, bytes) => {
    const rest = gate()
    const server = await startFaultServer(async (peer) => {
      while ((await peer.request()) !== undefined) {
        await peer.write(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n`)
        await rest.promise
        for (const byte of bytes) await peer.write(Buffer.of(byte))
      }
    })
    const { stream } = await transport.fetch(server.url, { stream: true })
    let hasEnded = false
    void stream!.ended.then(() => (hasEnded = true))
    await turn()
    expect(hasEnded).toBe(false)
    rest.open()
    await stream!.ended
    const next = await transport.fetch(server.url, { stream: true })
    expect(await readAll(next.stream!)).toHaveLength(0)
    await next.stream!.ended
    expect(await readAll(stream!)).toHaveLength(0)
    expect(server.connections).toBe(1)
    await server.close()
  })

  it.each([
    ['plain', '', Buffer.from('x')],
    ['gzip', 'Content-Encoding: gzip\r\n', zlib.gzipSync('x'.repeat(100_000))],
    ['gzip in gzip', 'Content-Encoding: gzip, gzip\r\n', zlib.gzipSync(zlib.gzipSync('x'))],
    ['br', 'Content-Encoding: br\r\n', zlib.brotliCompressSync('x'.repeat(100_000))],
  ])(
    'of something is over when it is read, left or closed, long after it has arrived: %s',
    async (_name, coding, bytes) => {
      const server = await startFaultServer(
        always(
          Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${coding}Content-Length: ${bytes.length}\r\n\r\n`), bytes]),
        ),
      )
      const fetched = async () => {
        const { stream } = await transport.fetch(server.url, { stream: true })
        let hasEnded = false
        void stream!.ended.then(() => (hasEnded = true))
        // zlib works on other threads.
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect(hasEnded).toBe(false)
        return stream!
      }
      const read = await fetched()
      expect(String(await readAll(read))).toMatch(/^x+$/)
      await read.ended
      const left = await fetched()
      for await (const chunk of left) {
        expect(chunk.byteLength).toBeGreaterThan(0)
        break
      }
      await left.ended
      const closed = await fetched()
      closed.destroy()
      await closed.ended
      expect(await readAll(closed)).toHaveLength(0)
      await server.close()
    },
  )

  it('whose coding is broken is over when it has arrived, and its reader gets the error', async () => {
    const half = zlib.gzipSync('').subarray(0, 15)
    const server = await startFaultServer(always(answer(half, { 'Content-Encoding': 'gzip' })))
    const { stream } = await transport.fetch(server.url, { stream: true })
    await stream!.ended
    await expect(readAll(stream!)).rejects.toBeInstanceOf(ContentDecodingError)
    await server.close()
  })

  it('feeds a Node stream', async () => {
    const body = Buffer.alloc(3_000_000, 'abc')
    const server = await startServer((_request, response) => response.end(zlib.gzipSync(body)))
    const gzipped = await startServer((_request, response) => {
      response.setHeader('content-encoding', 'gzip').end(zlib.gzipSync(body))
    })
    const { stream } = await transport.fetch(gzipped.url, { stream: true })
    const sink = new PassThrough()
    const [received] = await Promise.all([readAll(sink), pipeline(Readable.from(stream!), sink)])
    expect(Buffer.compare(received, body)).toBe(0)
    await Promise.all([server.close(), gzipped.close()])
  })

  it('joins no chunks, and loses none of many small ones', async () => {
    const words = Array.from({ length: 5000 }, (_, index) => `word ${index},`)
    const server = await startScripted(async (peer) => {
      await peer.write(Buffer.concat([...words.map((word) => chunked(word)), Buffer.from('0\r\n\r\n')]))
    })
    const { stream } = await transport.fetch(server.url, { stream: true })
    expect((await readAll(stream!)).toString()).toBe(words.join(''))
    await server.close()
  })
})

describe('progress', () => {
  it('of a download: from nothing to all', async () => {
    const body = Buffer.alloc(500_000)
    const server = await startServer((_request, response) =>
      response.setHeader('content-length', body.length).end(body),
    )
    const seen: { percent: number; transferredBytes: number; totalBytes: number | undefined }[] = []
    await transport.fetch(server.url, { onDownloadProgress: (progress) => seen.push(progress) })
    expect(seen[0]).toEqual({ percent: 0, transferredBytes: 0, totalBytes: 500_000 })
    expect(seen.at(-1)).toEqual({ percent: 1, transferredBytes: 500_000, totalBytes: 500_000 })
    expect(seen.length).toBeGreaterThan(2)
    expect(seen.map(({ percent }) => percent)).toEqual(seen.map(({ percent }) => percent).toSorted((a, b) => a - b))
    await server.close()
  })

  it('of a download without a length: all is known at the end', async () => {
    const server = await startScripted(async (peer) =>
      peer.write(Buffer.concat([chunked('abc'), Buffer.from('0\r\n\r\n')])),
    )
    const seen: unknown[] = []
    const { stream } = await transport.fetch(server.url, {
      stream: true,
      onDownloadProgress: (each) => seen.push(each),
    })
    await readAll(stream!)
    expect(seen).toEqual([
      { percent: 0, transferredBytes: 0, totalBytes: undefined },
      { percent: 0, transferredBytes: 3, totalBytes: undefined },
      { percent: 1, transferredBytes: 3, totalBytes: undefined },
    ])
    await server.close()
  })

  it.each([
    ['bytes', Buffer.alloc(200_000), 200_000],
    ['text', 'ä'.repeat(100_000), 200_000],
    ['a source with a length', source([100_000, 100_000], 200_000), 200_000],
    ['a source without one', source([100_000, 100_000]), undefined],
  ])('of an upload of %s', async (_name, body, total) => {
    const server = await startServer((request, response) => void request.resume().on('end', () => response.end()))
    const seen: { percent: number; transferredBytes: number; totalBytes: number | undefined }[] = []
    await transport.fetch(server.url, { method: 'POST', body, onUploadProgress: (progress) => seen.push(progress) })
    expect(seen[0]).toEqual({ percent: 0, transferredBytes: 0, totalBytes: total })
    expect(seen.at(-1)).toEqual({ percent: 1, transferredBytes: 200_000, totalBytes: total })
    expect(seen.length).toBeGreaterThanOrEqual(3)
    await server.close()
  })

  it('fails the exchange with what the listener throws', async () => {
    const server = await startServer((request, response) => void request.resume().on('end', () => response.end('body')))
    const broken = new Error('listener')
    const fail = (): never => {
      throw broken
    }
    expect(await transport.failure(server.url, { onDownloadProgress: fail })).toBe(broken)
    expect(await transport.failure(server.url, { onDownloadProgress: ({ percent }) => percent === 1 && fail() })).toBe(
      broken,
    )
    expect(await transport.failure(server.url, { method: 'POST', body: 'x', onUploadProgress: fail })).toBe(broken)
    expect((await transport.fetch(server.url)).status).toBe(200)
    await server.close()
  })
})

function source(sizes: number[], length?: number) {
  return {
    length,
    async *open() {
      for (const size of sizes) yield Buffer.alloc(size)
    },
  }
}
