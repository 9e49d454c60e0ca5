import type { Http2ServerRequest } from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidHeaderError } from '../../../src/errors.ts'
import { TestConnections, readAll, text } from '../../helpers/exchanges.ts'
import type { RequestPart } from '../../helpers/exchanges.ts'
import { startHttp2Server } from '../../helpers/h2/server.ts'
import type { Http2Handler, Http2TestServer } from '../../helpers/h2/server.ts'

const tls = { id: 'insecure', rejectUnauthorized: false } as const

let end: () => Promise<void>
afterEach(async () => end())

async function start(handler: Http2Handler = echo): Promise<[TestConnections, Http2TestServer]> {
  const server = await startHttp2Server(handler)
  const transport = new TestConnections({ allowH2: true })
  end = async () => {
    await transport.close()
    await server.close()
  }
  return [transport, server]
}

/** Tells what has arrived, or sends as many bytes as the path says. */
const echo: Http2Handler = (request, response) => {
  void lengthOf(request).then((received) => {
    const [, size] = /^\/bytes\/(\d+)$/.exec(request.url) ?? []
    const { method, url } = request
    const announced = request.headers['content-length']
    if (size === undefined) response.end(JSON.stringify({ method, url, received, announced }))
    else response.end(Buffer.alloc(Number(size), 'b'))
  })
}

async function lengthOf(request: Http2ServerRequest): Promise<number> {
  let length = 0
  for await (const chunk of request) length += (chunk as Buffer).length
  return length
}

describe('HTTP/2', () => {
  it('is spoken where the server chooses it, by many on one connection', async () => {
    const [transport, server] = await start()
    const fetches = Array.from({ length: 50 }, async (_, index) => transport.fetch(`${server.url}/${index}`, { tls }))
    const responses = await Promise.all(fetches)
    expect(responses.map((each) => each.httpVersion)).toEqual(Array(50).fill('2'))
    expect(responses.map((each) => (JSON.parse(text(each)) as { url: string }).url)).toEqual(
      responses.map((_, index) => `/${index}`),
    )
    expect(server.protocols).toEqual(['h2'])
  })

  const bytes = Buffer.alloc(3_000_000, 'x')
  it.each<[string, RequestPart, object]>([
    ['text', { body: 'hello' }, { received: 5, announced: '5' }],
    ['nothing', {}, { received: 0, announced: '0' }],
    ['empty text', { body: '' }, { received: 0, announced: '0' }],
    ['more bytes than a window', { body: bytes }, { received: 3_000_000, announced: '3000000' }],
    ['a source', { body: { length: undefined, open: () => chunks(5) } }, { received: 500_000 }],
    ['a source with a length', { body: { length: 500_000, open: () => chunks(5) } }, { announced: '500000' }],
  ])('sends a body: %s', async (_, part, expected) => {
    const [transport, server] = await start()
    const response = await transport.fetch(server.url, { method: 'POST', tls, ...part })
    expect(JSON.parse(text(response))).toMatchObject(expected)
  })

  it.each([
    ['is there twice', ['content-type', 'a', 'Content-Type', 'b']],
    ['is no token', ['x y', 'a']],
    ['is too long', ['x', 'a'.repeat(70_000)]],
  ])('sends no header that %s, and keeps the connection', async (_, headers) => {
    const [transport, server] = await start()
    await transport.fetch(server.url, { tls })
    expect(await transport.failure(server.url, { tls, headers })).toBeInstanceOf(InvalidHeaderError)
    await transport.fetch(server.url, { tls })
    expect(server.protocols).toHaveLength(1)
    expect(server.seen).toHaveLength(2)
  })

  it('streams a body', async () => {
    const [transport, server] = await start()
    const { stream } = await transport.fetch(`${server.url}/bytes/2000000`, { tls, stream: true })
    expect((await readAll(stream!)).length).toBe(2_000_000)
  })
})

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield Buffer.alloc(100_000)
}
