import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { InvalidSchemaError, InvalidURLError } from '../../src/errors.ts'
import { HeaderMap } from '../../src/session/headers.ts'
import { PreparedRequest } from '../../src/session/prepared-request.ts'

describe('PreparedRequest', () => {
  it('is plain and mutable', () => {
    const request = new PreparedRequest({ url: 'http://h.test/x' })

    request.method = 'POST'
    request.url = 'http://h.test/y'
    request.headers.set('X-A', '1')
    request.body = 'text'

    expect(request).toMatchObject({ method: 'POST', url: 'http://h.test/y', body: 'text' })
    expect(request.headers.get('x-a')).toBe('1')
  })

  it('never holds credentials in its URL', () => {
    const request = new PreparedRequest({ url: new URL('http://u:p@h.test/') })
    expect(request.url).toBe('http://h.test/')
    request.url = 'http://u:p@h.test/y'
    expect(request.url).toBe('http://h.test/y')
  })

  it('refuses a URL that can not be used, where it is set', () => {
    const request = new PreparedRequest({ url: 'http://h.test/' })
    expect(() => (request.url = 'ftp://h.test/')).toThrow(InvalidSchemaError)
    expect(() => (request.url = new URL('file:///x'))).toThrow(InvalidSchemaError)
    expect(() => (request.url = 'http://')).toThrow(InvalidURLError)
  })

  it('takes a copy of a HeaderMap', () => {
    const headers = new HeaderMap({ A: '1' })
    const request = new PreparedRequest({ url: 'http://h.test/', headers })

    headers.set('A', '2')
    request.headers.set('B', '3')

    expect([...request.headers]).toEqual([
      ['A', '1'],
      ['B', '3'],
    ])
    expect(headers.has('b')).toBe(false)
  })

  it('copy() is independent', () => {
    const request = new PreparedRequest({ method: 'PUT', url: 'http://h.test/x#f', headers: { A: '1' }, body: 'b' })
    const copy = request.copy()

    copy.url = 'http://o.test/'
    copy.headers.set('A', '2')
    copy.body = undefined

    expect(request).toMatchObject({ method: 'PUT', url: 'http://h.test/x#f', body: 'b' })
    expect(request.headers.get('a')).toBe('1')
    expect(copy.method).toBe('PUT')
  })

  it('shows neither secrets nor the body when it is inspected', () => {
    const headers = { Authorization: 's3cret', Cookie: 's3cret' }
    const request = new PreparedRequest({ url: 'http://me:s3cret@h.test/', headers, body: 'password=s3cret' })

    expect(inspect(request)).toContain('15 bytes')
    expect(inspect(request)).not.toContain('s3cret')
  })
})
