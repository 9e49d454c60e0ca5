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
import type { PackedOptions, PackedRecipe, PackedSession } from './protocol.ts'

type Packer = (value: unknown, name: string, cloneCheck: CloneCheck) => unknown

/** Options that are not in here are sent as they are. */
const packers: { readonly [Name in OptionName]?: Packer } = {
  headers: packPairs,
  params: packPairs,
  hooks: packHooks,
  auth: packAuth,
  proxies: packProxies,
}

/**
 * Makes options of a request or a session cloneable; they were checked before.
 *
 * @throws {TaskNotCloneableError} a function, or anything else that can't be cloned
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

/** Adds the type of the body, as `prepare` does: where neither the request nor the session names one. */
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

/** URLSearchParams, Headers, a HeaderMap, or whatever yields pairs, as an array: they can't be cloned. */
function packPairs(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value
  return cloneCheck.check(isIterable ? [...(value as Iterable<unknown>)] : value, name)
}

/** A single hook is packed as a list of one, and has the path of its element. */
function packHooks(value: unknown, name: string, cloneCheck: CloneCheck): unknown {
  const lists: [string, unknown[]][] = []
  for (const [kind, hooks] of Object.entries<readonly AnyHook[]>(checkHooks(value))) {
    if (hooks.length === 0) continue
    lists.push([kind, hooks.map((hook, index) => packReference(hook, `${name}.${kind}[${index}]`, cloneCheck))])
  }
  return lists.length === 0 ? undefined : Object.fromEntries(lists)
}

/** An auth function of ours is a shared value, not an option. */
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

/** Checks that values can be cloned, and names what can't in its error. */
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

/**
 * The state of a session when a request was submitted. Attributes may be edited in place, so `isOf` compares it for each
 * request; as long as it is the same, the snapshot is sent to each thread once.
 */
export class SessionSnapshot implements SharedValue {
  readonly version = 0
  readonly value: PackedSession
  /** With the environment: threads have a copy of that of their start. */
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

/** The values to compare: by identity what is only ever replaced, as text what may be edited. */
function stateOf(core: SessionCore): unknown[] {
  const { headers, params, proxies, auth, jar, trustEnv, baseUrl, defaults } = core
  const state: unknown[] = [headers.toFlat(), defaults, auth, jar, trustEnv, baseUrl, asText(params), asText(proxies)]
  state.push(environmentOf(core))
  const { request, response, redirect, error } = core.hooks
  for (const list of [request, response, redirect, error] as readonly (readonly AnyHook[])[]) state.push(...list, null)
  return state
}

function environmentOf({ trustEnv, environment }: SessionCore): NodeJS.ProcessEnv | undefined {
  return trustEnv ? environment.read() : undefined
}

function asText(value: unknown): string | undefined {
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
