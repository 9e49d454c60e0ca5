import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { InvalidHeaderError } from '../../../src/errors.ts'
import { basic, bearer } from '../../../src/session/auth/basic.ts'
import type { AuthFunction } from '../../../src/session/auth/auth-flow.ts'
import { PreparedRequest } from '../../../src/session/prepared-request.ts'

function applied(auth: AuthFunction): string | undefined {
  const request = new PreparedRequest({ url: 'http://h.test/' })
  void auth(request)
  return request.headers.get('authorization')
}

describe('basic()', () => {
  it.each([
    ['user', 'pass', 'dXNlcjpwYXNz'],
    ['user', '', 'dXNlcjo='],
    ['', 'pass', 'OnBhc3M='],
    ['ü', '☃', 'w7w64piD'],
  ])('%s:%s, as UTF-8', (user, password, encoded) => {
    expect(applied(basic(user, password))).toBe(`Basic ${encoded}`)
  })

  it('what is no string is a TypeError that does not show the password', () => {
    expect(() => basic(undefined as unknown as string, 'p')).toThrow(TypeError)
    expect(() => basic('u', 12345 as unknown as string)).toThrow(
      /^Expected the password to be a string, got one of type number$/,
    )
  })
})

describe('bearer()', () => {
  it('sets the header', () => {
    expect(applied(bearer('t.o-k_e~n+/='))).toBe('Bearer t.o-k_e~n+/=')
  })

  it('a token that would break the line is refused when it is used, and not shown', () => {
    let error: unknown
    try {
      applied(bearer('sesame\r\nX-Evil: 1'))
    } catch (thrown) {
      error = thrown
    }

    expect(error).toBeInstanceOf(InvalidHeaderError)
    expect(inspect(error)).not.toContain('sesame')
  })

  it('what is no string is a TypeError', () => {
    expect(() => bearer(undefined as unknown as string)).toThrow(TypeError)
  })
})

describe('inspect()', () => {
  it('shows no secret', () => {
    expect(inspect([basic('user', 'sesame'), bearer('sesame')], { showHidden: true })).not.toContain('sesame')
  })
})
