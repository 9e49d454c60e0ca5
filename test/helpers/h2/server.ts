import http2 from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { tlsFixture } from '../tls.ts'

export type Http2Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void

/** A server of node:http2 on a free port of 127.0.0.1, that counts. */
export interface Http2TestServer {
  /** `https://localhost:port` */
  readonly url: string
  readonly port: number
  /** `METHOD /path` of every request, in order of arrival. */
  readonly seen: readonly string[]
  /** Requests that have arrived and not been answered. */
  readonly active: number
  /** The most there ever were at once. */
  readonly peak: number
  /** What each handshake has chosen. */
  readonly protocols: readonly (string | false | null)[]
  /** Sessions of HTTP/2 that are open now. */
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>
  /** TCP connections that are open now. */
  readonly openSockets: ReadonlySet<Socket>
  /** Connections beyond so many are closed as soon as they are there. */
  limit(connections: number): void
  close(): Promise<void>
}

const ok: Http2Handler = (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method: request.method, url: request.url, version: request.httpVersion }))
}

/** By default HTTP/2 and HTTP/1.1, as the client likes, with the certificate `server`. */
export async function startHttp2Server(
  handler: Http2Handler = ok,
  options: http2.SecureServerOptions = {},
): Promise<Http2TestServer> {
  const state = { seen: [] as string[], active: 0, peak: 0, protocols: [] as (string | false | null)[] }
  const sockets = new Set<Socket>()
  const sessions = new Set<http2.ServerHttp2Session>()
  const identity = { cert: tlsFixture('server.pem'), key: tlsFixture('server.key'), allowHTTP1: true }
  const server = http2.createSecureServer({ ...identity, ...options }, (request, response) => {
    state.seen.push(`${request.method} ${request.url}`)
    state.active++
    state.peak = Math.max(state.peak, state.active)
    response.once('close', () => state.active--)
    response.on('error', () => {})
    request.on('error', () => {})
    handler(request, response)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  server.on('secureConnection', (socket: TLSSocket) => state.protocols.push(socket.alpnProtocol))
  server.on('session', (session: http2.ServerHttp2Session) => {
    sessions.add(session)
    session.on('error', () => {}).once('close', () => sessions.delete(session))
  })
  server.on('tlsClientError', () => {}).on('sessionError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    seen: state.seen,
    get active() {
      return state.active
    },
    get peak() {
      return state.peak
    },
    protocols: state.protocols,
    sessions,
    openSockets: sockets,
    limit(connections) {
      server.maxConnections = connections
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
