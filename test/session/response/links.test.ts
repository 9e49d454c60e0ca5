import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { parseLinks } from '../../../src/session/response/links.ts'

describe('parseLinks()', () => {
  it.each<[string | undefined, object]>([
    [undefined, {}],
    ['', {}],
    [
      '<https://e.test/?page=2>; rel="next", <https://e.test/?page=9>; rel=last',
      { next: { url: 'https://e.test/?page=2', rel: 'next' }, last: { url: 'https://e.test/?page=9', rel: 'last' } },
    ],
    ['</style.css>; type="text/css"', { '/style.css': { url: '/style.css', type: 'text/css' } }],
    ['<a>', { a: { url: 'a' } }],
    ["<a>; rel='next'", { next: { url: 'a', rel: 'next' } }],
    ['<a>;rel=next;title = "t"', { next: { url: 'a', rel: 'next', title: 't' } }],
    ['<a;b,c>; rel="next"; title="x; y=z, <w>"', { next: { url: 'a;b,c', rel: 'next', title: 'x; y=z, <w>' } }],
    ['<a>; rel="next",<b>;rel="next"', { next: { url: 'b', rel: 'next' } }],
    ['<a>; rel="next prev"', { 'next prev': { url: 'a', rel: 'next prev' } }],
    ['<a>; crossorigin; rel=preload', { preload: { url: 'a', rel: 'preload' } }],
    ['<a>; rel=""', { a: { url: 'a', rel: '' } }],
    ['<a>; url=b; rel=next', { next: { url: 'a', rel: 'next' } }],
    ['<a>; title=x, y; rel=next', { next: { url: 'a', title: 'x, y', rel: 'next' } }],
    ['<>; rel=next', { next: { url: '', rel: 'next' } }],
  ])('%s', (header, links) => {
    expect(parseLinks(header)).toEqual(links)
  })

  it('names of the language are names like others', () => {
    const links = parseLinks('<a>; rel=__proto__; __proto__=x, <b>; rel=constructor')

    expect(Object.keys(links)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(links)).toBe(Object.prototype)
    expect(({} as { url?: string }).url).toBeUndefined()
  })

  it('takes any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', ';', ',', '"', '\\', '=', ' ', 'a', "'") }),
        (text) => void parseLinks(text),
      ),
    )
  })

  it.each(['<', '<>,', '"', '\\', ';', ',', ', ', ' ', '<a>;=', "'"])('takes linear time: %j', (text) => {
    const start = performance.now()
    parseLinks(text.repeat(100_000))
    parseLinks(`<a>${text.repeat(100_000)}`)

    expect(performance.now() - start).toBeLessThan(10_000)
  })
})
