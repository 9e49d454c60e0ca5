/** What a request looks like in HTTP/2: semantic 9. */
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { InvalidHeaderError, type RequestOptions } from '../../../src/index.ts'
import { until } from '../../helpers/gate.ts'
import { answer } from '../../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../../helpers/h2/site.ts'

const site = new Http2Site()
afterEach(() => site.close())

/** What arrives, as it arrives, without what every request has. */
async function arrived(method: string, path: string, options: RequestOptions = {}): Promise<[string, string][]> {
  const server = await site.frames(async (peer) => {
    const stream = (await peer.request())!
    await peer.bodyOf(stream)
    await peer.send(answer(stream.id))
  })
  await site.session().request(method, `${server.url}${path}`, options).result()
  const { headers } = server.peers[0]!.streams.get(1)!
  return headers.map(([name, value]) => [name, value.replaceAll(String(server.port), 'PORT')])
}

const one = (headers: [string, string][], name: string): string | undefined => {
  const values = headers.filter(([each]) => each === name).map(([, value]) => value)
  expect(values.length).toBeLessThanOrEqual(1)
  return values[0]
}

describe('A request in HTTP/2', () => {
  test('begins with what HTTP/1 has in its first line, and its Host', async () => {
    const headers = await arrived('GET', '/a%20b/c?d=e&f', { headers: { 'X-Case': 'Kept' } })
    const pseudo = headers.filter(([name]) => name.startsWith(':'))
    expect(Object.fromEntries(pseudo)).toEqual({
      ...{ ':method': 'GET', ':scheme': 'https', ':authority': 'localhost:PORT', ':path': '/a%20b/c?d=e&f' },
    })
    expect(headers.slice(0, 4).map(([name]) => name[0])).toEqual([':', ':', ':', ':'])
    expect(one(headers, 'host')).toBeUndefined()
    expect(one(headers, 'x-case')).toBe('Kept')
    expect(headers.map(([name]) => name)).toEqual(headers.map(([name]) => name.toLowerCase()))
    expect(one(headers, 'accept-encoding')).toContain('gzip')
    expect(one(headers, 'user-agent')).toMatch(/.+/)
  })

  test('has a Host of the caller as its authority', async () => {
    const headers = await arrived('GET', '/', { headers: { HOST: 'other.example:8443' } })
    expect(one(headers, ':authority')).toBe('other.example:8443')
    expect(one(headers, 'host')).toBeUndefined()
  })

  test.each([
    ...['Connection', 'Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'Upgrade', 'HTTP2-Settings'],
    'Proxy-Authorization',
  ])('has no %s', async (name) => {
    const values: Record<string, string> = { Connection: 'close', 'Transfer-Encoding': 'chunked', Upgrade: 'other' }
    const value = values[name] ?? 'a'
    expect(
      one(await arrived('POST', '/', { headers: { [name]: value }, data: 'body' }), name.toLowerCase()),
    ).toBeUndefined()
  })

  test('has nothing that its Connection names', async () => {
    const headers = await arrived('GET', '/', {
      headers: { Connection: 'keep-alive, X-Hop , x-other', 'X-Hop': 'a', 'X-Other': 'b', 'X-End': 'c' },
    })
    expect([one(headers, 'x-hop'), one(headers, 'x-other'), one(headers, 'x-end')]).toEqual([undefined, undefined, 'c'])
  })

  test('has TE only for trailers', async () => {
    expect(one(await arrived('GET', '/', { headers: { TE: 'trailers' } }), 'te')).toBe('trailers')
    expect(one(await arrived('GET', '/', { headers: { TE: 'gzip' } }), 'te')).toBeUndefined()
    expect(one(await arrived('GET', '/', { headers: { te: 'trailers, deflate' } }), 'te') ?? 'trailers').toBe(
      'trailers',
    )
  })

  test.each([
    ['a body of text', 'POST', { data: 'body' }, '4'],
    ['a body of bytes', 'PUT', { data: new Uint8Array(5) }, '5'],
    ['JSON', 'POST', { json: { a: 1 } }, '7'],
    ['no body', 'POST', {}, '0'],
    ['no body', 'PUT', {}, '0'],
    ['no body', 'PATCH', {}, '0'],
    ['no body', 'GET', {}, undefined],
    ['no body', 'DELETE', {}, undefined],
    ['a body of unknown length', 'POST', { data: Readable.from([Buffer.from('body')]) }, undefined],
    [
      'a body whose length the caller knows',
      'POST',
      { data: Readable.from([Buffer.from('body')]), headers: { 'content-length': '4' } },
      '4',
    ],
  ] as [string, string, RequestOptions, string | undefined][])(
    'says how long %s of a %s is, where that is known',
    async (_name, method, options, length) => {
      expect(one(await arrived(method, '/', options), 'content-length')).toBe(length)
    },
  )

  test('has its cookies, and its credentials', async () => {
    const headers = await arrived('GET', '/', { cookies: { a: '1', b: '2' }, auth: ['user', 'open-sesame'] })
    const cookies = headers.filter(([name]) => name === 'cookie').map(([, value]) => value)
    expect(cookies.join('; ')).toBe('a=1; b=2')
    expect(one(headers, 'authorization')).toMatch(/^Basic /)
  })

  test('sends any method, header values of one byte a character, and repeated headers', async () => {
    const headers = await arrived('PURGE', '/', { headers: { 'X-Byte': 'caf\xe9', 'X-Empty': '' } })
    expect([one(headers, ':method'), one(headers, 'x-byte'), one(headers, 'x-empty')]).toEqual(['PURGE', 'caf\xe9', ''])
  })

  test.each([
    [':path', '/other'],
    [':authority', 'other.example'],
    ['x:y', 'a'],
    ['x y', 'a'],
    ['x-break', 'a\r\nb: c'],
    ['x-nul', 'a\0b'],
  ])('is an InvalidHeaderError with %j', async (name, value) => {
    const server = await site.frames(answering())
    const session = site.session()
    expect(await session.get(server.url, { headers: { [name]: value } }).exception()).toBeInstanceOf(InvalidHeaderError)
    expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
    expect(server.seen).toEqual(['GET /'])
  })

  test.each(['content-type', 'if-modified-since', 'authorization', 'user-agent', 'referer', 'content-length'])(
    'has a %s once, which node:http2 would refuse twice',
    async (name) => {
      const server = await site.frames(answering())
      const session = site.session()
      session.headers.append(name, '1')
      session.headers.append(name, '1')
      const outcome = await outcomeOf(session.post(server.url, { data: 'b' }))
      expect(outcome === '200 fine' || outcome === 'InvalidHeaderError').toBe(true)
      session.headers.delete(name)
      expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
    },
  )

  test('that is too large for the server is answered, or an error', async () => {
    const server = await site.server()
    const session = site.session()
    const future = session.get(server.url, { headers: { 'X-Long': 'x'.repeat(200_000) } })
    expect(await outcomeOf(future)).toMatch(/^(?:431 .*|InvalidHeaderError|ConnectionError)$/)
    expect(await outcomeOf(session.get(server.url))).toMatch(/^200 /)
  })

  test('OPTIONS and a path with characters that are not ASCII arrive as in HTTP/1', async () => {
    expect(one(await arrived('OPTIONS', '/\u00e4?\u00f6=1'), ':path')).toBe('/%C3%A4?%C3%B6=1')
  })

  test('is not sent twice on the same stream: many sessions, one server', async () => {
    const server = await site.server()
    const sessions = Array.from({ length: 5 }, () => site.session())
    const futures = sessions.flatMap((session, at) =>
      [1, 2, 3].map((each) => session.get(`${server.url}/${at}/${each}`)),
    )
    for (const future of futures) await future.result()
    await until(() => server.active === 0)
    expect(server.seen.toSorted()).toEqual([...new Set(server.seen)].sort())
  })
})
