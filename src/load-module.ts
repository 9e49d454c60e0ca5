import nodeModule from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe } from './checks.ts'
import { ModuleNotAllowedError } from './errors.ts'

/** Where modules lie, by the names that references may use for them. */
export type ModuleTable = ReadonlyMap<string, string>

type Callable = (...args: unknown[]) => unknown

export type ModuleNamespace = Readonly<Record<string, unknown>>

/** Registered: what limits an isolate limits each copy of this package in it. */
const limitsName = Symbol.for('undici-futures.moduleLimits')
const registry = globalThis as { [limitsName]?: Set<ModuleTable> | undefined }
const limits = (registry[limitsName] ??= new Set<ModuleTable>())

/**
 * From now on references name only modules of this table in this isolate, or of another one that was given before: those of
 * tasks, hooks, auth functions and initializers alike. What references say then comes from elsewhere.
 *
 * @returns takes the table away
 */
export function limitModules(table: ModuleTable): () => void {
  limits.add(table)
  return () => void limits.delete(table)
}

/**
 * @param tables by default those that limit this isolate; if none does, every module may be named
 * @returns where the module lies
 * @throws {ModuleNotAllowedError} in none of them
 */
export function locateModule(name: string, tables: Iterable<ModuleTable> = limits): string {
  if (tables === limits && limits.size === 0) return name
  for (const table of tables) {
    const location = table.get(name)
    if (location !== undefined) return location
  }
  throw new ModuleNotAllowedError(
    `Can't import ${describe(name)}: it is not among the \`modules\` that the worker was started with`,
  )
}

/**
 * Imports a module, whether references may name it or not.
 *
 * @param location a URL, a package specifier, or what imports a module of ours
 * @param reference says what the caller calls the module, and which of its exports is meant
 * @throws {TypeError} the module has no such export, or it is no function; an error of the import comes as it is
 */
export async function loadFunction(
  location: string | (() => Promise<ModuleNamespace>),
  reference: { readonly module: string; readonly name: string },
): Promise<Callable> {
  const namespace = typeof location === 'string' ? await importModule(location) : await location()
  // Loaders of test runners give namespaces with a prototype.
  const fn = Object.hasOwn(namespace, reference.name) ? namespace[reference.name] : undefined
  if (typeof fn === 'function') return fn as Callable
  throw new TypeError(
    `Expected \`${reference.module}\` to export a function \`${reference.name}\`, got ${describe(fn)}`,
  )
}

async function importModule(specifier: string): Promise<ModuleNamespace> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) return importUrl(specifier)
  // A package is looked up from the program's folder: from ours, linked and nested installs would miss it.
  const path = nodeModule.createRequire(pathToFileURL(join(process.cwd(), 'noop.js'))).resolve(specifier)
  return importUrl(pathToFileURL(path).href)
}

/** Bundlers leave it alone: what it imports is known only when it runs. */
function importUrl(url: string): Promise<ModuleNamespace> {
  return import(
    /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url
  ) as Promise<ModuleNamespace>
}
