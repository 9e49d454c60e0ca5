import { describe } from '../../checks.ts'
import { UnrewindableBodyError } from '../../errors.ts'
import type { AuthFunction } from './auth-flow.ts'
import { withRecipe } from './auth-recipe.ts'
import type { PreparedRequest } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import { StreamBody } from '../body/stream-body.ts'
import { parseParameters } from './challenges.ts'
import { DigestAnswers, hashBody, type Account } from './digest-answers.ts'
import { strongestChallenge } from './digest-challenge.ts'
import type { DigestChallenge } from './digest-challenge.ts'
import { NonceCounts } from './nonce-counts.ts'

/** Another request may use up a nonce before ours arrives; a server that finds every nonce stale gets its way in the end. */
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
    throw new UnrewindableBodyError(
      `Could not answer the challenge to ${method} ${request.url}: the body is a stream or an iterable, read once. Pass a function that makes one for each send`,
    )
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
