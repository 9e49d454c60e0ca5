import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { parseChallenges, parseParameters, strongestChallenge, unquote } from '../../../src/session/auth/challenges.ts'
import { superlinear } from '../../helpers/growth.ts'

const plain = (header: string): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

describe('parseChallenges()', () => {
  it.each<[string, unknown]>([
    ['', []],
    ['Basic realm="r"', [['basic', { realm: 'r' }]]],
    [
      'Digest realm="a, b", nonce=n , qop = "auth,auth-int"',
      [['digest', { realm: 'a, b', nonce: 'n', qop: 'auth,auth-int' }]],
    ],
    [
      'Negotiate abc==, Basic realm="r"',
      [
        ['negotiate', { abc: '' }],
        ['basic', { realm: 'r' }],
      ],
    ],
    [
      'Negotiate, ,NTLM',
      [
        ['negotiate', {}],
        ['ntlm', {}],
      ],
    ],
    ['Digest realm="r", realm="s"', [['digest', { realm: 'r' }]]],
    ['DIGEST Realm="a \\"b\\" c\\\\d"', [['digest', { realm: 'a \\"b\\" c\\\\d' }]]],
    ['Digest realm="never closed, nonce=n', [['digest', { realm: 'never closed, nonce=n' }]]],
    ['Digest realm=', [['digest', { realm: '' }]]],
    ['"stray", Basic realm=r', [['basic', { realm: 'r' }]]],
    ['realm="r"', []],
  ])('%s', (header, challenges) => {
    expect(plain(header)).toEqual(challenges)
  })

  it('takes any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '=', '"', '\\', ',', ' ', 'é') }),
        (text) => void parseChallenges(text),
      ),
    )
  })

  it.each(['"\\', '"', ',', '= ', 'a ', 'a="\\', 'a=', ' '])('takes linear time: %j', (text) => {
    expect(superlinear(parseChallenges, (size) => `Digest ${text.repeat(size / text.length)}`)).toBeUndefined()
  })
})

describe('parseParameters()', () => {
  it('reads a header of parameters alone', () => {
    expect([...parseParameters('qop=auth, nextnonce="n"')]).toEqual([
      ['qop', 'auth'],
      ['nextnonce', 'n'],
    ])
    expect(parseParameters('').size).toBe(0)
  })
})

describe('unquote()', () => {
  it('undoes escapes of quotes and backslashes, and keeps a Windows domain', () => {
    expect(unquote('a \\"b\\" c\\\\d DOMAIN\\user')).toBe('a "b" c\\d DOMAIN\\user')
  })
})

describe('strongestChallenge()', () => {
  const digest = (more: string): string => `Digest realm="r", nonce="n"${more}`

  it.each<[string, string | undefined]>([
    [digest(''), 'md5'],
    [digest(', algorithm=MD5-sess'), 'md5'],
    [`${digest('')}, ${digest(', algorithm=SHA-256')}, Basic realm="b"`, 'sha256'],
    [`${digest(', algorithm=SHA-256')}, ${digest(', algorithm="SHA-512-256-sess"')}`, 'sha512-256'],
    [digest(', algorithm=sha'), 'sha1'],
    [digest(', algorithm=SHA-512'), 'sha512'],
    [`${digest(', algorithm=WHIRLPOOL')}, ${digest('')}`, 'md5'],
    [digest(', algorithm=WHIRLPOOL'), undefined],
    [digest(', qop="auth-conf"'), undefined],
    ['Digest realm="r"', undefined],
    ['Basic realm="r"', undefined],
  ])('%s', (header, hash) => {
    expect(strongestChallenge(header)?.hash).toBe(hash)
  })

  it('prefers auth, takes auth-int, and none where the server does not know it', () => {
    expect(strongestChallenge(digest(', qop="auth-int, auth"'))?.qop).toBe('auth')
    expect(strongestChallenge(digest(', qop=auth-int'))?.qop).toBe('auth-int')
    expect(strongestChallenge(digest(', qop=""'))?.qop).toBeUndefined()
    expect(strongestChallenge(undefined)).toBeUndefined()
  })
})
