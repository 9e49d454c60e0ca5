import { className, describe, isThenable } from '../../checks.ts'
import type { HookName } from '../hooks.ts'

type ClassOf<T> = abstract new (...args: never[]) => T

/** With all that it is told besides its subject. */
export type BoundHook = (subject: unknown) => unknown

/**
 * Runs hooks one after the other, each on what the one before it returned in the subject's place.
 *
 * @returns the subject, or what took its place
 * @throws {TypeError} a hook returned something else; what a hook throws comes as it is
 */
export async function runHooks<T extends object>(
  name: HookName,
  hooks: readonly BoundHook[],
  subject: T,
  subjectClass: ClassOf<T>,
): Promise<T> {
  let current = subject
  for (const hook of hooks) current = (await callHook(name, hook, current, subjectClass)) ?? current
  return current
}

/** @returns the response that the first hook to do so recovers with; `undefined`: none did */
export async function runErrorHooks<T>(
  hooks: readonly BoundHook[],
  error: unknown,
  responseClass: ClassOf<T>,
): Promise<T | undefined> {
  for (const hook of hooks) {
    const response = await callHook('error', hook, error, responseClass)
    if (response !== undefined) return response
  }
  return undefined
}

async function callHook<T>(
  name: HookName,
  hook: BoundHook,
  subject: unknown,
  expected: ClassOf<T>,
): Promise<T | undefined> {
  const returned = hook(subject)
  const result: unknown = isThenable(returned) ? await returned : returned
  if (result === undefined || result instanceof expected) return result
  const shown = typeof result === 'object' && result !== null ? `an object (${className(result)})` : describe(result)
  throw new TypeError(`Expected the ${name} hook to return a ${expected.name} or nothing, got ${shown}`)
}
