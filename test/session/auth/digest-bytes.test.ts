import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { describe, expect, it, test } from 'vitest'
import { FuturesSession, Session, digest } from '../../../src/index.ts'
import { parseChallenges } from '../../../src/session/auth/challenges.ts'
import { closeRemoteSessionsAfterEach, openRemote, serve } from '../../helpers/remote-sessions.ts'
import type { TestServer } from '../../helpers/server.ts'
import { closeExecutorsAfterEach } from '../../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

/** One character for each byte, as Node has headers. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

interface Realm {
  /** As it is written into the header, a character for each byte. */
  realm: string
  user: string
  password: string
  nonce?: string
  opaque?: string
  algorithm?: string
  qop?: string
  more?: string
}

/** A server that knows nothing of encodings: the bytes of the answer have to give the hash. */
async function guard(options: Realm): Promise<TestServer> {
  const { realm, nonce = 'n', opaque, algorithm = 'MD5', qop = 'auth', more = '' } = options
  const asked = [
    `Digest realm="${realm}", nonce="${nonce}", algorithm=${algorithm}`,
    ...(qop === '' ? [] : [`qop="${qop}"`]),
    ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
    ...(more === '' ? [] : [more]),
  ].join(', ')
  return serve((request, response) => {
    if (isAnswer(request, options)) return void response.end('in')
    response.writeHead(401, { 'www-authenticate': asked })
    response.end('out')
  })
}

function isAnswer({ headers, method }: IncomingMessage, options: Realm): boolean {
  const { realm, user, password, nonce = 'n', opaque, algorithm = 'MD5' } = options
  const answer = parseChallenges(headers.authorization ?? '')[0]?.parameters
  if (answer === undefined) return false
  const field = (name: string): string => answer.get(name) ?? ''
  const name = algorithm.replace(/-sess$/i, '')
  const hash = (...parts: string[]): string =>
    createHash(name === 'SHA-256' ? 'sha256' : 'md5')
      .update(parts.join(':'), 'latin1')
      .digest('hex')
  const hashed = answer.get('userhash') === 'true' ? hash(utf8(user), realm) : undefined
  const named = answer.has('username*')
    ? utf8(decodeURIComponent(field('username*').replace(/^UTF-8''/, '')))
    : (hashed ?? utf8(user))
  if (!answer.has('username*') && field('username') !== named) return false
  if (field('realm') !== realm || field('nonce') !== nonce || answer.get('opaque') !== opaque) return false
  let secret = hash(hashed === undefined ? named : utf8(user), realm, utf8(password))
  if (name !== algorithm) secret = hash(secret, nonce, field('cnonce'))
  const request = hash(method ?? '', field('uri'))
  const middle = answer.has('qop') ? [nonce, field('nc'), field('cnonce'), field('qop')] : [nonce]
  return field('response') === hash(secret, ...middle, request)
}

const account = { user: 'Mufasa', password: 'Circle of Life' }
const beyond = { user: 'Jäsøn Doe', password: 'Geheimnis für ☃' }

/** What is written on the wire: each has to be answered byte for byte. */
const realms: [string, Realm][] = [
  ['a realm in latin1', { ...account, realm: 'Zähler' }],
  ['a realm in UTF-8', { ...account, realm: utf8('Zähler') }],
  ['a realm in UTF-8 beyond latin1', { ...account, realm: utf8('会員 ☃') }],
  ['a realm that is neither', { ...account, realm: '\xff\xfe\x80 \xa0' }],
  ['user and password beyond ASCII', { ...beyond, realm: 'r' }],
  ['all of them', { ...beyond, realm: utf8('Zähler') }],
  ['all of them, the realm in latin1', { ...beyond, realm: 'Zähler' }],
  ['charset=UTF-8', { ...account, realm: utf8('Zähler'), more: 'charset=UTF-8' }],
  ['charset=UTF-8, all of them', { ...beyond, realm: utf8('Zähler'), more: 'charset=UTF-8' }],
  ['charset in quotes and small letters', { ...beyond, realm: utf8('Zähler'), more: 'charset="utf-8"' }],
  ['userhash', { ...beyond, realm: utf8('Zähler'), more: 'charset=UTF-8, userhash=true' }],
  ['userhash, the realm in latin1', { ...beyond, realm: 'Zähler', more: 'userhash=true' }],
  ['SHA-256', { ...beyond, realm: utf8('Zähler'), algorithm: 'SHA-256' }],
  ['MD5-sess', { ...account, realm: utf8('Zähler'), nonce: utf8('né'), algorithm: 'MD5-sess' }],
  ['no qop', { ...account, realm: 'Zähler', qop: '' }],
  ['a nonce and an opaque beyond ASCII', { ...account, realm: 'r', nonce: 'n\xe9\xa0', opaque: utf8('☃') }],
]

describe.each(realms)('digest() beyond ASCII: %s', (_, realm) => {
  const auth = (): ReturnType<typeof digest> => digest(realm.user, realm.password)

  test('Session, and the answers that follow', async () => {
    const server = await guard(realm)
    await using session = new Session({ auth: auth() })

    expect((await session.get(`${server.url}/a`)).text()).toBe('in')
    expect((await session.get(`${server.url}/b?c=ä`)).text()).toBe('in')
    expect(server.seen).toHaveLength(3)
  })

  test('FuturesSession', async () => {
    const server = await guard(realm)
    await using session = new FuturesSession({ auth: auth() })

    expect(await session.get(server.url).text()).toBe('in')
    const streamed = await session.get(server.url, { stream: true }).result()
    expect((await streamed.read()).text()).toBe('in')
  })
})

describe('digest() beyond ASCII', () => {
  it('is the same in threads', async () => {
    const session = openRemote()
    for (const [title, realm] of realms) {
      const server = await guard(realm)
      const auth = digest(realm.user, realm.password)
      expect(`${title}: ${await session.get(server.url, { auth }).text()}`).toBe(`${title}: in`)
      expect(await session.post(server.url, { auth, json: 1 }).text()).toBe('in')
    }
  })

  it('a wrong password is refused by this server', async () => {
    const server = await guard({ ...account, realm: utf8('Zähler') })
    await using session = new Session({ auth: digest(account.user, 'wrong') })

    expect((await session.get(server.url)).status).toBe(401)
  })

  it('letters are composed where the server says that it speaks UTF-8, and left alone elsewhere', async () => {
    const decomposed = { user: 'Ja\u0308son', password: 'u\u0308ber' }
    const composed = { user: 'Jäson', password: 'über' }
    const knowing = await guard({ ...composed, realm: 'r', more: 'charset=UTF-8' })
    const plain = await guard({ ...decomposed, realm: 'r' })
    await using session = new Session({ auth: digest(decomposed.user, decomposed.password) })

    expect((await session.get(knowing.url)).text()).toBe('in')
    expect((await session.get(plain.url)).text()).toBe('in')
  })

  it('the next nonce of Authentication-Info is hashed as it stands on the wire', async () => {
    const nonces = ['n\xe9', utf8('☃')]
    const server = await serve((request, response) => {
      const nonce = nonces[0] ?? ''
      if (isAnswer(request, { ...account, realm: 'Zähler', nonce })) {
        nonces.shift()
        return void response.writeHead(200, { 'authentication-info': `nextnonce="${nonces[0] ?? ''}"` }).end('in')
      }
      response.writeHead(401, { 'www-authenticate': `Digest realm="Zähler", nonce="${nonce}", qop="auth"` }).end()
    })
    await using session = new Session({ auth: digest(account.user, account.password) })

    expect((await session.get(server.url)).text()).toBe('in')
    expect((await session.get(server.url)).text()).toBe('in')
    expect(server.seen).toHaveLength(3)
  })

  it.skipIf(!hasCurl())('curl is let in where we are', async () => {
    for (const [title, realm] of realms) {
      // What curl does not know of: username* and a hash of the user.
      if (realm.more !== undefined) continue
      const server = await guard(realm)
      const credentials = `${realm.user}:${realm.password}`
      const { stdout } = await promisify(execFile)('curl', ['-s', '--digest', '-u', credentials, server.url])
      expect(`${title}: ${stdout}`).toBe(`${title}: in`)
    }
  })
})

function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'])
    return true
  } catch {
    return false
  }
}
