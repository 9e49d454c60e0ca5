import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { parseLinks } from '../../../src/session/response/links.ts'
import { superlinear } from '../../helpers/growth.ts'

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
    [
      '<a>; title="say \\"a, <b>; rel=last\\""; rel=next',
      { next: { url: 'a', title: 'say "a, <b>; rel=last"', rel: 'next' } },
    ],
    ['<a>\t;\trel\t=\t"next"\t', { next: { url: 'a', rel: 'next' } }],
    ['<a>;; rel=next;', { next: { url: 'a', rel: 'next' } }],
    ['<a> and so on; rel=next', { next: { url: 'a', rel: 'next' } }],
    ['<a>; rel="next"and so on; title=t', { next: { url: 'a', rel: 'next', title: 't' } }],
  ])('%s', (header, links) => {
    expect(parseLinks(header)).toEqual(links)
  })

  it.each([
    '</p2>; rel=next,',
    '</p2>; rel="next",',
    '</p2>; rel=next , ,',
    ', </p2>; rel=next',
    ',,\t,</p2>; rel=next,,',
    '</p2>; rel=next, ;',
  ])('empty elements of the list are ignored: %s', (header) => {
    expect(parseLinks(header)).toEqual({ next: { url: '/p2', rel: 'next' } })
  })

  it('several headers, each with a comma too many, are one list', () => {
    const joined = ['</p2>; rel=next,', ', </p9>; rel=last', ''].join(', ')

    expect(parseLinks(joined)).toEqual({ next: { url: '/p2', rel: 'next' }, last: { url: '/p9', rel: 'last' } })
  })

  it.each<[string, object]>([
    ['<a>; REL=next; Title=T', { next: { url: 'a', rel: 'next', title: 'T' } }],
    ['<a>; rel=next; rel=last', { next: { url: 'a', rel: 'next' } }],
    ['<a>; Rel=next; rEL="last"', { next: { url: 'a', rel: 'next' } }],
    ['<a>; title=one; TITLE=two; rel=next', { next: { url: 'a', title: 'one', rel: 'next' } }],
    ['<a>; URL=b; rel=next', { next: { url: 'a', rel: 'next' } }],
  ])('names of parameters have no case, the first of several counts: %s', (header, links) => {
    expect(parseLinks(header)).toEqual(links)
  })

  it('a link with several relations is listed once, and found by each', () => {
    const links = parseLinks('<a>; rel="next \t last", <b>; rel=last')

    expect(Object.keys(links)).toEqual(['next \t last', 'last'])
    expect(links.next).toBe(links['next \t last'])
    expect(links.last?.url).toBe('b')
  })

  it('a relation in capitals is found in lower case, too', () => {
    expect(parseLinks('<a>; rel=NEXT').next).toEqual({ url: 'a', rel: 'NEXT' })
    expect(parseLinks('<a>; rel="Prev NEXT", <b>; rel=PREV')).toMatchObject({ next: { url: 'a' }, prev: { url: 'b' } })
    expect(parseLinks('<a>; rel=next, stray').next?.url).toBe('a')
  })

  it.each<[string, object]>([
    ['<a; rel=next', { next: { url: 'a', rel: 'next' } }],
    ['<a; rel=next, <b>; rel=last', { next: { url: 'a', rel: 'next' }, last: { url: 'b', rel: 'last' } }],
    ['<a, <b>; rel=next', { a: { url: 'a' }, next: { url: 'b', rel: 'next' } }],
    ['a; rel=next', { next: { url: 'a', rel: 'next' } }],
    ['<a>; rel="next', { next: { url: 'a', rel: 'next' } }],
    ['<a>; rel="next, <b>; rel=last', { next: { url: 'a', rel: 'next' }, last: { url: 'b', rel: 'last' } }],
    ['<a>; title=5"; rel=next', { next: { url: 'a', title: '5', rel: 'next' } }],
    ['; rel=next', {}],
    [';', {}],
    [',', {}],
  ])('what is never closed costs one link at most: %s', (header, links) => {
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

  it.each([
    '<',
    '<>,',
    '"',
    '\\',
    ';',
    ',',
    ', ',
    ' ',
    '<a>;=',
    "'",
    ', x',
    '<;',
    '<,',
    '="',
    ';="',
    ',;',
    '="\\"',
    ';a= ',
    '<a>;rel=x,',
  ])('takes linear time: %j', (text) => {
    for (const start of ['', '<a>']) {
      expect(superlinear(parseLinks, (size) => start + text.repeat(size / text.length))).toBeUndefined()
    }
  })
})
