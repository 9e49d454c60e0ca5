import { describe, expect, it } from 'vitest'
import { TestConnections, readAll, text } from '../../helpers/exchanges.ts'
import { startHttp2Server } from '../../helpers/http2-server.ts'
import type { Http2Server } from '../../helpers/http2-server.ts'
import type { RequestPart } from '../../helpers/exchanges.ts'

const tls = { id: 'insecure', rejectUnauthorized: false } as const

async function withServer(use: (transport: TestConnections, server: Http2Server) => Promise<void>): Promise<void> {
  const server = await startHttp2Server()
  const transport = new TestConnections({ allowH2: true })
  try {
    await use(transport, server)
  } finally {
    await transport.close()
    await server.close()
  }
}

describe('HTTP/2', () => {
  it('is spoken where the server chooses it, by many on one connection', async () => {
    await withServer(async (transport, server) => {
      const fetches = Array.from({ length: 50 }, async (_, index) => transport.fetch(`${server.url}/${index}`, { tls }))
      const responses = await Promise.all(fetches)
      expect(responses.map((each) => each.httpVersion)).toEqual(Array(50).fill('2'))
      expect(JSON.parse(text(responses[7] as (typeof responses)[0]))).toMatchObject({ path: '/7', method: 'GET' })
      expect(server.connections).toBe(1)
    })
  })

  const bytes = Buffer.alloc(3_000_000, 'x')
  it.each<[string, RequestPart, number, string | undefined]>([
    ['text', { body: 'hello' }, 5, '5'],
    ['nothing', {}, 0, '0'],
    ['empty text', { body: '' }, 0, '0'],
    ['bytes', { body: bytes }, 3_000_000, '3000000'],
    ['a source', { body: { length: undefined, open: () => chunks(5) } }, 5 * 100_000, undefined],
  ])('sends a body: %s', async (_, part, length, announced) => {
    await withServer(async (transport, server) => {
      const response = await transport.fetch(server.url, { method: 'POST', tls, ...part })
      expect(JSON.parse(text(response))).toMatchObject({ received: length })
      expect(server.seen[0]?.headers['content-length']).toBe(announced)
    })
  })

  it('streams a body', async () => {
    await withServer(async (transport, server) => {
      const { stream } = await transport.fetch(`${server.url}/bytes/2000000`, { tls, stream: true })
      expect((await readAll(stream as NonNullable<typeof stream>)).length).toBe(2_000_000)
    })
  })
})

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield Buffer.alloc(100_000)
}
