import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions as TlsOptions, SecureContext } from 'node:tls'
import { isThenable, ownOptions } from '../../checks.ts'
import type { Destination, Endpoint } from '../destination.ts'
import type { ProxyTarget, TlsIdentity } from '../exchange.ts'
import { type ExchangePhase, translateFailure } from '../failures.ts'
import type { ResolvedConnectionOptions } from '../connection-options.ts'
import { ConnectAttempt, type ConnectCallback, openSocket, secureSocket } from './connect-attempt.ts'
import { openSocksTunnel, resolveHere } from './socks.ts'
import { openTunnel } from './tunnel.ts'

/** Makes sockets that requests can be written to: opens TCP, passes the proxy, performs the TLS handshake. */
export class Connector {
  readonly #options: ResolvedConnectionOptions
  readonly #makeRoom: () => boolean
  readonly #contexts: TlsContexts

  /** @param makeRoom closes an idle connection and returns true, or false if there is none */
  constructor(options: ResolvedConnectionOptions, makeRoom: () => boolean) {
    this.#options = options
    this.#makeRoom = makeRoom
    this.#contexts = new TlsContexts(options.socket, options.maxCachedSessions)
  }

  /**
   * @param timeout milliseconds for all steps; Infinity for none
   * @param callback gets errors that are already translated to ours
   * @param protocols offered to the target (ALPN); default: those of the options, else HTTP/1.1
   */
  connect(
    destination: Destination,
    timeout: number,
    callback: ConnectCallback,
    protocols?: readonly string[],
  ): ConnectAttempt {
    const attempt = new ConnectAttempt(destination, Math.min(timeout, this.#options.connectTimeout), callback)
    this.#establish(attempt, protocols).then(
      (socket) => attempt.succeed(socket),
      (error: unknown) => attempt.fail(error as Error),
    )
    return attempt
  }

  async #establish(attempt: ConnectAttempt, protocols: readonly string[] | undefined): Promise<Socket> {
    const { origin, target, firstHop, proxy, isAbsoluteForm } = attempt.destination
    let phase: ExchangePhase = proxy === undefined ? 'connect' : 'proxy'
    try {
      let socket = await this.#openFirst(attempt, firstHop)
      if (proxy !== undefined) {
        // As in requests: the authorities we trust hold for the proxy, too; our own certificate is for the origin.
        if (firstHop.isSecure) socket = await this.#secure(attempt, socket, firstHop, false, undefined)
        if (isAbsoluteForm) return socket
        await this.#passThrough(attempt, socket, proxy)
      }
      phase = 'tls'
      return target.isSecure ? await this.#secure(attempt, socket, target, true, protocols) : socket
    } catch (error) {
      throw translateFailure(error, phase, origin, proxy?.url)
    }
  }

  async #passThrough(attempt: ConnectAttempt, socket: Socket, proxy: ProxyTarget): Promise<void> {
    const { target, proxyAuthorization } = attempt.destination
    if (proxy.protocol === 'http:' || proxy.protocol === 'https:') return openTunnel(socket, target, proxyAuthorization)
    const resolved = proxy.protocol === 'socks5:' ? await resolveHere(target, this.#options.socket.lookup) : target
    // A look-up can't be stopped; the socket may have closed meanwhile, and emits nothing again.
    if (attempt.isOver) throw new Error('The attempt was given up')
    return openSocksTunnel(socket, resolved, proxy, attempt.timeout)
  }

  /** When no file descriptor is left, an idle connection is closed for one. */
  async #openFirst(attempt: ConnectAttempt, endpoint: Endpoint): Promise<Socket> {
    try {
      return await this.#open(attempt, endpoint)
    } catch (error) {
      if (attempt.isOver || !isOutOfFiles(error) || !this.#makeRoom()) throw error
      return this.#openFirst(attempt, endpoint)
    }
  }

  async #open(attempt: ConnectAttempt, { isSecure, hostname, port }: Endpoint): Promise<Socket> {
    const { connector, socket: options } = this.#options
    if (connector === undefined) return openSocket(attempt, { ...options, host: hostname, port })
    const host = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
    const protocol = isSecure ? 'https:' : 'http:'
    return new Promise((resolve, reject) => {
      const returned = connector({ hostname, host, protocol, port: String(port) }, (error, socket?: Socket | null) => {
        // undici's own connectors give nothing but the error.
        if (socket === null || socket === undefined) {
          return reject(error ?? new Error('`poolOptions.connect` gave no socket'))
        }
        attempt.hold(socket.on('error', reject))
        resolve(socket)
      })
      if (isThenable(returned)) returned.then(undefined, reject)
    })
  }

  async #secure(
    attempt: ConnectAttempt,
    socket: Socket,
    to: Endpoint,
    isTarget: boolean,
    protocols: readonly string[] | undefined,
  ): Promise<Socket> {
    const { key, tls, proxy } = attempt.destination
    // A connector of the caller's does the TLS of the first hop itself.
    if (this.#options.connector !== undefined && isTarget === (proxy === undefined)) return socket
    const sessionKey = isTarget ? key : `proxy of ${key}`
    const session = this.#contexts.session(sessionKey)
    const { socket: options } = this.#options
    return secureSocket(
      attempt,
      {
        // SNI takes names only, not addresses.
        ...(net.isIP(to.hostname) === 0 && { servername: to.hostname }),
        // Even with NODE_TLS_REJECT_UNAUTHORIZED=0: connections outlive it, and serve requests made without it.
        rejectUnauthorized: true,
        ...options,
        ...(tls && { rejectUnauthorized: tls.rejectUnauthorized }),
        ...(session && { session }),
        ...(protocols && { ALPNProtocols: [...protocols] }),
        secureContext: this.#contexts.context(tls, isTarget),
        host: to.hostname,
        socket,
      },
      (session) => this.#contexts.remember(sessionKey, session),
    )
  }
}

function isOutOfFiles(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return code === 'EMFILE' || code === 'ENFILE'
}

/** How many identities are remembered; a session rarely has more than two. */
const maxContexts = 100

/**
 * Keeps what TLS handshakes can share: the parsed certificates of an identity, and sessions to resume. A session is resumed
 * only for the same destination and identity, because a resumed handshake does not check certificates again.
 */
export class TlsContexts {
  readonly #options: TlsOptions
  readonly #maxSessions: number
  readonly #contexts = new Map<string, SecureContext>()
  readonly #sessions = new Map<string, Buffer>()

  constructor(options: TlsOptions, maxSessions: number) {
    this.#options = options
    this.#maxSessions = maxSessions
  }

  /**
   * @param withCertificate whether the client certificate is offered
   * @throws OpenSSL's error for a certificate or key that it can't read
   */
  context(identity: TlsIdentity | undefined, withCertificate: boolean): SecureContext {
    const key = `${withCertificate ? 'own' : 'no'} ${identity?.id ?? ''}`
    let context = this.#contexts.get(key)
    if (context === undefined) {
      const { ca, cert, key: privateKey, passphrase } = identity ?? {}
      const own = withCertificate && cert !== undefined ? { cert, key: privateKey ?? cert, passphrase } : undefined
      context = tls.createSecureContext(ownOptions({ ...this.#options, ...(ca && { ca: [...ca] }), ...own }))
      put(this.#contexts, key, context, maxContexts)
    }
    return context
  }

  session(key: string): Buffer | undefined {
    return this.#sessions.get(key)
  }

  remember(key: string, session: Buffer): void {
    if (this.#maxSessions > 0) put(this.#sessions, key, session, this.#maxSessions)
  }
}

/** Adds an entry as the newest, and drops the oldest if there are too many. */
function put<Value>(map: Map<string, Value>, key: string, value: Value, limit: number): void {
  map.delete(key)
  if (map.size >= limit) map.delete(map.keys().next().value as string)
  map.set(key, value)
}
