import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { basic, bearer, digest, PreparedRequest, Response, TaskNotCloneableError } from '../../../src/index.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import { readBody, type Handler } from '../../helpers/server.ts'
import { closeExecutorsAfterEach } from '../../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

/** Answers with what it got. */
const echo: Handler = (request, response) => {
  void readBody(request).then((body) => {
    const { method, url, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, body }))
  })
}

interface Echo {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

describe('FuturesSession on a WorkerThreadExecutor', () => {
  test('brings back a Response as in process', async () => {
    const server = await serve((_, response) => {
      response.setHeader('link', '<http://next/>; rel=next')
      response.setHeader('set-cookie', ['a=1; Path=/', 'b=2'])
      response.setHeader('content-type', 'text/plain; charset=latin1')
      response.writeHead(203, 'Odd').end(Buffer.from([0xe4]))
    })
    const session = openRemote()
    const response = await session.get(new URL(`${server.url}/a#part`), { params: { q: 'ä' } }).result()
    expect(response).toBeInstanceOf(Response)
    expect(response).toMatchObject({ status: 203, statusText: 'Odd', ok: true, url: `${server.url}/a?q=%C3%A4#part` })
    expect(response.text()).toBe('ä')
    expect(response.encoding).toBe('latin1')
    expect(response.links.next).toMatchObject({ url: 'http://next/' })
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2'])
    expect(response.cookies.getCookiesSync(server.url)).toHaveLength(2)
    expect(response.elapsed).toBeGreaterThan(0)
    expect(response.history).toEqual([])
    expect(response.data).toBeUndefined()
    expect(Buffer.isBuffer(response.content)).toBe(true)
    expect(() => response.headers.set('a', 'b')).toThrow(TypeError)
    expect(response.request).toBeInstanceOf(PreparedRequest)
    expect(response.request.method).toBe('GET')
    expect(response.request.headers.get('user-agent')).toMatch(/^undici-futures/)
    expect(session.stats()).toMatchObject({ submitted: 1, fulfilled: 1, bytes: 1 })
  })

  test('sends every verb, and its options', async () => {
    const server = await serve(echo)
    const session = openRemote({ headers: { 'X-Session': 'yes', 'X-Gone': 'no' }, params: { s: 1 } })
    const options = { params: [['r', '2']] as [string, string][], headers: { 'X-Own': 5, 'X-Gone': null } }
    for (const verb of ['get', 'options', 'post', 'put', 'patch', 'delete'] as const) {
      const seen = await session[verb](server.url, options).json<Echo>()
      expect(seen.method).toBe(verb.toUpperCase())
      expect(seen.url).toBe('/?s=1&r=2')
      expect(seen.headers).toMatchObject({ 'x-session': 'yes', 'x-own': '5' })
      expect(seen.headers).not.toHaveProperty('x-gone')
    }
    const head = await session.head(server.url).result()
    expect([head.status, head.content.byteLength]).toEqual([200, 0])
  })

  test('takes headers and params in every shape', async () => {
    const server = await serve(echo)
    const session = openRemote()
    const shapes = [new Headers({ 'X-A': '1' }), new Map([['X-A', '1']]), [['X-A', '1']]] as unknown as Headers[]
    for (const headers of shapes) {
      expect((await session.get(server.url, { headers }).json<Echo>()).headers).toMatchObject({ 'x-a': '1' })
    }
    const params = new URLSearchParams('a=1&a=2')
    expect((await session.get(server.url, { params }).json<Echo>()).url).toBe('/?a=1&a=2')
  })
})

describe('A body', () => {
  test.each<[string, object, string, string | undefined]>([
    ['a string', { data: 'text' }, 'text', undefined],
    ['a Buffer', { data: Buffer.from('bytes') }, 'bytes', undefined],
    ['a part of an ArrayBuffer', { data: new Uint8Array([97, 98, 99]).subarray(1) }, 'bc', undefined],
    ['an ArrayBuffer', { data: new Uint8Array([97]).buffer }, 'a', undefined],
    ['a form', { data: { a: 1, b: ['x', 'y'] } }, 'a=1&b=x&b=y', 'application/x-www-form-urlencoded'],
    [
      'a form with URLs',
      { data: [['a', new URL('http://x/')]] },
      'a=http%3A%2F%2Fx%2F',
      'application/x-www-form-urlencoded',
    ],
    ['URLSearchParams', { data: new URLSearchParams('a=1') }, 'a=1', 'application/x-www-form-urlencoded'],
    ['JSON', { json: { a: [1, null], b: { toJSON: () => 'c' } } }, '{"a":[1,null],"b":"c"}', 'application/json'],
    ['null as JSON', { json: null }, 'null', 'application/json'],
    ['a Blob', { data: new Blob(['blob'], { type: 'x/y' }) }, 'blob', 'x/y'],
    ['JSON of a type of its own', { json: 1, headers: { 'content-type': 'x/json' } }, '1', 'x/json'],
  ])('%s arrives', async (_, options, body, type) => {
    const server = await serve(echo)
    const response = await openRemote().post(server.url, options).result()
    const seen = response.json<Echo>()
    expect([seen.body, seen.headers['content-type']]).toEqual([body, type])
    expect(seen.headers['content-length']).toBe(String(body.length))
  })

  test('given as FormData or as files is multipart', async () => {
    const server = await serve(echo)
    const session = openRemote()
    const form = new FormData()
    form.append('field', 'value')
    form.append('file', new File(['content'], 'name.txt', { type: 'x/file' }))
    const blob = new Blob(['content'], { type: 'x/file' })
    const bodies = await Promise.all([
      session.post(server.url, { data: form }).json<Echo>(),
      session.post(server.url, { data: { field: 'value' }, files: { file: ['name.txt', blob] } }).json<Echo>(),
      session
        .post(server.url, { data: { field: 'value' }, files: { file: new File([blob], 'name.txt', blob) } })
        .json<Echo>(),
      session
        .post(server.url, { data: { field: 'value' }, files: { file: ['name.txt', 'content', 'x/file'] } })
        .json<Echo>(),
    ])
    for (const { headers, body } of bodies) {
      const boundary = /^multipart\/form-data; boundary=(\w+)$/.exec(headers['content-type']!)![1]!
      expect(body.replaceAll(boundary, '-').replaceAll('\r\n', '|')).toBe(
        '---|Content-Disposition: form-data; name="field"||value|' +
          '---|Content-Disposition: form-data; name="file"; filename="name.txt"|Content-Type: x/file||content|-----|',
      )
    }
  })

  test('is on the request of the response, as it was sent', async () => {
    const server = await serve(echo)
    const session = openRemote()
    const bytes = Buffer.alloc(100_000, 'x')
    expect((await session.post(server.url, { data: bytes }).result()).request.body).toEqual(bytes)
    expect(bytes.byteLength).toBe(100_000)
    expect((await session.post(server.url, { data: { a: 1 } }).result()).request.body).toBe('a=1')
    const response = await session.post(server.url, { files: { a: new Blob(['x']) } }).result()
    const { body } = response.request as { body: { length?: number; open(): AsyncIterable<Uint8Array> } }
    const chunks: Uint8Array[] = []
    for await (const chunk of body.open()) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe(response.json<Echo>().body)
  })

  test('of 64 KiB or more comes back by transfer', async () => {
    const server = await serve((_, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(Buffer.alloc(300_000, 'y')))
    })
    const session = openRemote({}, { threads: 1 })
    const response = await session.get(server.url, { hooks: { response: hook('remember') } }).result()
    expect(response.content.byteLength).toBe(300_000)
    expect(createHash('md5').update(response.content).digest('hex')).toBe(
      createHash('md5').update(Buffer.alloc(300_000, 'y')).digest('hex'),
    )
    expect(await session.executor.submit(hook('bytesLeft')).result()).toEqual([0])
  })

  test.each([0, 1, 4095, 4096, 65_535, 65_536])(
    'of %d bytes comes back as it is, without its neighbours',
    async (length) => {
      const bytes = Buffer.from(Uint8Array.from({ length }, (_, index) => index % 251))
      const server = await serve((_, response) => response.end(bytes))
      const { content } = await openRemote().get(server.url).result()
      expect(bytes.equals(content)).toBe(true)
      expect(content.buffer.byteLength).toBe(length)
    },
  )
})

describe('Hooks by task reference', () => {
  test("run in the thread, on the thread's copy of the session", async () => {
    const server = await serve()
    const session = openRemote({ baseUrl: server.url, headers: { 'X-Session': 'here' } })
    const response = await session
      .get('/a', { hooks: { response: hook('describeContext') }, context: { id: 7, when: new Date(0) } })
      .result()
    expect(response.data).toMatchObject({
      isMainThread: false,
      status: 200,
      request: `GET ${server.url}/a`,
      session: expect.stringMatching(/Session$/) as string,
      baseUrl: server.url,
      header: 'here',
      isAborted: false,
      attempt: 1,
      context: { id: 7, when: new Date(0) },
    })
  })

  test("run the session's first, each kind in its place, with their args", async () => {
    const server = await serve(echo)
    const session = openRemote({ hooks: { response: hook('append', 'session') } })
    session.hooks.request.push(hook('setHeader', 'X-Hook', 'session'))
    const hooks = { response: [hook('append', 'a'), hook('append', 'b')], request: hook('setHeader', 'X-Own', 'own') }
    const response = await session.get(server.url, { hooks: hooks }).result()
    expect(response.data).toEqual(['session', 'a', 'b'])
    expect(response.json<Echo>().headers).toMatchObject({ 'x-hook': 'session', 'x-own': 'own' })
    expect(response.request.headers.get('x-own')).toBe('own')
  })

  test('may replace the response, set its encoding, and recover', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/reset') request.socket.destroy()
      else response.end(Buffer.from([0xe4]))
    })
    const session = openRemote()
    const get = (path: string, hooks: object) => session.get(server.url + path, { hooks }).result()
    const replaced = await get('/', { response: hook('replace', 'new') })
    expect([replaced.status, replaced.text(), replaced.headers.get('x-replaced')]).toEqual([299, 'new', 'yes'])
    expect((await get('/', { response: hook('setEncoding', 'latin1') })).text()).toBe('ä')
    expect((await get('/reset', { error: hook('recover') })).url).toBe(`${server.url}/recovered`)
  })

  test('may leave large data, that is copied', async () => {
    const server = await serve()
    const response = await openRemote()
      .get(server.url, { hooks: { response: hook('bytesOf', 100_000) } })
      .result()
    expect(response.data).toEqual(new Uint8Array(100_000).fill(7))
  })

  test('that leave what can not be cloned reject the future, and nothing else', async () => {
    const server = await serve()
    const session = openRemote()
    const error = await session.get(server.url, { hooks: { response: hook('keepFunction') } }).exception()
    expect(error).toBeInstanceOf(TaskNotCloneableError)
    expect((error as TaskNotCloneableError).path).toBe('result.data[0].parse')
    expect((await session.get(server.url).result()).status).toBe(200)
    expect(session.stats()).toMatchObject({ rejected: 1, fulfilled: 1, running: 0 })
  })

  test('also run in process, unchanged', async () => {
    const server = await serve()
    const { FuturesSession } = await import('../../../src/index.ts')
    await using session = new FuturesSession()
    const response = await session.get(server.url, { hooks: { response: hook('parse') } }).result()
    expect(response.data).toEqual({ method: 'GET', url: '/' })
  })
})

describe('Authentication', () => {
  test.each<[string, unknown, string]>([
    ['a pair', ['user', 'pass'], `Basic ${Buffer.from('user:pass').toString('base64')}`],
    ['basic()', basic('üser', 'pass'), `Basic ${Buffer.from('üser:pass').toString('base64')}`],
    ['bearer()', bearer('token'), 'Bearer token'],
    ['a task reference', hook('authorize', 'token'), 'Ref token'],
  ])('by %s, of the request and of the session', async (_, auth, value) => {
    const server = await serve(echo)
    const own = await openRemote()
      .get(server.url, { auth: auth as never })
      .json<Echo>()
    const session = openRemote({ auth: auth as never })
    const inherited = await session.get(server.url).json<Echo>()
    expect([own.headers.authorization, inherited.headers.authorization]).toEqual([value, value])
    expect((await session.get(server.url, { auth: null }).json<Echo>()).headers).not.toHaveProperty('authorization')
  })

  test('by a generator answers a 401 in the thread', async () => {
    const server = await serve((request, response) => {
      response.statusCode = request.headers.authorization === undefined ? 401 : 200
      response.end('body')
    })
    const response = await openRemote()
      .get(server.url, { auth: hook('authorizeAgain', 'x') as never })
      .result()
    expect([response.status, response.history.map(({ status }) => status)]).toEqual([200, [401]])
  })

  test('by digest() counts on in each thread, whatever else changes', async () => {
    const counts: string[] = []
    let challenges = 0
    const server = await serve((request, response) => {
      const count = /nc=(\w+)/.exec(request.headers.authorization ?? '')?.[1]
      if (count === undefined) {
        challenges++
        response.setHeader('www-authenticate', 'Digest realm="r", qop="auth", nonce="n", algorithm=MD5')
        response.statusCode = 401
      } else counts.push(count)
      response.end()
    })
    const session = openRemote({ auth: digest('user', 'pass') }, { threads: 1 })
    expect((await session.get(server.url).result()).history).toHaveLength(1)
    session.headers.set('X-New', 'settings')
    expect((await session.get(server.url).result()).history).toHaveLength(0)
    const auth = digest('user', 'pass')
    for (let index = 0; index < 3; index++) await session.get(server.url, { auth }).result()
    expect(challenges).toBe(2)
    expect(counts).toEqual(['00000001', '00000002', '00000001', '00000002', '00000003'])
  })
})

describe('FuturesSession.send() on a WorkerThreadExecutor', () => {
  test('sends a prepared request as it is, with the options it was prepared with', async () => {
    const server = await serve(echo)
    const session = openRemote({ headers: { 'X-Session': 'then' } })
    const prepared = session.prepareRequest({
      method: 'PUT',
      url: server.url,
      json: { a: 1 },
      auth: bearer('token'),
      cookies: { c: '1' },
      hooks: { response: hook('append', 'prepared') },
    })
    prepared.headers.set('X-Own', 'yes')
    session.headers.set('X-Session', 'now')
    for (const attempt of [1, 2]) {
      const response = await session.send(prepared, { context: attempt }).result()
      const { method, headers, body } = response.json<Echo>()
      expect([method, body]).toEqual(['PUT', '{"a":1}'])
      expect(headers).toMatchObject({
        'x-session': 'then',
        'x-own': 'yes',
        authorization: 'Bearer token',
        cookie: 'c=1',
      })
      expect(response.data).toEqual(['prepared'])
    }
  })
})
