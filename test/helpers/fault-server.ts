import net from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import tls from 'node:tls'
import type { TlsOptions } from 'node:tls'
import { tlsFixture } from './tls.ts'

/** One connection as the server sees it. */
export interface Peer {
  readonly socket: Socket
  /** 0 for the first connection, 1 for the second ...; over TLS, those whose handshake failed don't count. */
  readonly index: number
  /** The head of the next request, its body (by Content-Length) behind it; undefined when the other side has closed. */
  request(): Promise<string | undefined>
  /** The next bytes, whatever they mean: exactly so many, or fewer when the other side has closed. */
  take(size: number): Promise<Buffer>
  /** Passes everything on, in both directions, until one side ends: to this port of this machine. */
  relay(port: number): Promise<void>
  /** Text is latin1. Resolves when the kernel has it. */
  write(bytes: string | Uint8Array): Promise<void>
  /** Ends the connection with RST. */
  reset(): void
  readonly closed: Promise<void>
}

/** A TCP server whose connections follow a script of bytes. */
export interface FaultServer {
  /** `http://127.0.0.1:port`, or `https://localhost:port`. */
  readonly url: string
  readonly port: number
  /** Connections that were opened since the start. */
  readonly connections: number
  readonly openSockets: ReadonlySet<Socket>
  /** The heads of all requests that a script has read. */
  readonly requests: string[]
  close(): Promise<void>
}

/** What a script does when it has nothing more to do: the connection stays open. */
export type Script = (peer: Peer) => unknown

export async function startFaultServer(script: Script, secure?: TlsOptions): Promise<FaultServer> {
  const sockets = new Set<Socket>()
  const requests: string[] = []
  let connections = 0
  let peers = 0
  const onSocket = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    // Only a TCP socket can be reset; the one below TLS has the same port.
    const tcp = [...sockets].find((each) => each.remotePort === socket.remotePort) ?? socket
    const peer = peerOf(socket, tcp, peers++, requests)
    // Otherwise nobody notices that the other side has left.
    void Promise.resolve(script(peer)).then(async () => peer.take(Infinity))
  }
  const server: Server =
    secure === undefined
      ? net.createServer(onSocket)
      : tls.createServer({ cert: tlsFixture('server.pem'), key: tlsFixture('server.key'), ...secure }, onSocket)
  server.on('connection', () => connections++)
  // The sockets of handshakes that fail.
  if (secure !== undefined) server.on('connection', (socket) => track(sockets, socket)).on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: secure === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    port,
    get connections() {
      return connections
    },
    openSockets: sockets,
    requests,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Answers every request of every connection with these bytes. */
export function always(answer: string | Uint8Array): Script {
  return async (peer) => {
    while ((await peer.request()) !== undefined) await peer.write(answer)
  }
}

/** Takes every request and answers none. */
export const silence: Script = async (peer) => {
  while ((await peer.request()) !== undefined);
}

/** A response with a body and its length. */
export function answer(body: string | Uint8Array, headers: Record<string, string> = {}, status = '200 OK'): Buffer {
  const lines = Object.entries({ 'Content-Length': Buffer.byteLength(body), ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`), Buffer.from(body as string)])
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.on('error', () => {}).once('close', () => sockets.delete(socket))
}

function peerOf(socket: Socket, tcp: Socket, index: number, requests: string[]): Peer {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let received = ''
  const more = async (): Promise<boolean> => {
    const { done, value } = await chunks.next().catch(() => ({ done: true as const, value: undefined }))
    if (done === true) return false
    received += value.toString('latin1')
    return true
  }
  return {
    socket,
    index,
    async request() {
      while (!received.includes('\r\n\r\n')) if (!(await more())) return undefined
      const bodyStart = received.indexOf('\r\n\r\n') + 4
      const length = Number(/^content-length: (\d+)/im.exec(received.slice(0, bodyStart))?.[1] ?? 0)
      while (received.length < bodyStart + length) if (!(await more())) return undefined
      const request = received.slice(0, bodyStart + length)
      received = received.slice(bodyStart + length)
      requests.push(request)
      return request
    },
    async take(size) {
      while (received.length < size) if (!(await more())) break
      const bytes = Buffer.from(received.slice(0, size), 'latin1')
      received = received.slice(size)
      return bytes
    },
    async relay(port) {
      const target = net.connect(port, '127.0.0.1').on('error', () => socket.destroy())
      socket.once('close', () => target.destroy())
      target.pipe(socket)
      do {
        target.write(Buffer.from(received, 'latin1'))
        received = ''
      } while (await more())
      target.end()
    },
    write: async (bytes) =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve()
        socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => resolve())
      }),
    reset: () => void tcp.resetAndDestroy(),
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  }
}
