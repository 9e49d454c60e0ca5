import { findUncloneable, notCloneable, type Reach } from '../../cloneable.ts'
import type { TaskNotCloneableError } from '../../errors.ts'
import type { SharedValue } from '../../executor/remote.ts'
import { type AuthRecipe, recipeOf } from '../../session/auth/auth-flow.ts'
import type { HeaderMap } from '../../session/headers.ts'
import { type AnyHook, checkHooks } from '../../session/hooks.ts'
import { crosses, type OptionName } from '../../session/options/option-table.ts'
import { givenAttributes } from '../../session/session-attributes.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { isTaskReference, type TaskReference } from '../../task-reference.ts'
import type { PackedOptions } from './protocol.ts'

type Packer = (value: unknown, name: string, cloneCheck: CloneCheck) => unknown

/** The others cross as they are. */
const packers: { readonly [Name in OptionName]?: Packer } = {
  headers: packPairs,
  params: packPairs,
  hooks: packHooks,
  auth: packAuth,
  proxies: packProxies,
}

/**
 * Options of a request or a session as they cross; they were checked before.
 *
 * @throws {TaskNotCloneableError} a function, or anything else that can't cross
 */
export function packOptions(options: object, cloneCheck: CloneCheck): Record<string, unknown> {
  const packed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || !crosses(name)) continue
    const crossing: unknown = (packers[name as OptionName] ?? packPlain)(value, name, cloneCheck)
    if (crossing !== undefined) packed[name] = crossing
  }
  return packed
}

/** Headers of a request, with the type of its body as `prepare` adds it: where neither it nor the session names one. */
export function addContentType(options: PackedOptions, contentType: string, sessionHeaders: HeaderMap): PackedOptions {
  const headers = sessionHeaders.copy()
  const own = (options.headers ?? []) as Iterable<readonly [string, string]> | Record<string, string>
  headers.apply(own)
  if (headers.has('content-type')) return options
  const pairs = Symbol.iterator in own ? [...own] : Object.entries(own)
  return { ...options, headers: [...pairs, ['Content-Type', contentType]] }
}

function packPlain(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  return cloneCheck.check(value, name)
}

/** URLSearchParams, Headers, a HeaderMap, anything that yields pairs: only arrays and objects can cross. */
function packPairs(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value
  return cloneCheck.check(isIterable ? [...(value as Iterable<unknown>)] : value, name)
}

/** A hook by itself is a list of one, in its path too. */
function packHooks(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  const lists: [string, unknown[]][] = []
  for (const [kind, hooks] of Object.entries<readonly AnyHook[]>(checkHooks(value))) {
    if (hooks.length === 0) continue
    lists.push([kind, hooks.map((hook, index) => packReference(hook, `${name}.${kind}[${index}]`, cloneCheck))])
  }
  return lists.length === 0 ? undefined : Object.fromEntries(lists)
}

/** One of ours crosses as a shared value. */
function packAuth(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  if (recipeOf(value) !== undefined) return undefined
  return isTaskReference(value) ? packReference(value, name, cloneCheck) : cloneCheck.check(value, name)
}

/** Without `transfer`: hooks are called more than once. */
function packReference(value: unknown, path: string, cloneCheck: CloneCheck): TaskReference {
  if (!isTaskReference(value)) throw cloneCheck.error(path, 'a function')
  const { module, name, args } = value
  return args === undefined ? { module, name } : { module, name, args: cloneCheck.check(args, `${path}.args`) }
}

function packProxies(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  const entries = Object.entries(value as object).map(([key, proxy]: [string, unknown]) => [
    key,
    proxy instanceof URL ? proxy.href : proxy,
  ])
  return cloneCheck.check(Object.fromEntries(entries), name)
}

/** Checks what shall leave this isolate, and names what can't. */
export class CloneCheck {
  readonly #tried: string
  readonly #reach: Reach

  constructor(tried: string, reach: Reach) {
    this.#tried = tried
    this.#reach = reach
  }

  error(path: string, what: string): TaskNotCloneableError {
    return notCloneable(this.#tried, { path, what })
  }

  /** @throws {TaskNotCloneableError} */
  check<T>(value: T, path: string): T {
    const found = findUncloneable(value, path, [], this.#reach)
    if (found !== undefined) throw notCloneable(this.#tried, found)
    return value
  }
}

/** What a session adds to its requests, as it crosses; the jar crosses by itself. */
export interface PackedSession {
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
export class SessionSnapshot implements SharedValue {
  readonly version = 0
  readonly value: PackedSession
  /** Threads have a copy of the environment of their start. */
  readonly localValue: PackedSession
  readonly #state: readonly unknown[]

  /** @throws {TaskNotCloneableError} a hook or an auth function that is a function, or something else that can't cross */
  constructor(core: SessionCore, cloneCheck: CloneCheck) {
    const attributes = packOptions({ ...givenAttributes(core), headers: undefined }, cloneCheck)
    this.value = { headers: core.headers.toFlat(), attributes }
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

/**
 * A recipe is the same shared value wherever it is used: a digest counts on in its thread.
 *
 * @returns `undefined` for what is no auth function of ours
 */
export function sharedRecipe(auth: unknown): SharedValue | undefined {
  const recipe = recipeOf(auth)
  if (recipe === undefined) return undefined
  return (recipe.shared ??= packRecipe(recipe)) as SharedValue
}

function packRecipe({ name, args, counts }: AuthRecipe): SharedValue {
  const value: PackedRecipe = { name, args }
  const localValue: PackedRecipe | undefined = counts && { ...value, counts: counts.memory }
  return { version: 0, value, localValue }
}
