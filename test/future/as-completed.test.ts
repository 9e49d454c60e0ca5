import { getEventListeners } from 'node:events'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { TimeoutError } from '../../src/errors.ts'
import { asCompleted } from '../../src/future/as-completed.ts'
import { Future } from '../../src/future/future.ts'
import { turn } from '../helpers/gate.ts'
import { controllerIn, controllers, futureIn, rejection, takeOne } from './states.ts'

async function collect<F>(iterator: AsyncIterable<F>): Promise<F[]> {
  const all: F[] = []
  for await (const each of iterator) all.push(each)
  return all
}

describe('asCompleted()', () => {
  test('yields done futures first, in input order, then the others in the order of settlement', async () => {
    const [a, b, c, d, e] = [
      controllerIn('running'),
      controllerIn('rejected'),
      controllerIn('pending'),
      controllerIn('cancelled'),
      controllerIn('fulfilled'),
    ]
    const collected = collect(asCompleted([a, b, c, d, e].map(({ future }) => future)))
    await turn()
    c.resolve('value')
    a.future.cancel()
    expect(await collected).toEqual([b.future, d.future, e.future, c.future, a.future])
  })

  test('yields the very objects, with what they carry and what they are', async () => {
    class OwnFuture extends Future<string> {}
    const own = Object.assign(new OwnFuture(), { index: 7 })
    own.cancel()
    for await (const future of asCompleted([own])) {
      expectTypeOf(future).toEqualTypeOf<OwnFuture & { index: number }>()
      expect(future).toBe(own)
      expect(future.index).toBe(7)
    }
  })

  test('keeps the order of a burst of settlements', async () => {
    const all = controllers(100)
    const collected = collect(asCompleted(all.map(({ future }) => future)))
    await turn()
    const shuffled = all.toSorted((a, b) => ((all.indexOf(a) * 37) % 100) - ((all.indexOf(b) * 37) % 100))
    for (const [index, controller] of shuffled.entries()) {
      if (index % 3 === 0) controller.future.cancel()
      else controller.resolve('value')
    }
    expect(await collected).toEqual(shuffled.map(({ future }) => future))
  })

  test('collapses duplicates', async () => {
    const [done, open] = [controllerIn('fulfilled'), controllerIn('running')]
    const collected = collect(asCompleted([open.future, done.future, open.future, done.future]))
    open.resolve('value')
    expect(await collected).toHaveLength(2)
  })

  test('of nothing ends at once', async () => {
    expect(await collect(asCompleted([]))).toEqual([])
    expect(await collect(asCompleted(new Set<Future<unknown>>(), { timeout: 0 }))).toEqual([])
  })

  test('takes any iterable, and reads it at the call', async () => {
    const futures = [futureIn('fulfilled'), futureIn('cancelled')]
    let isRead = false
    function* generate(): Generator<Future<string>> {
      yield* futures
      isRead = true
    }
    const iterator = asCompleted(generate())
    expect(isRead).toBe(true)
    expect(await collect(iterator)).toEqual(futures)
    const set = new Set(futures)
    const another = asCompleted(set)
    set.clear()
    expect(await collect(another)).toEqual(futures)
  })

  test('does not fail when its futures do', async () => {
    const futures = [futureIn('rejected'), futureIn('cancelled')]
    expect(await collect(asCompleted(futures))).toEqual(futures)
  })

  test('is an async iterator like those of generators', () => {
    const iterator = asCompleted([])
    expect(iterator[Symbol.asyncIterator]()).toBe(iterator)
    const { prototype } = Object.getPrototypeOf(async function* () {}) as { prototype: object }
    expect(Object.prototype.isPrototypeOf.call(Object.getPrototypeOf(prototype) as object, iterator)).toBe(true)
  })

  test.each([undefined, null, 1, true, {}, futureIn('fulfilled'), () => []])(
    'throws a TypeError at the call for %o',
    (bad) => {
      expect(() => asCompleted(bad as never)).toThrow(TypeError)
      expect(() => asCompleted(bad as never)).toThrow(/^Expected an iterable or async iterable of futures, got /)
    },
  )

  test('throws a TypeError at the call that names the element which is no future', () => {
    expect(() => asCompleted([futureIn('pending'), Promise.resolve(1)] as never)).toThrow(
      'Expected a future at index 1, got an object (Promise)',
    )
    expect(() => asCompleted('ab' as never)).toThrow("Expected a future at index 0, got `'a'` (string)")
  })

  test.each([{ timeout: NaN }, { timeout: '1' }, { signal: {} }, null])(
    'throws a TypeError at the call for options %o',
    (bad) => {
      expect(() => asCompleted([], bad as never)).toThrow(TypeError)
    },
  )
})

describe('asCompleted().next()', () => {
  test('may be called while another waits: they are served in order', async () => {
    const all = controllers(3)
    const iterator = asCompleted(all.map(({ future }) => future))
    const results = [iterator.next(), iterator.next(), iterator.next(), iterator.next(), iterator.next()]
    all[2]!.resolve('value')
    all[0]!.resolve('value')
    all[1]!.resolve('value')
    expect(await Promise.all(results)).toEqual([
      { done: false, value: all[2]!.future },
      { done: false, value: all[0]!.future },
      { done: false, value: all[1]!.future },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  test('after the end is done, again and again', async () => {
    const iterator = asCompleted([futureIn('fulfilled')])
    await iterator.next()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })
})

describe('asCompleted(), timed out,', () => {
  test('delivers everything that is done, then rejects with the counts, then is done', async () => {
    const all = controllers(4)
    const iterator = asCompleted(
      all.map(({ future }) => future),
      { timeout: 10 },
    )
    all[3]!.resolve('value')
    await new Promise((resolve) => setTimeout(resolve, 20))
    all[1]!.future.cancel()
    expect((await iterator.next()).value).toBe(all[3]!.future)
    expect((await iterator.next()).value).toBe(all[1]!.future)
    const error = await rejection(iterator.next())
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ message: '2 (of 4) futures unfinished', unfinished: 2, total: 4, scope: 'wait' })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(all.map(({ future }) => future.state)).toEqual(['pending', 'cancelled', 'pending', 'fulfilled'])
  })

  test('counts duplicates once', async () => {
    const future = futureIn('running')
    const error = await rejection(asCompleted([future, future], { timeout: 0 }).next())
    expect(error.message).toBe('1 (of 1) futures unfinished')
  })

  test('with 0 delivers what is done, and looks no further', async () => {
    const done = futureIn('fulfilled')
    const iterator = asCompleted([futureIn('running'), done], { timeout: 0 })
    expect((await iterator.next()).value).toBe(done)
    expect((await rejection(iterator.next())).message).toBe('1 (of 2) futures unfinished')
  })

  test('never fails when all are done, however slow the reader is', async () => {
    const all = controllers(2)
    const iterator = asCompleted(
      all.map(({ future }) => future),
      { timeout: 5 },
    )
    for (const controller of all) controller.resolve('value')
    await new Promise((resolve) => setTimeout(resolve, 15))
    expect(await collect(iterator)).toHaveLength(2)
  })

  test('counts from the call, not from the first next()', async () => {
    const iterator = asCompleted([futureIn('running')], { timeout: 10 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    // A timer that started now would come after this turn of the loop.
    expect(await Promise.race([rejection(iterator.next()), turn()])).toBeInstanceOf(TimeoutError)
  })

  test('rejects one waiting next(); the others are done', async () => {
    const iterator = asCompleted([futureIn('running')], { timeout: 5 })
    const results = [rejection(iterator.next()), iterator.next(), iterator.next()]
    expect(await Promise.all(results)).toEqual([
      expect.any(TimeoutError),
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  test('keeps its clock while several next() wait', async () => {
    const controller = controllerIn('running')
    const iterator = asCompleted([controller.future, futureIn('running')], { timeout: 20 })
    const results = [iterator.next(), rejection(iterator.next())]
    controller.resolve('value')
    expect(await results[0]).toEqual({ done: false, value: controller.future })
    expect(await results[1]).toBeInstanceOf(TimeoutError)
  })
})

describe('asCompleted(), aborted,', () => {
  test('delivers everything that is done, then rejects with the reason, then is done', async () => {
    const all = controllers(3)
    const abort = new AbortController()
    const iterator = asCompleted(
      all.map(({ future }) => future),
      { signal: abort.signal },
    )
    all[1]!.resolve('value')
    abort.abort('stop')
    all[0]!.resolve('value')
    expect((await iterator.next()).value).toBe(all[1]!.future)
    expect((await iterator.next()).value).toBe(all[0]!.future)
    expect(await rejection(iterator.next())).toBe('stop')
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(all[2]!.future.state).toBe('pending')
  })

  test('listens only while somebody waits', async () => {
    const { signal } = new AbortController()
    const controller = controllerIn('running')
    const iterator = asCompleted([controller.future, futureIn('running')], { signal, timeout: 60_000 })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const next = iterator.next()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    controller.resolve('value')
    await next
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('Leaving asCompleted()', () => {
  test.each(['break', 'throw', 'return()', 'asyncDispose'])('by %s detaches it and cancels nothing', async (way) => {
    const all = controllers(3)
    const { signal } = new AbortController()
    const iterator = asCompleted(
      all.map(({ future }) => future),
      { signal, timeout: 60_000 },
    )
    all[0]!.resolve('value')
    if (way === 'break') {
      await takeOne(iterator)
    } else if (way === 'throw') {
      const looping = async (): Promise<void> => {
        for await (const future of iterator) throw new Error(`left at ${future.state}`)
      }
      expect((await rejection(looping())).message).toBe('left at fulfilled')
    } else if (way === 'return()') expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
    else await iterator[Symbol.asyncDispose]()
    expect(all.map(({ future }) => future.state)).toEqual(['fulfilled', 'pending', 'pending'])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    all[1]!.resolve('value')
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('by return() is immediate: waiting next() are done', async () => {
    const iterator = asCompleted([futureIn('running')])
    const order: string[] = []
    const waiting = [iterator.next(), iterator.next()].map((next) =>
      next.then((result) => order.push(`${result.done}`)),
    )
    await Promise.all([iterator.return?.().then(() => order.push('return')), ...waiting])
    expect(order.toSorted()).toEqual(['return', 'true', 'true'])
  })

  test('lets another asCompleted() take over the rest', async () => {
    const all = controllers(3)
    const futures = all.map(({ future }) => future)
    all[1]!.resolve('value')
    await takeOne(asCompleted(futures))
    const collected = collect(asCompleted(futures))
    all[2]!.resolve('value')
    all[0]!.resolve('value')
    expect(await collected).toEqual([futures[1], futures[2], futures[0]])
  })
})

describe('asCompleted() and memory', () => {
  const { gc } = globalThis as { gc?: () => void }

  test('does not hold what it has yielded', async () => {
    const all = controllers<object>(50)
    const iterator = asCompleted(all.map(({ future }) => future))
    const references: WeakRef<object>[] = []
    for (const controller of all.splice(0)) controller.resolve({ large: new Array(1_000).fill(0) })
    for (let count = 0; count < 25; count++) references.push(new WeakRef((await iterator.next()).value!))
    await expectCollected(references)
    let rest = 0
    while ((await iterator.next()).done !== true) rest++
    expect(rest).toBe(25)
  })

  test('is not held by futures that are not done once it is left', async () => {
    const futures = controllers(3).map(({ future }) => future)
    const references = await (async () => {
      const iterator = asCompleted(futures)
      void iterator.next()
      await iterator.return?.()
      const abandoned = asCompleted(futures, { timeout: 0 })
      await rejection(abandoned.next())
      return [new WeakRef(iterator), new WeakRef(abandoned)]
    })()
    await expectCollected(references)
    expect(futures).toHaveLength(3)
  })

  async function expectCollected(references: WeakRef<object>[]): Promise<void> {
    for (let attempt = 0; attempt < 20 && references.some((each) => each.deref() !== undefined); attempt++) {
      await turn()
      gc?.()
    }
    expect(references.filter((each) => each.deref() !== undefined)).toHaveLength(0)
  }

  test('takes time in proportion to the number of futures', async () => {
    await secondsFor(1_000)
    const [small, large] = [await secondsFor(10_000), await secondsFor(100_000)]
    expect(large / small).toBeLessThan(100)
    expect(large).toBeLessThan(10)
  })

  async function secondsFor(count: number): Promise<number> {
    const all = controllers(count)
    const begin = performance.now()
    const collected = collect(asCompleted(all.map(({ future }) => future)))
    for (let index = count - 1; index >= 0; index--) all[index]!.resolve('value')
    expect(await collected).toHaveLength(count)
    return (performance.now() - begin) / 1_000
  }
})
