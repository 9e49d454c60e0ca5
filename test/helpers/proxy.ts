import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { tlsFixture } from './tls.ts'

export interface TestProxy {
  readonly hostname: string
  readonly port: number
  /** `METHOD target` of every request, or `CONNECT host:port`; of SOCKS `host:port`. */
  readonly seen: string[]
  /** The headers of every HTTP request, CONNECT included. */
  readonly headers: http.IncomingHttpHeaders[]
  /** Connections that were opened since the start. */
  readonly connections: number
  close(): Promise<void>
}

export interface HttpProxyOptions {
  /** `user:password`, or everybody may. */
  credentials?: string
  secure?: boolean
  /** Takes a CONNECT over; nothing else happens to it then. */
  onConnect?: (socket: Duplex) => void
}

/** An HTTP proxy: absolute-form and CONNECT. Every name is this machine. */
export async function startHttpProxy({
  credentials,
  secure = false,
  onConnect,
}: HttpProxyOptions = {}): Promise<TestProxy> {
  const seen: string[] = []
  const headers: http.IncomingHttpHeaders[] = []
  const isAllowed = (request: http.IncomingMessage): boolean =>
    credentials === undefined ||
    request.headers['proxy-authorization'] === `Basic ${Buffer.from(credentials).toString('base64')}`
  const note = (request: http.IncomingMessage): void => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
    headers.push(request.headers)
  }
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    note(request)
    if (!isAllowed(request)) return void response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end('who are you?')
    const url = new URL(request.url ?? '')
    const forwarded = { ...request.headers }
    delete forwarded['proxy-authorization']
    const target = http.request(
      {
        host: '127.0.0.1',
        port: url.port,
        method: request.method,
        path: url.pathname + url.search,
        headers: forwarded,
      },
      (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers)),
    )
    target.on('error', () => response.destroy())
    // A client that leaves takes its request with it.
    response.on('close', () => response.writableFinished || target.destroy())
    request.pipe(target)
  }
  const server = secure
    ? https.createServer({ cert: tlsFixture('server.pem'), key: tlsFixture('server.key') }, onRequest)
    : http.createServer(onRequest)
  server.on('tlsClientError', () => {})
  server.on('connect', (request: http.IncomingMessage, socket: Duplex) => {
    note(request)
    socket.on('error', () => {})
    if (onConnect !== undefined) return onConnect(socket)
    if (!isAllowed(request))
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
    const target = net.connect(Number(/\d+$/.exec(request.url ?? '')?.[0]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))
    socket.on('close', () => target.destroy())
  })
  return started(server, secure ? 'localhost' : '127.0.0.1', seen, headers)
}

/** A SOCKS 5 proxy (RFC 1928, 1929), with CONNECT only. Every name is this machine. */
export async function startSocksProxy({ credentials }: { credentials?: string } = {}): Promise<TestProxy> {
  const seen: string[] = []
  const server = net.createServer((socket) => {
    void serveSocks(socket, credentials, seen).catch(() => socket.destroy())
  })
  return started(server, '127.0.0.1', seen, [])
}

async function serveSocks(socket: Socket, credentials: string | undefined, seen: string[]): Promise<void> {
  const take = taker(socket)
  const [, methods = 0] = await take(2)
  const offered = [...(await take(methods))]
  const method = credentials === undefined ? 0 : 2
  if (!offered.includes(method)) return void socket.end(Buffer.from([5, 0xff]))
  socket.write(Buffer.from([5, method]))
  if (credentials !== undefined) {
    const user = await take((await take(2))[1] ?? 0)
    const password = await take((await take(1))[0] ?? 0)
    const isRight = `${user.toString()}:${password.toString()}` === credentials
    socket.write(Buffer.from([1, isRight ? 0 : 1]))
    if (!isRight) return void socket.end()
  }
  const type = (await take(4))[3]
  const host =
    type === 3 ? (await take((await take(1))[0] ?? 0)).toString() : [...(await take(type === 1 ? 4 : 16))].join('.')
  const port = (await take(2)).readUInt16BE()
  seen.push(`${host}:${port}`)
  const reply = (code: number): boolean => socket.write(Buffer.from([5, code, 0, 1, 127, 0, 0, 1, 0, 0]))
  const target = net.connect(port, '127.0.0.1', () => {
    reply(0)
    target.pipe(socket).pipe(target)
  })
  target.on('error', () => reply(5))
  socket.on('close', () => target.destroy())
}

/** Reads exactly so many bytes. */
function taker(socket: Socket): (size: number) => Promise<Buffer> {
  return async (size) => {
    for (;;) {
      const bytes = size === 0 ? Buffer.alloc(0) : (socket.read(size) as Buffer | null)
      if (bytes !== null) return bytes
      if (socket.readableEnded || socket.destroyed) throw new Error('The client left')
      await new Promise((resolve) => socket.once('readable', resolve).once('close', resolve))
    }
  }
}

async function started(
  server: net.Server,
  hostname: string,
  seen: string[],
  headers: http.IncomingHttpHeaders[],
): Promise<TestProxy> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    hostname,
    port: (server.address() as AddressInfo).port,
    seen,
    headers,
    get connections() {
      return connections
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
