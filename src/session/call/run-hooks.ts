import { className, describe, isThenable } from '../../checks.ts'
import { isTaskReference, loadTaskReference } from '../../task-reference.ts'
import type { AnyHook, HookContext, HookName } from '../hooks.ts'

type ClassOf<T> = abstract new (...args: never[]) => T

/**
 * Runs hooks one after the other, each on what the one before it returned in the subject's place.
 *
 * @returns the subject, or what took its place
 * @throws {TypeError} a hook returned something else; what a hook throws comes as it is
 */
export async function runHooks<T extends object>(
  name: HookName,
  hooks: readonly AnyHook[],
  subject: T,
  context: HookContext,
  subjectClass: ClassOf<T>,
): Promise<T> {
  let current = subject
  for (const hook of hooks) current = (await callHook(name, hook, current, context, subjectClass)) ?? current
  return current
}

/** @returns the response that the first hook to do so recovers with; `undefined`: none did */
export async function runErrorHooks<T>(
  hooks: readonly AnyHook[],
  error: unknown,
  context: HookContext,
  responseClass: ClassOf<T>,
): Promise<T | undefined> {
  for (const hook of hooks) {
    const response = await callHook('error', hook, error, context, responseClass)
    if (response !== undefined) return response
  }
  return undefined
}

async function callHook<T>(
  name: HookName,
  hook: AnyHook,
  subject: unknown,
  context: HookContext,
  expected: ClassOf<T>,
): Promise<T | undefined> {
  const returned = isTaskReference(hook)
    ? (await loadTaskReference(hook))(...(hook.args ?? []), subject, context)
    : (hook as (...args: unknown[]) => unknown)(subject, context)
  const result: unknown = isThenable(returned) ? await returned : returned
  if (result === undefined || result instanceof expected) return result
  const shown = typeof result === 'object' && result !== null ? `an object (${className(result)})` : describe(result)
  throw new TypeError(`Expected the ${name} hook to return a ${expected.name} or nothing, got ${shown}`)
}
