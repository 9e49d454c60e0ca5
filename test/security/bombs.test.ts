/** SECURITY.md, "Size" and "Time": little that becomes much, and what never ends. */
import { createServer } from 'node:http'
import zlib from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, ContentDecodingError, ReadTimeoutError, ResponseTooLargeError } from '../../src/errors.ts'
import { ChunkedEncodingError, TooManyRedirectsError, TotalTimeoutError } from '../../src/errors.ts'
import { Session } from '../../src/session/session.ts'
import { codings } from '../../src/transport/decoding/codings.ts'
import { answer, startFaultServer, type FaultServer, type Peer } from '../helpers/fault-server.ts'
import { startServer } from '../helpers/server.ts'

let session: Session
let server: FaultServer | undefined

beforeEach(() => {
  session = new Session({ trustEnv: false, maxResponseSize: 1024 * 1024 })
})
afterEach(async () => {
  await session.close()
  await server?.close()
  server = undefined
})

type Compress = (bytes: Uint8Array) => Buffer
const { zstdCompressSync } = zlib as unknown as { zstdCompressSync: Compress }
const compressors: [string, Compress][] = [
  ['gzip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ...(codings.has('zstd') ? [['zstd', zstdCompressSync] as [string, Compress]] : []),
]

async function open(script: (peer: Peer) => unknown): Promise<string> {
  server = await startFaultServer(script)
  return server.url
}

/** Answers one request with this, then with it again for as long as somebody listens. */
function endless(head: string, more: string): Promise<string> {
  return open(async (peer) => {
    await peer.request()
    await peer.write(head)
    while (!peer.socket.destroyed) {
      await peer.write(more)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
}

async function serveBody(body: Uint8Array, encoding: string): Promise<string> {
  const bytes = answer(body, { 'Content-Encoding': encoding })
  return open(async (peer) => {
    while ((await peer.request()) !== undefined) await peer.write(bytes)
  })
}

describe('maxResponseSize ends', () => {
  it.each(compressors)('a bomb of %s, buffered or streamed', async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(20 * 1024 * 1024))
    expect(bomb.byteLength).toBeLessThan(100 * 1024)
    const url = await serveBody(bomb, encoding)

    await expect(session.get(url)).rejects.toThrow(ResponseTooLargeError)
    const streamed = await session.get(url, { stream: true })
    await expect(streamed.read()).rejects.toThrow(ResponseTooLargeError)
  })

  it.each(compressors)('a bomb of %s in another', async (encoding, compress) => {
    const url = await serveBody(compress(compress(Buffer.alloc(20 * 1024 * 1024))), `${encoding}, ${encoding}`)
    await expect(session.get(url)).rejects.toThrow(ResponseTooLargeError)
  })

  it('a gzip of many small members, each of which is within it', async () => {
    const member = zlib.gzipSync(Buffer.alloc(512 * 1024))
    const url = await serveBody(Buffer.concat([member, member, member]), 'gzip')
    await expect(session.get(url)).rejects.toThrow(ResponseTooLargeError)
  })

  it('a body without an end, chunked or not', async () => {
    const url = await endless('HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(64 * 1024))
    await expect(session.get(url)).rejects.toThrow(ResponseTooLargeError)
    await server?.close()
    const chunk = `10000\r\n${'x'.repeat(64 * 1024)}\r\n`
    const chunked = await endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunk)
    await expect(session.get(chunked)).rejects.toThrow(ResponseTooLargeError)
  })
})

describe('Decoding is bounded in work, whatever the limit:', () => {
  it('nested codings', async () => {
    const url = await serveBody(Buffer.from('x'), 'gzip, gzip, gzip, gzip, gzip, gzip')
    await expect(session.get(url)).rejects.toThrow(ContentDecodingError)
  })

  it('gzip in tiny members with something behind them, that each cost a run of zlib', async () => {
    const member = zlib.gzipSync('')
    const members = (count: number): Buffer =>
      Buffer.concat([...Array<Buffer>(count).fill(member), Buffer.from('\x1f\x8bgarbage')])
    const url = await serveBody(members(500), 'gzip')
    expect((await session.get(url)).content.byteLength).toBe(0)
    await server?.close()
    await expect(session.get(await serveBody(members(5000), 'gzip'))).rejects.toThrow(ContentDecodingError)
    await server?.close()
    await expect(session.get(await serveBody(members(50_000), 'gzip'))).rejects.toThrow(ContentDecodingError)
  })

  it.runIf(codings.has('zstd'))('zstd in tiny frames, that each cost a run of zlib', async () => {
    const frame = zstdCompressSync(Buffer.from('x'))
    const frames = (count: number): Buffer => Buffer.concat(Array<Buffer>(count).fill(frame))
    expect((await session.get(await serveBody(frames(500), 'zstd'))).content.byteLength).toBe(500)
    await server?.close()
    const url = await serveBody(frames(20_000), 'zstd')
    await expect(session.get(url)).rejects.toThrow(ContentDecodingError)
    const streamed = await session.get(url, { stream: true })
    await expect(streamed.read()).rejects.toThrow(ContentDecodingError)
  })
})

describe('What never ends is ended:', () => {
  it('headers, by their size: 16 KiB, or as the session says', async () => {
    const url = await endless('HTTP/1.1 200 OK\r\n', `X-A: ${'x'.repeat(1000)}\r\n`)
    await expect(session.get(url)).rejects.toThrow(/headers are too large/)
    await using small = new Session({ trustEnv: false, poolOptions: { maxHeaderSize: 1024 } })
    await expect(small.get(url)).rejects.toThrow(/headers are too large/)
  })

  it('trailers, by their size', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n'
    const url = await endless(head, `X-A: ${'x'.repeat(1000)}\r\n`)
    await expect(session.get(url)).rejects.toThrow(/headers are too large/)
  })

  it('informational responses, by their number', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
    const url = await endless(hint, hint)
    await expect(session.get(url)).rejects.toThrow(ConnectionError)
    await server?.close()
    const few = await open(async (peer) => {
      await peer.request()
      await peer.write(hint.repeat(50) + answer('ok').toString())
    })
    expect((await session.get(few)).text()).toBe('ok')
  })

  it('chunk extensions, for they are no body: by the read timeout', async () => {
    const url = await endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', 'x'.repeat(1000))
    const error: unknown = await session.get(url, { timeout: { read: 200 } }).catch((error: unknown) => error)
    expect([ReadTimeoutError, ChunkedEncodingError, ConnectionError].some((each) => error instanceof each)).toBe(true)
  })

  it('redirects, by their number', async () => {
    const loop = await startServer((_, response) => response.writeHead(302, { location: '/' }).end())
    const error = session.get(loop.url)
    await expect(error).rejects.toThrow(TooManyRedirectsError)
    await loop.close()
    expect(loop.seen).toHaveLength(31)
  })

  it('redirects with a body, each of which is read no further than allowed', async () => {
    const large = createServer((_, response) => {
      response.writeHead(302, { location: '/' })
      const fill = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
      }
      response.on('drain', fill)
      fill()
    })
    await new Promise<void>((resolve) => large.listen(0, '127.0.0.1', resolve))
    const { port } = large.address() as { port: number }
    await expect(session.get(`http://127.0.0.1:${port}/`)).rejects.toThrow(ResponseTooLargeError)
    large.closeAllConnections()
    await new Promise((resolve) => large.close(resolve))
  })

  it('a body that drips, by the total timeout', async () => {
    const url = await endless('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n', 'x')
    await expect(session.get(url, { timeout: { total: 300 } })).rejects.toThrow(TotalTimeoutError)
  })
})
