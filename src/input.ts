import { AsyncContext } from './async-context.ts'
import { describe, isThenable } from './checks.ts'
import { UserScope } from './user-scope.ts'

type AnyIterator<T> = Iterator<T> | AsyncIterator<T>

interface InputOptions {
  readonly isAsync: boolean
  readonly context?: AsyncContext
}

/**
 * A user's iterator, sync or async. Its `next()` may do anything: settle what waits for it, ask for more, leave. So readers
 * look at `isAtWork` first, and an iterator that was left from within gets its `return()` when its `next()` is back: a
 * running generator can't be ended.
 */
export class Input<T> {
  /** The async context of its owner, in which its code runs. */
  readonly context: AsyncContext
  readonly #iterator: AnyIterator<T>
  /** A `next()` may take long; the scope tells whether the one who leaves meanwhile is the iterator itself. */
  readonly #isScoped: boolean
  #scope: UserScope | undefined
  #isInside = false
  #isAwaited = false
  #isLeft = false
  /** Whether it was left from within. */
  #onBack: ((isOver: boolean) => void) | undefined

  constructor(iterator: AnyIterator<T>, { isAsync, context = new AsyncContext() }: InputOptions) {
    this.context = context
    this.#iterator = iterator
    // Async generators queue a `return()` by themselves.
    this.#isScoped = isAsync && Object.prototype.toString.call(iterator) !== '[object AsyncGenerator]'
  }

  /** Whether it is within its `next()`, or the promise returned by that is not settled. */
  get isAtWork(): boolean {
    return this.#isInside || this.#isAwaited
  }

  /**
   * Reads the next element. Call it in `context`, and only while it is not at work.
   *
   * @returns synchronously for a sync iterator
   * @throws what the iterator throws; {TypeError} it returns no iterator result
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
   * Calls the iterator's `return()`: at once, or, from within its own `next()`, when that is back. Not if it is at its end, or
   * has failed.
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

  /** @returns a copy, because handwritten results may have getters */
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

  /** Handwritten iterators may throw synchronously. */
  #return(): Promise<void> {
    return this.context.run(async () => {
      await this.#iterator.return?.()
    })
  }
}
