/** A challenge of a WWW-Authenticate header (RFC 9110, 11.6.1). */
export interface Challenge {
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
