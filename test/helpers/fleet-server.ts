import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server for requests of a fleet: what it does is in the path. */
export interface TestServer {
  readonly url: string
  /** Bodies of /once. */
  readonly bodies: string[]
  /** Exchanges that the other side has ended. */
  readonly aborted: number
  /** How often a path was asked for. */
  count(path: string): number
  close(): Promise<void>
}

export async function startServer(): Promise<TestServer> {
  const counts = new Map<string, number>()
  const bodies: string[] = []
  let aborted = 0
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    const count = (counts.get(url.pathname) ?? 0) + 1
    counts.set(url.pathname, count)
    response.on('close', () => {
      if (!response.writableFinished) aborted++
    })
    void bodyOf(request).then((body) => {
      if (url.pathname === '/once') bodies.push(body.toString())
      answer(url, request, response, body, count)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    get aborted() {
      return aborted
    },
    count: (path) => counts.get(path) ?? 0,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    // It was cancelled.
  }
  return Buffer.concat(chunks)
}

function answer(url: URL, request: IncomingMessage, response: ServerResponse, body: Buffer, count: number): void {
  const { method, headers } = request
  switch (url.pathname) {
    case '/echo':
      return void response.end(JSON.stringify({ method, url: request.url, headers, body: body.toString() }))
    case '/mirror':
      return void response.end(body)
    case '/redirect':
      return void response.writeHead(302, { location: '/echo' }).end()
    case '/set-cookie':
      return void response.writeHead(200, { 'set-cookie': url.search.slice(1) }).end()
    case '/fails':
      return void response.writeHead(503).end()
    case '/fails-twice':
      return void response.writeHead(count > 2 ? 200 : 503).end()
    case '/digest':
      return answerDigest(request, response)
    case '/hangs':
      return
    default:
      response.end()
  }
}

function answerDigest({ headers: { authorization = '' } }: IncomingMessage, response: ServerResponse): void {
  const part = (name: string): string => new RegExp(`${name}="?([^",]+)`).exec(authorization)?.[1] ?? ''
  const hash = (text: string): string => createHash('md5').update(text).digest('hex')
  const ha = [hash('user:test:password'), hash(`GET:${part('uri')}`)]
  const expected = hash([ha[0], part('nonce'), part('nc'), part('cnonce'), part('qop'), ha[1]].join(':'))
  if (part('response') === expected) return void response.end('welcome')
  response.writeHead(401, { 'www-authenticate': 'Digest realm="test", nonce="n1", qop="auth"' }).end()
}
