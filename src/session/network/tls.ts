import { createHash } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { describe } from '../../checks.ts'
import { InvalidOptionError, SSLError } from '../../errors.ts'
import { ownOptions } from '../../own-options.ts'
import type { TlsIdentity } from '../../transport/exchange.ts'
import type { CertOption, VerifyOption } from '../options/options.ts'
import { nameOfPem, readAuthorities, readPem } from './pem-files.ts'
import type { Pem } from './pem-files.ts'

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

/** Here and not in the middle of a handshake: a wrong passphrase, a key that does not belong to it, no key at all. */
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
