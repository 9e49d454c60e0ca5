import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bearer, digest, FuturesSession } from '../../src/index.ts'
import { startHttpbin } from './helpers/httpbin.ts'

let httpbin: Awaited<ReturnType<typeof startHttpbin>>
let session: FuturesSession

beforeAll(async () => {
  httpbin = await startHttpbin()
})
afterAll(() => httpbin.close())

beforeEach(() => {
  session = new FuturesSession({ baseUrl: httpbin.url, trustEnv: false })
})
afterEach(() => session.close({ cancel: true }))

describe("requests' session and httpbin", () => {
  test('cookies that are set are sent afterwards, and deleted when the server says so', async () => {
    await session.get('cookies/set', { params: { one: 1, two: 2 } }).result()
    expect(await session.get('cookies').json()).toEqual({ cookies: { one: '1', two: '2' } })
    await session.get('cookies/delete', { params: { one: '' } }).result()
    expect(await session.get('cookies').json()).toEqual({ cookies: { two: '2' } })
  })

  test("a request's own cookies are sent once, and kept nowhere", async () => {
    await session.get('cookies/set', { params: { name: 'jar' } }).result()
    expect(await session.get('cookies', { cookies: { name: 'mine' } }).json()).toEqual({ cookies: { name: 'mine' } })
    expect(await session.get('cookies').json()).toEqual({ cookies: { name: 'jar' } })
  })

  test('cookies: false neither stores nor sends', async () => {
    await using stateless = new FuturesSession({ baseUrl: httpbin.url, trustEnv: false, cookies: false })
    await stateless.get('cookies/set', { params: { one: 1 } }).result()
    expect(await stateless.get('cookies').json()).toEqual({ cookies: {} })
  })

  test.each(['MD5', 'SHA-256', 'SHA-512'])('digest authenticates with %s', async (algorithm) => {
    const response = await session
      .get(`digest-auth/auth/ann/secret/${algorithm}`, { auth: digest('ann', 'secret') })
      .result()
    expect(response.status).toBe(200)
  })

  test('digest with auth-int, and with a wrong password', async () => {
    const auth = digest('ann', 'secret')
    expect((await session.get('digest-auth/auth-int/ann/secret/MD5', { auth }).result()).status).toBe(200)
    expect((await session.get('digest-auth/auth/ann/other/MD5', { auth }).result()).status).toBe(401)
  })

  test('bearer sends its token', async () => {
    expect(await session.get('bearer', { auth: bearer('t0k3n') }).json()).toEqual({
      authenticated: true,
      token: 't0k3n',
    })
  })

  test('files and fields arrive as multipart', async () => {
    const files = { text: ['a "b".txt', 'hello', 'text/plain'], bytes: Buffer.from('xyz') } as const
    const answer = await session.post('post', { files, data: { field: 'ü' } }).json()
    expect(answer).toMatchObject({ files: { text: 'hello', bytes: 'xyz' }, form: { field: 'ü' } })
  })

  test('a stream is sent in chunks, a blob with its length', async () => {
    const chunks = Readable.from(['one ', 'two'])
    const streamed = await session
      .post('anything', { data: chunks })
      .json<{ data: string; headers: Record<string, string> }>()
    expect(streamed.data).toBe('one two')
    expect(streamed.headers['Transfer-Encoding']).toBe('chunked')
    const blob = await session
      .post('anything', { data: new Blob(['blob']) })
      .json<{ data: string; headers: Record<string, string> }>()
    expect(blob.data).toBe('blob')
    expect(blob.headers['Content-Length']).toBe('4')
  })

  test('stream: true reads lines as they come', async () => {
    const response = await session.get('stream/5', { stream: true }).result()
    const ids: number[] = []
    for await (const line of response.iterLines()) ids.push((JSON.parse(line) as { id: number }).id)
    expect(ids).toEqual([0, 1, 2, 3, 4])
  })

  test('stream: true can be left in mid-body, and the worker is free', async () => {
    await using one = new FuturesSession({ baseUrl: httpbin.url, trustEnv: false, maxWorkers: 1 })
    const response = await one
      .get('drip', { params: { numbytes: 1000, duration: 30, delay: 0 }, stream: true })
      .result()
    for await (const chunk of response.iterContent(1)) {
      expect(chunk.byteLength).toBe(1)
      break
    }
    await response.close()
    expect((await one.get('get').result()).status).toBe(200)
  })

  test('retry asks again as often as it says, and returns the last response', async () => {
    let attempts = 0
    session.on('retry', () => {
      attempts++
    })
    const retry = { total: 2, backoff: { base: 10 } }
    expect((await session.get('status/503', { retry }).result()).status).toBe(503)
    expect(attempts).toBe(2)
  })

  test('a prepared request is sent as it was prepared', async () => {
    const prepared = session.prepareRequest({ method: 'PUT', url: 'put', json: { a: 1 } })
    prepared.headers.set('X-Signature', 'signed')
    const answer = await session.send(prepared).json<{ json: object; headers: Record<string, string> }>()
    expect(answer.json).toEqual({ a: 1 })
    expect(answer.headers['X-Signature']).toBe('signed')
  })

  test('links, repeated headers and charsets are read', async () => {
    const params = { Link: '<https://a.example/2>; rel="next"', 'Content-Type': 'text/plain; charset=latin1' }
    const response = await session.get('response-headers', { params }).result()
    expect(response.links['next']).toMatchObject({ url: 'https://a.example/2' })
    expect(response.encoding).toBeDefined()
  })
})
