import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Handler } from './server.ts'

/** A PEM file of test/fixtures/tls. By the working folder: programs of ours are bundled, and run from elsewhere. */
export function tlsFixture(name: string): string {
  return readFileSync(`test/fixtures/tls/${name}`, 'utf8')
}

export interface TlsServer {
  /** `https://localhost:port` */
  readonly url: string
  readonly port: number
  /** Handshakes that were completed since the start. */
  readonly connections: number
  /** Of each handshake: the name that was asked for (false = none), the client's name, whether a session was resumed. */
  readonly handshakes: { servername: string | false; client: string | undefined; isResumed: boolean }[]
  /** TCP connections that are open now. */
  readonly openSockets: ReadonlySet<Socket>
  close(): Promise<void>
}

/** A real HTTPS server on a free port of 127.0.0.1, by default with the certificate `server`. */
export async function startTlsServer(handler?: Handler, options: https.ServerOptions = {}): Promise<TlsServer> {
  const sockets = new Set<Socket>()
  const handshakes: TlsServer['handshakes'] = []
  const identity = { cert: tlsFixture('server.pem'), key: tlsFixture('server.key') }
  const server = https.createServer({ ...identity, ...options }, (request, response) => {
    response.on('error', () => {})
    if (handler === undefined) response.end('secure')
    else handler(request, response)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    const { servername } = socket as unknown as { servername: string | false }
    const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string } }
    handshakes.push({ servername, client: subject?.CN, isResumed: socket.isSessionReused() })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    get connections() {
      return handshakes.length
    },
    handshakes,
    openSockets: sockets,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
