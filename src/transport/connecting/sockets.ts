import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { ownOptions } from '../../own-options.ts'
import type { ConnectAttempt } from './connect-attempt.ts'

/** As undici does it: dead peers are noticed after a minute of silence. */
const tcpKeepAliveDelay = 60_000

/** A TCP (or Unix domain) connection. */
export async function openSocket(attempt: ConnectAttempt, options: ConnectionOptions): Promise<Socket> {
  const socket = net.connect(ownOptions({ highWaterMark: 64 * 1024, ...options } as net.NetConnectOpts))
  socket.setNoDelay(true)
  socket.setKeepAlive(true, tcpKeepAliveDelay)
  return settled(attempt, socket, 'connect')
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
