import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, InvalidHeaderError } from '../../../src/errors.ts'
import { basic, bearer } from '../../../src/session/auth/basic.ts'
import { digest } from '../../../src/session/auth/digest.ts'
import type { AuthOption } from '../../../src/session/auth/auth-flow.ts'
import { PreparedRequest } from '../../../src/session/prepared-request.ts'
import type { Response } from '../../../src/session/response/response.ts'
import { Session } from '../../../src/session/session.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { startServer } from '../../helpers/server.ts'
import type { Handler, TestServer } from '../../helpers/server.ts'

let server: TestServer
let session: Session
let handler: Handler
let authorizations: (string | undefined)[]

beforeEach(async () => {
  authorizations = []
  handler = (_, response) => response.end('ok')
  server = await startServer((request, response) => {
    authorizations.push(request.headers.authorization)
    handler(request, response)
  })
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const basicOf = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
const fixture = new URL('../../fixtures/session-callables.mjs', import.meta.url)
const refusing: Handler = (request, response) => {
  response.statusCode = request.headers.authorization === undefined ? 401 : 200
  response.end()
}

describe('which credentials count', () => {
  let folder: string
  const before = process.env.NETRC
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auth-flow-'))
    process.env.NETRC = join(folder, 'netrc')
    await writeFile(process.env.NETRC, 'machine 127.0.0.1 login netrc password n\n')
  })
  afterEach(async () => {
    if (before === undefined) delete process.env.NETRC
    else process.env.NETRC = before
    await rm(folder, { recursive: true })
  })

  it('header > auth of the request > URL > session > .netrc', async () => {
    const withCredentials = server.url.replace('//', '//url:u@')
    await session.get(server.url)
    session.auth = ['session', 's']
    await session.get(server.url)
    await session.get(withCredentials)
    await session.get(withCredentials, { auth: ['request', 'r'] })
    await session.get(withCredentials, { auth: ['request', 'r'], headers: { authorization: 'Header h' } })

    expect(authorizations).toEqual([
      basicOf('netrc:n'),
      basicOf('session:s'),
      basicOf('url:u'),
      basicOf('request:r'),
      'Header h',
    ])
  })

  it('a header of the session is one too', async () => {
    session = new Session({ headers: { Authorization: 'Session h' }, auth: ['s', 's'] })
    await session.get(server.url, { auth: ['request', 'r'] })
    await session.get(server.url, { auth: ['request', 'r'], headers: { Authorization: null } })

    expect(authorizations).toEqual(['Session h', basicOf('request:r')])
  })

  it('.netrc only with trustEnv, and neither it nor the session with auth: null', async () => {
    session.auth = ['session', 's']
    await session.get(server.url, { auth: null })
    await session.get(server.url.replace('//', '//url:u@'), { auth: null })
    session.auth = undefined
    session.trustEnv = false
    await session.get(server.url)

    expect(authorizations).toEqual([undefined, basicOf('url:u'), undefined])
  })

  it('.netrc of another host counts after a redirect to it', async () => {
    const other = await startServer((_, response) => response.writeHead(302, { location: server.url }).end())
    await session.get(other.url.replace('127.0.0.1', 'localhost'), { auth: ['u', 'p'] })
    await other.close()

    expect(authorizations).toEqual([basicOf('netrc:n')])
  })
})

describe('auth functions', () => {
  const cases: [name: string, auth: AuthOption, header: string][] = [
    ['a pair', ['ü', 'p'], basicOf('ü:p')],
    ['basic()', basic('u', 'p'), basicOf('u:p')],
    ['bearer()', bearer('t'), 'Bearer t'],
    ['one that edits the request', (request) => request.headers.set('Authorization', 'Edited'), 'Edited'],
    [
      'one that returns the request',
      (request) => {
        request.headers.set('Authorization', 'Returned')
        return request
      },
      'Returned',
    ],
    [
      'one that returns another request',
      (request) => {
        const copy = request.copy()
        copy.headers.set('Authorization', 'Copied')
        return copy
      },
      'Copied',
    ],
    [
      'an async one',
      async (request) => {
        await Promise.resolve()
        request.headers.set('Authorization', 'Later')
      },
      'Later',
    ],
    ['a task reference', taskReference(fixture, 'authorize', 'token'), 'Ref token'],
  ]
  it.each(cases)('%s', async (_name, auth, header) => {
    await session.get(server.url, { auth })
    session.auth = auth
    await session.get(server.url)

    expect(authorizations).toEqual([header, header])
  })

  it('are asked on every hop within the origin, each time with a fresh request', async () => {
    handler = (request, response) => {
      if (request.url === '/go') response.writeHead(302, { location: '/end' }).end()
      else response.end('end')
    }
    const asked: string[] = []
    const response = await session.get(`${server.url}/go`, {
      auth: (request) => {
        asked.push(request.url)
        request.headers.append('Authorization', `n${asked.length}`)
      },
    })

    expect(asked).toEqual([`${server.url}/go`, `${server.url}/end`])
    expect(authorizations).toEqual(['n1', 'n2'])
    expect(response.history[0]?.request.headers.get('authorization')).toBe('n1')
  })

  it('that return something else, or throw, fail the request', async () => {
    await expect(session.get(server.url, { auth: () => 5 as never })).rejects.toThrow(/PreparedRequest/)
    await expect(session.get(server.url, { auth: async () => ({}) as never })).rejects.toThrow(TypeError)
    const boom = new Error('boom')
    await expect(session.get(server.url, { auth: () => Promise.reject(boom) })).rejects.toBe(boom)
    await expect(session.get(server.url, { auth: bearer('a\nb') })).rejects.toThrow(InvalidHeaderError)
    await expect(session.get(server.url, { auth: taskReference(fixture, 'noFunction') })).rejects.toThrow(/noFunction/)
    expect(authorizations).toEqual([])
  })
})

describe('auth generators', () => {
  it('get the response of what they yield: refresh on 401 in five lines', async () => {
    handler = (request, response) => {
      if (request.url === '/token') return void response.end('fresh')
      response.statusCode = request.headers.authorization === 'Bearer fresh' ? 200 : 401
      response.end(`status ${response.statusCode}`)
    }
    let token = 'old'
    async function* refreshing(request: PreparedRequest): AsyncGenerator<PreparedRequest, void, Response> {
      request.headers.set('Authorization', `Bearer ${token}`)
      if ((yield request).status !== 401) return
      token = (yield new PreparedRequest({ url: `${server.url}/token` })).text()
      request.headers.set('Authorization', `Bearer ${token}`)
      yield request
    }
    const hooked: number[] = []
    const hooks = { response: (response: Response) => void hooked.push(response.status) }

    const first = await session.get(`${server.url}/x`, { auth: refreshing, hooks })
    const second = await session.get(`${server.url}/x`, { auth: refreshing, hooks })

    expect(first.text()).toBe('status 200')
    expect(first.history.map(({ status, url }) => [status, url])).toEqual([
      [401, `${server.url}/x`],
      [200, `${server.url}/token`],
    ])
    expect(first.redirected).toBe(false)
    expect(first.history[0]?.request.headers.get('authorization')).toBe('Bearer old')
    expect(second.history).toEqual([])
    expect(hooked).toEqual([200, 200])
    expect(authorizations).toEqual(['Bearer old', undefined, 'Bearer fresh', 'Bearer fresh'])
  })

  it('may be synchronous, and named by a task reference', async () => {
    handler = refusing
    function* again(request: PreparedRequest): Generator<PreparedRequest, void, Response> {
      const response = yield request
      if (response.status !== 401) return
      request.headers.set('Authorization', 'Again')
      yield request
    }

    expect((await session.get(server.url, { auth: again })).status).toBe(200)
    const reference = taskReference(fixture, 'authorizeAgain', 'token')
    expect((await session.get(server.url, { auth: reference })).status).toBe(200)
    expect(authorizations).toEqual([undefined, 'Again', undefined, 'Again token'])
  })

  it('that yield nothing only edit; what they return is sent', async () => {
    async function* silent(request: PreparedRequest): AsyncGenerator<never, undefined, Response> {
      await Promise.resolve()
      request.headers.set('Authorization', 'Silent')
      return undefined
    }
    async function* returning(request: PreparedRequest): AsyncGenerator<PreparedRequest, PreparedRequest, Response> {
      yield request
      request.headers.set('Authorization', 'Returned')
      return request
    }

    await session.get(server.url, { auth: silent })
    const response = await session.get(server.url, { auth: returning })

    expect(authorizations).toEqual(['Silent', undefined, 'Returned'])
    expect(response.history).toHaveLength(1)
  })

  it('are told where sending failed, and may go on', async () => {
    let isCleanedUp = false
    async function* patient(request: PreparedRequest): AsyncGenerator<PreparedRequest, void, Response> {
      try {
        yield new PreparedRequest({ url: 'http://127.0.0.1:1/' })
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionError)
      } finally {
        isCleanedUp = true
      }
      yield request
    }
    async function* impatient(): AsyncGenerator<PreparedRequest, void, Response> {
      try {
        yield new PreparedRequest({ url: 'http://127.0.0.1:1/' })
      } finally {
        isCleanedUp = false
      }
    }

    expect((await session.get(server.url, { auth: patient })).text()).toBe('ok')
    expect(isCleanedUp).toBe(true)
    await expect(session.get(server.url, { auth: impatient })).rejects.toThrow(ConnectionError)
    expect(isCleanedUp).toBe(false)
  })

  it('that yield something else fail the request', async () => {
    const auth = async function* (): AsyncGenerator<never, void, Response> {
      yield 'x' as never
    }
    await expect(session.get(server.url, { auth })).rejects.toThrow(/yield a PreparedRequest/)
  })

  it('send the body again, and store cookies on the way', async () => {
    const bodies: string[] = []
    handler = (request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        bodies.push(`${request.headers.cookie ?? '-'} ${body}`)
        response.writeHead(request.headers.authorization === undefined ? 401 : 200, {
          'set-cookie': 'a=1',
          'www-authenticate': 'Digest realm="r", nonce="n", qop="auth"',
        })
        response.end()
      })
    }
    const response = await session.post(server.url, { data: { a: '1' }, auth: digest('u', 'p') })

    expect(bodies).toEqual(['- a=1', 'a=1 a=1'])
    expect(response.history.map(({ status }) => status)).toEqual([401])
  })

  it('release a streamed response that they have consumed', async () => {
    handler = (request, response) => {
      response.statusCode = request.headers.authorization === undefined ? 401 : 200
      response.end('body')
    }
    async function* again(request: PreparedRequest): AsyncGenerator<PreparedRequest, void, Response> {
      await (yield request).read()
      request.headers.set('Authorization', 'Again')
      yield request
    }
    const response = await session.get(server.url, { stream: true, auth: again })

    expect((await response.read()).text()).toBe('body')
    expect(server.connections).toBe(1)
  })
})
