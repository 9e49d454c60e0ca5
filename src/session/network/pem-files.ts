import { X509Certificate, createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { className } from '../../checks.ts'
import { InvalidOptionError, SSLError } from '../../errors.ts'
import { FileCache } from './file-cache.ts'

/** PEM text, and what tells it from any other. */
export interface Pem {
  readonly text: string
  readonly id: string
}

/**
 * Certificates of authorities: PEM text or bytes, a file, or a directory, of which every file with a certificate counts.
 * A directory is read again when something is added to it or removed.
 *
 * @throws {SSLError} not readable, or no certificate in it; names the path
 * @throws {InvalidOptionError} neither text nor bytes, or empty
 */
export function readAuthorities(option: string, value: unknown): Pem {
  return read(option, value, authorityTexts, authorityFiles)
}

/** A certificate, or a key: PEM text or bytes, or a file. Throws as `readAuthorities` does, whatever stands in it. */
export function readPem(option: string, value: unknown): Pem {
  return read(option, value, pemTexts, pemFiles)
}

/** How a message names what was given: a path as it is, and nothing that may be a key. */
export function nameOfPem(value: unknown): string {
  const isPath = typeof value === 'string' && !/-----BEGIN|[\r\n]|^[A-Za-z0-9+/=]{80,}$/.test(value)
  return isPath ? `\`${value}\`` : 'the given PEM'
}

const maxTexts = 100

/** Long texts are hashed once. */
class TextCache {
  readonly #make: (text: string) => Pem
  readonly #pems = new Map<string, Pem>()

  constructor(make: (text: string) => Pem) {
    this.#make = make
  }

  get(text: string): Pem {
    const known = this.#pems.get(text)
    if (known !== undefined) return known
    const pem = this.#make(text)
    if (this.#pems.size >= maxTexts) this.#pems.clear()
    this.#pems.set(text, pem)
    return pem
  }
}

const pemTexts = new TextCache(pemOf)
const authorityTexts = new TextCache(authoritiesOf)
const pemFiles = new FileCache((path) => pemOf(readFileSync(path, 'utf8')))
const authorityFiles = new FileCache((path) =>
  authoritiesOf(statSync(path).isDirectory() ? readDirectory(path) : readFileSync(path, 'utf8')),
)

function read(option: string, value: unknown, texts: TextCache, files: FileCache<Pem>): Pem {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString() : value
  if (typeof text !== 'string' || text === '') {
    const kind = typeof text === 'object' && text !== null ? `an object (${className(text)})` : typeof text
    throw new InvalidOptionError(`Expected \`${option}\` to be a path or PEM, got ${text === '' ? 'nothing' : kind}`, {
      option,
    })
  }
  try {
    const pem = text.includes('-----BEGIN') ? texts.get(text) : files.get(text)
    if (pem !== undefined) return pem
  } catch (cause) {
    throw new SSLError(`Could not read \`${option}\` from ${nameOfPem(text)}: ${reasonOf(cause)}`)
  }
  throw new SSLError(`Could not read \`${option}\` from ${nameOfPem(text)}: no such file`)
}

function pemOf(text: string): Pem {
  return { text, id: createHash('sha256').update(text).digest('hex') }
}

/** Node passes over authorities that it can't read: nobody would be trusted, and nobody would know why. */
function authoritiesOf(text: string): Pem {
  if (!isCertificate(text)) throw new Error('no certificate in it')
  return pemOf(text)
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.byteLength > 0
  } catch {
    return false
  }
}

/** Links of `c_rehash` make most files appear twice. */
function readDirectory(path: string): string {
  const files = readdirSync(path).map((name) => join(path, name))
  const texts = files
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .map((file) => readFileSync(file, 'utf8'))
  return [...new Set(texts)].filter(isCertificate).join('\n')
}

/** What the file system says holds the path, which may be a key; its code does not. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
