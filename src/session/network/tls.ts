import { createHash, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { className, describe, ownOptions } from '../../checks.ts'
import { InvalidOptionError, SSLError } from '../../errors.ts'
import type { TlsIdentity } from '../../transport/exchange.ts'
import type { CertOption, VerifyOption } from '../options/options.ts'
import { FileCache } from './file-cache.ts'

/** A client certificate as it was given. Without a key it holds one itself. */
interface GivenCertificate {
  readonly cert: unknown
  readonly key: unknown
  readonly passphrase: string | undefined
}

const maxIdentities = 1000
const identities = new Map<string, TlsIdentity>()

/**
 * Who we are in a TLS handshake and whom we believe. Files are read once, and again when they change; equal answers are
 * the same object.
 *
 * @param environment given where it is trusted: `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`, names the authorities where
 *   `verify` is true, as in requests (there it also wins over a session's `false`)
 * @returns `undefined` for Node's defaults
 * @throws {SSLError} a file that can't be read or used; names its path, shows no key
 * @throws {InvalidOptionError} an option of another shape
 */
export function resolveTls(
  verify: VerifyOption | null | undefined,
  cert: CertOption | null | undefined,
  environment?: NodeJS.ProcessEnv,
): TlsIdentity | undefined {
  const rejectUnauthorized = verify !== false
  const authorities = authoritiesFor(verify ?? true, environment)
  const given = cert === undefined || cert === null ? undefined : checkCertificate(cert)
  if (rejectUnauthorized && authorities === undefined && given === undefined) return undefined
  const own = given && readPem('cert', given.cert)
  const key = given?.key === undefined ? undefined : readPem('cert', given.key)
  const parts = [rejectUnauthorized, authorities?.map(({ id }) => id), own?.id, key?.id, given?.passphrase]
  const name = JSON.stringify(parts)
  const known = identities.get(name)
  if (known !== undefined) return known
  const identity: TlsIdentity = {
    id: createHash('sha256').update(name).digest('hex'),
    rejectUnauthorized,
    ...(authorities && { ca: authorities.map(({ text }) => text) }),
    ...(own && { cert: own.text }),
    ...(key && { key: key.text }),
    ...(given?.passphrase !== undefined && { passphrase: given.passphrase }),
  }
  if (given !== undefined) tryCertificate(identity, given)
  if (identities.size >= maxIdentities) identities.clear()
  identities.set(name, identity)
  return identity
}

function authoritiesFor(verify: unknown, environment: NodeJS.ProcessEnv | undefined): Pem[] | undefined {
  if (verify === false) return undefined
  if (verify !== true)
    return (Array.isArray(verify) ? checkNotEmpty(verify) : [verify]).map((value) => readAuthorities('verify', value))
  if (environment === undefined) return undefined
  const name = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'].find(
    (each) => environment[each] !== undefined && environment[each] !== '',
  )
  return name === undefined ? undefined : [readAuthorities(name, environment[name])]
}

function checkNotEmpty(verify: unknown[]): unknown[] {
  if (verify.length > 0) return verify
  throw new InvalidOptionError(
    'Expected `verify` to be a boolean, or authorities as path, PEM or array of them, got an empty array',
    { option: 'verify' },
  )
}

function checkCertificate(option: unknown): GivenCertificate {
  if (typeof option === 'string' || option instanceof Uint8Array)
    return { cert: option, key: undefined, passphrase: undefined }
  if (Array.isArray(option) && option.length === 2) {
    const [cert, key] = option as unknown[]
    return { cert, key: key ?? '', passphrase: undefined }
  }
  if (typeof option === 'object' && option !== null && !Array.isArray(option)) {
    const { cert, key, passphrase, ...rest } = ownOptions(option as Record<string, unknown>)
    const isText = passphrase === undefined || typeof passphrase === 'string'
    if (isText && Object.keys(rest).length === 0) return { cert, key, passphrase }
  }
  throw new InvalidOptionError(
    `Expected \`cert\` to be a path or PEM, [cert, key] or { cert, key, passphrase }, got ${Array.isArray(option) ? 'another array' : describe(option)}`,
    { option: 'cert' },
  )
}

/** Refuses what would fail in the middle of a handshake: a wrong passphrase, a key that does not belong to it, no key at all. */
function tryCertificate({ cert, key, passphrase }: TlsIdentity, given: GivenCertificate): void {
  try {
    createSecureContext({ ca: [], cert, key: key ?? cert, passphrase })
  } catch (error) {
    const { reason, message } = error as { reason?: string; message: string }
    const place = given.key === undefined ? '' : ` with the key from ${nameOfPem(given.key)}`
    throw new SSLError(`Could not use \`cert\` from ${nameOfPem(given.cert)}${place}: ${reason ?? message}`, {
      cause: error,
    })
  }
}

/** PEM text, and its hash. */
interface Pem {
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
function readAuthorities(option: string, value: unknown): Pem {
  return readGiven(option, value, authorityTexts, authorityFiles)
}

/** A certificate, or a key: PEM text or bytes, or a file. Throws as `readAuthorities` does, whatever stands in it. */
function readPem(option: string, value: unknown): Pem {
  return readGiven(option, value, pemTexts, pemFiles)
}

/** How a message names what was given: a path as it is, and nothing that may be a key. */
function nameOfPem(value: unknown): string {
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

function readGiven(option: string, value: unknown, texts: TextCache, files: FileCache<Pem>): Pem {
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
