/** SECURITY.md, "Injection": whatever stands in a name or a value, there is one request on the wire, the one that was asked for. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { basic, bearer, digest, HeaderMap, InvalidHeaderError, PreparedRequest, Session } from '../../src/index.ts'
import { InvalidOptionError, RequestError } from '../../src/errors.ts'
import { userAgent } from '../../src/session/user-agent.ts'
import { answer, startFaultServer, type FaultServer } from '../helpers/fault-server.ts'

let server: FaultServer
let session: Session
/** Of the first response. */
let challenge: string

beforeEach(async () => {
  challenge = ''
  server = await startFaultServer(async (peer) => {
    while ((await peer.request()) !== undefined) {
      const isChallenged = challenge !== '' && server.requests.length === 1
      await peer.write(isChallenged ? answer('', { 'WWW-Authenticate': challenge }, '401 No') : answer('ok'))
    }
  })
  session = new Session({ trustEnv: false })
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const evil = '\r\nX-Injected: 1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h'
const breaks = [evil, '\nX-Injected: 1', '\rX-Injected: 1', 'a\0b', 'a\x7fb', 'a\x0bb', '\u010a\u010d', '\u2028']

const get = (options: object): Promise<unknown> => session.get(server.url, options)
const post = (options: object): Promise<unknown> => session.post(server.url, options)

describe('Control characters are refused before anything is sent,', () => {
  const places: [string, (text: string) => Promise<unknown>][] = [
    ['in the value of a header', (text) => get({ headers: { 'X-A': `a${text}` } })],
    ['in one of pairs', (text) => get({ headers: [['X-A', `a${text}`]] })],
    ['in one of a Headers-like', (text) => get({ headers: new Map([['X-A', `a${text}`]]) })],
    ['in a User-Agent', (text) => get({ headers: { 'User-Agent': `a${text}` } })],
    ['in a Host', (text) => get({ headers: { Host: `h${text}` } })],
    ['in a Content-Type', (text) => post({ headers: { 'Content-Type': `text/plain${text}` }, data: 'x' })],
    ['in an Authorization', (text) => get({ headers: { Authorization: `Bearer a${text}` } })],
    ['in a hand-written Cookie', (text) => get({ headers: { Cookie: `a=b${text}` } })],
    ['in the name of a header', (text) => get({ headers: { [`X-A${text}`]: 'a' } })],
    ['in the name of a cookie', (text) => get({ cookies: { [`a${text}`]: 'b' } })],
    ['in a bearer token', (text) => get({ auth: bearer(`t${text}`) })],
    ['in a header of a part', (text) => post({ files: { f: ['n', 'c', 'text/plain', { 'X-A': `a${text}` }] } })],
    ['in the name of one', (text) => post({ files: { f: ['n', 'c', 'text/plain', { [`X-A${text}`]: 'a' }] } })],
    ['in the type of a part', (text) => post({ files: { f: ['n', 'c', `text/plain${text}`] } })],
    ['in a method', (text) => session.request(`GET${text}`, server.url)],
    [
      'in a Content-Length',
      (text) => post({ headers: { 'Content-Length': `1${text}` }, data: ['x'][Symbol.iterator]() }),
    ],
  ]

  it.each(places)('%s', async (place, send) => {
    // UTF-8 may stand in a part.
    const texts = place.includes('part') || place.includes('one') ? breaks.slice(0, 6) : breaks
    for (const text of texts) {
      const error = await send(text).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(RequestError)
      expect([InvalidHeaderError, InvalidOptionError].some((each) => error instanceof each)).toBe(true)
    }
    expect(server.requests).toEqual([])
    expect(server.connections).toBe(0)
  })

  it('in the value of a cookie, and what would make two of one', async () => {
    for (const text of [...breaks, 'b; c=d'])
      await expect(get({ cookies: { a: text } })).rejects.toThrow(InvalidHeaderError)
    for (const name of ['a=b', 'a;b', 'a b', 'a,b', '']) {
      await expect(get({ cookies: { [name]: 'c' } })).rejects.toThrow(InvalidHeaderError)
    }
    expect(server.requests).toEqual([])
  })

  it('in what sets a session up', () => {
    for (const text of breaks) {
      expect(() => new Session({ headers: { 'X-A': `a${text}` } })).toThrow(InvalidHeaderError)
      expect(() => session.headers.set('X-A', `a${text}`)).toThrow(InvalidHeaderError)
      expect(() => session.headers.append(`X${text}`, 'a')).toThrow(InvalidHeaderError)
      expect(() => userAgent(`name${text}`, '1')).toThrow(TypeError)
      expect(() => userAgent('name', `1${text}`)).toThrow(TypeError)
    }
    for (const text of ['a b', 'a/b', 'é', '']) expect(() => userAgent(text, '1')).toThrow(TypeError)
  })

  it('in what hooks and auth functions leave, unchecked headers of a response included', async () => {
    const copied = HeaderMap.readOnly({ 'x-a': `a${evil}` }).copy()
    const hooks: ((request: PreparedRequest) => void)[] = [
      (request) => void (request.headers = copied),
      (request) => void (request.method = `GET / HTTP/1.1${evil}`),
      (request) => request.headers.set('X-A', `a${evil}`),
    ]
    for (const request of hooks) {
      await expect(get({ hooks: { request } })).rejects.toThrow(RequestError)
      await expect(get({ auth: request })).rejects.toThrow(RequestError)
    }
    await expect(session.send(new PreparedRequest({ url: server.url, headers: copied }))).rejects.toThrow(RequestError)
    expect(server.requests).toEqual([])
  })
})

describe('What has to be sent is written so that it stays where it belongs:', () => {
  it('user and password of Basic', async () => {
    for (const auth of [['a\r\nX-Injected: 1', 'b\r\n'] as const, basic('a\r\nX-Injected: 1', 'b\r\n')])
      await get({ auth })
    expect(server.requests).toHaveLength(2)
    for (const request of server.requests) expect(request).toMatch(/Authorization: Basic [A-Za-z0-9+/=]+\r\n/)
    expect(server.requests.join()).not.toMatch(/^X-Injected/m)
  })

  it('names and filenames of a multipart body', async () => {
    const name = `n"; x="${evil}\r\n--b`
    const form = new FormData()
    form.append(name, 'form')
    form.append('file', new Blob(['x']), name)
    await post({ files: { [name]: [name, 'content'] }, data: { [name]: 'field' } })
    await post({ data: form })
    for (const request of server.requests) {
      const [head = '', ...body] = request.split('\r\n\r\n')
      expect(head).not.toContain('X-Injected')
      expect(body.join('\r\n\r\n')).not.toMatch(/^X-Injected|^GET/m)
      expect(body.join()).toContain('name="n%22; x=%22%0D%0AX-Injected: 1%0D%0A')
    }
  })

  it('a boundary, which no content can guess', async () => {
    const boundaries = new Set<string>()
    for (let count = 0; count < 5; count++) {
      await post({ files: { f: 'x' } })
      boundaries.add(/boundary=([0-9a-f]{32})\r\n/.exec(server.requests[count] ?? '')?.[1] ?? '')
    }
    expect(boundaries.size).toBe(5)
    expect(boundaries.has('')).toBe(false)
  })

  it('names and values of forms and queries', async () => {
    await post({ data: { [`a&b=${evil}`]: evil }, params: { [`c&d#${evil}`]: evil } })
    await get({ params: `a=b#${evil}` })
    expect(server.requests).toHaveLength(2)
    for (const request of server.requests) expect(request).not.toMatch(/^X-Injected|^GET \/smuggled/m)
    expect(server.requests[0]).toContain('c%26d%23%0D%0AX-Injected')
  })
})

describe('What frames a message is not the caller’s to say:', () => {
  it.each(['Transfer-Encoding', 'Content-Length', 'Keep-Alive', 'transfer-encoding'])('%s', async (name) => {
    for (const value of ['chunked', '5', 'identity, chunked']) await post({ headers: { [name]: value }, data: 'body' })
    for (const request of server.requests) {
      expect(request.match(/content-length/gi)).toHaveLength(1)
      expect(request).toMatch(/content-length: 4\r\n/i)
      expect(request).not.toMatch(/transfer-encoding|keep-alive: /i)
    }
  })

  it.each(['Upgrade', 'Expect'])('%s is refused', async (name) => {
    await expect(get({ headers: { [name]: 'x' } })).rejects.toThrow(InvalidHeaderError)
  })
})

describe('A digest challenge', () => {
  it.each([
    'realm="r\\", nonce="x", uri="y", response="z"',
    'realm="r',
    'realm="\\\\"',
    'realm="a\tb, c=d"',
    'realm=r",x="y',
  ])('with %j comes back in one header, and says nothing of the account but what it asks for', async (realm) => {
    challenge = `Digest ${realm}, nonce="n\\"x", qop="auth", algorithm=MD5`
    await get({ auth: digest('user', 's3cret') })
    for (const request of server.requests) {
      expect(request.match(/^authorization:/gim)?.length ?? 0).toBeLessThan(2)
      expect(request).not.toContain('s3cret')
    }
    expect(server.requests.length).toBeLessThan(3)
  })

  it('with letters beyond latin-1 for a user that has some is an error at most', async () => {
    challenge = 'Digest realm="\xff\xfe", nonce="\x80", qop="auth", charset=UTF-8'
    await get({ auth: digest('☃\u2028', 's3cret') })
    expect(server.requests[1]).toMatch(/authorization: Digest username\*=UTF-8''%E2%98%83%E2%80%A8, /i)
  })
})
