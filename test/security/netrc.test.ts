/** SECURITY.md, "Credentials across origins" and "The environment": whose password of `.netrc` goes where. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { netrcAuth } from '../../src/session/auth/netrc.ts'
import { Session } from '../../src/session/session.ts'
import { Origins, pathTo } from '../helpers/origins.ts'
import type { TestServer } from '../helpers/server.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'

let origins: Origins
let server: TestServer
let session: Session
let folder: string

beforeEach(async () => {
  origins = new Origins()
  server = await origins.open('server')
  folder = await mkdtemp(join(tmpdir(), 'netrc-'))
  session = new Session()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await session.close()
  await origins.close()
  await rm(folder, { recursive: true })
})

const basicOf = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
const onLocalhost = (url: string): string => url.replace('127.0.0.1', 'localhost')
const authorizations = (): unknown[] => origins.visits.map(({ headers }) => headers.authorization)

async function useNetrc(text: string): Promise<string> {
  const file = join(folder, 'netrc')
  await writeFile(file, text)
  vi.stubEnv('NETRC', file)
  return file
}

describe('.netrc', () => {
  it('is for the host that is named, not for one that only looks like it', async () => {
    const file = await useNetrc('machine h.test login u password s3cret')
    const url = (text: string): string => new URL(text).hostname

    expect(netrcAuth(url('http://H.test:8080/'), { NETRC: file })).toEqual(['u', 's3cret'])
    for (const text of ['http://h.test:@evil.test/', 'http://h.test@evil.test/', 'http://evil.test/h.test']) {
      expect(netrcAuth(url(text), { NETRC: file })).toBeUndefined()
    }
    for (const host of ['h.test.evil.test', 'xh.test', 'test', '__proto__', 'constructor', '']) {
      expect(netrcAuth(host, { NETRC: file })).toBeUndefined()
    }
  })

  it("does not take the user of a URL for a host: the password of `127.0.0.1` is not localhost's", async () => {
    await useNetrc('machine 127.0.0.1 login u password s3cret')
    await session.get(onLocalhost(server.url).replace('//', '//127.0.0.1:@'))

    expect(authorizations()).toEqual([basicOf('127.0.0.1:')])
  })

  it('has an entry for any host, which a server can not have sent to where it likes', async () => {
    await useNetrc('default login u password s3cret')
    await session.get(`${server.url}${pathTo(onLocalhost(server.url))}`)

    expect(authorizations()).toEqual([basicOf('u:s3cret'), undefined])
  })

  it('counts on the way only for hosts that it names, and never with auth: null', async () => {
    await useNetrc('machine localhost login l password s3cret')
    const start = `${server.url}${pathTo(onLocalhost(server.url))}`
    await session.get(start)
    await session.get(start, { auth: null })

    expect(authorizations()).toEqual([undefined, basicOf('l:s3cret'), undefined, undefined])
  })

  it('sends nothing over http because a server on https says so', async () => {
    await useNetrc('machine localhost login l password s3cret')
    const secure = await startTlsServer(origins.handlerOf('secure'))
    session.verify = tlsFixture('ca.pem')
    await session.get(`${secure.url}${pathTo(onLocalhost(server.url))}`)
    await session.close()
    await secure.close()

    expect(authorizations()).toEqual([basicOf('l:s3cret'), undefined])
  })

  it('counts for nobody who does not trust the environment', async () => {
    await useNetrc('machine 127.0.0.1 login u password s3cret\nmachine localhost login u password s3cret')
    session.trustEnv = false
    await session.get(`${server.url}${pathTo(onLocalhost(server.url))}`)

    expect(authorizations()).toEqual([undefined, undefined])
  })

  it('that can not be read, or has a name that none has, fails no request and sends nothing', async () => {
    const file = await useNetrc('machine 127.0.0.1 login u password s3cret')
    await chmod(file, 0o000)
    // A superuser reads everything.
    const isReadable = process.getuid?.() === 0
    await session.get(server.url)
    vi.stubEnv('NETRC', folder)
    // A new one: a session reads the environment now and then.
    await using other = new Session()
    await other.get(server.url)

    expect(authorizations()).toEqual([isReadable ? basicOf('u:s3cret') : undefined, undefined])
    expect(netrcAuth('127.0.0.1', { NETRC: 'a\0b' })).toBeUndefined()
  })
})
