import { parseChallenges, unquote } from './challenges.ts'

/** What a server asks for (RFC 7616, 3.3), if we can give it. */
export interface DigestChallenge {
  /** As they stand on the wire: they go back as they came. */
  readonly raw: {
    readonly realm: string
    readonly nonce: string
    readonly opaque?: string | undefined
    readonly algorithm?: string | undefined
  }
  readonly realm: string
  readonly nonce: string
  /** Node's name of the hash. */
  readonly hash: string
  /** The first nonces are hashed in: `-sess`. */
  readonly isSession: boolean
  /** `undefined` is RFC 2069: no nonce count. */
  readonly qop: 'auth' | 'auth-int' | undefined
  /** The nonce was right, but is too old. */
  readonly isStale: boolean
  readonly hasUserHash: boolean
  readonly isUtf8: boolean
}

/** The strongest first. SHA and SHA-512 are in no RFC; requests has them. */
const hashes = [
  ['sha-512', 'sha512'],
  ['sha-512-256', 'sha512-256'],
  ['sha-256', 'sha256'],
  ['sha', 'sha1'],
  ['md5', 'md5'],
] as const

/** The strongest digest challenge of a WWW-Authenticate header that we can answer; the first of equals. */
export function strongestChallenge(header: string | undefined): DigestChallenge | undefined {
  if (header === undefined) return undefined
  const answerable = parseChallenges(header).flatMap(({ scheme, parameters }) =>
    scheme === 'digest' ? (digestChallenge(parameters) ?? []) : [],
  )
  const strength = ({ hash }: DigestChallenge): number => hashes.findIndex(([, name]) => name === hash)
  return answerable.sort((one, other) => strength(one) - strength(other))[0]
}

function digestChallenge(parameters: ReadonlyMap<string, string>): DigestChallenge | undefined {
  const text = (name: string): string => unquote(parameters.get(name) ?? '')
  const algorithm = text('algorithm').toLowerCase() || 'md5'
  const isSession = algorithm.endsWith('-sess')
  const hash = hashes.find(([name]) => name === (isSession ? algorithm.slice(0, -5) : algorithm))?.[1]
  const nonce = parameters.get('nonce')
  const qops = text('qop')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
  const qop = (['auth', 'auth-int'] as const).find((name) => qops.includes(name))
  if (hash === undefined || nonce === undefined || (qop === undefined && qops.length > 0)) return undefined
  return {
    raw: {
      realm: parameters.get('realm') ?? '',
      nonce,
      opaque: parameters.get('opaque'),
      algorithm: parameters.get('algorithm'),
    },
    realm: text('realm'),
    nonce: text('nonce'),
    hash,
    isSession,
    qop,
    isStale: text('stale').toLowerCase() === 'true',
    hasUserHash: text('userhash').toLowerCase() === 'true',
    isUtf8: text('charset').toLowerCase() === 'utf-8',
  }
}
