import { describe, expect, test } from 'vitest'
import { readBlobs } from '../../../src/executor/bullmq/blobs.ts'
import { decodeValue, encodeValue } from '../../../src/executor/bullmq/codec.ts'

const pass = (value: unknown): unknown => decodeValue(encodeValue(value))

describe('encodeValue() and decodeValue()', () => {
  test('are the structured clone', () => {
    const cyclic: Record<string, unknown> = { a: 1 }
    cyclic.self = cyclic
    const values = [
      1n,
      'ü€😀',
      null,
      undefined,
      NaN,
      -0,
      new Date(5),
      /a/gi,
      new Map([[{ k: 1 }, new Set([1])]]),
      [1, , 3],
    ]
    for (const value of values) expect(pass(value)).toEqual(structuredClone(value))
    const copy = pass(cyclic) as typeof cyclic
    expect(copy.self).toBe(copy)
  })

  test.each([
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
    ...[Float32Array, Float64Array],
  ])('keep a %o, whole and in part', (Kind) => {
    const whole = new Kind(new ArrayBuffer(64)).fill(7)
    const part = new Kind(whole.buffer, 16, 2)
    const copies = pass([whole, part]) as [typeof whole, typeof part]
    expect(copies).toEqual([whole, part])
    expect(copies[0].buffer).toBe(copies[1].buffer)
    expect(copies[0].buffer.byteLength).toBe(64)
  })

  test('keep BigInt arrays and DataViews', () => {
    const view = new DataView(new ArrayBuffer(16), 4, 8)
    view.setFloat64(0, Math.PI)
    const [longs, copy] = pass([new BigInt64Array([1n, -1n]), view]) as [BigInt64Array, DataView]
    expect(longs).toEqual(new BigInt64Array([1n, -1n]))
    expect([copy.getFloat64(0), copy.byteOffset, copy.byteLength]).toEqual([Math.PI, 4, 8])
  })

  test('give bytes in memory of their own: not a window on the message, nor what lay beside them in a pool', () => {
    const secret = Buffer.from('a secret of somebody else')
    const bytes = Buffer.from('mine')
    const encoded = encodeValue({ bytes })
    expect(encoded.includes(secret)).toBe(false)
    const copy = (decodeValue(encoded) as { bytes: Uint8Array }).bytes
    expect([copy.byteOffset, copy.buffer.byteLength, Buffer.from(copy).toString()]).toEqual([0, 4, 'mine'])
  })

  test.each([
    ['a function', () => 1],
    ['a SharedArrayBuffer', new SharedArrayBuffer(1)],
    ['a view of one', new Uint8Array(new SharedArrayBuffer(1))],
    ['a port', new MessageChannel().port1],
    ['a symbol', Symbol('a')],
  ])('refuse %s', (_, value) => {
    expect(() => encodeValue({ deep: [value] })).toThrow(/could not be cloned/)
    if (value instanceof MessagePort) value.close()
  })

  test('refuse garbage', () => {
    for (const bytes of ['', 'garbage', '\xff\x0f', '\xff\x0f\\d']) {
      expect(() => decodeValue(Buffer.from(bytes, 'latin1'))).toThrow()
    }
  })
})

describe('readBlobs()', () => {
  test('returns what has none as it is, at once', () => {
    const value = { a: [1, new Map([[1, new Set([2])]])], bytes: new Uint8Array(3) }
    expect(readBlobs(value)).toBe(value)
  })

  test('brings Blobs across, wherever they stand', async () => {
    const blob = new Blob(['hello'], { type: 'text/plain' })
    const value: Record<string, unknown> = {
      list: [blob],
      map: new Map([['k', blob]]),
      set: new Set([blob]),
      date: new Date(1),
    }
    value.self = value
    const copy = pass(await readBlobs(value)) as {
      list: Blob[]
      map: Map<string, Blob>
      set: Set<Blob>
      date: Date
      self: unknown
    }
    for (const each of [copy.list[0], copy.map.get('k'), [...copy.set][0]]) {
      expect(each).toBeInstanceOf(Blob)
      expect([each?.type, await each?.text()]).toEqual(['text/plain', 'hello'])
    }
    expect(copy.date).toEqual(new Date(1))
    expect(copy.self).toBe(copy)
  })
})
