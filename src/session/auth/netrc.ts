import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { realTime } from '../../deadline.ts'
import { FileCache } from '../network/file-cache.ts'

/**
 * User and password for a host from the file that `NETRC` names, else from `~/.netrc` or `~/_netrc`, whichever is there.
 * The file is read again when it has changed. One that can't be read or understood says nothing, as in requests; it does
 * not fail requests.
 *
 * @param hostname as `URL.hostname` has it
 * @param mayBeDefault whether an entry for every host counts, too
 */
export function netrcAuth(
  hostname: string,
  environment: NodeJS.ProcessEnv = process.env,
  { mayBeDefault = true } = {},
): [string, string] | undefined {
  const machines = readNetrc(environment)
  const named = machines?.get(hostname.toLowerCase().replace(/^\[|\]$/g, ''))
  const entry = named ?? (mayBeDefault ? machines?.get(defaultMachine) : undefined)
  if (entry === undefined) return undefined
  const user = entry.login === '' ? entry.account : entry.login
  return user === '' && entry.password === '' ? undefined : [user, entry.password]
}

const files = new FileCache((path) => parseNetrc(readFileSync(path, 'utf8')))

function readNetrc({ NETRC, HOME }: NodeJS.ProcessEnv): ReadonlyMap<string, NetrcEntry> | undefined {
  if (NETRC === '') return undefined
  const paths = pathsFor(NETRC, HOME)
  if (NETRC === undefined && absent?.paths === paths && realTime() < absent.until) return undefined
  try {
    for (const path of paths) {
      const machines = files.get(path)
      if (machines !== undefined) return machines
    }
    absent = { paths, until: realTime() + absenceLasts }
  } catch {
    // Not readable, a directory ...
  }
  return undefined
}

/** The paths of the last call: each request asks for the same ones. */
let knownPaths: { netrc: string | undefined; home: string | undefined; paths: readonly string[] } | undefined

/** How long a file that is not there is not looked for again, in ms: two looks cost a fifth of a request. */
const absenceLasts = 1000

let absent: { readonly paths: readonly string[]; readonly until: number } | undefined

function pathsFor(netrc: string | undefined, home: string | undefined): readonly string[] {
  if (knownPaths !== undefined && knownPaths.netrc === netrc && knownPaths.home === home) return knownPaths.paths
  const folder = home === undefined || home === '' ? homedir() : home
  const paths =
    netrc === undefined ? [join(folder, '.netrc'), join(folder, '_netrc')] : [netrc.replace(/^~(?=\/|$)/, folder)]
  knownPaths = { netrc, home, paths }
  return paths
}

interface NetrcEntry {
  readonly login: string
  readonly account: string
  readonly password: string
}

/** The key of the entry for every other host. */
const defaultMachine = ''

/**
 * The machines of a `.netrc` file by name (in lower case), as Python's `netrc` reads it: quotes, backslashes, comments and
 * macros; of two entries with one name the later counts. Takes any text, in linear time.
 *
 * @returns nothing for a file with a mistake anywhere: half of it could be the wrong half
 */
export function parseNetrc(text: string): ReadonlyMap<string, NetrcEntry> {
  const machines = new Map<string, NetrcEntry>()
  const words = new Words(text)
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (word.startsWith('#')) words.skipLine()
    else if (word === 'macdef') {
      if (words.next() === undefined || !words.skipMacro()) return new Map()
    } else {
      const name = word === 'machine' ? words.next() : word === 'default' ? defaultMachine : undefined
      const entry = name === undefined ? undefined : readEntry(words)
      if (name === undefined || entry === undefined) return new Map()
      machines.set(name.toLowerCase(), entry)
    }
  }
  return machines
}

function readEntry(words: Words): NetrcEntry | undefined {
  const entry = { login: '', account: '', password: '' }
  for (;;) {
    const word = words.next()
    if (word === undefined) return entry
    if (word === 'machine' || word === 'default' || word === 'macdef') {
      words.putBack(word)
      return entry
    }
    if (word === 'login' || word === 'user') entry.login = words.next() ?? ''
    else if (word === 'account' || word === 'password') entry[word] = words.next() ?? ''
    else if (word.startsWith('#')) words.skipLine()
    else return undefined
  }
}

class Words {
  readonly #text: string
  #at = 0
  #again: string | undefined

  constructor(text: string) {
    this.#text = text.replace(/\r\n?/g, '\n')
  }

  putBack(word: string): void {
    this.#again = word
  }

  next(): string | undefined {
    const again = this.#again
    this.#again = undefined
    if (again !== undefined) return again
    while (isSeparator(this.#text.charAt(this.#at))) this.#at++
    if (this.#at >= this.#text.length) return undefined
    const isQuoted = this.#text.charAt(this.#at) === '"'
    if (isQuoted) this.#at++
    let word = ''
    let start = this.#at
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text.charAt(this.#at)
      if (isQuoted ? char === '"' : isSeparator(char)) break
      if (char !== '\\') continue
      word += this.#text.slice(start, this.#at)
      // What follows it stands for itself.
      start = ++this.#at
    }
    word += this.#text.slice(start, this.#at)
    if (isQuoted) this.#at++
    return word
  }

  skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#text.length : end
  }

  /** A macro goes on to the next empty line; false if there is none. */
  skipMacro(): boolean {
    const end = this.#text.indexOf('\n\n', this.#at)
    this.#at = end + 2
    return end >= 0
  }
}

function isSeparator(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n'
}
