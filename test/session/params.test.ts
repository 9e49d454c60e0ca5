import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { encodeParams } from '../../src/session/params.ts'

describe('encodeParams', () => {
  it('writes objects, pairs and URLSearchParams; arrays repeat their key, null and undefined are dropped', () => {
    expect(encodeParams(undefined, { a: 1, b: 'x y', c: null, d: undefined, e: ['1', null, 2], f: true, g: '' })).toBe(
      'a=1&b=x+y&e=1&e=2&f=true&g=',
    )
    expect(encodeParams(undefined, [['b', '1'], ['a', '2'], ['b', '3']])).toBe('b=1&a=2&b=3') // prettier-ignore
    expect(encodeParams(undefined, new URLSearchParams('x=1&x=2'))).toBe('x=1&x=2')
    expect(encodeParams(undefined, { 'é&': '=☃' })).toBe('%C3%A9%26=%3D%E2%98%83')
    expect(encodeParams(undefined, {})).toBe('')
  })

  it('takes a string as the query it is', () => {
    expect(encodeParams(undefined, 'flag&a=%20')).toBe('flag&a=%20')
    expect(encodeParams(undefined, 'a#b')).toBe('a%23b')
  })

  it('merges per key: the request takes the place of the session, null removes', () => {
    const session = { a: '1', b: '2', c: ['3', '4'] }
    expect(encodeParams(session, undefined)).toBe('a=1&b=2&c=3&c=4')
    expect(encodeParams(session, { b: '9', d: '5' })).toBe('a=1&b=9&c=3&c=4&d=5')
    expect(encodeParams(session, { c: '9' })).toBe('a=1&b=2&c=9')
    expect(encodeParams(session, { a: null, b: undefined })).toBe('c=3&c=4')
    expect(encodeParams(session, [['b', '8'], ['b', '9']])).toBe('a=1&b=8&b=9&c=3&c=4') // prettier-ignore
    expect(encodeParams(session, new URLSearchParams('b=9'))).toBe('a=1&b=9&c=3&c=4')
  })

  it('lets a string of the request, or any params over a string of the session, count alone', () => {
    expect(encodeParams({ a: '1' }, 'b=2')).toBe('b=2')
    expect(encodeParams('a=1', { b: '2' })).toBe('b=2')
    expect(encodeParams('a=1', undefined)).toBe('a=1')
    expect(encodeParams({ a: '1' }, '')).toBe('a=1')
  })

  it('counts own properties only', () => {
    const params = Object.create({ inherited: '1' }) as Record<string, string>
    params.own = '2'

    expect(encodeParams(undefined, params)).toBe('own=2')
    expect(encodeParams(undefined, JSON.parse('{"__proto__":"x"}') as Record<string, string>)).toBe('__proto__=x')
  })

  it.each([[{ a: {} }], [{ a: Symbol('x') }], [[['a']]], [[1, 2]]])('refuses %o with InvalidOptionError', (params) => {
    expect(() => encodeParams(undefined, params as never)).toThrow(InvalidOptionError)
  })
})
