import { findUncloneable, notCloneable, type Reach } from '../../cloneable.ts'
import type { TaskNotCloneableError } from '../../errors.ts'

/** Checks what shall leave this isolate, and names what can't. */
export class Refusal {
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
