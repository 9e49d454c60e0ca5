/** A challenge of a WWW-Authenticate header (RFC 9110, 11.6.1). */
interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** By name in lower case, as they stand on the wire: within the quotes, escapes and all. The first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>
}

/** The challenges of a header, several headers joined with commas. Takes any text, in linear time. */
export function parseChallenges(header: string): Challenge[] {
  const scanner = new Scanner(header)
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  while (scanner.next()) {
    const word = scanner.word()
    if (scanner.skipEquals()) {
      const parameters = challenges.at(-1)?.parameters
      const value = scanner.value()
      if (parameters?.has(word.toLowerCase()) === false) parameters.set(word.toLowerCase(), value)
    } else challenges.push({ scheme: word.toLowerCase(), parameters: new Map() })
  }
  return challenges
}

/** What a header of parameters alone says (Authentication-Info), as the parameters of a challenge. */
export function parseParameters(header: string): ReadonlyMap<string, string> {
  return parseChallenges(`_ ${header}`)[0]?.parameters ?? new Map<string, string>()
}

/** A quoted text without its escapes. A backslash before anything else stays: some realms are Windows domains. */
export function unquote(text: string): string {
  return text.replace(/\\(["\\])/g, '$1')
}

/** Every call of a method moves on, whatever the text is. Blanks are spaces and tabs: \xa0 is half a letter in UTF-8. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Goes to the next word; false at the end. */
  next(): boolean {
    for (;;) {
      this.#skip(/[ \t,=]*/y)
      if (this.#text.charAt(this.#at) !== '"') return this.#at < this.#text.length
      this.value()
    }
  }

  word(): string {
    return this.#skip(/[^ \t,="]*/y)
  }

  skipEquals(): boolean {
    this.#skip(/[ \t]*/y)
    return this.#skip(/=?/y) !== ''
  }

  /** A quoted string (one that is not closed goes to the end), or a word. */
  value(): string {
    this.#skip(/[ \t]*/y)
    if (this.#text.charAt(this.#at) !== '"') return this.word()
    const start = ++this.#at
    while (this.#at < this.#text.length && this.#text.charAt(this.#at) !== '"') {
      this.#at += this.#text.charAt(this.#at) === '\\' ? 2 : 1
    }
    return this.#text.slice(start, this.#at++)
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const [skipped] = pattern.exec(this.#text) ?? ['']
    this.#at += skipped.length
    return skipped
  }
}

/** A digest challenge (RFC 7616, 3.3) that we can answer. */
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
