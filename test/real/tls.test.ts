import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FuturesSession, SSLError } from '../../src/index.ts'
import { makeCertificates, type Certificates } from './helpers/certificates.ts'
import { startNginx, type Nginx } from './helpers/nginx.ts'

let certificates: Certificates
let nginx: Nginx
let strict: Nginx
let session: FuturesSession

beforeAll(async () => {
  certificates = await makeCertificates()
  const { cert, key } = certificates.server
  const server = `ssl_certificate ${cert}; ssl_certificate_key ${key}; location / { return 200 '$ssl_client_s_dn'; }`
  nginx = await startNginx({ tls: true, server })
  strict = await startNginx({
    tls: true,
    server: `ssl_client_certificate ${certificates.ca}; ssl_verify_client on; ${server}`,
  })
})
afterAll(async () => {
  await nginx.close()
  await strict.close()
  await certificates.remove()
})

beforeEach(() => {
  session = new FuturesSession({ trustEnv: false })
})
afterEach(() => session.close({ cancel: true }))

describe('FuturesSession and nginx with TLS', () => {
  test('an unknown authority is an SSLError that names the host', async () => {
    const error = await session.get(nginx.url).exception()
    expect(error).toBeInstanceOf(SSLError)
    expect((error as SSLError).message).toContain('127.0.0.1')
  })

  test('verify takes the authority as a path, as PEM and in an array', async () => {
    const pem = await readFile(certificates.ca, 'utf8')
    for (const verify of [certificates.ca, pem, [certificates.ca], [pem]]) {
      expect((await session.get(nginx.url, { verify }).result()).status).toBe(200)
    }
  })

  test('verify: false lends its connection to nobody', async () => {
    expect((await session.get(nginx.url, { verify: false }).result()).status).toBe(200)
    expect(await session.get(nginx.url).exception()).toBeInstanceOf(SSLError)
  })

  test('a name that is not in the certificate is an SSLError', async () => {
    const lookup = {
      lookup: (_: string, __: unknown, callback: (error: null, all: object[]) => void) =>
        callback(null, [{ address: '127.0.0.1', family: 4 }]),
    }
    await using elsewhere = new FuturesSession({
      trustEnv: false,
      verify: certificates.ca,
      poolOptions: lookup as never,
    })
    const error = await elsewhere.get(`https://other.example:${nginx.port}/`).exception()
    expect(error).toBeInstanceOf(SSLError)
    expect((error as SSLError).message).toContain('other.example')
  })

  test('a client certificate is shown where it is given, and only there', async () => {
    const { cert, key } = certificates.client
    const verify = certificates.ca
    expect((await session.get(strict.url, { verify }).result()).status).toBe(400)
    const response = await session.get(strict.url, { verify, cert: [cert, key] }).result()
    expect([response.status, response.text()]).toEqual([200, 'CN=client'])
    const asObject = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
    expect((await session.get(strict.url, { verify, cert: asObject }).result()).text()).toBe('CN=client')
    expect((await session.get(strict.url, { verify }).result()).status).toBe(400)
  })
})
