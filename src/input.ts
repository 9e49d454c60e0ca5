import { AsyncContext } from './async-context.ts'
import { describe, isThenable } from './checks.ts'
import { UserScope } from './user-scope.ts'

type AnyIterator<T> = Iterator<T> | AsyncIterator<T>

interface InputOptions {
  readonly isAsync: boolean
  readonly context?: AsyncContext
}

/**
 * An iterator of a user's, sync or async. Its code may do anything at all while it is asked for the next element: settle
 * what waits for that, ask for more, leave. So whoever reads it looks at `isAtWork` first, and one that was left by
 * itself is told when its `next()` is back: a generator that runs can't be ended.
 */
export class Input<T> {
  /** Its code runs in that of whoever brought it. */
  readonly context: AsyncContext
  readonly #iterator: AnyIterator<T>
  /** A promise of this iterator's may be long in coming, and only by its scope can we tell who leaves meanwhile. */
  readonly #isScoped: boolean
  #scope: UserScope | undefined
  #isInside = false
  #isAwaited = false
  #isLeft = false
  /** It was left from within. */
  #onBack: ((isOver: boolean) => void) | undefined

  constructor(iterator: AnyIterator<T>, { isAsync, context = new AsyncContext() }: InputOptions) {
    this.context = context
    this.#iterator = iterator
    // Async generators put off a `return()` themselves.
    this.#isScoped = isAsync && Object.prototype.toString.call(iterator) !== '[object AsyncGenerator]'
  }

  /** It is within its `next()`, or the promise that this has returned is not settled. */
  get isAtWork(): boolean {
    return this.#isInside || this.#isAwaited
  }

  /**
   * Call it in `context`, and only while it is not at work.
   *
   * @returns at once what a sync iterator gives
   * @throws what the iterator throws; {TypeError} what it gives is no result
   */
  next(): IteratorResult<T> | Promise<IteratorResult<T>> {
    let result: unknown
    try {
      result = this.#call()
    } catch (error) {
      return this.#fail(error)
    }
    if (!isThenable(result)) return this.#receive(result)
    this.#isAwaited = true
    return Promise.resolve(result).then(
      (settled) => this.#receive(settled),
      (error: unknown) => this.#fail(error),
    )
  }

  /**
   * Tells the iterator that nothing more will be read: at once, or, from within its own `next()`, when that is back. One
   * that is at its end, or has failed, is told nothing.
   *
   * @throws what its `return()` throws, as a rejection
   */
  leave(): Promise<void> {
    if (this.#isLeft) return Promise.resolve()
    this.#isLeft = true
    if (!this.#isWithin) {
      this.#scope?.end()
      return this.#return()
    }
    return new Promise((resolve) => {
      this.#onBack = (isOver) => resolve(isOver ? undefined : this.#return())
    })
  }

  /** Whether the caller is within `next()`. */
  get #isWithin(): boolean {
    if (this.#isInside || this.#scope === undefined) return this.#isInside
    return UserScope.current?.isWithin(new Set([this.#scope])) === true
  }

  #call(): unknown {
    this.#isInside = true
    try {
      if (!this.#isScoped) return this.#iterator.next()
      this.#scope = new UserScope()
      return this.#scope.run(() => this.#iterator.next())
    } finally {
      this.#isInside = false
    }
  }

  /** @returns a copy: hand-written results have getters */
  #receive(result: unknown): IteratorResult<T> {
    try {
      if (typeof result !== 'object' || result === null)
        throw new TypeError(`Expected the iterator to give an object, got ${describe(result)}`)
      const { done, value } = result as IteratorResult<T, T>
      this.#handleBack(done === true)
      return { done, value } as IteratorResult<T, T>
    } catch (error) {
      return this.#fail(error)
    }
  }

  #fail(error: unknown): never {
    this.#handleBack(true)
    throw error
  }

  #handleBack(isOver: boolean): void {
    if (isOver) this.#isLeft = true
    this.#isAwaited = false
    this.#scope?.end()
    this.#scope = undefined
    this.#onBack?.(isOver)
    this.#onBack = undefined
  }

  /** Iterators that people write by hand throw at once. */
  #return(): Promise<void> {
    return this.context.run(async () => {
      await this.#iterator.return?.()
    })
  }
}
