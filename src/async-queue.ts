interface Request<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(error: unknown): void
}

/** The prototype of all async iterators, which has no global name. It brings the helpers of later versions of Node. */
const AsyncIteratorPrototype = Object.getPrototypeOf(
  (Object.getPrototypeOf(async function* () {}) as { prototype: object }).prototype,
) as object

/**
 * An async iterator whose values are pushed. It is no generator, because that starts late, queues `return()` behind a waiting
 * `next()` and awaits what it yields. Overlapping `next()` calls are served in order; delivered values are no longer
 * referenced; an error is delivered once, after everything that came before it, and then the end.
 */
export class AsyncQueue<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #ready = new Fifo<T>()
  readonly #requests = new Fifo<Request<T>>()
  #end: 'open' | 'finished' | 'failed' = 'open'
  #error: unknown

  static {
    Object.setPrototypeOf(AsyncQueue.prototype, AsyncIteratorPrototype)
  }

  /** How many values wait to be fetched. */
  get readyCount(): number {
    return this.#ready.size
  }

  /** How many `next()` calls wait for a value. */
  get demand(): number {
    return this.#requests.size
  }

  /** Whether no more values can be added. */
  get isClosed(): boolean {
    return this.#end !== 'open'
  }

  /** Gives a value to the `next()` call that waits longest, or keeps it. After the end it is dropped. */
  push(value: T): void {
    if (this.#end !== 'open') return
    const request = this.#requests.shift()
    if (request === undefined) this.#ready.push(value)
    else request.resolve({ done: false, value })
  }

  /** Drops the values that wait to be fetched. */
  clear(): void {
    this.#ready.clear()
  }

  /** Ends the iteration after the values that are there. */
  finish(): void {
    if (this.#end !== 'open') return
    this.#end = 'finished'
    this.#answerAll()
  }

  /** Ends the iteration with an error after the values that are there: one `next()` rejects, later ones are done. */
  fail(error: unknown): void {
    if (this.#end !== 'open') return
    const request = this.#requests.shift()
    if (request === undefined) {
      this.#end = 'failed'
      this.#error = error
    } else {
      this.#end = 'finished'
      request.reject(error)
    }
    this.#answerAll()
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#ready.size > 0) return Promise.resolve({ done: false, value: this.#ready.shift() as T })
    if (this.#end === 'failed') {
      const error = this.#error
      this.#end = 'finished'
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#end === 'finished') return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#requests.push({ resolve, reject })
    })
  }

  /** Ends the iteration at once: values are dropped, waiting `next()` calls are done. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#end = 'finished'
    this.#error = undefined
    this.#ready.clear()
    this.#answerAll()
    return Promise.resolve({ done: true, value: undefined })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #answerAll(): void {
    for (let request = this.#requests.shift(); request !== undefined; request = this.#requests.shift()) {
      request.resolve({ done: true, value: undefined })
    }
  }
}

interface Node<T> {
  readonly value: T
  next: Node<T> | undefined
}

/** A queue with constant time for all methods (`Array.shift` is linear past 50 000 entries). It does not keep what has left alive. */
export class Fifo<T> {
  #head: Node<T> | undefined
  #tail: Node<T> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  push(value: T): void {
    const node: Node<T> = { value, next: undefined }
    if (this.#tail === undefined) this.#head = node
    else this.#tail.next = node
    this.#tail = node
    this.#size++
  }

  /** @returns the oldest value, `undefined` if there is none */
  shift(): T | undefined {
    const node = this.#head
    if (node === undefined) return undefined
    this.#head = node.next
    // Otherwise a removed node of the old generation would keep all later nodes alive.
    node.next = undefined
    if (this.#head === undefined) this.#tail = undefined
    this.#size--
    return node.value
  }

  clear(): void {
    this.#head = this.#tail = undefined
    this.#size = 0
  }
}
