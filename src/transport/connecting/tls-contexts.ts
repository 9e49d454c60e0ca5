import tls from 'node:tls'
import type { ConnectionOptions, SecureContext } from 'node:tls'
import { ownOptions } from '../../own-options.ts'
import type { TlsIdentity } from '../exchange.ts'

/** What tells how many identities are remembered; a session rarely has more than two. */
const maxContexts = 100

/**
 * What TLS handshakes can share: the parsed certificates of an identity, and sessions to resume. A session is resumed
 * only towards the same destination under the same identity: a resumed handshake checks no certificate again.
 */
export class TlsContexts {
  readonly #options: ConnectionOptions
  readonly #maxSessions: number
  readonly #contexts = new Map<string, SecureContext>()
  readonly #sessions = new Map<string, Buffer>()

  constructor(options: ConnectionOptions, maxSessions: number) {
    this.#options = options
    this.#maxSessions = maxSessions
  }

  /**
   * @param withCertificate whether our own certificate is offered
   * @throws what OpenSSL says of a certificate or key that it can't read
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

/** Puts the newest last and drops the oldest. */
function put<Value>(map: Map<string, Value>, key: string, value: Value, limit: number): void {
  map.delete(key)
  if (map.size >= limit) map.delete(map.keys().next().value as string)
  map.set(key, value)
}
