import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { UnrewindableBodyError } from '../../../src/errors.ts'
import type { AuthFlow, AuthFunction } from '../../../src/session/auth/auth-flow.ts'
import { digest } from '../../../src/session/auth/digest.ts'
import { prepareBody } from '../../../src/session/body/body.ts'
import { HeaderMap } from '../../../src/session/headers.ts'
import { PreparedRequest } from '../../../src/session/prepared-request.ts'
import type { Response } from '../../../src/session/response/response.ts'

const url = 'http://h.test/dir/index.html?a=1'

interface Account {
  user: string
  password: string
}
const mufasa: Account = { user: 'Mufasa', password: 'Circle of Life' }

const respond = (status: number, headers: Record<string, string | string[]> = {}): Response =>
  ({ status, headers: HeaderMap.readOnly(headers) }) as unknown as Response

const challenge = (parameters: string): Response =>
  respond(401, { 'www-authenticate': `Digest realm="r", ${parameters}` })

/** Sends one request through the auth function; the answers come from the list. */
async function send(
  auth: AuthFunction,
  responses: Response[],
  init: Partial<{ url: string; body: unknown }> = {},
): Promise<PreparedRequest[]> {
  const body = prepareBody({ data: init.body })?.body
  const flow = auth(
    new PreparedRequest({ url: init.url ?? url, method: body === undefined ? 'GET' : 'POST', body }),
  ) as AuthFlow
  const sent: PreparedRequest[] = []
  let step = await flow.next()
  while (step.done !== true) {
    sent.push(step.value)
    const response = responses.shift()
    if (response === undefined) throw new Error('asked once more')
    step = await flow.next(response)
  }
  expect(responses).toEqual([])
  return sent
}

function fieldsOf(request: PreparedRequest | undefined): Record<string, string> {
  const header = request?.headers.get('authorization') ?? ''
  expect(header).toMatch(/^Digest /)
  const pairs = header.slice(7).matchAll(/([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)
  return Object.fromEntries([...pairs].map(([, name, quoted, bare]) => [name, quoted ?? bare]))
}

/** What the answer has to be, written down once more from RFC 7616. */
function expected(fields: Record<string, string>, account: Account, method = 'GET', bodyHash = ''): string {
  const algorithm = (fields.algorithm ?? 'MD5').toUpperCase()
  const name = algorithm.replace(/-SESS$/, '')
  const node = { MD5: 'md5', SHA: 'sha1', 'SHA-256': 'sha256', 'SHA-512': 'sha512', 'SHA-512-256': 'sha512-256' }[name]!
  const hash = (...parts: (string | undefined)[]): string => createHash(node).update(parts.join(':')).digest('hex')
  let secret = hash(account.user, fields.realm, account.password)
  if (algorithm.endsWith('-SESS')) secret = hash(secret, fields.nonce, fields.cnonce)
  const request = fields.qop === 'auth-int' ? hash(method, fields.uri, bodyHash) : hash(method, fields.uri)
  if (fields.qop === undefined) return hash(secret, fields.nonce, request)
  return hash(secret, fields.nonce, fields.nc, fields.cnonce, fields.qop, request)
}

describe('the check of this test', () => {
  it.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ])('agrees with RFC 7616, 3.9.1: %s', (algorithm, response) => {
    const fields = {
      algorithm,
      realm: 'http-auth@example.org',
      uri: '/dir/index.html',
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      nc: '00000001',
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
      qop: 'auth',
    }
    expect(expected(fields, mufasa)).toBe(response)
  })
})

describe('digest()', () => {
  it.each(['MD5', 'MD5-sess', 'SHA', 'SHA-256', 'SHA-256-sess', 'SHA-512', 'SHA-512-256', 'SHA-512-256-sess'])(
    'answers %s, and counts on without being asked again',
    async (algorithm) => {
      const auth = digest(mufasa.user, mufasa.password)
      const asked = challenge(`nonce="n", qop="auth", opaque="o", algorithm=${algorithm}`)
      const [first, second] = await send(auth, [asked, respond(200)])
      const [third] = await send(auth, [respond(200)])

      expect(first?.headers.has('authorization')).toBe(false)
      for (const [request, nc] of [
        [second, '00000001'],
        [third, '00000002'],
      ] as const) {
        const fields = fieldsOf(request)
        expect(fields).toMatchObject({
          username: 'Mufasa',
          realm: 'r',
          nonce: 'n',
          opaque: 'o',
          algorithm,
          qop: 'auth',
          nc,
          uri: '/dir/index.html?a=1',
        })
        expect(fields.response).toBe(expected(fields, mufasa))
      }
    },
  )

  it('says nothing that it was not asked for', async () => {
    const [, answer] = await send(digest('u', 'p'), [challenge('nonce="n"'), respond(200)])
    const fields = fieldsOf(answer)

    expect(Object.keys(fields)).toEqual(['username', 'realm', 'nonce', 'uri', 'response'])
    expect(fields.response).toBe(expected(fields, { user: 'u', password: 'p' }))
  })

  it('sends nothing more where nobody asks', async () => {
    expect(await send(digest('u', 'p'), [respond(200)])).toHaveLength(1)
    expect(await send(digest('u', 'p'), [respond(401)])).toHaveLength(1)
    expect(await send(digest('u', 'p'), [respond(401, { 'www-authenticate': 'Basic realm="r"' })])).toHaveLength(1)
  })

  it('gives up when a fresh nonce is refused', async () => {
    const asked = (nonce: string): Response => challenge(`nonce="${nonce}", qop="auth"`)

    expect(await send(digest('u', 'wrong'), [asked('1'), asked('2')])).toHaveLength(2)
  })

  it('a stale nonce is answered again, but not for ever', async () => {
    const stale = (nonce: string): Response => challenge(`nonce="${nonce}", qop="auth", stale=TRUE`)
    const auth = digest('u', 'p')
    const sent = await send(auth, [challenge('nonce="1", qop="auth"'), stale('2'), respond(200)])

    expect(fieldsOf(sent[2])).toMatchObject({ nonce: '2', nc: '00000001' })
    expect(await send(auth, [stale('3'), stale('4'), stale('5'), stale('6'), stale('7')])).toHaveLength(5)
  })

  it('a nonce that is refused later is answered once, without the word stale', async () => {
    const auth = digest('u', 'p')
    await send(auth, [challenge('nonce="1", qop="auth"'), respond(200)])
    const sent = await send(auth, [challenge('nonce="2", qop="auth"'), respond(200)])

    expect(sent.map((request) => fieldsOf(request).nonce)).toEqual(['1', '2'])
  })

  it('concurrent requests never share a count', async () => {
    const auth = digest('u', 'p')
    const asked = (): Response => challenge('nonce="n", qop="auth"')
    const all = await Promise.all(Array.from({ length: 10 }, () => send(auth, [asked(), respond(200)])))
    const later = await Promise.all(Array.from({ length: 10 }, () => send(auth, [respond(200)])))
    const counts = [...all.map((sent) => sent[1]), ...later.map((sent) => sent[0])].map(
      (request) => fieldsOf(request).nc,
    )

    expect(new Set(counts).size).toBe(20)
  })

  it('origins do not share nonces', async () => {
    const auth = digest('u', 'p')
    await send(auth, [challenge('nonce="n", qop="auth"'), respond(200)])
    const [first] = await send(auth, [respond(200)], { url: 'http://other.test/' })

    expect(first?.headers.has('authorization')).toBe(false)
  })

  it('follows the next nonce of Authentication-Info', async () => {
    const auth = digest('u', 'p')
    const info = respond(200, { 'authentication-info': 'nextnonce="next", qop=auth' })
    await send(auth, [challenge('nonce="n", qop="auth"'), info])
    const [request] = await send(auth, [respond(200)])

    expect(fieldsOf(request)).toMatchObject({ nonce: 'next', nc: '00000001' })
  })

  it('the secret of a session stays that of its first answer', async () => {
    const auth = digest('u', 'p')
    const info = respond(200, { 'authentication-info': 'nextnonce="next"' })
    const [, first] = await send(auth, [challenge('nonce="n", qop="auth", algorithm=MD5-sess'), info])
    const [second] = await send(auth, [respond(200)])
    const [one, two] = [fieldsOf(first), fieldsOf(second)]
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
    const secret = md5(`${md5('u:r:p')}:n:${one.cnonce}`)

    expect(two.response).toBe(md5(`${secret}:next:${two.nc}:${two.cnonce}:auth:${md5(`GET:${two.uri}`)}`))
  })

  it('each answer goes out with a request of its own, and the 401 keeps the one it belongs to', async () => {
    const [first, second] = await send(digest('u', 'p'), [challenge('nonce="n"'), respond(200)], { body: 'a=1' })

    expect(first?.headers.has('authorization')).toBe(false)
    expect(second).not.toBe(first)
    expect(second).toMatchObject({ method: 'POST', body: 'a=1', url })
  })

  it('auth-int covers the body, a Blob too', async () => {
    for (const body of ['héllo', Buffer.from('héllo'), new Blob(['héllo']), undefined]) {
      const [, request] = await send(digest('u', 'p'), [challenge('nonce="n", qop="auth-int"'), respond(200)], { body })
      const fields = fieldsOf(request)
      const bodyHash = createHash('md5')
        .update(body === undefined ? '' : 'héllo')
        .digest('hex')

      expect(fields.qop).toBe('auth-int')
      expect(fields.response).toBe(expected(fields, { user: 'u', password: 'p' }, request?.method, bodyHash))
    }
  })

  it('a body that can be read once is an UnrewindableBodyError when it is needed again', async () => {
    const body = Readable.from(['x'])
    const sending = send(digest('u', 'sesame'), [challenge('nonce="n", qop="auth"')], { body })
    const error = await sending.catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(UnrewindableBodyError)
    expect((error as Error).message).toContain(`POST ${url}`)
    expect(inspect(error)).not.toContain('sesame')
  })

  it('a body that can be read once goes out with the first request of a known nonce, unless it has to be hashed', async () => {
    const plain = digest('u', 'p')
    await send(plain, [challenge('nonce="n", qop="auth"'), respond(200)])
    expect(await send(plain, [respond(200)], { body: Readable.from(['x']) })).toHaveLength(1)

    const whole = digest('u', 'p')
    await send(whole, [challenge('nonce="n", qop="auth-int"'), respond(200)])
    await expect(send(whole, [], { body: Readable.from(['x']) })).rejects.toThrow(UnrewindableBodyError)
  })

  it('what the server wrote in quotes goes back as it was, and is hashed without escapes', async () => {
    const asked = respond(401, { 'www-authenticate': 'Digest realm="a \\"b\\"", nonce="n\\\\", opaque="DOM\\x"' })
    const [, request] = await send(digest('u', 'p'), [asked, respond(200)])
    const header = request!.headers.get('authorization')!

    expect(header).toContain('realm="a \\"b\\"", nonce="n\\\\"')
    expect(header).toContain('opaque="DOM\\x"')
    expect(fieldsOf(request).response).toBe(
      expected({ realm: 'a "b"', nonce: 'n\\', uri: fieldsOf(request).uri! }, { user: 'u', password: 'p' }),
    )
  })

  it('users beyond ASCII: the bytes of UTF-8 that are hashed, and username* where the server knows it', async () => {
    const [, old] = await send(digest('J"\\ä', 'p'), [challenge('nonce="n"'), respond(200)])
    const [, wide] = await send(digest('☃', 'p'), [challenge('nonce="n"'), respond(200)])
    const [, known] = await send(digest("Jä'(s)", 'p'), [challenge('nonce="n", charset=UTF-8'), respond(200)])

    expect(old!.headers.get('authorization')).toContain('username="J\\"\\\\\xc3\xa4"')
    expect(wide!.headers.get('authorization')).toContain('username="\xe2\x98\x83"')
    expect(fieldsOf(known)['username*']).toBe("UTF-8''J%C3%A4%27%28s%29")
    expect(fieldsOf(known).response).toBe(expected(fieldsOf(known), { user: "Jä'(s)", password: 'p' }))
  })

  it('hashes the user where the server wants that', async () => {
    const account = { user: 'Jäsøn Doe', password: 'Secret, or not?' }
    const asked = challenge('nonce="n", qop="auth", algorithm=SHA-512-256, userhash=true, charset=UTF-8')
    const [, request] = await send(digest(account.user, account.password), [asked, respond(200)])
    const fields = fieldsOf(request)

    expect(fields).toMatchObject({
      userhash: 'true',
      username: createHash('sha512-256').update('Jäsøn Doe:r').digest('hex'),
    })
    expect(fields.response).toBe(expected(fields, account))
  })

  it('takes a challenge among others', async () => {
    const headers = {
      'www-authenticate': [
        'Negotiate',
        'Digest realm="r", nonce="weak"',
        'Digest realm="r", nonce="strong", algorithm=SHA-256',
      ],
    }
    const [, request] = await send(digest('u', 'p'), [respond(401, headers), respond(200)])

    expect(fieldsOf(request)).toMatchObject({ nonce: 'strong', algorithm: 'SHA-256' })
  })

  it('what is no string is a TypeError', () => {
    expect(() => digest(1 as unknown as string, 'p')).toThrow(TypeError)
    expect(() => digest('u', 12345 as unknown as string)).toThrow(/^(?!.*12345)/)
    expect(() => digest('u', undefined as unknown as string)).toThrow(TypeError)
  })
})
