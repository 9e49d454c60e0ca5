import { describe, expect, test } from 'vitest'
import { TimeoutError } from '../../src/errors.ts'
import { asCompleted } from '../../src/future/as-completed.ts'
import type { Future } from '../../src/future/future.ts'
import { gate, turn } from '../helpers/gate.ts'
import { straysOf } from '../helpers/strays.ts'
import { controllers, futureIn, rejection, takeOne } from './states.ts'

describe('asCompleted() of an async iterable', () => {
  test('yields futures as they are done, while more are made', async () => {
    const all = controllers(4)
    async function* generate(): AsyncGenerator<Future<string>> {
      for (const [index, { future }] of all.entries()) {
        await turn()
        yield future
        if (index === 1) all[1]!.resolve('value')
      }
      all[3]!.resolve('value')
      all[0]!.resolve('value')
      all[2]!.resolve('value')
    }
    const seen: unknown[] = []
    for await (const future of asCompleted(generate())) seen.push(all.findIndex((each) => each.future === future))
    expect(seen).toEqual([1, 3, 0, 2])
  })

  test('collapses duplicates, of done futures too', async () => {
    const [done, open] = [futureIn('fulfilled'), controllers(1)[0]!]
    async function* generate(): AsyncGenerator<Future<string>> {
      yield* [done, done, open.future, open.future, done]
      open.resolve('value')
    }
    const seen: unknown[] = []
    for await (const future of asCompleted(generate())) seen.push(future)
    expect(seen).toEqual([done, open.future])
  })

  test('is read only while somebody waits, an element at a time', async () => {
    let pulled = 0
    async function* generate(): AsyncGenerator<Future<string>> {
      for (;;) {
        pulled++
        yield futureIn('fulfilled')
      }
    }
    const iterator = asCompleted(generate())
    await turn()
    expect(pulled).toBe(0)
    await iterator.next()
    await turn()
    expect(pulled).toBe(1)
    await Promise.all([iterator.next(), iterator.next()])
    expect(pulled).toBe(3)
    await iterator.return?.()
  })

  test('does not let an endless input starve what it started', async () => {
    let isDone = false
    async function* generate(): AsyncGenerator<Future<string>> {
      const [controller] = controllers(1)
      setTimeout(() => {
        isDone = true
        controller!.resolve('value')
      }, 1)
      yield controller!.future
      for (;;) yield controllers(1)[0]!.future
    }
    const iterator = asCompleted(generate())
    await iterator.next()
    expect(isDone).toBe(true)
    await iterator.return?.()
  })

  test('delivers what came before an error of the input, then that error', async () => {
    const [slow] = controllers(1)
    const done = futureIn('fulfilled')
    async function* generate(): AsyncGenerator<Future<string>> {
      yield slow!.future
      yield done
      throw new Error('input')
    }
    const iterator = asCompleted(generate())
    expect((await iterator.next()).value).toBe(done)
    const next = iterator.next()
    await turn()
    slow!.resolve('value')
    expect((await next).value).toBe(slow!.future)
    expect((await rejection(iterator.next())).message).toBe('input')
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('rejects for an element that is no future, and tells the input', async () => {
    let isReturned = false
    async function* generate(): AsyncGenerator<Future<string>> {
      try {
        yield futureIn('fulfilled')
        yield 'text' as never
      } finally {
        isReturned = true
      }
    }
    const iterator = asCompleted(generate())
    await iterator.next()
    const error = await rejection(iterator.next())
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe("Expected a future at index 1, got `'text'` (string)")
    expect(isReturned).toBe(true)
  })

  test('rejects for that, whatever the input has to say about it', async () => {
    const input = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: 'text' as never }),
        return: () => Promise.reject(new Error('return')),
      }),
    }
    const strays = await straysOf(async () => {
      expect(await rejection(asCompleted(input).next())).toBeInstanceOf(TypeError)
    })
    expect(strays).toEqual([])
  })

  test('tells the input when it is left, and waits for it', async () => {
    let isReturned = false
    async function* generate(): AsyncGenerator<Future<string>> {
      try {
        for (;;) yield futureIn('fulfilled')
      } finally {
        await turn()
        isReturned = true
      }
    }
    await takeOne(asCompleted(generate()))
    expect(isReturned).toBe(true)
  })

  test('is left at once while the input is at work: it is told nevertheless', async () => {
    const hold = gate()
    let isReturned = false
    async function* generate(): AsyncGenerator<Future<string>> {
      try {
        await hold.promise
        yield futureIn('fulfilled')
      } finally {
        isReturned = true
      }
    }
    const iterator = asCompleted(generate())
    const next = iterator.next()
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
    expect(await next).toEqual({ done: true, value: undefined })
    expect(isReturned).toBe(false)
    hold.open()
    await turn()
    expect(isReturned).toBe(true)
  })

  test('is deaf to an input that fails after it was left', async () => {
    const hold = gate()
    async function* generate(): AsyncGenerator<Future<string>> {
      await hold.promise
      yield futureIn('fulfilled')
    }
    const strays = await straysOf(async () => {
      const [first, second] = [asCompleted(generate()), asCompleted(generate())]
      const waiting = [first.next(), second.next()]
      await Promise.all([first.return?.(), second.return?.()])
      hold.fail(new Error('late'))
      expect(await Promise.all(waiting)).toEqual([
        { done: true, value: undefined },
        { done: true, value: undefined },
      ])
    })
    expect(strays).toEqual([])
  })

  test('passes on what the input throws when it is left', async () => {
    async function* generate(): AsyncGenerator<Future<string>> {
      try {
        for (;;) yield futureIn('fulfilled')
      } finally {
        throw new Error('clean-up')
      }
    }
    expect((await rejection(takeOne(asCompleted(generate())))).message).toBe('clean-up')
  })

  test('ends on timeout and abort, and tells the input, whatever it does', async () => {
    const abort = new AbortController()
    let returns = 0
    const input = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => {
          returns++
          return Promise.reject(new Error('nobody cares'))
        },
      }),
    }
    const error = await rejection(asCompleted(input, { timeout: 5 }).next())
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.message).toBe('0 (of 0) futures unfinished')
    const aborted = rejection(asCompleted(input, { signal: abort.signal }).next())
    abort.abort('stop')
    expect(await aborted).toBe('stop')
    expect(returns).toBe(2)
  })

  test('takes hand-written iterators that break the rules: no return(), no promises, throwing', async () => {
    const done = futureIn('fulfilled')
    const plain = { [Symbol.asyncIterator]: () => ({ next: () => ({ done: false, value: done }) as never }) }
    for await (const future of asCompleted(plain)) {
      expect(future).toBe(done)
      break
    }
    const throwing = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          throw new Error('next')
        },
      }),
    }
    expect((await rejection(asCompleted(throwing).next())).message).toBe('next')
    const rude = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => {
          throw new Error('return')
        },
      }),
    }
    expect(await rejection(asCompleted(rude, { timeout: 5 }).next())).toBeInstanceOf(TimeoutError)
    const left = asCompleted(rude)
    void left.next()
    expect(await left.return?.()).toEqual({ done: true, value: undefined })
  })

  test('prefers to read it synchronously where it is both', async () => {
    const done = futureIn('fulfilled')
    const both = Object.assign([done], {
      [Symbol.asyncIterator]: () => {
        throw new Error('asked for the async one')
      },
    })
    expect((await asCompleted(both as Iterable<Future<string>>).next()).value).toBe(done)
  })

  test('of nothing ends', async () => {
    async function* generate(): AsyncGenerator<Future<string>> {}
    expect(await asCompleted(generate()).next()).toEqual({ done: true, value: undefined })
  })
})
