import type { SharedValue } from '../../executor/remote.ts'
import { recipeOf, type AuthRecipe } from '../../session/auth/auth-recipe.ts'
import type { AnyHook } from '../../session/hooks.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { packOptions } from './pack-options.ts'
import type { PackedOptions } from './protocol.ts'
import type { Refusal } from './refusal.ts'

/** What a session adds to its requests, as it crosses; the jar crosses by itself. */
export interface PackedSettings {
  /** Name, value, name, value ... */
  readonly headers: readonly string[]
  /** Attributes to set. */
  readonly attributes: PackedOptions
  /** Variables that the submitter goes by; not there: those of where the request is done. */
  readonly environment?: NodeJS.ProcessEnv
}

/** An AuthRecipe, as it crosses. */
export interface PackedRecipe {
  readonly name: AuthRecipe['name']
  readonly args: readonly string[]
  /** The memory of a digest's counts, for threads of this process. */
  readonly counts?: SharedArrayBuffer
}

/**
 * What a session looked like when a request was submitted. Attributes may be edited in place, so each request looks whether
 * it is still the same; a snapshot that is crosses to each thread once.
 */
export class Settings implements SharedValue {
  readonly version = 0
  readonly value: PackedSettings
  /** Threads have a copy of the environment of their start. */
  readonly localValue: PackedSettings
  readonly #state: readonly unknown[]

  /** @throws {TaskNotCloneableError} a hook or an auth function that is a function, or something else that can't cross */
  constructor(core: SessionCore, refusal: Refusal) {
    const { headers, params, proxies, hooks, auth, timeout, retry, trustEnv, baseUrl, defaults } = core
    const { verify, cert, allowRedirects, maxRedirects, raiseForStatus, maxResponseSize } = defaults
    const given = { params, proxies, hooks, auth, timeout, retry, trustEnv, baseUrl }
    const merged = { verify, cert, allowRedirects, maxRedirects, raiseForStatus, maxResponseSize }
    this.value = { headers: headers.toFlat(), attributes: packOptions({ ...given, ...merged }, refusal) }
    const environment = environmentOf(core)
    this.localValue = environment === undefined ? this.value : { ...this.value, environment: { ...environment } }
    this.#state = stateOf(core)
  }

  isOf(core: SessionCore): boolean {
    const now = stateOf(core)
    return now.length === this.#state.length && now.every((each, index) => each === this.#state[index])
  }
}

/** The same values as long as nothing changes: what is replaced when it is set as it is, what may be edited as text. */
function stateOf(core: SessionCore): unknown[] {
  const { headers, params, proxies, auth, jar, trustEnv, baseUrl, defaults } = core
  const state: unknown[] = [headers.toFlat(), defaults, auth, jar, trustEnv, baseUrl, textOf(params), textOf(proxies)]
  state.push(environmentOf(core))
  const { request, response, redirect, error } = core.hooks
  for (const list of [request, response, redirect, error] as readonly (readonly AnyHook[])[]) state.push(...list, null)
  return state
}

function environmentOf({ trustEnv, environment }: SessionCore): NodeJS.ProcessEnv | undefined {
  return trustEnv ? environment.read() : undefined
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value
  const writable = (_: string, each: unknown): unknown => (typeof each === 'bigint' ? String(each) : each)
  return JSON.stringify(isIterable ? [...(value as Iterable<unknown>)] : value, writable)
}

/** Recipes of auth functions, each the same shared value wherever it is used: a digest counts on in its thread. */
const recipes = new WeakMap<object, SharedValue>()

/** @returns `undefined` for what is no auth function of ours */
export function sharedRecipe(auth: unknown): SharedValue | undefined {
  const recipe = recipeOf(auth)
  if (recipe === undefined) return undefined
  const { name, args, counts } = recipe
  const value: PackedRecipe = { name, args }
  const shared = recipes.get(auth as object) ?? {
    version: 0,
    value,
    localValue: counts && ({ ...value, counts: counts.memory } satisfies PackedRecipe),
  }
  recipes.set(auth as object, shared)
  return shared
}
