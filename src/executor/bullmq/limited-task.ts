/** What a thread of a fleet's worker runs: a build entry of its own. */
import { limitModules, loadFunction } from '../../load-module.ts'
import type { TaskReference } from '../../task-reference.ts'

/** The module tables that limit this isolate, by their JSON: each task brings its own. */
const known = new Set<string>()

/** Limits the modules that references may name in this thread, and calls the task's function. */
export async function runLimited(
  table: readonly (readonly [string, string])[],
  location: string,
  reference: TaskReference,
  ...args: unknown[]
): Promise<unknown> {
  const text = JSON.stringify(table)
  if (!known.has(text)) {
    known.add(text)
    limitModules(new Map(table))
  }
  const fn = await loadFunction(location, reference)
  return fn(...args)
}
