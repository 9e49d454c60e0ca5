import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { InvalidHeaderError, InvalidOptionError, InvalidURLError, MissingSchemaError } from '../../../src/errors.ts'
import type { RequestOptions, SessionOptions } from '../../../src/session/options/options.ts'
import { Session } from '../../../src/session/session.ts'
import { readBody, startServer } from '../../helpers/server.ts'
import type { TestServer } from '../../helpers/server.ts'

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await startServer((request, response) => {
    void readBody(request).then((body) => {
      const { method, url, headers } = request
      response.end(JSON.stringify({ method, url, headers, body }))
    })
  })
})
afterAll(() => server.close())
beforeEach(() => (session = new Session()))
afterEach(() => session.close())

interface Echo {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

const echo = async (path: string, options?: RequestOptions, method = 'GET'): Promise<Echo> =>
  (await session.request(method, server.url + path, options)).json<Echo>()

const failure = async (options: unknown): Promise<InvalidOptionError> => {
  const seen = server.seen.length
  const error: unknown = await session.get(server.url, options as RequestOptions).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  expect(server.seen.length).toBe(seen)
  return error as InvalidOptionError
}

describe('unknown options of a request', () => {
  it.each([
    ['body', 'data'],
    ['form', 'data'],
    ['timeouts', 'timeout'],
    ['follow_redirects', 'allowRedirects'],
    ['followRedirects', 'allowRedirects'],
    ['allow_redirects', 'allowRedirects'],
    ['max_redirects', 'maxRedirects'],
    ['param', 'params'],
    ['query', 'params'],
    ['header', 'headers'],
    ['throwHttpErrors', 'raiseForStatus'],
    ['proxy', 'proxies'],
    ['retries', 'retry'],
    ['Signal', 'signal'],
  ])('%s is refused: did you mean %s?', async (name, hint) => {
    const error = await failure({ [name]: undefined })

    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error.message).toContain(`\`${name}\``)
    expect(error.message).toContain(`did you mean \`${hint}\``)
    expect(error).toMatchObject({ option: name, request: { method: 'GET', url: server.url } })
  })

  it.each(['method', 'url'])('%s is an argument of its own', async (name) => {
    expect(await failure({ [name]: 'POST' })).toMatchObject({ message: expect.stringContaining('argument') as string })
  })

  it('points at the session for its options, and lists what there is where nothing is near', async () => {
    expect((await failure({ baseUrl: 'x' })).message).toContain('session')
    expect((await failure({ zzzzzzzzzz: 1 })).message).toContain('allowRedirects')
    expect((await failure({ ['x'.repeat(100_000)]: 1 })).message).toContain('Unknown option')
  })

  it('options that are no object are refused', async () => {
    for (const options of [null, 'x', 5]) expect(await failure(options)).toBeInstanceOf(InvalidOptionError)
  })
})

describe('bad values of a request', () => {
  it.each([
    ['timeout', NaN],
    ['timeout', '5'],
    ['timeout', -1],
    ['timeout', 0],
    ['timeout', { connect: 0 }],
    ['timeout', { reed: 5 }],
    ['timeout', { total: '5' }],
    ['allowRedirects', 'yes'],
    ['maxRedirects', -1],
    ['maxRedirects', 1.5],
    ['stream', 1],
    ['raiseForStatus', 'true'],
    ['maxResponseSize', '10'],
    ['maxResponseSize', -1],
    ['signal', {}],
    ['signal', null],
    ['priority', 'high'],
    ['retry', '3'],
    ['retry', -1],
    ['retry', { attempts: 3 }],
    ['hooks', () => undefined],
    ['hooks', { respnse: () => undefined }],
    ['hooks', { response: 'x' }],
    ['auth', 'me:s3cret'],
    ['auth', ['s3cret']],
    ['auth', { user: 's3cret' }],
    ['params', 5],
    ['params', { a: {} }],
    ['cookies', 'a=s3cret'],
    ['proxies', 'http://me:s3cret@h'],
    ['onUploadProgress', 1],
    ['verify', 42],
    ['verify', []],
    ['cert', true],
    ['data', Symbol('s3cret')],
    ['data', 5],
    ['files', 5],
  ])('%s: %o', async (name, value) => {
    const error = await failure({ [name]: value })

    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error.message).toContain(name)
    expect(error.request).toMatchObject({ method: 'GET' })
    expect(error.message + inspect(error)).not.toContain('s3cret')
  })

  it.each([
    [{ 'X-A': 'a\r\nb' }, 'X-A'],
    [{ 'X-A': '☃' }, 'X-A'],
    [{ 'X A': 'a' }, 'X A'],
    [{ Authorization: 's3cret\n' }, 'Authorization'],
  ])('headers: %o', async (headers, name) => {
    const error = await failure({ headers })

    expect(error).toBeInstanceOf(InvalidHeaderError)
    expect(error.message).toContain(name)
    expect(error.request).toMatchObject({ method: 'GET' })
    expect(error.message + inspect(error)).not.toContain('s3cret')
  })

  it('a method that is no token', async () => {
    for (const method of ['GE T', '', 'GET\r\nX: y', 5, {}]) {
      await expect(session.request(method as string, server.url)).rejects.toThrow(InvalidOptionError)
    }
  })

  it('a URL that is none carries the request, without credentials', async () => {
    const error: unknown = await session.post('http://me:s3cret@h:99999/').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InvalidURLError)
    expect(error).toMatchObject({ request: { method: 'POST', url: 'http://h:99999/' } })
    expect(inspect(error, { showHidden: true, depth: 5 })).not.toContain('s3cret')
    await expect(session.get('example.com')).rejects.toThrow(MissingSchemaError)
    await expect(session.get(undefined as never)).rejects.toThrow(InvalidURLError)
  })

  it('the session works on', async () => {
    await failure({ timeout: -1 })
    expect((await echo('/ok')).url).toBe('/ok')
  })
})

describe('own properties only', () => {
  it('what is on Object.prototype is no option', async () => {
    const polluted = Object.prototype as Record<string, unknown>
    const pollution = { params: { evil: '1' }, data: 'evil', json: 1, retry: 'x', auth: ['e', 'v'], proxies: { http: 'http://evil' }, cookies: { e: '1' }, baseUrl: 'http://evil', raiseForStatus: 5 } // prettier-ignore
    Object.assign(polluted, pollution)
    try {
      const fresh = new Session()
      const response = await fresh.request('GET', `${server.url}/x`, { headers: { 'X-Own': '1' } })
      const { url, headers, body } = response.json<Echo>()
      await fresh.close()
      expect([url, headers['x-own'], headers.authorization, headers.cookie, body]).toEqual(['/x', '1', undefined, undefined, '']) // prettier-ignore
    } finally {
      for (const name of Object.keys(pollution)) Reflect.deleteProperty(polluted, name)
    }
  })

  it('__proto__ as a key is a name like others', async () => {
    const parse = (text: string): never => JSON.parse(text) as never

    const { url, headers } = await echo('/x', {
      params: parse('{"__proto__":"p"}'),
      headers: parse('{"__proto__":"h"}'),
    })

    expect(url).toBe('/x?__proto__=p')
    expect(headers['x-evil']).toBeUndefined()
    expect(await failure(parse('{"__proto__":{"timeout":5}}'))).toBeInstanceOf(InvalidOptionError)
  })
})

describe('options of a session', () => {
  it.each([
    [{ header: {} }, /did you mean `headers`/],
    [{ base_url: 'http://h' }, /did you mean `baseUrl`/],
    [{ prefixUrl: 'http://h' }, /did you mean `baseUrl`/],
    [{ data: 'x' }, /each request/],
    [{ maxWorkers: 3 }, /belongs to a FuturesSession/],
    [{ retry: { limit: 3 } }, /Bad `retry`: Unknown option `limit`: did you mean `total`/],
    [{ retry: { backoff: { delay: 3 } } }, /did you mean `base`/],
    [{ timeout: 'x' }, /timeout/],
    [{ timeout: 0 }, /timeout/],
    [{ timeout: { red: 1 } }, /did you mean `read`/],
    [{ maxRedirects: -1 }, /maxRedirects/],
    [{ allowRedirects: null }, /allowRedirects/],
    [{ allowRedirects: 'no' }, /allowRedirects/],
    [{ followRedirects: false }, /did you mean `allowRedirects`/],
    [{ cookies: {} }, /cookies/],
    [{ cookies: true }, /cookies/],
    [{ hooks: { response: 5 } }, /hooks.response/],
    [{ hooks: [] }, /./],
    [{ auth: 'user:pass' }, /auth/],
    [{ baseUrl: 'example.com' }, /baseUrl/],
    [{ baseUrl: 'http://h.test/?x' }, /params/],
    [{ retry: 'x' }, /retry/],
    [{ trustEnv: 'no' }, /trustEnv/],
    [{ raiseForStatus: 1 }, /raiseForStatus/],
    [{ proxies: 'http://p' }, /proxies/],
    [{ params: 5 }, /params/],
    [{ verify: 42 }, /verify/],
    [{ cert: 1 }, /cert/],
    [{ dispatcher: {} }, /dispatcher/],
    [{ poolOptions: { nonsense: 1 } }, /nonsense/],
    [null, /object/],
  ])('%o is refused at once', (options, message) => {
    const make = (): Session => new Session(options as SessionOptions)

    expect(make).toThrow(message)
    let error: unknown
    try {
      make()
    } catch (thrown) {
      error = thrown
    }
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true)
  })

  it('every one that is undefined is as if not given', () => {
    const options = { headers: undefined, auth: undefined, timeout: undefined, hooks: undefined, cookies: undefined }

    expect(new Session(options).timeout).toEqual({ connect: 10_000, read: 300_000 })
  })
})
