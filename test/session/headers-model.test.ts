import fc from '../helpers/fast-check.ts'
import { expect, it } from 'vitest'
import { HeaderMap } from '../../src/session/headers.ts'
import type { HeadersOption } from '../../src/session/options/options.ts'
import { Session } from '../../src/session/session.ts'

type Value = string | number | null | undefined
type Pair = readonly [name: string, value: Value]

/** Headers as a list of lines; slow and plain. */
class Lines {
  lines: [name: string, value: string][] = []

  /** Takes the place of the first of that name; `null` takes them all away. */
  set(name: string, value: Value): void {
    const isSame = ([each]: readonly [string, ...unknown[]]): boolean => each.toLowerCase() === name.toLowerCase()
    const place = this.lines.findIndex(isSame)
    const kept = this.lines.filter((line) => !isSame(line))
    if (value !== null && value !== undefined) kept.splice(place < 0 ? kept.length : place, 0, [name, String(value)])
    this.lines = kept
  }

  /** Behind the last of that name, which keeps its spelling. */
  append(name: string, value: string | number): void {
    const last = this.lines.findLastIndex(([each]) => each.toLowerCase() === name.toLowerCase())
    const spelling = last < 0 ? name : this.lines[last]![0]
    this.lines.splice(last < 0 ? this.lines.length : last + 1, 0, [spelling, String(value)])
  }

  /** A name that is repeated is repeated, and what was there before is gone. */
  apply(pairs: readonly Pair[]): void {
    const names = new Set<string>()
    for (const [name, value] of pairs) {
      if (names.has(name.toLowerCase()) && value !== null && value !== undefined) this.append(name, value)
      else this.set(name, value)
      names.add(name.toLowerCase())
    }
  }

  get(name: string): string | undefined {
    const values = this.lines.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    return values.length === 0 ? undefined : values.join(', ')
  }
}

const name = fc.constantFrom('A', 'a', 'X-B', 'x-b', 'X-b', 'Set-Cookie', '__proto__', 'constructor', 'toString', '1')
const value = fc.oneof(fc.constantFrom('', 'v', 'w, x', 'é'), fc.nat(99))
const anyValue = fc.oneof(value, fc.constantFrom(null, undefined))
const pairs = fc.array(fc.tuple(name, anyValue), { maxLength: 6 })
type Form = 'object' | 'pairs' | 'map'
const form = fc.constantFrom<Form>('object', 'pairs', 'map')

/** The same in another form: an object and a Map know each spelling once. */
function formed(list: readonly Pair[], shape: Form): { option: HeadersOption; pairs: readonly Pair[] } {
  if (shape === 'pairs') return { option: list, pairs: list }
  const map = new Map(list)
  if (shape === 'map') return { option: map, pairs: [...map] }
  const object = Object.fromEntries(map)
  // An object does not repeat: of two spellings the later counts. And its numbers come first.
  const ordered = Object.entries(object)
  return { option: object, pairs: ordered }
}

const flat = (lines: readonly (readonly [string, string])[]): string[] => lines.flat()

it('HeaderMap is a list of lines with names whatever their case', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('set' as const, 'append' as const), name, value }),
    fc.record({ do: fc.constant('delete' as const), name }),
    fc.record({ do: fc.constant('apply' as const), pairs, form }),
    fc.record({ do: fc.constant('copy' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const model = new Lines()
      let headers = new HeaderMap()
      for (const each of steps) {
        if (each.do === 'copy') headers = headers.copy()
        else if (each.do === 'delete') {
          headers.delete(each.name)
          model.set(each.name, null)
        } else if (each.do === 'apply') {
          const { option, pairs: list } = formed(each.pairs, each.form)
          headers.apply(option)
          if (each.form === 'object') for (const pair of list) model.set(...pair)
          else model.apply(list)
        } else {
          headers[each.do](each.name, each.value)
          model[each.do](each.name, each.value)
        }
        expect(headers.toFlat()).toEqual(flat(model.lines))
        for (const [key] of model.lines) expect(headers.get(key.toUpperCase())).toBe(model.get(key))
        expect(headers.has('X-B')).toBe(model.get('x-b') !== undefined)
        expect(headers.getSetCookie()).toEqual(
          model.lines.filter(([key]) => key === 'Set-Cookie').map((line) => line[1]),
        )
        expect(HeaderMap.fromFlat(headers.toFlat()).toFlat()).toEqual(headers.toFlat())
      }
    }),
    { numRuns: 500 },
  )
})

it('the headers of a request go over those of its session, and null takes them away', () => {
  fc.assert(
    fc.property(pairs, form, pairs, form, (ofSession, sessionForm, ofRequest, requestForm) => {
      const session = new Session({ headers: { 'User-Agent': null, Accept: null, 'Accept-Encoding': null } })
      const model = new Lines()
      for (const [list, shape, isSession] of [
        [ofSession, sessionForm, true],
        [ofRequest, requestForm, false],
      ] as const) {
        const { option, pairs: normal } = formed(list, shape)
        if (shape === 'object') for (const pair of normal) model.set(...pair)
        else model.apply(normal)
        if (isSession) session.headers.apply(option)
        else {
          const before = session.headers.toFlat()
          const { headers } = session.prepareRequest({ url: 'http://h/', headers: option })
          expect(headers.toFlat()).toEqual(flat(model.lines))
          expect(session.headers.toFlat()).toEqual(before)
        }
      }
    }),
    { numRuns: 300 },
  )
})

it('options with any names at all pollute nothing', () => {
  const key = fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'),
    fc.string(),
  )
  const fields = fc.array(fc.tuple(key, fc.oneof(fc.string(), fc.constant({ polluted: 'yes' } as unknown as string))), { minLength: 1, maxLength: 4 }) // prettier-ignore
  const option = fc.constantFrom(
    'params',
    'data',
    'json',
    'files',
    'headers',
    'cookies',
    'proxies',
    'timeout',
    'retry',
    'hooks',
    undefined,
  )
  const names = (object: object): string => Reflect.ownKeys(object).map(String).join()
  const before = [Object.prototype, Object, Array.prototype, Function.prototype].map(names)
  fc.assert(
    fc.property(fields, option, (entries, where) => {
      // As JSON.parse makes it: `__proto__` is a property of its own.
      const given = JSON.parse(`{${entries.map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`).join()}}`) as object // prettier-ignore
      try {
        new Session().prepareRequest({ url: 'http://h/', ...(where === undefined ? given : { [where]: given }) })
      } catch {
        // What it refuses is refused.
      }
      expect([Object.prototype, Object, Array.prototype, Function.prototype].map(names)).toEqual(before)
      expect(({} as { polluted?: unknown }).polluted).toBe(undefined)
    }),
    { numRuns: 500 },
  )
})
