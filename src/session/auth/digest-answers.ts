import { createHash, randomBytes } from 'node:crypto'
import type { PreparedBody } from '../body/body.ts'
import { StreamBody } from '../body/stream-body.ts'
import { unquote } from './challenges.ts'
import type { DigestChallenge } from './digest-challenge.ts'
import type { NonceCount } from './nonce-counts.ts'

export interface Account {
  readonly user: string
  readonly password: string
}

/**
 * The answers to one nonce, counted (RFC 7616, 3.4). Every text in here has one character for each byte, as headers have:
 * what the server wrote is hashed as it came over the wire, whatever encoding that is, user and password as UTF-8.
 */
export class DigestAnswers {
  readonly challenge: DigestChallenge
  readonly #account: Account
  readonly #user: string
  /** `H(A1)`. Of a session it is made from the nonces of the first answer, and serves all of them. */
  readonly #secret: string
  readonly #cnonce = makeNonce()
  readonly #count: NonceCount

  /** @param count of the nonce of the challenge */
  constructor(account: Account, challenge: DigestChallenge, count: NonceCount, secret?: string) {
    this.challenge = challenge
    this.#account = account
    this.#count = count
    this.#user = this.#encode(account.user)
    this.#secret = secret ?? this.#makeSecret()
  }

  /** The answers to the nonce that the server wants to see next, given as it stands on the wire. */
  follow(raw: string, count: NonceCount): DigestAnswers {
    const challenge = { ...this.challenge, nonce: unquote(raw), raw: { ...this.challenge.raw, nonce: raw } }
    return new DigestAnswers(this.#account, challenge, count, this.#secret)
  }

  /**
   * An Authorization header; each call counts.
   *
   * @param uri path and query, as they go out
   * @param bodyHash for `auth-int`
   */
  header(method: string, uri: string, bodyHash: string | undefined): string {
    const { raw, nonce, qop, isSession, hasUserHash } = this.challenge
    const count = this.#count.next().toString(16).padStart(8, '0')
    const cnonce = isSession ? this.#cnonce : makeNonce()
    const request = this.#hash(bodyHash === undefined ? `${method}:${uri}` : `${method}:${uri}:${bodyHash}`)
    const middle = qop === undefined ? nonce : `${nonce}:${count}:${cnonce}:${qop}`
    const fields = [
      this.#userField(),
      `realm="${raw.realm}"`,
      `nonce="${raw.nonce}"`,
      `uri="${uri}"`,
      `response="${this.#hash(`${this.#secret}:${middle}:${request}`)}"`,
    ]
    if (raw.opaque !== undefined) fields.push(`opaque="${raw.opaque}"`)
    if (raw.algorithm !== undefined) fields.push(`algorithm=${raw.algorithm}`)
    if (qop !== undefined) fields.push(`qop=${qop}`, `nc=${count}`)
    if (qop !== undefined || isSession) fields.push(`cnonce="${cnonce}"`)
    if (hasUserHash) fields.push('userhash=true')
    return `Digest ${fields.join(', ')}`
  }

  #makeSecret(): string {
    const { realm, nonce, isSession } = this.challenge
    const secret = this.#hash(`${this.#user}:${realm}:${this.#encode(this.#account.password)}`)
    return isSession ? this.#hash(`${secret}:${nonce}:${this.#cnonce}`) : secret
  }

  #userField(): string {
    const { realm, hasUserHash, isUtf8 } = this.challenge
    if (hasUserHash) return `username="${this.#hash(`${this.#user}:${realm}`)}"`
    if (isUtf8 && /[^\x20-\x7e]/.test(this.#user)) return `username*=UTF-8''${percentEncode(this.#user)}`
    // The bytes that are hashed, as curl and browsers send them.
    return `username="${this.#user.replace(/["\\]/g, '\\$&')}"`
  }

  /** A server that speaks of UTF-8 compares characters that are composed. */
  #encode(text: string): string {
    return Buffer.from(this.challenge.isUtf8 ? text.normalize('NFC') : text).toString('latin1')
  }

  #hash(bytes: string): string {
    return createHash(this.challenge.hash).update(bytes, 'latin1').digest('hex')
  }
}

/** The hash of a body for `auth-int`. A stream is read for it, so it has to be one that can be read again. */
export async function hashBody(body: PreparedBody | undefined, hash: string): Promise<string> {
  const hasher = createHash(hash)
  if (body instanceof StreamBody) for await (const chunk of body.open()) hasher.update(chunk)
  else if (body !== undefined) hasher.update(body)
  return hasher.digest('hex')
}

function makeNonce(): string {
  return randomBytes(8).toString('hex')
}

/** RFC 8187. */
function percentEncode(bytes: string): string {
  return bytes.replace(/[^\w!#$&+\-.^`|~]/g, (byte) => {
    const hex = byte.charCodeAt(0).toString(16).toUpperCase()
    return `%${hex.padStart(2, '0')}`
  })
}
