import { turn } from './gate.ts'

/** What an input notes of how it is read, and what breaks the rules of iterators. */
export class InputLog {
  read = 0
  /** How often its `return()`, or its `finally`, has run. */
  returned = 0
  isAtWork = false
  readonly violations: string[] = []

  enter(): void {
    if (this.isAtWork) this.violations.push('next() within next()')
    this.isAtWork = true
  }

  leave(): void {
    this.isAtWork = false
  }

  handleReturn(): void {
    if (this.isAtWork) this.violations.push('return() within next()')
    this.returned++
  }
}

/** Called by an input while it is asked for the element of this number. */
export type Meddling = (index: number) => unknown

/** Meddles once: when asked for the element of this number. */
export function at(when: number, meddle: () => unknown): Meddling {
  return (index) => {
    if (index === when) meddle()
  }
}

type AnyInput<T> = Iterable<T> | AsyncIterable<T>

/** Inputs of `count` elements, of every kind that there is, which meddle while they are asked. */
export const inputKinds: Readonly<
  Record<string, <T>(log: InputLog, count: number, element: (index: number) => T, meddle: Meddling) => AnyInput<T>>
> = {
  *'a generator'(log, count, element, meddle) {
    let isOver = false
    try {
      for (; log.read < count;) {
        log.enter()
        meddle(log.read)
        log.leave()
        yield element(log.read++)
      }
      isOver = true
    } finally {
      if (!isOver) log.handleReturn()
    }
  },

  'an async generator that meddles at once': (log, count, element, meddle) =>
    asyncGenerator(log, count, element, async (index) => {
      meddle(index)
      await turn()
    }),

  'an async generator that meddles later': (log, count, element, meddle) =>
    asyncGenerator(log, count, element, async (index) => {
      await turn()
      meddle(index)
    }),

  'an iterator': (log, count, element, meddle) => ({
    [Symbol.iterator]: () => ({
      next() {
        if (log.read >= count) return { done: true, value: undefined }
        log.enter()
        meddle(log.read)
        log.leave()
        return { done: false, value: element(log.read++) }
      },
      return() {
        log.handleReturn()
        return { done: true, value: undefined }
      },
    }),
  }),

  'an async iterator that meddles at once': (log, count, element, meddle) =>
    asyncIterator(log, count, element, async (index) => {
      meddle(index)
      await turn()
      await turn()
    }),

  'an async iterator that meddles later': (log, count, element, meddle) =>
    asyncIterator(log, count, element, async (index) => {
      await turn()
      meddle(index)
      await turn()
      await turn()
    }),

  'an async iterator that answers at once': (log, count, element, meddle) =>
    asyncIterator(log, count, element, (index) => {
      meddle(index)
      return undefined
    }),
}

async function* asyncGenerator<T>(
  log: InputLog,
  count: number,
  element: (index: number) => T,
  meddle: (index: number) => Promise<void>,
): AsyncGenerator<T, void> {
  let isOver = false
  try {
    for (; log.read < count;) {
      log.enter()
      await meddle(log.read)
      log.leave()
      yield element(log.read++)
    }
    isOver = true
  } finally {
    if (!isOver) log.handleReturn()
  }
}

function asyncIterator<T>(
  log: InputLog,
  count: number,
  element: (index: number) => T,
  meddle: (index: number) => Promise<void> | undefined,
): AsyncIterable<T> {
  const next = async (): Promise<IteratorResult<T>> => {
    if (log.read >= count) return { done: true, value: undefined }
    log.enter()
    const meddled = meddle(log.read)
    if (meddled !== undefined) await meddled
    log.leave()
    return { done: false, value: element(log.read++) }
  }
  const leave = async (): Promise<IteratorResult<T>> => {
    log.handleReturn()
    return { done: true, value: undefined }
  }
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) }
}
