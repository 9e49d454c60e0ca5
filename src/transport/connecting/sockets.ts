import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { ownOptions } from '../../own-options.ts'
import type { ConnectAttempt } from './connect-attempt.ts'

type SocketOptions = ConnectionOptions & { readonly autoSelectFamilyAttemptTimeout?: number | undefined }

/** As undici does it: dead peers are noticed after a minute of silence. */
const tcpKeepAliveDelay = 60_000

/** Of the time that each address of a host gets, from one round to the next; and ms that nobody waits longer than. */
const patience = 4
const mostPatience = 60_000

/**
 * A TCP (or Unix domain) connection.
 *
 * Node gives each address of a host but the last 250 ms. One that is slower, or that has answered while the loop was busy
 * for as long, is given up for good, and what the last one says is the error: so they are tried once more, with more time.
 */
export async function openSocket(attempt: ConnectAttempt, options: SocketOptions): Promise<Socket> {
  const { autoSelectFamilyAttemptTimeout: time = net.getDefaultAutoSelectFamilyAttemptTimeout() } = options
  try {
    return await connect(attempt, options)
  } catch (error) {
    if (attempt.isOver || time >= mostPatience || !wasCutShort(error)) throw error
    return openSocket(attempt, { ...options, autoSelectFamilyAttemptTimeout: time * patience })
  }
}

async function connect(attempt: ConnectAttempt, options: SocketOptions): Promise<Socket> {
  const socket = net.connect(ownOptions({ highWaterMark: 64 * 1024, ...options } as net.NetConnectOpts))
  socket.setNoDelay(true)
  socket.setKeepAlive(true, tcpKeepAliveDelay)
  return settled(attempt, socket, 'connect')
}

/** Whether there were several addresses, and one before the last got too little time. */
function wasCutShort(error: unknown): boolean {
  const { errors } = error as { errors?: unknown }
  if (!Array.isArray(errors)) return false
  return errors.slice(0, -1).some((each: NodeJS.ErrnoException) => each.code === 'ETIMEDOUT')
}

/** The TLS handshake, on a socket that `options` bring or make. */
export async function secureSocket(
  attempt: ConnectAttempt,
  options: ConnectionOptions,
  onSession: (session: Buffer) => void,
): Promise<TLSSocket> {
  const socket = tls.connect(ownOptions({ ALPNProtocols: ['http/1.1'], ...options }))
  socket.on('session', onSession)
  return settled(attempt, socket, 'secureConnect')
}

/** Waits for the event, or for what comes instead of it. */
async function settled<S extends Socket>(attempt: ConnectAttempt, socket: S, event: string): Promise<S> {
  attempt.hold(socket)
  return new Promise((resolve, reject) => {
    // This listener stays: an error between two steps must not be an uncaught one.
    socket.on('error', reject)
    const onClose = (): void => reject(Object.assign(new Error('The socket was closed'), { code: 'ECONNRESET' }))
    socket.once('close', onClose)
    socket.once(event, () => {
      socket.removeListener('close', onClose)
      resolve(socket)
    })
  })
}
