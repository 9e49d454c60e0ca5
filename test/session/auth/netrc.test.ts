import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from '../../helpers/fast-check.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { netrcAuth, parseNetrc } from '../../../src/session/auth/netrc.ts'
import { superlinear } from '../../helpers/growth.ts'

describe('netrcAuth()', () => {
  let folder: string
  let file: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'netrc-'))
    file = join(folder, 'netrc')
    await writeFile(
      file,
      'machine h.test login u password p\nmachine ::1 login six password 6\nmachine only account a password q',
    )
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('finds a host in the file that NETRC names', () => {
    expect(netrcAuth('h.test', { NETRC: file })).toEqual(['u', 'p'])
    expect(netrcAuth('[::1]', { NETRC: file })).toEqual(['six', '6'])
    expect(netrcAuth('only', { NETRC: file })).toEqual(['a', 'q'])
    expect(netrcAuth('x.h.test', { NETRC: file })).toBeUndefined()
  })

  it('without NETRC takes ~/.netrc, else ~/_netrc', async () => {
    await mkdir(join(folder, 'home'))
    await writeFile(join(folder, 'home/_netrc'), 'default login underscore password p')
    const environment = { HOME: join(folder, 'home') }
    expect(netrcAuth('h', environment)).toEqual(['underscore', 'p'])

    await writeFile(join(folder, 'home/.netrc'), 'machine other login dot password p')
    expect(netrcAuth('h', environment)).toBeUndefined()
    expect(netrcAuth('other', environment)).toEqual(['dot', 'p'])
    expect(netrcAuth('other', { ...environment, NETRC: '~/.netrc' })).toEqual(['dot', 'p'])
    expect(netrcAuth('other', { ...environment, NETRC: '' })).toBeUndefined()
  })

  it('reads the file again when it has changed, however soon', async () => {
    for (const password of ['one', 'two', 'six', 'longer']) {
      await writeFile(join(folder, 'changing'), `default login u password ${password}`)
      expect(netrcAuth('h', { NETRC: join(folder, 'changing') })).toEqual(['u', password])
    }
    await utimes(join(folder, 'changing'), 1, 1)
    expect(netrcAuth('h', { NETRC: join(folder, 'changing') })).toEqual(['u', 'longer'])
  })

  it('a file that is missing, unreadable, a directory or wrong says nothing', async () => {
    await writeFile(join(folder, 'secret'), 'default login u password p')
    await chmod(join(folder, 'secret'), 0)
    await writeFile(join(folder, 'wrong'), 'default login u password p\nmachine')
    const names = process.getuid?.() === 0 ? ['missing', 'wrong', '.'] : ['missing', 'wrong', '.', 'secret']

    for (const name of names) expect(netrcAuth('h', { NETRC: join(folder, name) })).toBeUndefined()
  })
})

describe('parseNetrc()', () => {
  it.each<[string, Record<string, [string, string]>]>([
    ['', {}],
    ['machine A.test login u password p', { 'a.test': ['u', 'p'] }],
    ['machine a\n\tlogin u\r\n\tpassword p\nmachine b user v account x password q', { a: ['u', 'p'], b: ['v', 'q'] }],
    ['machine a login u password p default login d password e', { a: ['u', 'p'], '': ['d', 'e'] }],
    ['machine a login "u v" password "p\\"\\\\q"', { a: ['u v', 'p"\\q'] }],
    ['machine a login u\\ v password p\\"q"', { a: ['u v', 'p"q"'] }],
    ['machine a login u password #p # comment\nmachine b login v password q', { a: ['u', '#p'], b: ['v', 'q'] }],
    ['# a machine x\n#machine y\nmachine a # login no\nlogin u password p', { a: ['u', 'p'] }],
    ['macdef init\ncd /pub\nmachine fake\n\nmachine a login u password p', { a: ['u', 'p'] }],
    ['machine a login u password p\nmacdef none\n\nmachine b login v password q', { a: ['u', 'p'], b: ['v', 'q'] }],
    ['machine a login u password p machine a login v password q', { a: ['v', 'q'] }],
    ['machine a login u password ""', { a: ['u', ''] }],
    ['machine a', { a: ['', ''] }],
    ['machine a login', { a: ['', ''] }],
    ['machine __proto__ login u password p', { ['__proto__']: ['u', 'p'] }],
  ])('%j', (text, machines) => {
    const parsed = [...parseNetrc(text)].map(([name, { login, password }]) => [name, [login, password]])

    expect(parsed).toEqual(Object.entries(machines))
  })

  it.each([
    ['machine'],

    ['machine a port 1'],
    ['machine a login u password p\nmacdef open\nline'],
    ['macdef'],
    ['word'],
  ])('a mistake anywhere leaves nothing: %j', (text) => {
    expect(parseNetrc(`machine good login u password p\n${text}`).size).toBe(0)
  })

  it('takes any text', () => {
    const word = fc.constantFrom(
      'machine',
      'default',
      'login',
      'password',
      'macdef',
      '#',
      '"',
      '\\',
      ' ',
      '\n',
      '\n\n',
      'x',
    )
    fc.assert(fc.property(fc.array(word), (words) => void parseNetrc(words.join(''))))
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseNetrc(text)))
  })

  it.each(['"', '\\', '#', 'macdef x\n', 'machine x ', '\n', '#\n'])('takes linear time: %j', (text) => {
    expect(superlinear(parseNetrc, (size) => text.repeat(size / text.length))).toBeUndefined()
  })
})
