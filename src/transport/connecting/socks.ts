import dns from 'node:dns'
import net from 'node:net'
import type { LookupFunction, Socket } from 'node:net'
import { setImmediate } from 'node:timers'
import type { Endpoint } from '../destination.ts'
import type { ProxyTarget } from '../exchange.ts'

/**
 * Milliseconds for the client's own timer, which it never clears, and which holds the socket: it is bounded even without a
 * connect timeout. With one it fires later, because that one reports what happened, and may be extended where the loop was
 * busy.
 */
const longestHandshake = 300_000
const margin = 30_000

/**
 * Asks a SOCKS 5 proxy for a connection to `target`. Afterwards the socket behaves as if it was connected there.
 *
 * @param target a name in it is resolved by the proxy
 * @throws a plain error with the answer of the proxy; the caller destroys the socket then
 */
export async function openSocksTunnel(
  socket: Socket,
  target: Endpoint,
  { username, password }: ProxyTarget,
  timeout: number,
): Promise<void> {
  // Loaded on demand, because few need it.
  const { SocksClient } = await import('socks')
  // The socket may have closed meanwhile, and emits nothing again.
  if (socket.destroyed) throw closedEarly()
  const credentials =
    username === undefined && password === undefined ? undefined : { userId: username ?? '', password: password ?? '' }
  try {
    await SocksClient.createConnection({
      command: 'connect',
      // Host and port are checked, but not used: there is a socket.
      proxy: { host: '127.0.0.1', port: 1080, type: 5, ...credentials },
      destination: { host: target.hostname, port: target.port },
      existing_socket: socket,
      timeout: Math.min(Math.ceil(timeout) + margin, longestHandshake),
    })
  } catch (error) {
    // Its `options` hold the password.
    if (error instanceof Error) Reflect.deleteProperty(error, 'options')
    throw error
  }
  await keepEarlyBytes(socket)
}

/** The client emits what came with the proxy's last answer one turn later, and lets the socket flow: puts that back. */
async function keepEarlyBytes(socket: Socket): Promise<void> {
  const chunks: Buffer[] = []
  const onData = (chunk: Buffer): unknown => chunks.push(chunk)
  socket.on('data', onData)
  await new Promise((resolve) => setImmediate(resolve))
  socket.removeListener('data', onData).pause()
  if (socket.destroyed) throw closedEarly()
  if (chunks.length > 0) socket.unshift(Buffer.concat(chunks))
}

const closedEarly = (): Error => new Error('it closed the connection')

/** With socks5 we resolve the name, with socks5h the proxy does. */
export async function resolveHere(target: Endpoint, lookup: LookupFunction | undefined): Promise<Endpoint> {
  if (net.isIP(target.hostname) !== 0) return target
  const hostname = await new Promise<string>((resolve, reject) => {
    const resolver: LookupFunction = lookup ?? dns.lookup
    resolver(target.hostname, { all: false }, (error, address) => {
      if (error) reject(error)
      else resolve(typeof address === 'string' ? address : (address[0]?.address ?? target.hostname))
    })
  })
  return { ...target, hostname }
}
