import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, SSLError } from '../../src/errors.ts'
import type { TlsIdentity } from '../../src/transport/exchange.ts'
import { TestConnections, text } from '../helpers/exchanges.ts'
import { silence, startFaultServer } from '../helpers/fault-server.ts'
import { turn, until } from '../helpers/gate.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'
import type { TlsServer } from '../helpers/tls.ts'

const ca = [tlsFixture('ca.pem')]
const trusting: TlsIdentity = { id: 'trusting', rejectUnauthorized: true, ca }
const careless: TlsIdentity = { id: 'careless', rejectUnauthorized: false }
const client: TlsIdentity = { ...trusting, id: 'client', cert: tlsFixture('client.pem'), key: tlsFixture('client.key') }

let transport: TestConnections
beforeEach(() => void (transport = new TestConnections()))
afterEach(async () => transport.close())

describe('exchange() over TLS', () => {
  let server: TlsServer
  beforeEach(async () => void (server = await startTlsServer()))
  afterEach(async () => server.close())

  it('trusts a CA that it is given, and keeps the connection', async () => {
    for (let index = 0; index < 5; index++) {
      expect(text(await transport.fetch(server.url, { tls: trusting }))).toBe('secure')
    }
    expect(server.connections).toBe(1)
  })

  it('refuses an unknown CA, naming host and reason', async () => {
    const error = await transport.failure(server.url)
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toMatch(
      /^The TLS handshake failed with https:\/\/localhost:\d+: .+ \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)$/,
    )
  })

  it('checks nothing where that is wanted', async () => {
    expect(text(await transport.fetch(server.url, { tls: careless }))).toBe('secure')
  })

  it('never lends a connection to another identity, nor resumes its session', async () => {
    await transport.fetch(server.url, { tls: careless })
    expect(await transport.failure(server.url)).toBeInstanceOf(SSLError)
    await transport.fetch(server.url, { tls: trusting })
    await transport.fetch(server.url, { tls: { ...careless, id: 'another' } })
    expect(server.handshakes.map(({ isResumed }) => isResumed)).toEqual([false, false, false])
    await transport.fetch(server.url, { tls: careless })
    expect(server.connections).toBe(3)
  })

  it('resumes the session of the same identity', async () => {
    const closing = await startTlsServer((_request, response) => response.setHeader('connection', 'close').end('ok'))
    for (let index = 0; index < 3; index++) {
      await transport.fetch(closing.url, { tls: trusting })
      await turn()
    }
    expect(closing.handshakes.map(({ isResumed }) => isResumed)).toEqual([false, true, true])
    await closing.close()
  })

  it('asks for the name of the origin, and for none where that is an address', async () => {
    await transport.fetch(server.url, { tls: trusting, headers: ['Host', 'elsewhere.test'] })
    await transport.fetch(`https://127.0.0.1:${server.port}`, { tls: trusting })
    expect(server.handshakes.map(({ servername }) => servername)).toEqual(['localhost', false])
  })

  it('offers a client certificate, also with an encrypted key', async () => {
    const asking = await startTlsServer(undefined, { ca, requestCert: true, rejectUnauthorized: false })
    await transport.fetch(asking.url, { tls: client })
    const key = tlsFixture('client-encrypted.key')
    await transport.fetch(asking.url, { tls: { ...client, id: 'encrypted', key, passphrase: 'open-sesame' } })
    await transport.fetch(asking.url, { tls: trusting })
    expect(asking.handshakes.map(({ client: name }) => name)).toEqual(['test client', 'test client', undefined])
    await asking.close()
  })

  it.each([
    ['an expired certificate', 'expired', trusting, /certificate has expired \(CERT_HAS_EXPIRED\)/],
    ['a certificate for another name', 'wrong-name', trusting, /other\.example.*ERR_TLS_CERT_ALTNAME_INVALID/],
    [
      'a self-signed certificate',
      'self-signed',
      undefined,
      /self-signed certificate.* \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    ],
  ])('refuses %s', async (_name, fixture, tls, message) => {
    const bad = await startTlsServer(undefined, {
      cert: tlsFixture(`${fixture}.pem`),
      key: tlsFixture(`${fixture}.key`),
    })
    const error = await transport.failure(bad.url, { tls })
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toMatch(message)
    expect(error.message).toContain(bad.url)
    await bad.close()
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('reports a client certificate that is missing under %s', async (version) => {
    const strict = await startTlsServer(undefined, {
      ca,
      requestCert: true,
      rejectUnauthorized: true,
      maxVersion: version,
    })
    const error = await transport.failure(strict.url, { tls: trusting })
    expect(error).toBeInstanceOf(version === 'TLSv1.3' ? ConnectionError : SSLError)
    expect(text(await transport.fetch(strict.url, { tls: client }))).toBe('secure')
    await strict.close()
  })

  it.each([
    ['a CA', { ca: ['nonsense'] }],
    ['a certificate', { cert: 'nonsense', key: 'nonsense' }],
    ['a key', { ...client, key: tlsFixture('server.key') }],
    ['a passphrase', { ...client, key: tlsFixture('client-encrypted.key'), passphrase: 'top secret' }],
  ])('reports %s that can not be used, without its secrets', async (name, part) => {
    const error = await transport.failure(server.url, { tls: { ...trusting, id: name, ...part } })
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toContain(server.url)
    expect(inspect(error)).not.toContain('top secret')
    expect(server.connections).toBe(0)
  })

  it('reports a port that speaks no TLS', async () => {
    const plain = await startFaultServer((peer) => peer.socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const error = await transport.failure(`https://127.0.0.1:${plain.port}`)
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toMatch(/wrong version number/)
    await plain.close()
  })

  it('reports a server that hangs up in the handshake', async () => {
    const rude = await startFaultServer((peer) => peer.socket.end())
    const error = await transport.failure(`https://127.0.0.1:${rude.port}`)
    expect(error).toBeInstanceOf(SSLError)
    await rude.close()
  })

  it('leaves no socket behind after a failed handshake', async () => {
    const silent = await startFaultServer(silence)
    await transport.failure(`https://127.0.0.1:${silent.port}`, { connectTimeout: 60 })
    await until(() => silent.openSockets.size === 0)
    await silent.close()
  })

  it('sends once more when the server has closed the idle connection', async () => {
    const stale = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await peer.request()
      peer.socket.end()
    }, {})
    await transport.fetch(stale.url, { tls: trusting })
    const response = await transport.fetch(stale.url, { tls: trusting, resend: true })
    expect(text(response)).toBe('ok')
    expect(stale.connections).toBe(2)
    await stale.close()
  })
})
