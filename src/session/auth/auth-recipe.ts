import type { AuthFunction } from './auth-flow.ts'

/** What an auth function of ours was made of: a function can't leave this isolate, this can. */
export interface AuthRecipe {
  readonly name: 'basic' | 'bearer' | 'digest'
  readonly args: readonly string[]
}

/** Not on the functions themselves: whoever inspects one must not see a password. */
const recipes = new WeakMap<object, AuthRecipe>()

/** @returns the function */
export function withRecipe(fn: AuthFunction, name: AuthRecipe['name'], ...args: string[]): AuthFunction {
  recipes.set(fn, { name, args })
  return fn
}

/** @returns `undefined` for a function of somebody else's, and for what is no function */
export function recipeOf(auth: unknown): AuthRecipe | undefined {
  return typeof auth === 'function' ? recipes.get(auth) : undefined
}
