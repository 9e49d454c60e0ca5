import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asCompleted, basic, FuturesSession, HTTPError, TooManyRedirectsError } from '../../src/index.ts'
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

describe('FuturesSession and httpbin', () => {
  test.each([200, 204, 304, 404, 418, 500, 503])('status %i is a response', async (status) => {
    const response = await session.get(`status/${status}`).result()
    expect(response.status).toBe(status)
    expect(response.ok).toBe(status < 300)
  })

  test.each(['get', 'post', 'put', 'patch', 'delete'] as const)('%s is sent as its method', async (method) => {
    const answer = await session[method](method, { params: { a: 1, b: ['x', 'y z'] } }).json<{ args: object }>()
    expect(answer.args).toEqual({ a: '1', b: ['x', 'y z'] })
  })

  test('head has headers and no body', async () => {
    const response = await session.head('get').result()
    expect(response.status).toBe(200)
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0)
    expect(response.content.byteLength).toBe(0)
  })

  test('a form arrives as a form', async () => {
    const answer = await session.post('post', { data: { name: 'Ä ö', list: ['1', '2'] } }).json<{ form: object }>()
    expect(answer.form).toEqual({ name: 'Ä ö', list: ['1', '2'] })
  })

  test('json arrives as JSON', async () => {
    const answer = await session
      .post('post', { json: { deep: [1, { two: 'ü' }] } })
      .json<{ json: object; headers: Record<string, string> }>()
    expect(answer.json).toEqual({ deep: [1, { two: 'ü' }] })
    expect(answer.headers['Content-Type']).toBe('application/json')
  })

  test('bytes arrive as they are', async () => {
    const bytes = Buffer.from([0, 1, 2, 253, 254, 255])
    const answer = await session.put('put', { data: bytes }).json<{ data: string }>()
    expect(answer.data).toBe(`data:application/octet-stream;base64,${bytes.toString('base64')}`)
  })

  test.each(['gzip', 'deflate', 'brotli'])('%s is decoded', async (coding) => {
    const answer = await session.get(coding).json<Record<string, unknown>>()
    expect(answer[coding === 'gzip' ? 'gzipped' : coding === 'deflate' ? 'deflated' : 'brotli']).toBe(true)
  })

  test('redirects are followed, with their history', async () => {
    const response = await session.get('redirect/3').result()
    expect(response.status).toBe(200)
    expect(response.history.map((each) => each.status)).toEqual([302, 302, 302])
    expect(response.url).toBe(`${httpbin.url}/get`)
  })

  test('a redirect that is not followed says where it goes', async () => {
    const response = await session.get('redirect-to', { params: { url: '/get' }, allowRedirects: false }).result()
    expect(response.isRedirect).toBe(true)
    expect(response.next?.url).toBe(`${httpbin.url}/get`)
  })

  test('too many redirects carry the last response', async () => {
    const error = await session.get('redirect/5', { maxRedirects: 2 }).exception()
    expect(error).toBeInstanceOf(TooManyRedirectsError)
    expect((error as TooManyRedirectsError).response.status).toBe(302)
  })

  test.each([301, 302, 303, 307, 308])('post after a %i', async (status) => {
    const params = { url: '/anything', status_code: status }
    const answer = await session.post('redirect-to', { params, data: 'body' }).json<{ method: string; data: string }>()
    expect(answer).toMatchObject(status < 307 ? { method: 'GET', data: '' } : { method: 'POST', data: 'body' })
  })

  test('basic auth as a pair, as basic() and from the URL', async () => {
    const url = new URL(`${httpbin.url}/basic-auth/ann/p%40ss`)
    const answers = await Promise.all([
      session.get(url, { auth: ['ann', 'p@ss'] }).json(),
      session.get(url, { auth: basic('ann', 'p@ss') }).json(),
      session.get(Object.assign(new URL(url), { username: 'ann', password: 'p%40ss' })).json(),
    ])
    expect(answers).toEqual(Array(3).fill({ authenticated: true, user: 'ann' }))
    expect((await session.get(url, { auth: ['ann', 'wrong'] }).result()).status).toBe(401)
  })

  test('headers are sent, replaced and removed', async () => {
    session.headers.set('X-One', 'session')
    const headers = { 'x-one': null, 'X-Two': 2, 'User-Agent': 'me' }
    const answer = await session.get('headers', { headers }).json<{ headers: Record<string, string> }>()
    expect(answer.headers).toMatchObject({ 'X-Two': '2', 'User-Agent': 'me' })
    expect(answer.headers).not.toHaveProperty('X-One')
  })

  test('raiseForStatus names what came', async () => {
    const error = await session.get('status/404', { raiseForStatus: true }).exception()
    expect(error).toBeInstanceOf(HTTPError)
    expect((error as HTTPError).message).toContain('404')
  })

  test('asCompleted yields by delay', async () => {
    const futures = [0.9, 0.1, 0.5].map((seconds) => Object.assign(session.get(`delay/${seconds}`), { seconds }))
    const order: number[] = []
    for await (const future of asCompleted(futures)) order.push(future.seconds)
    expect(order).toEqual([0.1, 0.5, 0.9])
  })

  test('cancel() stops a slow one and leaves the others', async () => {
    const slow = session.get('delay/10')
    const quick = session.get('get')
    expect((await quick.result()).status).toBe(200)
    expect(slow.cancel('enough')).toBe(true)
    await expect(slow.result()).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    expect((await session.get('get').result()).status).toBe(200)
  })

  test('a read timeout ends a slow one', async () => {
    const error = await session.get('delay/10', { timeout: { read: 300 } }).exception()
    expect(error).toMatchObject({ name: 'ReadTimeoutError', scope: 'read' })
  })

  test('a large body comes whole', async () => {
    expect((await session.get('bytes/102400').bytes()).byteLength).toBe(102_400)
  })
})
