import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ContentDecodingError, ResponseTooLargeError } from '../../../src/errors.ts'
import { acceptEncoding } from '../../../src/transport/decoding/content-encoding.ts'
import type { ExchangeResponse } from '../../../src/transport/exchange.ts'
import { TestConnections, readAll } from '../../helpers/exchanges.ts'
import type { RequestPart } from '../../helpers/exchanges.ts'
import { always, answer, startFaultServer } from '../../helpers/fault-server.ts'
import { turn } from '../../helpers/gate.ts'

const plain = Buffer.from('compressed, decompressed, and the same again: '.repeat(20))
const { zstdCompressSync } = zlib as unknown as {
  zstdCompressSync?: (body: Buffer, options?: { params: Record<number, number> }) => Buffer
}

const encoders: Record<string, (body: Buffer) => Buffer> = {
  gzip: (body) => zlib.gzipSync(body),
  'x-gzip': (body) => zlib.gzipSync(body),
  deflate: (body) => zlib.deflateSync(body),
  br: (body) => zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  ...(zstdCompressSync && { zstd: (body) => zstdCompressSync(body) }),
}
const names = Object.keys(encoders)
const compress = (name: string, body: Buffer): Buffer => encoders[name]!(body)
const hasZstd = zstdCompressSync !== undefined

describe('acceptEncoding', () => {
  it('names what can be decoded, and nothing else', () => {
    expect(acceptEncoding).toBe(hasZstd ? 'gzip, deflate, br, zstd' : 'gzip, deflate, br')
  })
})

let transport: TestConnections
beforeEach(() => void (transport = new TestConnections()))
afterEach(async () => transport.close())

/** Serves these bytes under this encoding, once for each way of reading. */
async function served<T>(
  body: Buffer,
  encoding: string,
  use: (url: string) => Promise<T>,
  headers: Record<string, string> = {},
): Promise<T> {
  const server = await startFaultServer(always(answer(body, { 'Content-Encoding': encoding, ...headers })))
  try {
    return await use(server.url)
  } finally {
    await server.close()
  }
}

const buffered = async (body: Buffer, encoding: string, part?: RequestPart): Promise<ExchangeResponse> =>
  served(body, encoding, async (url) => transport.fetch(url, part))

/** The decoded body, or the failure; by both ways, which have to agree. */
async function decoded(body: Buffer, encoding: string, part?: RequestPart): Promise<Buffer | Error> {
  return served(body, encoding, async (url) => {
    const { content, failure } = await transport.fetch(url, part)
    const { stream } = await transport.fetch(url, { ...part, stream: true })
    const streamed = await readAll(stream!).catch((error: unknown) => error as Error)
    if (failure === undefined) expect(streamed).toEqual(Buffer.from(content))
    else expect(streamed.constructor).toBe(failure.constructor)
    return failure ?? Buffer.from(content)
  })
}

describe('exchange() decodes', () => {
  it.each(names)('%s', async (name) => {
    expect(await decoded(compress(name, plain), name)).toEqual(plain)
    expect(await decoded(compress(name, plain), name.toUpperCase())).toEqual(plain)
  })

  it.each(names)('%s of nothing, and nothing under the name of %s', async (name) => {
    expect(await decoded(compress(name, Buffer.alloc(0)), name)).toEqual(Buffer.alloc(0))
    expect(await decoded(Buffer.alloc(0), name)).toEqual(Buffer.alloc(0))
  })

  it('bare deflate data', async () => {
    expect(await decoded(zlib.deflateRawSync(plain), 'deflate')).toEqual(plain)
  })

  it('nested codings, last one first', async () => {
    expect(await decoded(compress('gzip', compress('deflate', plain)), 'deflate, gzip')).toEqual(plain)
    expect(await decoded(compress('br', compress('gzip', plain)), 'gzip, identity,, br')).toEqual(plain)
    const repeated = await served(
      compress('br', compress('gzip', plain)),
      'gzip',
      async (url) => transport.fetch(url),
      {
        'content-encoding': 'br',
      },
    )
    expect(Buffer.from(repeated.content)).toEqual(plain)
  })

  it('several gzip members, and zeros after them', async () => {
    const members = Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two'), Buffer.alloc(7)])
    expect(await decoded(members, 'gzip')).toEqual(Buffer.from('one two'))
  })

  it.each([
    ['a line', Buffer.from('garbage')],
    ['a byte', Buffer.from('g')],
    ['what looks like a member', Buffer.from([0x1f, 0x8b, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])],
  ])('gzip with %s after it', async (_name, garbage) => {
    const { content } = await buffered(Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two'), garbage]), 'gzip')
    expect(Buffer.from(content).toString()).toBe('one two')
  })

  it('gzip with every header field', async () => {
    const bare = zlib.gzipSync(plain)
    const fields = Buffer.concat([Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0comment\0'), Buffer.from([0, 0])])
    const header = Buffer.from(bare.subarray(0, 10))
    header[3] = 4 | 8 | 16
    const member = Buffer.concat([header, fields.subarray(0, -2), bare.subarray(10), Buffer.from('garbage')])
    expect(Buffer.from((await buffered(member, 'gzip')).content)).toEqual(plain)
  })

  it.runIf(hasZstd)('several zstd frames, and what may be skipped between them', async () => {
    const skippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const large = Buffer.from(Array.from({ length: 600_000 }, () => Math.random() * 256))
    const frames = ['one ', '', 'two', large].map((each) => compress('zstd', Buffer.from(each)))
    const body = Buffer.concat(frames.flatMap((frame) => [skippable, frame]))
    const expected = Buffer.concat([Buffer.from('one two'), large])
    const result = await decoded(body, 'zstd')
    expect(Buffer.compare(result as Buffer, expected)).toBe(0)
    expect(await decoded(skippable, 'zstd')).toEqual(Buffer.alloc(0))
  })

  it.runIf(hasZstd)('zstd of every shape of frame', async () => {
    const { ZSTD_c_checksumFlag: checksum, ZSTD_c_contentSizeFlag: contentSize } = zlib.constants as unknown as Record<
      string,
      number
    >
    for (const size of [1, 300, 70_000]) {
      for (const params of [{}, { [checksum!]: 1 }, { [contentSize!]: 0 }]) {
        for (const content of [Buffer.alloc(size, 'a'), Buffer.alloc(size, plain), randomBytes(size)]) {
          const frame = zstdCompressSync!(content, { params })
          const twice = (await decoded(Buffer.concat([frame, frame]), 'zstd')) as Buffer
          expect(Buffer.compare(twice, Buffer.concat([content, content]))).toBe(0)
          expect(await decoded(Buffer.concat([frame, frame.subarray(0, -1)]), 'zstd')).toBeInstanceOf(
            ContentDecodingError,
          )
        }
      }
    }
  })

  it.runIf(hasZstd).each(['g', 'garbage', '\0'.repeat(7)])('zstd with %j after it', async (garbage) => {
    const frames = ['one ', 'two'].map((each) => compress('zstd', Buffer.from(each)))
    expect(await decoded(Buffer.concat([...frames, Buffer.from(garbage)]), 'zstd')).toEqual(Buffer.from('one two'))
  })

  it.each(names)('much %s off the loop', async (name) => {
    const large = Buffer.from(Array.from({ length: 600_000 }, () => Math.random() * 256))
    const body = compress(name, large)
    const result = await buffered(body, name)
    expect(Buffer.compare(result.content, large)).toBe(0)
    expect(result.bytes).toBe(body.length)
  })

  it('a little that grows a lot', async () => {
    const large = Buffer.alloc(20_000_000)
    expect((await buffered(zlib.gzipSync(large), 'gzip')).content.length).toBe(large.length)
  })

  it('and counts wire bytes', async () => {
    const body = compress('gzip', plain)
    expect((await buffered(body, 'gzip')).bytes).toBe(body.length)
  })

  it('on every status', async () => {
    const body = answer(compress('gzip', plain), { 'Content-Encoding': 'gzip' }, '500 Broken')
    const server = await startFaultServer(always(body))
    expect(Buffer.from((await transport.fetch(server.url)).content)).toEqual(plain)
    await server.close()
  })

  it.each(names)('%s that comes byte by byte', async (name) => {
    const body = Buffer.concat(
      name === 'zstd'
        ? ['slow', 'ly'].map((each) => compress(name, Buffer.from(each)))
        : [compress(name, Buffer.from('slowly'))],
    )
    const server = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${name}\r\nContent-Length: ${body.length}\r\n\r\n`)
      for (const byte of body) {
        await peer.write(Buffer.from([byte]))
        await turn()
      }
    })
    const { stream } = await transport.fetch(server.url, { stream: true })
    expect((await readAll(stream!)).toString()).toBe('slowly')
    await server.close()
  })
})

describe('exchange() leaves', () => {
  it.each(['identity', 'compress', 'gzip, compress', 'utf-8'])('a body under %s as it is', async (encoding) => {
    expect(await decoded(plain, encoding)).toEqual(plain)
  })

  it.each([
    ['HEAD', { method: 'HEAD' }, '200 OK'],
    ['204', {}, '204 No Content'],
    ['304', {}, '304 Not Modified'],
  ])('the nothing of %s alone', async (_name, part, status) => {
    const head = `HTTP/1.1 ${status}\r\nContent-Encoding: gzip\r\n${status.startsWith('204') ? '' : 'Content-Length: 99\r\n'}\r\n`
    const server = await startFaultServer(always(head))
    expect(await transport.fetch(server.url, part)).toMatchObject({ failure: undefined, bytes: 0 })
    const { stream } = await transport.fetch(server.url, { ...part, stream: true })
    await stream!.ended
    expect(await readAll(stream!)).toHaveLength(0)
    await server.close()
  })
})

describe('exchange() reports', () => {
  it.each(names)('corrupt and truncated %s as ContentDecodingError, and keeps the connection', async (name) => {
    const body = compress(name, plain)
    const corrupt = Buffer.from(body).fill(0xa5, 4)
    for (const bad of [corrupt, Buffer.from('this is something else'), body.subarray(0, -3)]) {
      const failure = (await decoded(bad, name)) as Error
      expect(failure).toBeInstanceOf(ContentDecodingError)
      expect(failure.message).toMatch(/^Could not decode the response of http:\/\/127\.0\.0\.1:\d+ as \w+: /)
      expect(failure.cause).toBeInstanceOf(Error)
    }
  })

  it('a wrong checksum', async () => {
    const body = zlib.gzipSync(plain)
    body.writeUInt8(body.readUInt8(body.length - 6) ^ 1, body.length - 6)
    expect(await decoded(body, 'gzip')).toBeInstanceOf(ContentDecodingError)
  })

  it('a second member that breaks off', async () => {
    const body = Buffer.concat([zlib.gzipSync('one'), zlib.gzipSync('two').subarray(0, -2)])
    expect(await decoded(body, 'gzip')).toBeInstanceOf(ContentDecodingError)
  })

  it('much that is corrupt', async () => {
    const body = Buffer.alloc(400_000, 0xff)
    for (const name of names) expect(await decoded(body, name)).toBeInstanceOf(ContentDecodingError)
  })

  it('too many codings', async () => {
    expect(await decoded(plain, 'gzip, gzip, gzip, gzip, gzip, gzip')).toBeInstanceOf(ContentDecodingError)
  })

  it('a failure with the response, whose content is empty then', async () => {
    const response = await buffered(Buffer.from('no gzip'), 'gzip')
    expect(response).toMatchObject({ status: 200, bytes: 7 })
    expect(response.failure).toBeInstanceOf(ContentDecodingError)
    expect(response.content).toHaveLength(0)
  })
})

describe('ExchangeRequest.maxResponseSize', () => {
  it('refuses a body that is announced too large, before it comes', async () => {
    const server = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n')
      await peer.request()
    })
    for (const stream of [false, true]) {
      const error = await transport.failure(server.url, { maxResponseSize: 1000, stream })
      expect(error).toBeInstanceOf(ResponseTooLargeError)
      expect(error).toMatchObject({ limit: 1000 })
    }
    await server.close()
  })

  it('does not take the length of a HEAD for one', async () => {
    const server = await startFaultServer(always('HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n'))
    expect((await transport.fetch(server.url, { method: 'HEAD', maxResponseSize: 10 })).status).toBe(200)
    await server.close()
  })

  it('ends a body that becomes too large', async () => {
    const server = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      while (!peer.socket.destroyed) await peer.write(`3e8\r\n${'x'.repeat(1000)}\r\n`)
    })
    expect(await transport.failure(server.url, { maxResponseSize: 5000 })).toBeInstanceOf(ResponseTooLargeError)
    const { stream } = await transport.fetch(server.url, { maxResponseSize: 5000, stream: true })
    await expect(readAll(stream!)).rejects.toBeInstanceOf(ResponseTooLargeError)
    await server.close()
  })

  it('allows exactly as much', async () => {
    for (const name of [...names, 'identity']) {
      const body = name === 'identity' ? plain : compress(name, plain)
      expect(await decoded(body, name, { maxResponseSize: plain.length })).toEqual(plain)
    }
  })

  it.each(names)('ends a bomb of %s', async (name) => {
    const bomb = compress(name, Buffer.alloc(30_000_000))
    for (const maxResponseSize of [200_000, 10_000_000]) {
      const failure = (await decoded(bomb, name, { maxResponseSize })) as Error
      expect(failure).toBeInstanceOf(ResponseTooLargeError)
      expect(failure).toMatchObject({ limit: maxResponseSize })
      expect(failure.message).toContain('once decoded')
    }
  })
})
