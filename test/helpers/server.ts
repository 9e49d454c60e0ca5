import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void

/** A real HTTP server on a free port of 127.0.0.1, that counts. */
export interface TestServer {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string
  /** `METHOD /path` of every request, in order of arrival. */
  readonly seen: string[]
  /** Requests that have arrived and not been answered. */
  readonly active: number
  /** The most there ever were at once. */
  readonly peak: number
  /** Connections that were opened since the start. */
  readonly connections: number
  /** Connections that are open now. */
  readonly openSockets: ReadonlySet<Socket>
  close(): Promise<void>
}

const ok: Handler = (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method: request.method, url: request.url }))
}

export async function startServer(handler: Handler = ok, options: http.ServerOptions = {}): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const state = { seen: [] as string[], active: 0, peak: 0, connections: 0 }
  const server = http.createServer({ keepAliveTimeout: 60_000, ...options }, (request, response) => {
    state.seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
    state.active++
    state.peak = Math.max(state.peak, state.active)
    response.once('close', () => state.active--)
    response.on('error', () => {})
    handler(request, response)
  })
  server.on('connection', (socket) => {
    state.connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen: state.seen,
    get active() {
      return state.active
    },
    get peak() {
      return state.peak
    },
    get connections() {
      return state.connections
    },
    openSockets: sockets,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** The whole body of a request, as text. */
export async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
