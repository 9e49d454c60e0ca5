import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions as TlsOptions, TLSSocket } from 'node:tls'
import { ownOptions } from '../../checks.ts'
import { ConnectTimeoutError } from '../../errors.ts'
import { ConnectTimer } from '../connect-timer.ts'
import type { Destination } from '../destination.ts'

/** Passed to undici when an attempt is given up; no caller sees it. */
const attemptGivenUp = new Error('The attempt to connect was given up')

/** Called once, with either an error or a socket. */
export type ConnectCallback = (error: Error | null, socket: Socket | null) => void

/**
 * An attempt to get a socket, in all its steps: look-up, TCP, proxy, TLS. It has one outcome and one timeout for all steps, and
 * can be given up at any moment: its socket is destroyed, and so is one that a step still brings.
 */
export class ConnectAttempt {
  readonly destination: Destination
  /** Milliseconds for all steps together; Infinity for no timeout. */
  readonly timeout: number
  #callback: ConnectCallback | undefined
  #socket: Socket | undefined = undefined
  readonly #timer: ConnectTimer | undefined

  constructor(destination: Destination, timeout: number, callback: ConnectCallback) {
    this.destination = destination
    this.timeout = timeout
    this.#callback = callback
    this.#timer = timeout === Infinity ? undefined : new ConnectTimer(timeout, () => this.#timeOut())
  }

  get isOver(): boolean {
    return this.#callback === undefined
  }

  /** Sets the socket that is destroyed if the attempt ends without success. */
  hold(socket: Socket): void {
    this.#socket = socket
    if (this.isOver) socket.destroy()
  }

  succeed(socket: Socket): void {
    this.hold(socket)
    this.#end()?.(null, socket)
  }

  fail(error: Error): void {
    const callback = this.#end()
    if (callback === undefined) return
    this.#socket?.destroy()
    callback(error, null)
  }

  giveUp(): void {
    this.fail(attemptGivenUp)
  }

  #timeOut(): void {
    const { origin, proxy } = this.destination
    const through = proxy === undefined ? '' : ` through the proxy ${proxy.url}`
    this.fail(
      new ConnectTimeoutError(`Could not connect to ${origin}${through}: no connection within ${this.timeout} ms`),
    )
  }

  #end(): ConnectCallback | undefined {
    const callback = this.#callback
    this.#callback = undefined
    this.#timer?.clear()
    return callback
  }
}

type SocketOptions = TlsOptions & { readonly autoSelectFamilyAttemptTimeout?: number | undefined }

/** Milliseconds of silence before TCP probes the peer, as in undici. */
const tcpKeepAliveDelay = 60_000

/** By what the time for each address grows from one round to the next, and up to how many ms. */
const retryFactor = 4
const longestRetry = 60_000

/**
 * Opens a TCP (or Unix domain) connection.
 *
 * Node gives each address of a host but the last one 250 ms, and drops it for good if it is slower, or answers while the loop
 * is busy. If the last one fails as well, all are tried once more, with more time.
 */
export async function openSocket(attempt: ConnectAttempt, options: SocketOptions): Promise<Socket> {
  const { autoSelectFamilyAttemptTimeout: time = net.getDefaultAutoSelectFamilyAttemptTimeout() } = options
  try {
    return await connect(attempt, options)
  } catch (error) {
    if (attempt.isOver || time >= longestRetry || !wasCutShort(error)) throw error
    return openSocket(attempt, { ...options, autoSelectFamilyAttemptTimeout: time * retryFactor })
  }
}

async function connect(attempt: ConnectAttempt, options: SocketOptions): Promise<Socket> {
  const socket = net.connect(ownOptions({ highWaterMark: 64 * 1024, ...options } as net.NetConnectOpts))
  socket.setNoDelay(true)
  socket.setKeepAlive(true, tcpKeepAliveDelay)
  return untilEvent(attempt, socket, 'connect')
}

/** Whether an address other than the last one timed out. */
function wasCutShort(error: unknown): boolean {
  const { errors } = error as { errors?: unknown }
  if (!Array.isArray(errors)) return false
  return errors.slice(0, -1).some((each: NodeJS.ErrnoException) => each.code === 'ETIMEDOUT')
}

/** Performs the TLS handshake on the socket in `options`, or on one made with them. */
export async function secureSocket(
  attempt: ConnectAttempt,
  options: TlsOptions,
  onSession: (session: Buffer) => void,
): Promise<TLSSocket> {
  const socket = tls.connect(ownOptions({ ALPNProtocols: ['http/1.1'], ...options }))
  socket.on('session', onSession)
  return untilEvent(attempt, socket, 'secureConnect')
}

/** Resolves at the event, and rejects at an error or a close before it. */
async function untilEvent<S extends Socket>(attempt: ConnectAttempt, socket: S, event: string): Promise<S> {
  attempt.hold(socket)
  return new Promise((resolve, reject) => {
    // This listener stays: without one, an error between two steps would be an uncaught exception.
    socket.on('error', reject)
    const onClose = (): void => reject(Object.assign(new Error('The socket was closed'), { code: 'ECONNRESET' }))
    socket.once('close', onClose)
    socket.once(event, () => {
      socket.removeListener('close', onClose)
      resolve(socket)
    })
  })
}
