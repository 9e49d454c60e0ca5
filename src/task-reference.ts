import { describe } from './checks.ts'
import { loadFunction, locateModule } from './load-module.ts'
import type { CheckedReference, TypedReference, UntypedReference } from './task-signature.ts'

/**
 * Work (or a hook, an auth function, an initializer) named by where it lives, so that it can leave this isolate. It runs
 * everywhere: in process the module is imported once.
 */
export interface TaskReference<T = unknown> {
  /** An absolute URL (`file:`, `data:`, `node:`) or a package specifier. */
  readonly module: string
  /** The name of the export to call; `default` for the default export. */
  readonly name: string
  /** The first arguments of the function. */
  readonly args?: unknown[]
  /** The parts of `args` that are moved to a thread, not copied. */
  readonly transfer?: readonly unknown[]
  /** Only for the type: the result of the function. */
  readonly '~result'?: T
}

/**
 * Names an exported function: as a task it is called with `(...args, context)`, as a hook or an auth function with what
 * that is given after `args`, as an initializer with `args`.
 *
 * `taskReference<typeof import('./tasks.js')>(url, 'sum', 1, 2)` checks the name and the arguments, and knows the result.
 * Otherwise the type is that of the result: `taskReference<number>(url, 'sum', 1, 2)`.
 *
 * - `module`: an absolute URL, such as `new URL('./tasks.js', import.meta.url)`, or a package specifier
 * - `name`: the name of the export, `default` for the default export
 * - `args`: handed to the function first; they must be cloneable where the executor is isolated
 *
 * @throws {TypeError} a relative module or a path (relative to what, the reader of the reference can't know), or an empty name
 */
export const taskReference = ((module: string | URL, name: string, ...args: unknown[]): TaskReference => {
  const specifier: unknown = module instanceof URL ? module.href : module
  if (typeof specifier !== 'string' || specifier === '' || /^(?:[./\\]|[a-z]:)/i.test(specifier)) {
    throw new TypeError(
      `Expected \`module\` to be an absolute URL or a package name, got ${describe(specifier)}: ` +
        'write `new URL(path, import.meta.url)`',
    )
  }
  if (typeof (name as unknown) !== 'string' || name === '') {
    throw new TypeError(`Expected \`name\` to be the name of an export, got ${describe(name)}`)
  }
  return args.length === 0 ? { module: specifier, name } : { module: specifier, name, args }
}) as TypedReference & UntypedReference & CheckedReference

export function isTaskReference(value: unknown): value is TaskReference {
  if (typeof value !== 'object' || value === null) return false
  if (!Object.hasOwn(value, 'module') || !Object.hasOwn(value, 'name')) return false
  const { module, name, args } = value as Partial<TaskReference>
  return typeof module === 'string' && typeof name === 'string' && (args === undefined || Array.isArray(args))
}

/**
 * Imports the function that a reference names.
 *
 * @throws {ModuleNotAllowedError} the modules of this isolate are limited, and this is none of them
 * @throws {TypeError} the module has no such export, or it is no function; an error of the import comes as it is
 */
export async function loadTaskReference(reference: TaskReference): Promise<(...args: unknown[]) => unknown> {
  return loadFunction(locateModule(reference.module), reference)
}
