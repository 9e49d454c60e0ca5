import type { AuthFunction } from './auth-flow.ts'
import type { NonceCounts } from './nonce-counts.ts'

/** What an auth function of ours was made of: a function can't leave this isolate, this can. */
export interface AuthRecipe {
  readonly name: 'basic' | 'bearer' | 'digest'
  readonly args: readonly string[]
  /** What a digest counts in; only threads of this process share it. */
  readonly counts?: NonceCounts
}

/** Not on the functions themselves: whoever inspects one must not see a password. */
const recipes = new WeakMap<object, AuthRecipe>()

/** @returns the function */
export function withRecipe(fn: AuthFunction, recipe: AuthRecipe): AuthFunction {
  recipes.set(fn, recipe)
  return fn
}

/** @returns `undefined` for a function of somebody else's, and for what is no function */
export function recipeOf(auth: unknown): AuthRecipe | undefined {
  return typeof auth === 'function' ? recipes.get(auth) : undefined
}
