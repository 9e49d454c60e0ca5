import type { AuthFunction } from './auth-flow.ts'
import { withRecipe } from './auth-recipe.ts'

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
