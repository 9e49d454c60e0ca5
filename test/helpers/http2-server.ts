import http2 from 'node:http2'
import type { IncomingHttpHeaders, SecureServerOptions, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { tlsFixture } from './tls.ts'

export type Http2Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, index: number) => void

/** A real HTTP/2 server (`node:http2`) on a free port of 127.0.0.1. */
export interface Http2Server {
  /** `https://localhost:port` */
  readonly url: string
  readonly port: number
  /** Connections since the start. */
  readonly connections: number
  readonly sessions: ServerHttp2Session[]
  /** The requests, in order of arrival. */
  readonly seen: { headers: IncomingHttpHeaders; session: number }[]
  readonly openSockets: ReadonlySet<Socket>
  close(): Promise<void>
}

/** Answers with what it has got, as JSON; `/bytes/n` with so many. */
const echo: Http2Handler = (stream, headers) => {
  let received = 0
  stream.on('data', (chunk: Buffer) => (received += chunk.length))
  stream.on('end', () => {
    if (stream.destroyed) return
    const path = String(headers[':path'])
    stream.respond({ ':status': 200, 'content-type': 'application/json' })
    if (path.startsWith('/bytes/')) stream.end(Buffer.alloc(Number(path.slice(7)), 'b'))
    else stream.end(JSON.stringify({ method: headers[':method'], path, received }))
  })
}

export async function startHttp2Server(
  handler: Http2Handler = echo,
  options: SecureServerOptions = {},
): Promise<Http2Server> {
  const sockets = new Set<Socket>()
  const sessions: ServerHttp2Session[] = []
  const seen: Http2Server['seen'] = []
  const identity = { cert: tlsFixture('server.pem'), key: tlsFixture('server.key') }
  const server = http2.createSecureServer({ ...identity, ...options })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const index = seen.push({ headers, session: sessions.indexOf(stream.session as ServerHttp2Session) }) - 1
    handler(stream, headers, index)
  })
  server.on('sessionError', () => {})
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    get connections() {
      return sessions.length
    },
    sessions,
    seen,
    openSockets: sockets,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
