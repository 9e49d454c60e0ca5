import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { InvalidHeaderError } from '../../src/errors.ts'
import { HeaderMap } from '../../src/session/headers.ts'

describe('HeaderMap', () => {
  it('finds names whatever their case, and keeps case and order as they were written', () => {
    const headers = new HeaderMap({ 'X-First': '1', 'x-SECOND': '2' })

    expect(headers.get('x-first')).toBe('1')
    expect(headers.has('X-Second')).toBe(true)
    expect([...headers]).toEqual([
      ['X-First', '1'],
      ['x-SECOND', '2'],
    ])
    expect(headers.size).toBe(2)
  })

  it('get() returns undefined for what is not there', () => {
    expect(new HeaderMap().get('x-none')).toBeUndefined()
  })

  it('set() replaces in place, with the new case; delete() removes', () => {
    const headers = new HeaderMap({ A: '1', B: '2' })

    headers.set('a', '3')

    expect(headers.toFlat()).toEqual(['a', '3', 'B', '2'])
    headers.delete('B')
    headers.delete('none')
    expect(headers.toFlat()).toEqual(['a', '3'])
  })

  it('append() repeats a header: joined to read, one by one on the wire', () => {
    const headers = new HeaderMap([
      ['X-A', '1'],
      ['x-a', '2'],
    ])

    headers.append('X-A', 3)

    expect(headers.get('x-a')).toBe('1, 2, 3')
    expect(headers.toFlat()).toEqual(['X-A', '1', 'X-A', '2', 'X-A', '3'])
    expect(Object.fromEntries(headers)).toEqual({ 'X-A': '1, 2, 3' })
  })

  it('getSetCookie() and the iteration keep every Set-Cookie by itself', () => {
    const headers = HeaderMap.readOnly({ 'set-cookie': ['a=1', 'b=2'], 'x-a': ['1', '2'] })

    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect([...headers.entries()]).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-a', '1, 2'],
    ])
    expect(new HeaderMap().getSetCookie()).toEqual([])
  })

  it('takes objects, pairs, Headers and another HeaderMap; writes numbers as text', () => {
    expect(new HeaderMap({ 'X-N': 12 }).get('x-n')).toBe('12')
    expect(new HeaderMap(new Headers({ 'X-A': 'b' })).toFlat()).toEqual(['x-a', 'b'])
    expect(new HeaderMap(new HeaderMap({ A: '1' })).toFlat()).toEqual(['A', '1'])
    expect(new HeaderMap(new Map([['A', '1']])).toFlat()).toEqual(['A', '1'])
  })

  it('apply() removes what is null or undefined', () => {
    const headers = new HeaderMap({ A: '1', B: '2', C: '3' })

    headers.apply({ a: null, b: undefined, C: '4' })

    expect(headers.toFlat()).toEqual(['C', '4'])
  })

  it('keys, values and forEach go the same way as the iteration', () => {
    const headers = new HeaderMap({ A: '1', B: '2' })
    const seen: string[] = []

    headers.forEach((value, name) => seen.push(`${name}=${value}`))

    expect([...headers.keys()]).toEqual(['A', 'B'])
    expect([...headers.values()]).toEqual(['1', '2'])
    expect(seen).toEqual(['A=1', 'B=2'])
  })

  it.each(['x', 'X', 'content-type', 'Content-Type', 'X-A', 'location', 'etag', 'ETag'])(
    'reading or writing [%j] as a property is a TypeError with a hint',
    (name) => {
      for (const headers of [new HeaderMap(), new HeaderMap([[name, '1']]), HeaderMap.readOnly({ [name]: '1' })]) {
        const object = headers as unknown as Record<string, string>
        expect(() => object[name]).toThrow(
          new TypeError(`Headers have no properties, such as \`${name}\`: use \`headers.get('${name}')\``),
        )
        expect(() => void (object[name] = '2')).toThrow(
          new TypeError(`Headers have no properties, such as \`${name}\`: use \`headers.set('${name}', value)\``),
        )
        expect(headers.get(name)).toBe(headers.size === 0 ? undefined : '1')
      }
    },
  )

  it('what is asked of any object is not taken for a header, whatever a server sends', async () => {
    const names = ['then', 'toJSON', 'nodeType', 'asymmetricMatch', '$$typeof', 'inspect', 'length', 'toString']
    const headers = HeaderMap.readOnly(Object.fromEntries(names.map((name) => [name, '1'])))
    const object = headers as unknown as Record<string, unknown>
    for (const name of names.slice(0, -1)) expect(object[name]).toBeUndefined()
    expect(await Promise.resolve(headers)).toBe(headers)
    expect(JSON.stringify(headers)).toBe('{}')
    expect(`${headers}`).toBe('[object Object]') // eslint-disable-line @typescript-eslint/restrict-template-expressions, @typescript-eslint/no-base-to-string -- as somebody logs it
    expect(headers).toEqual(headers)
    expect(headers instanceof HeaderMap && headers instanceof Object).toBe(true)
    expect(Object.hasOwn(HeaderMap.prototype, 'get')).toBe(true)
  })

  it('throws a TypeError on assignment by name', () => {
    const headers = new HeaderMap() as unknown as Record<string, string>

    expect(() => (headers['X-A'] = '1')).toThrow(TypeError)
  })

  it('copy() is independent', () => {
    const headers = new HeaderMap([
      ['A', '1'],
      ['A', '2'],
    ])
    const copy = headers.copy()

    copy.append('A', '3')
    copy.set('B', '1')

    expect(headers.toFlat()).toEqual(['A', '1', 'A', '2'])
    expect(copy.get('a')).toBe('1, 2, 3')
  })

  it.each([
    ['a line break', { 'X-A': 'a\r\nX-B: c' }],
    ['a line feed', { 'X-A': 'a\n' }],
    ['beyond latin-1', { 'X-A': '☃' }],
    ['a control character', { 'X-A': 'a\u0000b' }],
    ['a leading blank', { 'X-A': ' a' }],
    ['a name with a blank', { 'X A': 'a' }],
    ['a name with a colon', { 'X:A': 'a' }],
    ['an empty name', { '': 'a' }],
    ['a name beyond ASCII', { é: 'a' }],
    ['an array', { 'X-A': ['a', 'b'] }],
    ['a boolean', { 'X-A': true }],
    ['an object', { 'X-A': {} }],
    ['a string', 'X-A: b'],
    ['something else than pairs', [['X-A']]],
  ])('refuses %s with InvalidHeaderError', (_what, value) => {
    expect(() => new HeaderMap(value as never)).toThrow(InvalidHeaderError)
  })

  it('names the header and shows the value, unless that may be a secret', () => {
    expect(() => new HeaderMap({ 'X-Bad': 'a\nb' })).toThrow(/X-Bad.*a\\nb/)
    for (const name of ['Authorization', 'Proxy-Authorization', 'Cookie', 'X-Api-Key', 'X-Auth-Token']) {
      expect(() => new HeaderMap({ [name]: 'hunter2\n' })).toThrow(new RegExp(`${name}(?!.*hunter2)`))
    }
  })

  it('keeps latin-1, tabs inside and empty values', () => {
    const headers = new HeaderMap({ A: 'é', B: 'a\tb', C: '' })

    expect(headers.toFlat()).toEqual(['A', 'é', 'B', 'a\tb', 'C', ''])
  })

  it('treats __proto__ as a name like others', () => {
    const headers = new HeaderMap(JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>)

    expect(headers.get('__proto__')).toBe('x')
    expect(headers.get('constructor')).toBe('y')
    expect(({} as Record<string, unknown>).x).toBeUndefined()
    expect(inspect(headers)).toContain('constructor')
  })

  it('shows no secret when it is inspected', () => {
    const headers = new HeaderMap({
      Accept: 'a/b',
      Authorization: 's3cret',
      Cookie: 's3cret',
      'Set-Cookie': 's3cret',
      'Proxy-Authorization': 's3cret',
    })

    expect(inspect(headers)).toContain('a/b')
    expect(inspect(headers)).not.toContain('s3cret')
    expect(inspect({ nested: { headers } })).not.toContain('s3cret')
  })

  it('readOnly() drops the blanks around a value, and nothing else', () => {
    const headers = HeaderMap.readOnly({ a: ' \t1 ', b: ['2 ', '\t3'], c: '\xa04 5\xa0', d: ' ' })
    expect([...headers]).toEqual([
      ['a', '1'],
      ['b', '2, 3'],
      ['c', '\xa04 5\xa0'],
      ['d', ''],
    ])
    expect(HeaderMap.readOnly([['a', '1\t']]).get('a')).toBe('1')
  })

  it('readOnly() refuses every change with a TypeError', () => {
    const headers = HeaderMap.readOnly({ a: '1' })

    expect(() => headers.set('b', '2')).toThrow(TypeError)
    expect(() => headers.append('a', '2')).toThrow(TypeError)
    expect(() => headers.delete('a')).toThrow(TypeError)
    expect(() => headers.apply({ b: '2' })).toThrow(TypeError)
    const copy = headers.copy()
    copy.set('b', '2')
    expect(copy.get('b')).toBe('2')
  })
})
