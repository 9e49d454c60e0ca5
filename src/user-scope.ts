import { AsyncLocalStorage } from 'node:async_hooks'

const storage = new AsyncLocalStorage<UserScope>()
/** Nobody asks the storage while this is false: on Node 20 and 22 one that is in use makes every promise of the process dearer. */
let isInUse = false
let openScopes = 0
let sweep: NodeJS.Timeout | undefined

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

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it is that scope, or was begun inside of it. */
  isWithin(scope: UserScope): boolean {
    return this === scope || this.#outer?.isWithin(scope) === true
  }

  run<Result>(fn: () => Result): Result {
    isInUse = true
    return storage.run(this, fn)
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
