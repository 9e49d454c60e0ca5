import { AsyncLocalStorage } from 'node:async_hooks'
import { isThenable } from './checks.ts'

/** Where a controller shows the UserScope that its work is in now, if any. Registered: two copies of the package may meet. */
export const userScope = Symbol.for('undici-futures.userScope')

export interface ScopeHolder {
  readonly [userScope]: UserScope | undefined
}

const storage = new AsyncLocalStorage<UserScope>()
/** While this is false the storage is not used: on Node 20 and 22 a storage in use makes every promise of the process slower. */
let isInUse = false
let openScopes = 0
let sweep: NodeJS.Timeout | undefined

/** Awaited subjects (futures, ...), with the waiters and the scopes that these are in. */
const waits = new WeakMap<object, Map<object, UserScope>>()

/** How many ms the storage stays in use after the last scope: each change costs a few microseconds. */
const restAfter = 1000

/**
 * One call of users' code, until that is over. `UserScope.current` tells whether the caller is within such a call, however
 * deep and however late.
 */
export class UserScope {
  #isOver = false
  /** The scope in which this one began. */
  #outer = UserScope.current

  constructor() {
    openScopes++
  }

  /** The innermost scope that the caller is in, unless that is over. */
  static get current(): UserScope | undefined {
    const scope = isInUse ? storage.getStore() : undefined
    return scope?.isOver === false ? scope : undefined
  }

  /** While this is false no code is in a scope. */
  static get isInUse(): boolean {
    return isInUse
  }

  /** Notes that `waiter` waits for `subject`, if the caller is in a scope. @returns whether it is */
  static noteWait(subject: object, waiter: object): boolean {
    const scope = UserScope.current
    if (scope === undefined) return false
    const scopes = waits.get(subject) ?? new Map<object, UserScope>()
    waits.set(subject, scopes.set(waiter, scope))
    return true
  }

  static forgetWait(subject: object, waiter: object): void {
    waits.get(subject)?.delete(waiter)
  }

  /** The scopes in which code waits for the subject, or waited until it was there. */
  static waitingFor(subject: object): readonly UserScope[] {
    return [...(waits.get(subject)?.values() ?? [])]
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether this is one of these scopes, or began inside one. */
  isWithin(scopes: ReadonlySet<UserScope>): boolean {
    return scopes.has(this) || this.#outer?.isWithin(scopes) === true
  }

  run<Result>(fn: () => Result): Result {
    isInUse = true
    return storage.run(this, fn)
  }

  /** Runs the function; the scope ends when it returns, or when the returned promise settles. */
  contain<Result>(fn: () => Result): Result {
    try {
      const result = this.run(fn)
      // The result is replaced: some thenables do their work each time that somebody awaits them.
      if (isThenable(result)) return Promise.resolve(result).finally(() => this.end()) as Result
      this.end()
      return result
    } catch (error) {
      this.end()
      throw error
    }
  }

  /** Idempotent. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    // Otherwise a chain of scopes, each begun inside the one before, would grow without end.
    this.#outer = undefined
    openScopes--
    if (openScopes === 0) sweep ??= setTimeout(rest, restAfter).unref()
  }
}

function rest(): void {
  sweep = undefined
  if (openScopes > 0) return
  isInUse = false
  storage.disable()
}
