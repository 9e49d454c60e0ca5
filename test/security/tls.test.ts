/** SECURITY.md, "TLS": who was not verified serves nobody else, and who was verified under one name or certificate, no other. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SSLError } from '../../src/errors.ts'
import { Session } from '../../src/session/session.ts'
import { startHttpProxy, type TestProxy } from '../helpers/proxy.ts'
import { startServer } from '../helpers/server.ts'
import { startTlsServer, tlsFixture, type TlsServer } from '../helpers/tls.ts'

let server: TlsServer
let session: Session
let served: number

beforeEach(async () => {
  served = 0
  server = await startTlsServer(
    (_, response) => {
      served++
      response.end('ok')
    },
    { requestCert: true, rejectUnauthorized: false, ca: tlsFixture('ca.pem') },
  )
  session = new Session({ trustEnv: false })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await session.close()
  await server.close()
})

const authority = tlsFixture('ca.pem')
const cert = { cert: tlsFixture('client.pem'), key: tlsFixture('client.key') }

describe('A request is not answered by a server that', () => {
  it.each(['self-signed', 'expired', 'wrong-name'])('is %s; it gets not one byte of the request', async (name) => {
    const bad = await startTlsServer(undefined, { cert: tlsFixture(`${name}.pem`), key: tlsFixture(`${name}.key`) })
    const seen: unknown[] = []
    const own = new Session({ trustEnv: false, verify: authority, hooks: { response: (each) => void seen.push(each) } })
    await expect(own.get(bad.url, { auth: ['user', 's3cret'] })).rejects.toThrow(SSLError)
    await own.close()
    await bad.close()
    expect(seen).toEqual([])
  })

  it('has the right certificate for what the Host header says, and the wrong one for the URL', async () => {
    const bad = await startTlsServer(undefined, {
      cert: tlsFixture('wrong-name.pem'),
      key: tlsFixture('wrong-name.key'),
    })
    await expect(session.get(bad.url, { verify: authority, headers: { Host: 'wrong.test' } })).rejects.toThrow(SSLError)
    await session.close()
    await bad.close()
  })
})

describe('verify: false', () => {
  it('of a request lends neither its connection nor its TLS session to the next', async () => {
    await session.get(server.url, { verify: false })
    await session.get(server.url, { verify: false })
    await expect(session.get(server.url)).rejects.toThrow(SSLError)
    await session.get(server.url, { verify: authority })
    await session.get(server.url, { verify: false })

    expect(served).toBe(4)
    expect(server.handshakes.map(({ isResumed }) => isResumed)).toEqual([false, false])
  })

  it('is no longer there after a redirect that it was followed to', async () => {
    const plain = await startServer((_, response) => response.writeHead(302, { location: server.url }).end())
    expect((await session.get(plain.url, { verify: false })).text()).toBe('ok')
    await expect(session.get(plain.url)).rejects.toThrow(SSLError)
    await expect(session.get(server.url)).rejects.toThrow(SSLError)
    await session.close()
    await plain.close()
    expect(served).toBe(1)
  })

  it('of a session is not that of its clone, which shares the connections', async () => {
    session.verify = false
    const clone = session.clone()
    clone.verify = true
    await session.get(server.url)
    await expect(clone.get(server.url)).rejects.toThrow(SSLError)
    await clone.close()
  })

  describe('through a proxy', () => {
    let proxy: TestProxy

    beforeEach(async () => {
      proxy = await startHttpProxy({ secure: true })
      session.proxies = { all: `https://localhost:${proxy.port}` }
    })
    afterEach(async () => {
      await session.close()
      await proxy.close()
    })

    it('lends neither the tunnel nor the connection to the proxy', async () => {
      const plain = await startServer()
      await session.get(server.url, { verify: false })
      await session.get(plain.url, { verify: false })
      for (const { url } of [server, plain]) {
        await expect(session.get(url)).rejects.toThrow(/the proxy https:.*UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
      }
      await session.close()
      await plain.close()
      expect(plain.seen).toHaveLength(1)
      expect(served).toBe(1)
    })
  })
})

describe('NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
  it('counts for nobody: what is not to be verified says `verify: false`', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await expect(session.get(server.url)).rejects.toThrow(SSLError)
    expect((await session.get(server.url, { verify: false })).status).toBe(200)
  })

  it('gives way to what the session says of its connections', async () => {
    await using lax = new Session({ trustEnv: false, poolOptions: { connect: { rejectUnauthorized: false } } })
    expect((await lax.get(server.url)).status).toBe(200)
  })
})

describe('cert', () => {
  it('of a request is not shown for another, whatever connections and TLS sessions there are', async () => {
    session.verify = authority
    await session.get(server.url, { cert })
    await session.get(server.url)
    await session.get(server.url, { cert })

    expect(server.handshakes.map(({ client }) => client !== undefined)).toEqual([true, false])
    expect(server.handshakes.map(({ isResumed }) => isResumed)).toEqual([false, false])
  })

  it('is for the origin, not for a proxy over TLS', async () => {
    const clients: unknown[] = []
    const proxy = await startHttpProxy({ secure: true })
    session.proxies = { all: `https://localhost:${proxy.port}` }
    await session.get(server.url, { cert, verify: authority })
    clients.push(...server.handshakes.map(({ client }) => client !== undefined))
    await session.close()
    await proxy.close()
    expect(clients).toEqual([true])
  })
})
