import nodeModule from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe } from './checks.ts'
import { ModuleNotAllowedError } from './errors.ts'

/** The locations of modules, by the names that references use. */
export type ModuleTable = ReadonlyMap<string, string>

type Callable = (...args: unknown[]) => unknown

export type ModuleNamespace = Readonly<Record<string, unknown>>

/** Registered, so that a table limits every copy of this package in the isolate. */
const limitsName = Symbol.for('undici-futures.moduleLimits')
const registry = globalThis as { [limitsName]?: Set<ModuleTable> | undefined }
const moduleLimits = (registry[limitsName] ??= new Set<ModuleTable>())

/**
 * Limits the modules that references (of tasks, hooks, auth functions and initializers) may name in this isolate to those of
 * this table, and of tables given before. For isolates whose references come from elsewhere.
 *
 * @returns a function that removes the table
 */
export function limitModules(table: ModuleTable): () => void {
  moduleLimits.add(table)
  return () => void moduleLimits.delete(table)
}

/**
 * @param tables by default those that limit this isolate; if there are none, every module may be named
 * @returns the location of the module
 * @throws {ModuleNotAllowedError} the module is in no table
 */
export function locateModule(name: string, tables: Iterable<ModuleTable> = moduleLimits): string {
  if (tables === moduleLimits && moduleLimits.size === 0) return name
  for (const table of tables) {
    const location = table.get(name)
    if (location !== undefined) return location
  }
  throw new ModuleNotAllowedError(
    `Can't import ${describe(name)}: it is not among the \`modules\` that the worker was started with`,
  )
}

/**
 * Imports a function, whether references may name its module or not.
 *
 * @param location a URL, a package specifier, or a function that imports a module of this package
 * @param reference the caller's name of the module, and the name of the export
 * @throws {TypeError} the module has no such export, or it is no function; an error of the import comes as it is
 */
export async function loadFunction(
  location: string | (() => Promise<ModuleNamespace>),
  reference: { readonly module: string; readonly name: string },
): Promise<Callable> {
  const namespace = typeof location === 'string' ? await importModule(location) : await location()
  // Namespaces from loaders of test runners have a prototype.
  const fn = Object.hasOwn(namespace, reference.name) ? namespace[reference.name] : undefined
  if (typeof fn === 'function') return fn as Callable
  throw new TypeError(
    `Expected \`${reference.module}\` to export a function \`${reference.name}\`, got ${describe(fn)}`,
  )
}

async function importModule(specifier: string): Promise<ModuleNamespace> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) return importUrl(specifier)
  // Packages are resolved from the program's folder: from ours, linked and nested installs would not find them.
  const path = nodeModule.createRequire(pathToFileURL(join(process.cwd(), 'noop.js'))).resolve(specifier)
  return importUrl(pathToFileURL(path).href)
}

/** An import that bundlers leave alone: its specifier is known only at run time. */
function importUrl(url: string): Promise<ModuleNamespace> {
  return import(
    /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url
  ) as Promise<ModuleNamespace>
}
