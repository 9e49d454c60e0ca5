import { describe } from '../../checks.ts'
import { type AuthFunction, withRecipe } from './auth-flow.ts'

/**
 * Basic authentication (RFC 7617), user and password as UTF-8. `auth: [user, password]` is the same.
 *
 * @throws {TypeError} what is no string
 */
export function basic(user: string, password: string): AuthFunction {
  const value = basicValue(user, password)
  const authorize: AuthFunction = (request) => {
    request.headers.set('Authorization', value)
  }
  return withRecipe(authorize, { name: 'basic', args: [user, password] })
}

/** What an Authorization or a Proxy-Authorization header says. Throws as `basic` does. */
export function basicValue(user: string, password: string): string {
  if (typeof (user as unknown) !== 'string')
    throw new TypeError(`Expected the user to be a string, got ${describe(user)}`)
  // Not described: it may be a number, and the password all the same.
  if (typeof (password as unknown) !== 'string') {
    throw new TypeError(`Expected the password to be a string, got one of type ${typeof password}`)
  }
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/**
 * A bearer token (RFC 6750). One that can't stand in a header fails the request with `InvalidHeaderError`.
 *
 * @throws {TypeError} what is no string
 */
export function bearer(token: string): AuthFunction {
  if (typeof (token as unknown) !== 'string') {
    throw new TypeError(`Expected the token to be a string, got one of type ${typeof token}`)
  }
  const authorize: AuthFunction = (request) => {
    request.headers.set('Authorization', `Bearer ${token}`)
  }
  return withRecipe(authorize, { name: 'bearer', args: [token] })
}
