import { recipeOf } from '../../session/auth/auth-recipe.ts'
import type { HeaderMap } from '../../session/headers.ts'
import { checkHooks, type AnyHook } from '../../session/hooks.ts'
import type { TaskReference } from '../../task-reference.ts'
import { isTaskReference } from '../../task-reference.ts'
import type { PackedOptions } from './protocol.ts'
import type { Refusal } from './refusal.ts'

type Packer = (value: unknown, name: string, refusal: Refusal) => unknown

/** Options that stay here, or cross in a way of their own. */
const elsewhere = new Set(['method', 'url', 'signal', 'priority', 'data', 'json', 'files', 'stream'])

const packers = new Map<string, Packer>([
  ['headers', packPairs],
  ['params', packPairs],
  ['hooks', packHooks],
  ['auth', packAuth],
  ['proxies', packProxies],
])

/**
 * Options of a request or a session as they cross; they were checked before.
 *
 * @throws {TaskNotCloneableError} a function, or anything else that can't cross
 */
export function packOptions(options: object, refusal: Refusal): Record<string, unknown> {
  const packed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || elsewhere.has(name)) continue
    const crossing: unknown = (packers.get(name) ?? packPlain)(value, name, refusal)
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

function packPlain(value: unknown, name: string, refusal: Refusal): unknown {
  return refusal.check(value, name)
}

/** URLSearchParams, Headers, a HeaderMap, anything that yields pairs: only arrays and objects can cross. */
function packPairs(value: unknown, name: string, refusal: Refusal): unknown {
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value
  return refusal.check(isIterable ? [...(value as Iterable<unknown>)] : value, name)
}

/** A hook by itself is a list of one, in its path too. */
function packHooks(value: unknown, name: string, refusal: Refusal): unknown {
  const lists: [string, unknown[]][] = []
  for (const [kind, hooks] of Object.entries<readonly AnyHook[]>(checkHooks(value))) {
    if (hooks.length === 0) continue
    lists.push([kind, hooks.map((hook, index) => packReference(hook, `${name}.${kind}[${index}]`, refusal))])
  }
  return lists.length === 0 ? undefined : Object.fromEntries(lists)
}

/** One of ours crosses as a shared value. */
function packAuth(value: unknown, name: string, refusal: Refusal): unknown {
  if (recipeOf(value) !== undefined) return undefined
  return isTaskReference(value) ? packReference(value, name, refusal) : refusal.check(value, name)
}

/** Without `transfer`: hooks are called more than once. */
function packReference(value: unknown, path: string, refusal: Refusal): TaskReference {
  if (!isTaskReference(value)) throw refusal.error(path, 'a function')
  const { module, name, args } = value
  return args === undefined ? { module, name } : { module, name, args: refusal.check(args, `${path}.args`) }
}

function packProxies(value: unknown, name: string, refusal: Refusal): unknown {
  const entries = Object.entries(value as object).map(([key, proxy]: [string, unknown]) => [
    key,
    proxy instanceof URL ? proxy.href : proxy,
  ])
  return refusal.check(Object.fromEntries(entries), name)
}
