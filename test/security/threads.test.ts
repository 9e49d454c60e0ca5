/** SECURITY.md, in threads: what is promised holds there, and crosses with what comes back. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inspect } from 'node:util'
import { FuturesSession, WorkerThreadExecutor } from '../../src/index.ts'
import type { PreparedRequest, RequestOptions } from '../../src/index.ts'
import { Origins, pathTo } from '../helpers/origins.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'
import type { TestServer } from '../helpers/server.ts'

const secret = 's3cret'
const encoded = Buffer.from(`user:${secret}`).toString('base64')
const holdsSecret = (text: string): boolean => text.includes(secret) || text.includes(encoded)
let origins: Origins
let a: TestServer
let b: TestServer
let executor: WorkerThreadExecutor
let futures: FuturesSession

beforeEach(async () => {
  origins = new Origins()
  a = await origins.open('A')
  b = await origins.open('B')
  executor = new WorkerThreadExecutor({ threads: 1 })
  futures = new FuturesSession({ executor, trustEnv: false, unobserved: 'ignore' })
})
afterEach(async () => {
  await futures.close()
  await executor.shutdown()
  await origins.close()
})

describe('In a thread', () => {
  it('credentials stay within the origin, and do not come back', async () => {
    const start = `${a.url}${pathTo(`${b.url}${pathTo(a.url)}`)}`
    const all: RequestOptions[] = [
      { auth: ['user', secret] },
      { cookies: { c: secret } },
      { headers: { Authorization: secret, Cookie: secret } },
    ]
    for (const options of all) await futures.get(start, options).result()
    futures.auth = ['user', secret]
    await futures.get(start).result()

    const leaks = origins.visits.map((visit) => holdsSecret(JSON.stringify(visit)))
    expect(leaks).toEqual(all.concat({}).flatMap(() => [true, false, false]))
  })

  it('`next` of a redirect to another origin has no credentials, and gets none when it is sent', async () => {
    futures.auth = ['user', secret]
    const response = await futures.get(`${a.url}${pathTo(b.url)}`, { allowRedirects: false }).result()
    await futures.send(response.next as PreparedRequest).result()

    expect(holdsSecret(origins.textOf('A'))).toBe(true)
    expect(origins.visits.at(-1)?.at).toBe('B')
    expect(holdsSecret(origins.textOf('B'))).toBe(false)
  })

  it('verify: false is of the request that says it', async () => {
    const secure = await startTlsServer()
    expect((await futures.get(secure.url, { verify: false }).result()).status).toBe(200)
    await expect(futures.get(secure.url).result()).rejects.toThrow(/TLS handshake failed/)
    expect((await futures.get(secure.url, { verify: tlsFixture('ca.pem') }).result()).status).toBe(200)
    await futures.close()
    await secure.close()
  })

  it.each([
    ['http://127.0.0.1:1/', { auth: ['user', secret], headers: { Cookie: secret } }],
    [`http://user:${secret}@127.0.0.1:1/`, { proxies: { all: `http://user:${secret}@127.0.0.1:1` } }],
    [`ftp://user:${secret}@h/`, {}],
    ['http://h/', { proxies: { all: `ftp://user:${secret}@h` } }],
    ['http://h/', { headers: { Authorization: `${secret}\n` } }],
    ['http://h/', { cookies: { [`a=${secret}`]: '' } }],
  ] as [string, RequestOptions][])('an error of %s shows no secret, nor does what it knows', async (url, options) => {
    const error = await futures.get(url, options).exception()
    const shown = [false, true].map((showHidden) => inspect(error, { depth: Infinity, showHidden })).join()

    expect(error).toBeInstanceOf(Error)
    expect(holdsSecret(shown + JSON.stringify(error))).toBe(false)
  })

  it('an argument that can not cross is named by its place, and not shown', () => {
    for (const options of [
      { headers: { Authorization: (() => secret) as never } },
      { context: { password: secret, fn: () => secret } },
      { auth: Object.assign(() => undefined, { password: secret }) },
      { hooks: { response: [Object.assign(() => undefined, { password: secret })] } },
    ] as RequestOptions[]) {
      let thrown: unknown
      try {
        futures.get(a.url, options)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toMatchObject({ name: 'TaskNotCloneableError' })
      expect(inspect(thrown, { depth: Infinity, showHidden: true }).replace(/^ *at .*$/gm, '')).not.toContain(secret)
    }
    expect(origins.visits).toEqual([])
  })
})
