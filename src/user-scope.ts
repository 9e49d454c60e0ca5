import { AsyncLocalStorage } from 'node:async_hooks'
import { isThenable } from './checks.ts'

/** Under this name a controller shows in whose code its work is now, if it is. Registered: two copies of the package may meet. */
export const userScope = Symbol.for('undici-futures.userScope')

export interface ScopeHolder {
  readonly [userScope]: UserScope | undefined
}

const storage = new AsyncLocalStorage<UserScope>()
/** Nobody asks the storage while this is false: on Node 20 and 22 one that is in use makes every promise of the process dearer. */
let isInUse = false
let openScopes = 0
let sweep: NodeJS.Timeout | undefined

/** What is waited for, by what, from inside of which scope. */
const waits = new WeakMap<object, Map<object, UserScope>>()

/** How long the storage stays in use after the last scope; ms. Each change costs a few microseconds. */
const restAfter = 1000

/**
 * Code of a user that we have called and that is not over yet. What it does meanwhile, however deep and however late, can
 * be told from what others do: by `UserScope.current`.
 */
export class UserScope {
  #isOver = false
  /** Of what was going on when this began. */
  #outer = UserScope.current

  constructor() {
    openScopes++
  }

  /** In which scope the caller is: the innermost, unless that is over. */
  static get current(): UserScope | undefined {
    const scope = isInUse ? storage.getStore() : undefined
    return scope?.isOver === false ? scope : undefined
  }

  /** While it is false nobody is in a scope. */
  static get isInUse(): boolean {
    return isInUse
  }

  /** @returns whether the caller is in a scope: then it is remembered that this waits for the subject */
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

  /** Scopes from inside of which the subject is, or was until it was there, waited for. */
  static waitingFor(subject: object): readonly UserScope[] {
    return [...(waits.get(subject)?.values() ?? [])]
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it is one of these, or was begun inside of one. */
  isWithin(scopes: ReadonlySet<UserScope>): boolean {
    return scopes.has(this) || this.#outer?.isWithin(scopes) === true
  }

  run<Result>(fn: () => Result): Result {
    isInUse = true
    return storage.run(this, fn)
  }

  /** Runs it, and is over with it, or when the promise is settled that it returns. */
  contain<Result>(fn: () => Result): Result {
    try {
      const result = this.run(fn)
      // In place of what may not be a promise: some work each time that somebody waits for them.
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
    // Or a chain of scopes, each begun inside of the one before, would grow without end.
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
