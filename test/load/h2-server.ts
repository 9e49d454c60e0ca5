import http2 from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { tlsFixture } from '../helpers/tls.ts'

/** The server of the load over HTTP/2. */
export interface H2LoadServer {
  readonly url: string
  /** Connections that were opened since the start. */
  readonly connections: number
  readonly openSockets: ReadonlySet<Socket>
  close(): Promise<void>
}

const pad = 'x'.repeat(64 * 1024)

type Answer = (stream: http2.ServerHttp2Stream, id: string, isFirst: boolean) => void

const json = (stream: http2.ServerHttp2Stream, value: unknown, status = 200): void => {
  stream.respond({ ':status': status, 'content-type': 'application/json' })
  stream.end(JSON.stringify(value))
}

/** The first segment of the path says which; the second is the number of the request, which every right answer repeats. */
const answers: Readonly<Record<string, Answer>> = {
  plain: (stream, id) => json(stream, { id }),
  large: (stream, id) => json(stream, { id, pad }),
  late: (stream, id) => void setTimeout(() => !stream.destroyed && json(stream, { id }), 10),
  gzip(stream, id) {
    stream.respond({ 'content-encoding': 'gzip' })
    stream.end(gzipSync(JSON.stringify({ id })))
  },
  hinted(stream, id) {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' })
    json(stream, { id })
  },
  moved(stream, id) {
    stream.respond({ ':status': 302, location: `/plain/${id}` })
    stream.end('elsewhere')
  },
  /** The whole connection takes nothing more, and ends with what it has. */
  leaving(stream, id) {
    stream.session?.close()
    json(stream, { id })
  },
  refusedOnce: (stream, id, isFirst) => (isFirst ? stream.close(7) : json(stream, { id })),
  refused: (stream) => stream.close(7),
  reset: (stream) => stream.close(2),
  resetInBody(stream) {
    stream.respond({ ':status': 200, 'content-length': 1000 })
    stream.write('{"id":', () => stream.close(2))
  },
  short(stream) {
    stream.respond({ ':status': 200, 'content-length': 1000 })
    stream.end('{"id":')
  },
  silent() {},
  missing: (stream, id) => json(stream, { id }, 404),
}

export async function startH2LoadServer(): Promise<H2LoadServer> {
  const identity = { cert: tlsFixture('server.pem'), key: tlsFixture('server.key') }
  const server = http2.createSecureServer({ ...identity, settings: { maxConcurrentStreams: 50 } })
  const openSockets = new Set<Socket>()
  /** How often each has come. */
  const seen = new Map<string, number>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    openSockets.add(socket)
    socket.on('error', () => {}).once('close', () => openSockets.delete(socket))
  })
  server.on('sessionError', () => {}).on('tlsClientError', () => {})
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const [, kind = '', id = ''] = headers[':path']!.split('/')
    const count = (seen.get(id) ?? 0) + 1
    seen.set(id, count)
    // The body of the request first.
    stream.resume().once('end', () => {
      // Cancelled meanwhile: nothing may be said of it.
      if (!stream.destroyed) answers[kind]!(stream, id, count === 1)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections
    },
    openSockets,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of openSockets) socket.destroy()
      await closed
    },
  }
}
