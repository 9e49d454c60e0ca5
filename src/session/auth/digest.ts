import { createHash, randomBytes } from 'node:crypto'
import { describe } from '../../checks.ts'
import type { PreparedBody } from '../body/body.ts'
import { StreamBody, unrewindable } from '../body/stream-body.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import { type AuthFunction, withRecipe } from './auth-flow.ts'
import { type DigestChallenge, parseParameters, strongestChallenge, unquote } from './challenges.ts'
import { type NonceCount, NonceCounts } from './nonce-counts.ts'

/** Another request may use up a nonce before ours arrives; where a server finds every nonce stale, its last response counts. */
const maxAnswers = 4

/** Origins that are remembered; the oldest is forgotten. */
const maxOrigins = 1000

/**
 * Digest authentication (RFC 7616): MD5, SHA-256, SHA-512-256 and their `-sess` kinds, as in requests also SHA and
 * SHA-512; qop `auth`, `auth-int` and none. The strongest challenge that can be answered is.
 *
 * The function remembers the last nonce of each origin: later requests, whoever sends them, go out with an answer at
 * once and count on. Concurrent ones each have a count of their own, in worker threads too.
 *
 * @throws {TypeError} what is no string
 */
export function digest(user: string, password: string): AuthFunction {
  if (typeof (user as unknown) !== 'string')
    throw new TypeError(`Expected the user to be a string, got ${describe(user)}`)
  if (typeof (password as unknown) !== 'string') {
    throw new TypeError(`Expected the password to be a string, got one of type ${typeof password}`)
  }
  return countedDigest(user, password, new NonceCounts())
}

/** One of several that share their counts: each thread has a function of its own. */
export function countedDigest(user: string, password: string, counts: NonceCounts): AuthFunction {
  const spaces = new ProtectionSpaces({ user, password }, counts)
  async function* authorize(request: PreparedRequest): AsyncGenerator<PreparedRequest, undefined, Response> {
    const { origin } = new URL(request.url)
    let answers = spaces.get(origin)
    if (answers !== undefined) request.headers.set('Authorization', await answer(request, answers))
    let response = yield request
    for (let count = 0; count < maxAnswers; count++) {
      const challenge = challengeOf(response)
      // A second refusal of a fresh nonce is about user and password.
      if (challenge === undefined || (count > 0 && !challenge.isStale)) break
      answers = spaces.enter(origin, challenge)
      // A copy, for the 401 keeps the request it belongs to.
      const next = request.copy()
      next.headers.set('Authorization', await answer(next, answers, true))
      response = yield next
    }
    if (answers !== undefined) spaces.follow(origin, answers, response)
  }
  return withRecipe(authorize, { name: 'digest', args: [user, password], counts })
}

/** 4xx, not only 401, as in requests. */
function challengeOf({ status, headers }: Response): DigestChallenge | undefined {
  return status >= 400 && status < 500 ? strongestChallenge(headers.get('www-authenticate')) : undefined
}

async function answer(request: PreparedRequest, answers: DigestAnswers, isRepeated = false): Promise<string> {
  const { method, body } = request
  const { qop, hash } = answers.challenge
  const { pathname, search } = new URL(request.url)
  const readsBody = isRepeated || qop === 'auth-int'
  if (readsBody && body instanceof StreamBody && !body.isReplayable) {
    throw unrewindable(`Could not answer the challenge to ${method} ${request.url}`)
  }
  // Without a body to hash there is no pause here, in which another request could take the count.
  const bodyHash = qop === 'auth-int' ? await hashBody(body, hash) : undefined
  return answers.header(method, pathname + search, bodyHash)
}

/** The nonce in use by origin: without a `domain` in the challenge, that is the protection space. */
class ProtectionSpaces {
  readonly #account: Account
  readonly #counts: NonceCounts
  readonly #answers = new Map<string, DigestAnswers>()

  constructor(account: Account, counts: NonceCounts) {
    this.#account = account
    this.#counts = counts
  }

  get(origin: string): DigestAnswers | undefined {
    return this.#answers.get(origin)
  }

  /** Counts on where the nonce is the one in use. */
  enter(origin: string, challenge: DigestChallenge): DigestAnswers {
    const known = this.#answers.get(origin)
    if (known !== undefined && isSame(known.challenge, challenge)) return known
    const count = this.#counts.of(origin, challenge.raw.nonce)
    return this.#put(origin, new DigestAnswers(this.#account, challenge, count))
  }

  /** The server may tell which nonce it wants to see next (RFC 7616, 3.5). */
  follow(origin: string, answers: DigestAnswers, response: Response): void {
    const nonce = parseParameters(response.headers.get('authentication-info') ?? '').get('nextnonce')
    if (nonce === undefined || nonce === answers.challenge.raw.nonce) return
    this.#put(origin, answers.follow(nonce, this.#counts.of(origin, nonce)))
  }

  #put(origin: string, answers: DigestAnswers): DigestAnswers {
    this.#answers.delete(origin)
    if (this.#answers.size >= maxOrigins) this.#answers.delete(this.#answers.keys().next().value ?? '')
    this.#answers.set(origin, answers)
    return answers
  }
}

function isSame(one: DigestChallenge, other: DigestChallenge): boolean {
  return one.nonce === other.nonce && one.realm === other.realm && one.hash === other.hash && one.qop === other.qop
}

interface Account {
  readonly user: string
  readonly password: string
}

/**
 * The answers to one nonce, counted (RFC 7616, 3.4). Every text in here has one character for each byte, as headers have:
 * what the server wrote is hashed as it came over the wire, whatever encoding that is, user and password as UTF-8.
 */
class DigestAnswers {
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

  /** Where the server announces UTF-8, characters are composed (NFC), as RFC 7616 has it. */
  #encode(text: string): string {
    return Buffer.from(this.challenge.isUtf8 ? text.normalize('NFC') : text).toString('latin1')
  }

  #hash(bytes: string): string {
    return createHash(this.challenge.hash).update(bytes, 'latin1').digest('hex')
  }
}

/** The hash of a body for `auth-int`. A stream is read for it, so it has to be one that can be read again. */
async function hashBody(body: PreparedBody | undefined, hash: string): Promise<string> {
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
