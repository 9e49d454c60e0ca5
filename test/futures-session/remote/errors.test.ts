import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { RequestError } from '../../../src/index.ts'
import {
  ConnectionError,
  ContentDecodingError,
  HTTPError,
  InvalidHeaderError,
  MissingSchemaError,
  PreparedRequest,
  ReadTimeoutError,
  Response,
  ResponseTooLargeError,
  TooManyRedirectsError,
} from '../../../src/index.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import { closeExecutorsAfterEach, fixture } from '../../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

describe('An error of a request in a thread', () => {
  test('keeps class, message, code, cause and request', async () => {
    const error = (await openRemote().get('http://127.0.0.1:1/a', { json: 1 }).exception()) as ConnectionError
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'ERR_CONNECTION' })
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' })
    expect(error.request).toBeInstanceOf(PreparedRequest)
    expect(error.request).toMatchObject({ method: 'GET', url: 'http://127.0.0.1:1/a', body: '1' })
    expect(Object.keys(error)).not.toContain('request')
    expect(error.stack).toContain('submitted to a worker thread')
    expect(error.stack).toContain('errors.test')
  })

  test.each<[string, object, new () => RequestError]>([
    ['example.com', {}, MissingSchemaError],
    ['http://x/', { headers: { 'a b': 'c' } }, InvalidHeaderError],
  ])('that could not be prepared has method and URL: %s', async (url, options, expected) => {
    const error = (await openRemote().get(url, options).exception()) as RequestError
    expect(error).toBeInstanceOf(expected)
    expect(error.request).toEqual({ method: 'GET', url })
  })

  test.each(['data', 'cause', 'message', 'proxy', 'deep'])(
    'of a hook keeps what can be read of it: %s',
    async (kind) => {
      const server = await serve()
      const hooks = { response: fixture('failing-tasks.mjs', 'fightInHook', kind) }
      const error = (await openRemote().get(server.url, { hooks }).exception()) as RangeError
      expect(error).toBeInstanceOf(RangeError)
      expect(error).toMatchObject({ name: 'RangeError', code: 'E_NAMED' })
    },
  )

  test('has its response, with everything', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end('again')
      else response.writeHead(404).end('x'.repeat(100_000))
    })
    const session = openRemote()
    const missing = (await session.get(server.url, { raiseForStatus: true }).exception()) as HTTPError
    expect(missing).toBeInstanceOf(HTTPError)
    expect(missing.message).toBe(`404 Client Error: Not Found for url: ${server.url}/`)
    expect(missing.response).toBeInstanceOf(Response)
    expect(missing.response.text()).toHaveLength(100_000)
    expect(missing.response.request).toMatchObject({ method: 'GET', url: `${server.url}/` })
    const loop = (await session.get(`${server.url}/loop`, { maxRedirects: 2 }).exception()) as TooManyRedirectsError
    expect(loop).toBeInstanceOf(TooManyRedirectsError)
    expect(loop.response.history).toHaveLength(2)
    expect(Object.keys(loop)).not.toContain('response')
  })

  test('of the body, of size and of time', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/slow') return
      if (request.url === '/gzip') response.setHeader('content-encoding', 'gzip')
      response.end(request.url === '/gzip' ? gzipSync('text').subarray(0, 10) : 'x'.repeat(1000))
    })
    const session = openRemote()
    expect(await session.get(`${server.url}/gzip`).exception()).toBeInstanceOf(ContentDecodingError)
    const large = await session.get(server.url, { maxResponseSize: 10 }).exception()
    expect(large).toBeInstanceOf(ResponseTooLargeError)
    expect((large as ResponseTooLargeError).limit).toBe(10)
    const slow = await session.get(`${server.url}/slow`, { timeout: { read: 60 } }).exception()
    expect(slow).toBeInstanceOf(ReadTimeoutError)
    expect((slow as ReadTimeoutError).scope).toBe('read')
  })

  test('that a hook throws comes as it is, and so does what is inside it', async () => {
    const server = await serve((_, response) => response.writeHead(500).end('broken'))
    const session = openRemote()
    const get = (hooks: object, options?: object) => session.get(server.url, { hooks, ...options }).exception()
    const own = await get({ response: hook('fail', 'my mistake') })
    expect(own).toBeInstanceOf(RangeError)
    expect(own).toMatchObject({ message: 'my mistake', cause: new TypeError('the cause') })
    const raised = await get({ response: hook('failWithResponse') })
    expect(raised).toBeInstanceOf(HTTPError)
    const wrapped = (await get({ error: hook('wrap') }, { raiseForStatus: true })) as Error
    expect(wrapped.message).toBe('wrapped')
    expect((wrapped.cause as HTTPError).response.text()).toBe('broken')
  })

  test('has no response where a hook has left something in it that can not be cloned', async () => {
    const server = await serve((_, response) => response.writeHead(500).end())
    const error = await openRemote()
      .get(server.url, { hooks: { response: hook('failWithUncloneable') } })
      .exception()
    expect(error).toBeInstanceOf(HTTPError)
    expect((error as HTTPError).request).toMatchObject({ method: 'GET' })
    expect((error as HTTPError).response).toBeUndefined()
  })

  test('shows no credentials', async () => {
    const error = (await openRemote().get('http://user:secret@127.0.0.1:1/').exception()) as RequestError
    expect(error.request.url).toBe('http://127.0.0.1:1/')
    expect(error.message + String(error.stack)).not.toContain('secret')
  })
})
