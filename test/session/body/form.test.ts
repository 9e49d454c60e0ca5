import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../../../src/errors.ts'
import { encodeForm, formEntries, fieldsOf } from '../../../src/session/body/form.ts'

describe('encodeForm()', () => {
  it('escapes what requests escapes: a space is +, only letters, digits and _.-~ stay', () => {
    expect(encodeForm([['a b&c', "!'()*~-._/é"]])).toBe('a+b%26c=%21%27%28%29%2A~-._%2F%C3%A9')
  })

  it('takes bytes as they are', () => {
    expect(encodeForm([['b', new Uint8Array([0, 32, 255, 65])]])).toBe('b=%00+%FFA')
  })

  it('is read back by URLSearchParams, whatever the text is', () => {
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
        expect([...new URLSearchParams(encodeForm(pairs))]).toEqual(pairs)
      }),
    )
  })

  it('replaces half of a surrogate pair', () => {
    expect(encodeForm([['a', '\ud800']])).toBe('a=%EF%BF%BD')
  })
})

describe('fieldsOf()', () => {
  it('repeats a name for arrays and sets, and leaves out null and undefined', () => {
    const entries = formEntries(
      { a: [1, null, 'x', undefined], b: new Set([true]), c: null, d: 1n, e: new URL('http://h/') },
      'data',
    )

    expect(fieldsOf(entries!)).toEqual([
      ['a', '1'],
      ['a', 'x'],
      ['b', 'true'],
      ['d', '1'],
      ['e', 'http://h/'],
    ])
  })

  it('refuses a value without text', () => {
    expect(() => fieldsOf([['a', {}]])).toThrow(InvalidOptionError)
  })
})

describe('entriesOf()', () => {
  it('takes own properties only', () => {
    class Base {
      own = 1
    }
    const value: object = Object.create({ inherited: 1 })

    expect(formEntries(new Base(), 'data')).toEqual([['own', 1]])
    expect(formEntries(value, 'data')).toEqual([])
    expect(formEntries(JSON.parse('{"__proto__":"x","constructor":"y"}'), 'data')).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })

  it('a field may have the name of a method', () => {
    expect(formEntries({ then: '1', pipe: '2' }, 'data')).toHaveLength(2)
  })

  it.each([[new Date()], [Promise.resolve()], [new Blob([])], [/x/], [(function* () {})()], ['text'], [1], [null]])(
    'tells what is no form',
    (value) => {
      expect(formEntries(value, 'data')).toBeUndefined()
    },
  )
})
