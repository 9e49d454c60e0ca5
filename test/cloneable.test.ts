import { createSecretKey } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { FutureController } from '../src/future/future-controller.ts'
import { checkCloneable, findUncloneable } from '../src/cloneable.ts'

const place = (value: unknown, transfer?: unknown[]) => findUncloneable(value, 'it', transfer)?.path

function argumentsObject(..._: unknown[]): unknown {
  // eslint-disable-next-line prefer-rest-params -- that is what it is about
  return arguments
}

describe('findUncloneable() finds nothing in', () => {
  const cyclic: unknown[] = []
  cyclic.push({ cyclic })
  class Point {
    x = 1
    #secret = 2
    get sum() {
      return this.x + this.#secret
    }
  }

  test.each([
    ['primitives', [1, 'a', null, undefined, true, 3n, NaN]],
    ['dates, regular expressions, boxed values', [new Date(), /a/, Object(1), Object('a')]],
    ['errors', [new TypeError('a', { cause: 'b' })]],
    ['binary data', [new ArrayBuffer(8), new SharedArrayBuffer(8), new Float64Array(3), Buffer.from('a')]],
    ['maps and sets', [new Map([[{ a: 1 }, [2]]]), new Set(['a'])]],
    ['cycles', cyclic],
    ['instances of classes: they arrive as plain objects', new Point()],
    ['objects without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['what is not copied anyway', Object.defineProperty({ [Symbol('a')]: () => 1 }, 'fn', { value: () => 1 })],
    ['blobs', new Blob(['a'])],
  ])('%s', (_, value) => {
    expect(place(value)).toBeUndefined()
    structuredClone(value)
  })

  test('what is moved', () => {
    const { port1, port2 } = new MessageChannel()
    expect(place({ port: port1, list: [port2] }, [port1, port2])).toBeUndefined()
    port1.close()
  })
})

describe('findUncloneable() finds', () => {
  test.each([
    ['a function', () => 1],
    ['a class', Map],
    ['a symbol', Symbol('a')],
    ['a promise', Promise.resolve()],
    ['a proxy', new Proxy({}, {})],
    ['a proxy of an array', new Proxy([], {})],
    ['a WeakMap', new WeakMap()],
    ['a WeakRef', new WeakRef({})],
    ['a generator', (function* () {})()],
    ['arguments', argumentsObject(1)],
    ['an iterator', [][Symbol.iterator]()],
    ['a stream of Node', Readable.from(['a'])],
    ['a stream of Node, whatever it is', new PassThrough()],
    ['a web stream', new ReadableStream()],
    ['a message port that is not moved', new MessageChannel().port1],
    ['a URL', new URL('http://a/')],
    ['URLSearchParams', new URLSearchParams()],
    ['headers', new Headers()],
    ['a form', new FormData()],
    ['a signal', new AbortController().signal],
    ['a future', new FutureController().future],
  ])('%s', (_, value) => {
    expect(place(value)).toBe('it')
    expect(place({ deep: [value] })).toBe('it.deep[0]')
    ;(value as { close?: () => void }).close?.()
  })

  test('the place, wherever it is', () => {
    const fn = () => 1
    expect(place({ hooks: { response: [1, fn] } })).toBe('it.hooks.response[1]')
    expect(place({ 'content-type': fn })).toBe('it["content-type"]')
    expect(place({ 0: fn })).toBe('it["0"]')
    expect(place(new Map([['a', fn]]))).toBe('it.values()[0]')
    expect(place(new Map([[fn, 'a']]))).toBe('it.keys()[0]')
    expect(place(new Set([1, fn]))).toBe('it.values()[1]')
    expect(
      place(
        new (class {
          callback = fn
        })(),
      ),
    ).toBe('it.callback')
    expect(findUncloneable({ data: { fn } }, '')?.path).toBe('data.fn')
    expect(findUncloneable([fn], '')?.path).toBe('[0]')
  })

  test('nothing in what throws when it is read, or is too deep: posting will tell', () => {
    const throwing = Object.defineProperty({}, 'a', {
      enumerable: true,
      get() {
        throw new Error('no')
      },
    })
    let deep: unknown = () => 1
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    expect([place(throwing), place(deep)]).toEqual([undefined, undefined])
  })
})

describe('checkCloneable()', () => {
  test('names the values by position, or as told', () => {
    const fn = () => 1
    const path = (values: unknown[], names?: string[]) => {
      try {
        checkCloneable(values, { names })
      } catch (error) {
        return (error as { path?: string }).path
      }
      return undefined
    }
    expect(path([1, { fn }])).toBe('args[1].fn')
    expect(path([1, { fn }], ['url'])).toBe('args[1].fn')
    expect(path([1, { fn }], ['url', 'options'])).toBe('options.fn')
    expect(path([{ hooks: { response: fn } }], [''])).toBe('hooks.response')
    expect(path([1, 'a'])).toBeUndefined()
  })
})

describe('findUncloneable() for another process', () => {
  const far = (value: unknown, transfer?: unknown[]) => findUncloneable(value, 'it', transfer, 'process')?.path

  test('finds what only threads can share or move', () => {
    const { port1 } = new MessageChannel()
    const memory = new SharedArrayBuffer(4)
    for (const value of [memory, new Int32Array(memory), port1, createSecretKey(Buffer.alloc(16))]) {
      expect(far({ deep: [value] }, [value])).toBe('it.deep[0]')
    }
    port1.close()
  })

  test('passes what is data', () => {
    class Point {
      x = 1
    }
    const data = [1n, new Date(), /a/, new Map([[1, new Set([2])]]), new Uint8Array(3), new ArrayBuffer(3), new Point()]
    for (const value of [...data, new Blob(['a']), new Error('no'), Object.create(null), Object(1)]) {
      expect(far([value])).toBeUndefined()
    }
  })
})
