import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { HTTPError, JSONDecodeError } from '../../../src/errors.ts'
import { PreparedRequest } from '../../../src/session/prepared-request.ts'
import { Response } from '../../../src/session/response/response.ts'

const typed = (type: string, content: string | Uint8Array): Response =>
  new Response({ headers: { 'content-type': type }, content })

describe('Response', () => {
  it('can be made by hand, with defaults', () => {
    const response = new Response()

    expect(response).toMatchObject({ status: 200, statusText: 'OK', ok: true, url: 'http://localhost/', elapsed: 0 })
    expect(response.text()).toBe('')
    expect(response.history).toEqual([])
    expect(response.redirected).toBe(false)
    expect(response.next).toBeUndefined()
  })

  it('takes its URL from the request it is given', () => {
    const request = new PreparedRequest({ url: 'http://h.test/x' })
    const response = new Response({ status: 404, request, content: 'gone', data: { n: 1 } })

    expect(response).toMatchObject({ status: 404, statusText: 'Not Found', ok: false, url: 'http://h.test/x', request })
    expect(response.data.n).toBe(1)
  })

  it.each([
    [200, true],
    [299, true],
    [199, false],
    [300, false],
    [404, false],
  ])('ok of %i is %s', (status, ok) => {
    expect(new Response({ status }).ok).toBe(ok)
  })

  it('has synchronous readers, that may be awaited', async () => {
    const response = typed('application/json; charset=utf-8', '{"a":"é"}')

    expect(response.text()).toBe('{"a":"é"}')
    expect(response.json()).toEqual({ a: 'é' })
    expect(await response.json()).toEqual({ a: 'é' })
    expect(Buffer.from(response.content).toString()).toBe('{"a":"é"}')
    expect(response.bytes()).toBe(response.content)
    expect(Buffer.from(response.arrayBuffer()).toString()).toBe('{"a":"é"}')
    expect(await response.blob().text()).toBe('{"a":"é"}')
    expect(response.blob().type).toBe('application/json; charset=utf-8')
  })

  it('arrayBuffer() is a copy of exactly the body', () => {
    const backing = Buffer.from('xxbodyxx')
    const response = new Response({ content: backing.subarray(2, 6) })

    const copy = response.arrayBuffer()
    new Uint8Array(copy).fill(0)

    expect(copy.byteLength).toBe(4)
    expect(response.text()).toBe('body')
  })

  it('encoding is the declared charset, else utf-8, and can be set', () => {
    const response = typed('text/plain; charset=iso-8859-1', Buffer.from([0xe9]))
    expect(response.encoding).toBe('iso-8859-1')
    expect(response.text()).toBe('é')

    response.encoding = 'windows-1251'
    expect(response.text()).toBe('й')

    response.encoding = undefined
    expect(response.encoding).toBe('iso-8859-1')
    expect(new Response({ content: 'é' }).encoding).toBe('utf-8')
    expect(new Response({ content: 'é' }).text()).toBe('é')
  })

  it('text() and json() drop a byte order mark', () => {
    expect(typed('text/plain', Buffer.from('\ufeffa')).text()).toBe('a')
    expect(typed('application/json', Buffer.from('\ufeff{"a":1}')).json()).toEqual({ a: 1 })
    expect(typed('application/json', Buffer.from('{"a":1}', 'utf16le')).json()).toEqual({ a: 1 })
  })

  it('json() of what is none is a JSONDecodeError with request and response, without the body', () => {
    const request = new PreparedRequest({ method: 'POST', url: 'http://h.test/x' })
    const response = new Response({ request, content: '<html>s3cret' })

    const error = catchError(() => response.json()) as JSONDecodeError

    expect(error).toBeInstanceOf(JSONDecodeError)
    expect(error.cause).toBeInstanceOf(SyntaxError)
    expect(error.message).toMatch(/POST http:\/\/h\.test\/x \(status 200\)/)
    expect(error.message).not.toContain('s3cret')
    expect(error.request).toBe(request)
    expect(error.response).toBe(response)
  })

  it('raiseForStatus() says what requests says, and returns the response', () => {
    const request = new PreparedRequest({ url: 'http://me:s3cret@h.test/x' })
    const raise = (status: number): unknown => catchError(() => new Response({ status, request }).raiseForStatus())

    expect(raise(404)).toBeInstanceOf(HTTPError)
    expect(raise(404)).toMatchObject({ message: '404 Client Error: Not Found for url: http://h.test/x', request })
    expect(raise(503)).toMatchObject({ message: '503 Server Error: Service Unavailable for url: http://h.test/x' })
    expect(raise(399)).toBeUndefined()
    expect(raise(600)).toBeUndefined()
    const response = new Response()
    expect(response.raiseForStatus()).toBe(response)
  })

  it('isRedirect and isPermanentRedirect need a Location', () => {
    const flags = (status: number, location = '/x'): boolean[] => {
      const response = new Response({ status, headers: location === '' ? {} : { location } })
      return [response.isRedirect, response.isPermanentRedirect]
    }
    expect(flags(301)).toEqual([true, true])
    expect(flags(302)).toEqual([true, false])
    expect(flags(308)).toEqual([true, true])
    expect(flags(304)).toEqual([false, false])
    expect(flags(301, '')).toEqual([false, false])
  })

  it('headers are read-only, found whatever their case, repeated ones joined', () => {
    const response = new Response({ headers: { 'X-A': ['1', '2'], 'set-cookie': ['a=1', 'b=2'] } })

    expect(response.headers.get('x-a')).toBe('1, 2')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(() => response.headers.set('x', 'y')).toThrow(TypeError)
    expect(new Response({ headers: new Headers({ a: 'b' }) }).headers.get('A')).toBe('b')
  })

  it('cookies are a jar with what this response has set', () => {
    const response = new Response({ url: 'http://h.test/x', headers: [['Set-Cookie', 'a=1; Path=/']] })

    expect(response.cookies.getCookieStringSync('http://h.test/')).toBe('a=1')
    expect(response.cookies).toBe(response.cookies)
  })

  it('links are those of the Link header', () => {
    const response = new Response({ headers: { link: '<http://h.test/2>; rel="next"' } })

    expect(response.links).toEqual({ next: { url: 'http://h.test/2', rel: 'next' } })
    expect(new Response().links).toEqual({})
  })

  it('redirected tells redirects from an answered 401', () => {
    const unauthorized = new Response({ status: 401 })
    const moved = new Response({ status: 301, headers: { location: '/x' } })

    expect(new Response({ history: [unauthorized] }).redirected).toBe(false)
    expect(new Response({ history: [unauthorized, moved] }).redirected).toBe(true)
  })

  it('iterates a buffered body in pieces, as often as one likes', async () => {
    const response = new Response({ content: 'abcdefgh' })
    const pieces = async (size?: number): Promise<string[]> => {
      const list: string[] = []
      for await (const chunk of response.iterContent(size)) list.push(Buffer.from(chunk).toString())
      return list
    }

    expect(await pieces(3)).toEqual(['abc', 'def', 'gh'])
    expect(await pieces()).toEqual(['abcdefgh'])
    expect(await pieces(100)).toEqual(['abcdefgh'])
  })

  it.each([0, -1, 1.5, NaN, '3'])('iterContent(%j) throws at the call', (size) => {
    expect(() => new Response().iterContent(size as number)).toThrow(/size/)
  })

  it.each([
    ['a\nb\nc', ['a', 'b', 'c']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['a\rb', ['a', 'b']],
    ['a\n\nb', ['a', '', 'b']],
    ['\n', ['']],
    ['', []],
    ['a\r\r\nb', ['a', '', 'b']],
  ])('iterLines() of %j', async (content, lines) => {
    const seen: string[] = []
    for await (const line of new Response({ content }).iterLines()) seen.push(line)

    expect(seen).toEqual(lines)
  })

  it('body is a Node stream of a buffered body too', async () => {
    const response = new Response({ content: 'text' })
    const chunks: Buffer[] = []

    for await (const chunk of response.body) chunks.push(chunk as Buffer)

    expect(Buffer.concat(chunks).toString()).toBe('text')
    expect(response.body).toBe(response.body)
    expect(response.text()).toBe('text')
  })

  it('read() and close() of a buffered response do nothing', async () => {
    const response = new Response({ content: 'x' })

    expect(await response.read()).toBe(response)
    await response.close()
    expect(response.text()).toBe('x')
  })

  it('shows status and URL when it is inspected, but no secret header', () => {
    const response = new Response({
      status: 201,
      url: 'http://h.test/x',
      headers: { 'set-cookie': 's=s3cret', etag: 'e1' },
    })

    const shown = inspect(response)

    for (const part of ['201', 'http://h.test/x', 'e1']) expect(shown).toContain(part)
    expect(shown).not.toContain('s3cret')
  })
})

function catchError(fn: () => unknown): unknown {
  try {
    fn()
    return undefined
  } catch (error) {
    return error
  }
}
