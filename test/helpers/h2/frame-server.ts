import type { AddressInfo, Socket } from 'node:net'
import tls from 'node:tls'
import type { TlsOptions, TLSSocket } from 'node:tls'
import { gate, until, type Gate } from '../gate.ts'
import { tlsFixture } from '../tls.ts'
import { flags, frameTypes, ping, preface, readFrame, settings, settingsAck, windowUpdate } from './frames.ts'
import type { Frame, Settings } from './frames.ts'
import { HeaderDecoder } from './hpack.ts'

/** A stream that the client has opened. */
export interface FrameStream {
  readonly id: number
  readonly method: string
  readonly path: string
  /** In the order of their arrival, with those that begin with a colon. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** What has arrived of its body. */
  readonly body: Buffer
  /** The client has said that this is all. */
  readonly isEnded: boolean
  /** The code with which the client has reset it. */
  readonly resetCode: number | undefined
}

/** One connection as the server sees it. */
export interface FramePeer {
  readonly socket: TLSSocket
  /** 0 for the first connection, 1 for the second ... */
  readonly index: number
  /** Every frame that has arrived. */
  readonly frames: readonly Frame[]
  readonly streams: ReadonlyMap<number, FrameStream>
  /** The next stream, when its headers are there; undefined when the other side has closed. */
  request(): Promise<FrameStream | undefined>
  /** Resolves when the whole body of the request is there, the stream is reset or the connection is closed. */
  bodyOf(stream: FrameStream): Promise<Buffer>
  /** Resolves when the kernel has it. */
  send(...bytes: (string | Uint8Array)[]): Promise<void>
  /** Ends the connection with FIN, after what has been sent. */
  end(): void
  /** Ends the connection with RST. */
  reset(): void
  readonly isReset: boolean
  readonly closed: Promise<void>
}

export interface FrameServerOptions {
  /** What is said first; `false`: nothing. Default: SETTINGS without a value. */
  readonly settings?: Settings | false
  /** Whether the client's SETTINGS and PINGs are answered. Default true. */
  readonly answers?: boolean
  /** Whether the client may go on with a body that is longer than its window. Default true. */
  readonly grants?: boolean
  readonly tls?: TlsOptions
}

export interface FrameServer {
  /** `https://localhost:port` */
  readonly url: string
  readonly port: number
  /** Handshakes that were completed since the start. */
  readonly connections: number
  readonly peers: readonly FramePeer[]
  /** `METHOD /path` of every stream of every connection, in order of arrival. */
  readonly seen: readonly string[]
  readonly openSockets: ReadonlySet<Socket>
  close(): Promise<void>
}

/** What a connection does. When it is over, the connection stays as it is, and is still read. */
export type FrameScript = (peer: FramePeer) => unknown

/** A TLS server that chooses `h2`, and whose connections follow a script of frames. */
export async function startFrameServer(script: FrameScript, options: FrameServerOptions = {}): Promise<FrameServer> {
  const sockets = new Set<Socket>()
  const peers: ConnectedPeer[] = []
  const seen: string[] = []
  const identity = { cert: tlsFixture('server.pem'), key: tlsFixture('server.key'), ALPNProtocols: ['h2'] }
  const below = new Map<number | undefined, Socket>()
  const server = tls.createServer({ ...identity, ...options.tls }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    const peer = new ConnectedPeer(socket, below.get(socket.remotePort) ?? socket, peers.length, options, seen)
    peers.push(peer)
    void Promise.resolve(script(peer)).catch((error: unknown) => socket.destroy(error as Error))
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    below.set(socket.remotePort, socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    get connections() {
      return peers.length
    },
    peers,
    seen,
    openSockets: sockets,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** The write side of a FrameStream. */
class OpenStream implements FrameStream {
  readonly id: number
  readonly headers: [name: string, value: string][]
  readonly chunks: Buffer[] = []
  isEnded: boolean
  resetCode: number | undefined = undefined

  constructor(id: number, headers: [string, string][], isEnded: boolean) {
    this.id = id
    this.headers = headers
    this.isEnded = isEnded
  }

  get method(): string {
    return this.#of(':method')
  }

  get path(): string {
    return this.#of(':path')
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks)
  }

  #of(name: string): string {
    return this.headers.find(([each]) => each === name)?.[1] ?? ''
  }
}

class ConnectedPeer implements FramePeer {
  readonly socket: TLSSocket
  readonly index: number
  readonly frames: Frame[] = []
  readonly streams = new Map<number, OpenStream>()
  readonly closed: Promise<void>
  isReset = false
  readonly #tcp: Socket
  readonly #options: FrameServerOptions
  readonly #seen: string[]
  readonly #decoder = new HeaderDecoder()
  /** Streams that no script has taken yet, and scripts that wait for one. */
  readonly #fresh: FrameStream[] = []
  readonly #waiting: Gate<FrameStream | undefined>[] = []
  #received: Buffer = Buffer.alloc(0)
  #hasPreface = false
  /** A list of headers that goes on in CONTINUATIONs. */
  #block: { readonly streamId: number; readonly isLast: boolean; bytes: Buffer } | undefined = undefined

  constructor(socket: TLSSocket, tcp: Socket, index: number, options: FrameServerOptions, seen: string[]) {
    this.socket = socket
    this.index = index
    this.#tcp = tcp
    this.#options = options
    this.#seen = seen
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    void this.closed.then(() => this.#leave())
    socket.on('data', (chunk: Buffer) => this.#read(chunk)).once('end', () => this.#leave())
    if (options.settings !== false) void this.send(settings(options.settings))
  }

  async request(): Promise<FrameStream | undefined> {
    const stream = this.#fresh.shift()
    if (stream !== undefined || this.socket.readableEnded || this.socket.destroyed) return stream
    const waiting = gate<FrameStream | undefined>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  async bodyOf(stream: FrameStream): Promise<Buffer> {
    await until(() => stream.isEnded || stream.resetCode !== undefined || this.socket.destroyed)
    return stream.body
  }

  async send(...bytes: (string | Uint8Array)[]): Promise<void> {
    const all = Buffer.concat(bytes.map((each) => Buffer.from(each as string)))
    await new Promise<void>((resolve) => {
      if (this.socket.destroyed || this.socket.writableEnded) return resolve()
      this.socket.write(all, () => resolve())
    })
  }

  end(): void {
    this.socket.end()
  }

  reset(): void {
    this.isReset = true
    this.#tcp.resetAndDestroy()
  }

  #leave(): void {
    for (const waiting of this.#waiting.splice(0)) waiting.open(undefined)
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    if (!this.#hasPreface) {
      if (this.#received.length < preface.length) return
      if (!this.#received.subarray(0, preface.length).equals(preface)) return void this.socket.destroy()
      this.#hasPreface = true
      this.#received = this.#received.subarray(preface.length)
    }
    for (let next = readFrame(this.#received); next !== undefined; next = readFrame(this.#received)) {
      this.#received = this.#received.subarray(next.length)
      this.frames.push(next.frame)
      this.#take(next.frame)
    }
  }

  #take(frame: Frame): void {
    const { type, streamId, payload } = frame
    const stream = this.streams.get(streamId)
    if (type === frameTypes.headers || type === frameTypes.continuation) return this.#takeHeaders(frame)
    if (type === frameTypes.data && stream !== undefined) return this.#takeData(stream, frame)
    if (type === frameTypes.rstStream && stream !== undefined) stream.resetCode = payload.readUInt32BE(0)
    if (this.#options.answers === false || (frame.flags & flags.ack) !== 0) return
    if (type === frameTypes.settings) void this.send(settingsAck())
    if (type === frameTypes.ping) void this.send(ping(true))
  }

  #takeHeaders({ type, flags: flagBits, streamId, payload }: Frame): void {
    if (type === frameTypes.headers) {
      const isLast = (flagBits & flags.endStream) !== 0
      // Five bytes that tell the stream's weight.
      const skip = (flagBits & flags.priority) !== 0 ? 5 : 0
      this.#block = { streamId, isLast, bytes: payload.subarray(skip) }
    } else this.#block!.bytes = Buffer.concat([this.#block!.bytes, payload])
    if ((flagBits & flags.endHeaders) === 0) return
    const { isLast, bytes } = this.#block!
    const headers = this.#decoder.decode(bytes)
    const known = this.streams.get(streamId)
    if (known !== undefined) known.isEnded ||= isLast
    else this.#open(streamId, headers, isLast)
  }

  #open(id: number, headers: [string, string][], isEnded: boolean): void {
    const stream = new OpenStream(id, headers, isEnded)
    this.streams.set(id, stream)
    this.#seen.push(`${stream.method} ${stream.path}`)
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#fresh.push(stream)
    else waiting.open(stream)
  }

  #takeData(stream: OpenStream, { flags: flagBits, streamId, payload }: Frame): void {
    stream.chunks.push(payload)
    stream.isEnded = (flagBits & flags.endStream) !== 0
    if (this.#options.grants === false || payload.length === 0) return
    void this.send(windowUpdate(0, payload.length), windowUpdate(streamId, payload.length))
  }
}
