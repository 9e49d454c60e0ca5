import { describe } from '../checks.ts'
import { InvalidOptionError } from '../errors.ts'
import { encodeForm } from './body/form.ts'
import type { FieldPairs, FieldValue, ParamsOption } from './options/options.ts'

type QueryEntry = readonly [string, string]

/**
 * The query that a request's `params` and its session's make together. Per key: the request's values take the place of
 * the session's, `null` removes them. A string has no keys: then only the request's `params` count.
 *
 * @returns encoded, without the question mark; empty if there is none
 * @throws {InvalidOptionError} what can't be written as a query
 */
export function encodeParams(session: ParamsOption | undefined, request: ParamsOption | null | undefined): string {
  // An empty string is nothing, as in requests.
  if (request === undefined || request === null || request === '')
    return session === undefined ? '' : encodeQuery(session)
  if (session === undefined || typeof session === 'string' || typeof request === 'string') return encodeQuery(request)
  return merge(session, request)
}

/**
 * The `params` of a request, so that some of its session's are not added to it.
 *
 * @param own what it has itself
 * @returns `undefined` where none is left out, and it has none
 */
export function overParams(
  session: ParamsOption | undefined,
  own: ParamsOption | null | undefined,
  isLeftOut: (name: string) => boolean,
): ParamsOption | undefined {
  if (session === undefined || typeof own === 'string') return own ?? undefined
  const given = typeof session === 'string' ? new URLSearchParams(session) : session
  const left = keysOf(given).filter(isLeftOut)
  if (left.length === 0) return own ?? undefined
  const kept = typeof session === 'string' ? [...(given as URLSearchParams)].filter(([name]) => !isLeftOut(name)) : []
  return [...kept, ...left.map((name) => [name, null] as const), ...queryPairs(own ?? {})] as FieldPairs
}

/** @throws {TypeError} what is no `params` option */
export function checkParams(params: unknown): ParamsOption {
  if (typeof params === 'string' || (typeof params === 'object' && params !== null)) return params as ParamsOption
  throw new TypeError(
    `Expected \`params\` to be an object, pairs, URLSearchParams or a string, got ${describe(params)}`,
  )
}

function encodeQuery(params: ParamsOption): string {
  if (typeof params === 'string') return params.replaceAll('#', '%23')
  return encodeForm(flatten(params))
}

function merge(session: Exclude<ParamsOption, string>, request: Exclude<ParamsOption, string>): string {
  const own = flatten(request)
  const named = new Set(keysOf(request))
  const placed = new Set<string>()
  const entries: QueryEntry[] = []
  for (const [key, value] of flatten(session)) {
    if (!named.has(key)) entries.push([key, value])
    else if (!placed.has(key)) entries.push(...own.filter(([name]) => name === key))
    placed.add(key)
  }
  entries.push(...own.filter(([key]) => !placed.has(key)))
  return encodeForm(entries)
}

function queryPairs(params: Exclude<ParamsOption, string>): Iterable<readonly [string, unknown]> {
  return Symbol.iterator in params ? params : Object.entries(params)
}

function keysOf(params: Exclude<ParamsOption, string>): string[] {
  return [...queryPairs(params)].map(([key]) => key)
}

function flatten(params: Exclude<ParamsOption, string>): QueryEntry[] {
  const entries: QueryEntry[] = []
  for (const pair of queryPairs(params) as Iterable<unknown>) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw invalidParams('`params` to hold pairs of name and value', pair)
    }
    const [key, value] = pair as [unknown, FieldValue | readonly FieldValue[]]
    for (const each of Array.isArray(value) ? (value as readonly FieldValue[]) : [value as FieldValue]) {
      if (each !== null && each !== undefined) entries.push([String(key), queryText(key, each)])
    }
  }
  return entries
}

function queryText(key: unknown, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  throw invalidParams(`\`params.${String(key)}\` to be a string, a number, a boolean or an array of them`, value)
}

function invalidParams(expected: string, value: unknown): InvalidOptionError {
  return new InvalidOptionError(`Expected ${expected}, got ${describe(value)}`, { option: 'params' })
}
