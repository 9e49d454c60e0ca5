import { types } from 'node:util'
import { describe as group, expect, test } from 'vitest'
import {
  checkCount,
  checkSignal,
  checkTimeout,
  checkType,
  className,
  describe,
  isThenable,
  messageOf,
  textOf,
} from '../src/checks.ts'

class Own {
  readonly value = 1
}

const Anonymous = (() =>
  class {
    readonly value = 1
  })()

group('describe()', () => {
  test.each([
    [null, '`null`'],
    [undefined, '`undefined`'],
    ['8', "`'8'` (string)"],
    [0, '`0` (number)'],
    [-0, '`-0` (number)'],
    [NaN, '`NaN` (number)'],
    [10n, '`10n` (bigint)'],
    [true, '`true` (boolean)'],
    [Symbol('s'), '`Symbol(s)` (symbol)'],
    [() => 1, 'a function'],
    [Own, 'a function'],
    [[1, 2], 'an array'],
    [{ password: 'secret' }, 'an object (Object)'],
    [new Own(), 'an object (Own)'],
    [Object.create(null), 'an object (Object)'],
  ])('of %o', (value, expected) => {
    expect(describe(value)).toBe(expected)
  })

  test('cuts long strings', () => {
    expect(describe('x'.repeat(10_000)).length).toBeLessThan(150)
  })
})

test.each([
  [{}, 'Object'],
  [[], 'Array'],
  [new Own(), 'Own'],
  [new Anonymous(), 'Object'],
  [Object.create(null), 'Object'],
  [Object.create({ constructor: 1 }), 'Object'],
])('className(%o) is %s', (value, expected) => {
  expect(className(value as object)).toBe(expected)
})

test('className() of what refuses to be looked at is Object, and it takes only text for a name', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(className(proxy)).toBe('Object')
  const hostile = {
    get constructor(): never {
      throw new Error('hostile')
    },
  }
  expect(className(Object.create(hostile) as object)).toBe('Object')
  const named = Object.defineProperty(
    class {
      readonly value = 1
    },
    'name',
    { value: () => 'secret' },
  )
  expect(className(new named())).toBe('Object')
})

group('checkCount()', () => {
  test('returns whole numbers from the minimum on, and Infinity where it is allowed', () => {
    expect(checkCount('n', 1)).toBe(1)
    expect(checkCount('n', Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER)
    expect(checkCount('n', 0, { minimum: 0 })).toBe(0)
    expect(checkCount('n', Infinity, { infinite: true })).toBe(Infinity)
  })

  test.each([0, -1, 1.5, Infinity, -Infinity, 2 ** 53])('throws a RangeError for %o', (value) => {
    expect(() => checkCount('n', value)).toThrow(RangeError)
  })

  test.each([NaN, '8', null, undefined, {}, 1n])('throws a TypeError for %o', (value) => {
    expect(() => checkCount('n', value)).toThrow(TypeError)
  })

  test('says what was expected, and what it got', () => {
    expect(() => checkCount('maxWorkers', 0)).toThrow(
      'Expected `maxWorkers` to be a positive integer, got `0` (number)',
    )
    expect(() => checkCount('total', '1', { minimum: 0 })).toThrow(
      "Expected `total` to be an integer of at least 0, got `'1'` (string)",
    )
  })
})

group('checkType()', () => {
  test('accepts what it says', () => {
    expect(() => checkType('priority', -0.5, 'number')).not.toThrow()
    expect(() => checkType('priority', Infinity, 'number')).not.toThrow()
    expect(() => checkType('group', '', 'string')).not.toThrow()
    expect(() => checkType('perGroup', false, 'boolean')).not.toThrow()
  })

  test.each([NaN, '1', null, undefined, {}])('refuses %o as a number', (value) => {
    expect(() => checkType('priority', value, 'number')).toThrow(/^Expected `priority` to be a number, got /)
  })

  test.each([NaN, 1, null, undefined, {}])('refuses %o as a string', (value) => {
    expect(() => checkType('group', value, 'string')).toThrow(TypeError)
  })
})

group('checkTimeout()', () => {
  test.each([
    [undefined, Infinity],
    [null, Infinity],
    [Infinity, Infinity],
    [0, 0],
    [-5, -5],
    [1.5, 1.5],
  ])('of %o is %o', (value, expected) => {
    expect(checkTimeout('timeout', value)).toBe(expected)
  })

  test.each([NaN, '5', {}, true])('refuses %o', (value) => {
    expect(() => checkTimeout('timeout', value)).toThrow(TypeError)
  })
})

group('checkSignal()', () => {
  test('accepts a signal, of whatever realm or library, and none', () => {
    expect(() => checkSignal(undefined)).not.toThrow()
    expect(() => checkSignal(new AbortController().signal)).not.toThrow()
    expect(() => checkSignal({ aborted: false, addEventListener: () => {} })).not.toThrow()
  })

  test.each([null, 1, 'abort', {}, { aborted: false }, new EventTarget(), new AbortController()])(
    'refuses %o',
    (value) => {
      expect(() => checkSignal(value)).toThrow(TypeError)
    },
  )
})

test.each([
  [Promise.resolve(), true],
  [{ then: () => {} }, true],
  [Object.assign(() => {}, { then: () => {} }), true],
  [{ then: 1 }, false],
  [{}, false],
  [null, false],
  [undefined, false],
  ['then', false],
])('isThenable(%o) is %o', (value, expected) => {
  expect(isThenable(value)).toBe(expected)
})

group('messageOf(), textOf()', () => {
  const no = (): never => {
    throw new Error('no')
  }
  const closed = Proxy.revocable({}, {})
  closed.revoke()

  test.each<[() => unknown, string]>([
    [() => new TypeError('text'), 'text'],
    [() => Object.assign(new Error('a'), { message: 7 }), '7'],
    [() => 'text', 'text'],
    [() => undefined, 'undefined'],
    [() => Symbol('s'), 'Symbol(s)'],
    [() => ({ toString: () => 'shown' }), 'shown'],
    [() => ({ toString: 1, valueOf: 1 }), 'an object (Object)'],
    [() => Object.create(null), 'an object (Object)'],
    [() => closed.proxy, 'an object (Object)'],
    [() => Object.defineProperty(new Error('a'), 'message', { get: no }), 'an object (Error)'],
  ])('show %#', (make, expected) => {
    const thrown = make()
    expect(messageOf(thrown)).toBe(expected)
    if (!types.isNativeError(thrown)) expect(textOf(thrown)).toBe(expected)
  })
})
