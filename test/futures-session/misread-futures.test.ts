/** A future that is taken for its response says so. */
import { inspect, isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { asCompleted, Future, FuturesSession, type ResponseFuture } from '../../src/index.ts'
import { GatedSession } from '../helpers/gated-session.ts'

const names = ['status', 'ok', 'headers', 'data', 'body'] as const
const session = new FuturesSession<string>({ session: new GatedSession(), unobserved: 'ignore' })
const read = (future: object, name: string): unknown => (future as Record<string, unknown>)[name]

afterEach(() => void session.cancelAll())

describe.each(names)('ResponseFuture.%s', (name) => {
  test('throws, whatever state the future is in, and says what to await', () => {
    const future = session.get('http://x/')
    for (const prepare of [() => undefined, () => future.cancel()]) {
      prepare()
      expect(() => read(future, name)).toThrow(TypeError)
      expect(() => read(future, name)).toThrow(`\`${name}\` here: this is a future: \`await future.result()\``)
    }
    expect(name in new Future()).toBe(false)
  })

  test("is the caller's who attaches something under it", () => {
    const future = session.get('http://x/')
    const attached = Object.assign(future, { [name]: 1 })
    expect(attached).toBe(future)
    expect(read(future, name)).toBe(1)
    expect(Object.getOwnPropertyDescriptor(future, name)).toEqual({
      value: 1,
      writable: true,
      enumerable: true,
      configurable: true,
    })
    Object.assign(future, { [name]: 2 })
    expect(read(future, name)).toBe(2)
    expect(() => read(session.get('http://x/'), name)).toThrow(TypeError)
  })

  test('is the field of a subclass that has one', () => {
    class Labelled extends (session.get('http://x/').constructor as new (
      ...args: unknown[]
    ) => ResponseFuture<string>) {
      [name] = 'mine'
    }
    expect(read(new Labelled('GET', 'http://x/', undefined), name)).toBe('mine')
  })
})

test('A ResponseFuture can be looked at, compared, copied and printed', async () => {
  const future = session.get('http://x/a')
  const keys: string[] = []
  for (const key in future) keys.push(key)
  expect(keys).toEqual([])
  expect(Object.keys(future)).toEqual([])
  expect({ ...(future as object) }).toEqual({})
  expect(JSON.stringify({ future })).toBe('{"future":{}}')
  expect(structuredClone(future)).toEqual({})
  expect(names.every((name) => name in future && !Object.hasOwn(future, name))).toBe(true)
  expect(inspect(future, { depth: 5, colors: true })).toContain('GET http://x/a')
  expect(inspect(future, { showHidden: true, getters: true })).toContain('GET http://x/a')
  expect(inspect({ future }, { customInspect: false, showHidden: true })).toContain('Future')
  expect(future).toEqual(future)
  expect({ future }).toStrictEqual({ future })
  expect(isDeepStrictEqual(future, session.get('http://x/b'))).toBe(true)
  expect(() => expect(future).toEqual({ status: 200 })).toThrow(/expected .* to deeply equal/)
  expect(() => expect({ future }).toStrictEqual({ future: { data: 1 } })).toThrow(/expected .* to strictly equal/)

  future.cancel()
  const labelled = Object.assign(future, { data: { id: 7 } })
  for await (const done of asCompleted([labelled])) expect(read(done, 'data')).toEqual({ id: 7 })
  expect(Object.keys(future)).toEqual(['data'])
})
