import { describe, expect, it } from 'vitest'
import { InvalidHeaderError } from '../../../src/errors.ts'
import { parseHead, requestFields } from '../../../src/transport/http2/http2-headers.ts'
import { exchangeRequest } from '../../helpers/exchanges.ts'
import type { RequestPart } from '../../helpers/exchanges.ts'

const fieldsOf = (part: RequestPart, length?: number): Record<string, unknown> => ({
  ...requestFields(exchangeRequest('https://localhost:8443/a?b', part), length),
})
const pseudo = { ':method': 'GET', ':scheme': 'https', ':authority': 'localhost:8443', ':path': '/a?b' }

describe('requestFields()', () => {
  it('writes names in lower case, and what is repeated as a list', () => {
    const headers = ['X-One', '1', 'Accept', '*/*', 'x-one', '2', 'X-ONE', '3']
    expect(fieldsOf({ headers })).toEqual({ ...pseudo, 'x-one': ['1', '2', '3'], accept: '*/*' })
  })

  it('takes Host for the authority, in its place before the other fields', () => {
    const fields = fieldsOf({ headers: ['accept', '*/*', 'Host', 'other.test'] })
    expect(fields).toEqual({ ...pseudo, ':authority': 'other.test', accept: '*/*' })
    expect(Object.keys(fields).indexOf(':authority')).toBeLessThan(4)
  })

  it('leaves out what belongs to a connection, and what Connection names', () => {
    const headers = [
      ...['Connection', 'X-Hop, close', 'x-hop', 'gone', 'Keep-Alive', 'timeout=5', 'Proxy-Connection', 'keep-alive'],
      ...['Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'HTTP2-Settings', 'AAA', 'Proxy-Authorization', 'Basic x'],
      ...['TE', 'gzip', 'Content-Length', '17', 'connection', 'x-other', 'X-Other', 'gone', 'x-kept', 'here'],
    ]
    expect(fieldsOf({ headers })).toEqual({ ...pseudo, 'x-kept': 'here' })
  })

  it('keeps `TE: trailers`', () => {
    expect(fieldsOf({ headers: ['TE', 'Trailers'] })).toEqual({ ...pseudo, te: 'Trailers' })
  })

  it.each<[string, RequestPart, number | undefined, string | undefined]>([
    ['GET', {}, undefined, undefined],
    ['DELETE', {}, undefined, undefined],
    ['POST', {}, undefined, '0'],
    ['PUT', {}, undefined, '0'],
    ['PATCH', {}, undefined, '0'],
    ['POST', { body: 'four' }, 4, '4'],
    ['DELETE', { body: 'four' }, 4, '4'],
    ['POST', { body: { length: undefined, open: () => (async function* () {})() } }, undefined, undefined],
  ])('says how long the body of a %s is, if that is known', (method, part, length, announced) => {
    expect(fieldsOf({ method, ...part }, length)['content-length']).toBe(announced)
  })

  it.each<[string, string[]]>([
    ['a header name that is no token', ['x y', '1']],
    ['a header name that is no token', ['', '1']],
    ['a header name that is no token', [':path', '/elsewhere']],
    ['the header `x` is not allowed', ['x', 'a\0b']],
    ['the header `x` is not allowed', ['x', 'a\r\nb: c']],
    ['the header `x` is longer than', ['x', 'a'.repeat(65_535)]],
    ['the header `host` is there twice', ['host', 'a', 'Host', 'b']],
  ])('refuses %s, without showing its value', (message, headers) => {
    expect(() => fieldsOf({ headers })).toThrow(InvalidHeaderError)
    expect(() => fieldsOf({ headers })).toThrow(`Could not send the request to https://localhost:8443: ${message}`)
  })

  it('takes names of prototypes for names', () => {
    const fields = requestFields(
      exchangeRequest('https://a.test/', { headers: ['__proto__', 'x', 'constructor', 'y'] }),
      0,
    )
    expect(Object.getOwnPropertyDescriptor(fields, '__proto__')?.value).toBe('x')
    expect(fields['constructor']).toBe('y')
  })
})

describe('readHead()', () => {
  it('reads the status, and lists of what is repeated', () => {
    const raw = [':status', '201', 'a', '1', 'set-cookie', 'x', 'set-cookie', 'y', 'set-cookie', 'z', 'b', '']
    const headers = { a: '1', 'set-cookie': ['x', 'y', 'z'], b: '' }
    expect(parseHead(raw)).toEqual({ status: 201, headers, size: 2 + 3 * 11 + 1 })
  })

  it('takes names of prototypes for names', () => {
    const { headers } = parseHead([':status', '200', '__proto__', 'x', '__proto__', 'y', 'constructor', 'z'])
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(headers, '__proto__')?.value).toEqual(['x', 'y'])
    expect(headers['constructor']).toBe('z')
  })
})
